"""What the tests of the inbox share: messages for orders that come later, and the job that tries again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from payhub.hub import Hub
from webhooks import jobs
from webhooks.callbacks import waiting


@pytest.fixture
def rename(hub: Hub) -> Callable[[str, str], None]:
    """Take an attempt away under another name, or bring it back: what a restore, or a transaction that is not over, looks like."""

    def move(reference: str, other: str) -> None:
        with hub.db.engine.begin() as connection:
            moved = connection.execute(text("UPDATE attempt SET reference = :to WHERE reference = :of"), {"of": reference, "to": other})
            assert moved.rowcount == 1

    return move


@pytest.fixture
def retry(bound: Hub, clock: Any) -> Callable[..., int]:
    """Let time pass and run the job once; return how many were due."""

    def run(**later: float) -> int:
        clock.pass_(**later)
        with bound.db.session() as session:
            due = waiting.due(session, clock.now())
        jobs.retry_callbacks()
        return len(due)

    return run


@pytest.fixture
def kept(hub: Hub, rows) -> Callable[[], list[Any]]:
    """Every message: standing, verdict of its first arrival and now, whether it has its attempt."""
    return lambda: rows("SELECT standing, verdict, last_verdict, attempt_id IS NOT NULL FROM callback ORDER BY id")


@pytest.fixture
def callback_ids(hub: Hub, rows) -> Callable[[], list[str]]:
    from payhub import ids

    return lambda: [ids.public_id("cbk", id_, "test") for (id_,) in rows("SELECT id FROM callback ORDER BY id")]


@pytest.fixture
def allow(hub: Hub) -> Callable[..., None]:
    """Put networks into the register, in force since the year before."""

    def add(*networks: str, since: str = "2025-01-01", until: str | None = None) -> None:
        with hub.db.engine.begin() as connection:
            connection.execute(text("SELECT set_config('payhub.today', '1900-01-01', true)"))
            for network in networks:
                connection.execute(
                    text(
                        "INSERT INTO callback_network (id, gateway_account_id, network, valid_from, valid_to, source) "
                        "SELECT :id, id, :network, :since, :until, 'example' FROM gateway_account WHERE code = 'vnpay-main'"
                    ),
                    {"id": uuid.uuid4(), "network": network, "since": since, "until": until},
                )
        hub.cache.fresh()

    return add
