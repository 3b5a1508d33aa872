"""People of a staff, with the authenticators in their pockets, and an act for two of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from payhub import ids
from payhub.hub import Hub
from payhub.staff import service
from payhub.staff.executors import EXECUTORS, executes
from payhub.staff.models import Proposal


@pytest.fixture
def propose(hub: Hub, lan: Any) -> Callable[..., uuid.UUID]:
    """Propose something as Lan; return its id."""

    def put(
        kind: str = "payout", target: str | None = None, content: dict[str, Any] | None = None, by: Any = None, seq: int | None = 7
    ) -> uuid.UUID:
        with hub.db.session() as session:
            return service.propose(
                session, kind=kind, target=target or f"payout/{uuid.uuid4()}", content=content or {"amount": 200_000, "why": "Hồ sơ rút"},
                by=by or lan.person.principal, now=hub.clock.now(), target_seq=seq,
            ).id  # fmt: skip

    return put


@pytest.fixture
def stored(hub: Hub) -> Callable[[uuid.UUID], Proposal]:
    def read(proposal_id: uuid.UUID) -> Proposal:
        with hub.db.session() as session:
            return session.get_one(Proposal, proposal_id)

    return read


@pytest.fixture
def run(hub: Hub) -> Callable[..., None]:
    """Run statements in a transaction of their own, as somebody with a password to the database would."""

    def execute(*statements: str, **values: Any) -> None:
        with hub.db.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), values)

    return execute


@pytest.fixture
def executed():
    """An executor of the kind `test_act`; yields what it did, and `seq`, the version its target has."""

    class Done(list):
        seq = 7

    done = Done()

    @executes("test_act")
    def carry_out(hub: Hub, session: Any, proposal: Proposal) -> None:
        if not service.void_if_changed(session, proposal, done.seq, hub.clock.now()):
            done.append(proposal.id)

    yield done
    del EXECUTORS["test_act"]


@pytest.fixture
def public() -> Callable[[uuid.UUID], str]:
    return lambda proposal_id: ids.public_id("prp", proposal_id, "test")
