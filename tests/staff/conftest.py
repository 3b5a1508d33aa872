"""People of a staff, with the authenticators in their pockets, and an act for two of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from sqlalchemy import text

from payhub import ids
from payhub.hub import Hub
from payhub.staff import people, service
from payhub.staff.executors import EXECUTORS, executes
from payhub.staff.models import Proposal


@dataclass
class Someone:
    """A person, and what only they hold."""

    hub: Hub
    person: people.Person
    token: str
    uri: str

    @property
    def id(self) -> uuid.UUID:
        return self.person.id

    def code(self, at: datetime | None = None) -> str:
        """What the authenticator shows at an instant, by its clock."""
        return pyotp.parse_uri(self.uri).at(at or self.hub.clock.now())

    def wrong(self) -> str:
        """A code that is none of the three of this moment."""
        near = {self.code(self.hub.clock.now() + timedelta(seconds=30 * step)) for step in (-1, 0, 1)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)

    def approve(self, proposal_id: uuid.UUID, code: str | None = None) -> Proposal:
        with self.hub.db.session() as session:
            return service.approve(self.hub, session, proposal_id, self.person, code or self.code(), self.hub.clock.now())

    def post(self, client: Any, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key or uuid.uuid4().hex}
        return client.post(path, json=body, headers=headers)

    def get(self, client: Any, path: str) -> Any:
        return client.get(path, headers={"Authorization": f"Bearer {self.token}"})


@pytest.fixture
def hire(hub: Hub) -> Callable[..., Someone]:
    def add(name: str, *roles: str) -> Someone:
        with hub.db.session() as session:
            _, token, uri = people.add_person(hub, session, name, roles)
            person = people.authenticate_person(hub, session, token)
        assert person is not None
        return Someone(hub, person, token, uri)

    return add


@pytest.fixture
def lan(hire) -> Someone:
    """A clerk who may also approve, though never her own proposals."""
    return hire("lan", "clerk", "approver")


@pytest.fixture
def minh(hire) -> Someone:
    return hire("minh", "approver")


@pytest.fixture
def hoa(hire) -> Someone:
    return hire("hoa", "approver")


@pytest.fixture
def propose(hub: Hub, lan: Someone) -> Callable[..., uuid.UUID]:
    """Propose something as Lan; return its id."""

    def put(
        kind: str = "refund", target: str | None = None, content: dict[str, Any] | None = None, by: Any = None, seq: int | None = 7
    ) -> uuid.UUID:
        with hub.db.session() as session:
            return service.propose(
                session, kind=kind, target=target or f"refund/{uuid.uuid4()}", content=content or {"amount": 200_000, "why": "Hồ sơ rút"},
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
