"""Settlements that were taken before payouts were known are added up, run again, and booked as if they came now."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError

from payhub import migrate


def test_what_was_settled_before_is_added_up_and_run_again(desk, bank, hub, payouts, rows) -> None:
    attempt = desk.pay()
    desk.settle([desk.row_of(attempt)])
    added_up = "SELECT reference, lines, gross, net, due_on, awaited_until FROM gateway_payout"
    before = rows(added_up)
    hub.db.engine.dispose()
    migrate.downgrade(hub.db.engine, "0014")
    migrate.upgrade(hub.db.engine)
    assert rows(added_up) == before
    assert (payouts(), len(desk.waiting())) == ({}, 1)
    desk.carry_out()
    assert payouts() == {desk.payout: "awaited"}


def test_what_is_booked_does_not_go_back(desk, bank, hub) -> None:
    desk.settle([desk.row_of(desk.pay(), fee=2_200)])
    with pytest.raises(DBAPIError, match="no place in the older tables"):
        migrate.downgrade(hub.db.engine, "0014")
    # Newer migrations went back before the one that refused.
    migrate.upgrade(hub.db.engine)
