"""Each law notices what breaks it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from payhub.app import registry
from payhub.ledger.prove import prove
from reconciliation.banking.laws import LAWS

PAYOUT, BOOKS, STANDS, BALANCE, DAYS, LINE, ENTRY = (law.name for law in LAWS)


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("statement", "law"),
    [
        ("UPDATE gateway_payout SET lines = lines + 1", PAYOUT),
        ("UPDATE gateway_payout SET fees = fees + 1, net = net - 1", BOOKS),
        ("UPDATE payout_state SET state = 'awaited', bank_entry_id = NULL", BOOKS),
        ("UPDATE run_total SET amount = amount - 1", BOOKS),
        ("UPDATE payout_state SET state = 'withdrawn', bank_entry_id = NULL", STANDS),
        ("UPDATE statement SET line_count = line_count + 1", BALANCE),
        ("UPDATE statement SET superseded_by_id = NULL", DAYS),
        ("UPDATE statement_line SET booked_on = booked_on + 1", LINE),
        ("UPDATE bank_entry SET state = 'unproven'", ENTRY),
        ("UPDATE bank_entry SET state = 'open'", ENTRY),
    ],
)
def test_prove_notices(desk, bank, hub, statement, law) -> None:
    desk.settle([desk.row_of(desk.pay(), fee=2_200)])
    entry = bank.entry(197_800, desk.payout)
    bank.take(bank.write(entry, bank.entry(1_000)))
    bank.take(bank.write(entry))
    assert [each.law for each in prove(hub.db.engine, registry().laws) if not each.holds] == []
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text(statement))
    broken = {each.law: each.broken for each in prove(hub.db.engine, registry().laws) if not each.holds}
    assert law in broken
    assert broken[law][0][0]
