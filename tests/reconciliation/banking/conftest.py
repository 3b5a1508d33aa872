"""A desk whose gateway says what it pays over, and a bank that says what arrived."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from itertools import count
from typing import Any, ClassVar

import pytest
import requests
from sqlalchemy import make_url, select, text

from gateways.registry import GATEWAYS
from gateways.simulator.bank import Entry, Statement
from gateways.simulator.camt import camt053, camt054
from gateways.simulator.config import GMT7
from payhub.app import create_app, registry
from payhub.hub import Hub, build
from payhub.ids import public_id, read_public_id
from payhub.ledger.prove import prove
from payhub.payments import attempts, checks
from payhub.payments.models import Attempt
from payhub.settings import Settings
from payhub.staff import people
from reconciliation.banking.statements import Taken, import_statement

MONDAY, PO = date(2026, 11, 23), "PO26112000000001"


class Bank:
    """The hub's bank: one account, whose statements follow each other."""

    account = "thu-ho"
    owner: ClassVar = {"account": "1000000001", "name": "PAYHUB", "bic": "SIMUVNVX"}

    def __init__(self, hub: Hub) -> None:
        self.hub, self.balance, self._references = hub, 1_000_000, count(1)

    def entry(self, amount: int, text: str = "", on: date = MONDAY, reference: str | None = "", **more: Any) -> Entry:
        """Return an entry; the bank numbers it unless another reference, or None, is given."""
        named = f"FT{next(self._references):08d}" if reference == "" else reference
        return Entry(named, datetime.combine(on, time(9), GMT7), on, amount, text, **more)  # type: ignore[arg-type] # some banks number nothing

    def write(self, *entries: Entry, on: date = MONDAY, opening: int | None = None, until: date | None = None) -> bytes:
        """Write the statement of a day, or of all until another; it begins where the last one ended, unless told otherwise."""
        opening = self.balance if opening is None else opening
        body = camt053(Statement(self.owner, on, opening, entries))
        return body if until is None else body.replace(b"ToDtTm>%b" % str(on).encode(), b"ToDtTm>%b" % str(until).encode())

    def notice(self, *entries: Entry, on: date = MONDAY) -> bytes:
        """Write the notification of a day's credits."""
        return camt054(Statement(self.owner, on, 0, entries), datetime.combine(on, time(18), GMT7))

    def take(self, body: bytes, kind: str = "statement", name: str = "statement.xml") -> Taken:
        return import_statement(self.hub, self.account, kind, name, body)

    def say(self, *entries: Entry, on: date = MONDAY, **changes: Any) -> Taken:
        """Hand in the statement of a day, and go on from its balance."""
        taken = self.take(self.write(*entries, on=on, **changes))
        self.balance = taken.statements[-1].closing
        return taken

    def quiet(self, *days: date) -> None:
        """Hand in days on which nothing is booked."""
        for day in days:
            self.say(on=day)


@pytest.fixture
def bank(hub: Hub) -> Bank:
    return Bank(hub)


@pytest.fixture
def reads(hub: Hub) -> Callable[[str], None]:
    """Let the bank account's statements be read as its register would really say."""

    def change(form: str) -> None:
        with hub.db.engine.begin() as connection:
            connection.execute(text("SELECT set_config('payhub.today', '1900-01-01', true)"))
            connection.execute(text("UPDATE bank_account SET statements = :form"), {"form": form})
        hub.cache.fresh()

    return change


@pytest.fixture
def desk(desk: Any) -> Any:
    """A desk whose files name the payout."""
    desk.payout = PO
    return desk


@dataclass
class World:
    """A hub of its own with a gateway's desk, a bank, and a clock."""

    hub: Hub
    desk: Any
    bank: Bank
    treasury: Any
    url: str
    """Where its gateways are."""

    def paid(self) -> tuple[dict[str, Any], Attempt]:
        """Have a payment paid at the gateway, which can then give it back, and let the hub ask about it."""
        payment = self.desk.ask()
        payment_id = read_public_id("pay", payment["id"], "test")
        redirect = attempts.start(self.hub, payment_id, self.desk.account, uuid.uuid4(), "127.0.0.1")
        assert redirect is not None
        requests.post(redirect.url, data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
        self.treasury.clock.pass_(seconds=61)
        with self.hub.db.session() as session:
            attempt = session.scalars(select(Attempt).where(Attempt.payment_id == payment_id)).one()
        checks.check(self.hub, attempt.id)
        with self.hub.db.session() as session:
            return payment, session.get_one(Attempt, attempt.id)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.hub.db.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def broken(self) -> list[str]:
        return [law.law for law in prove(self.hub.db.engine, registry().laws) if not law.holds]


@pytest.fixture
def world(
    settings: Settings, copies: Any, clock: Any, keys: dict[str, str], order: dict[str, Any], desk: Any, treasury: Any
) -> Callable[[], AbstractContextManager[World]]:  # fmt: skip
    """Make worlds, one after the other, each on a database of its own."""
    gateway, url = type(treasury.gateway), treasury.gateway.url

    @contextmanager
    def make() -> Iterator[World]:
        name = copies.take()
        place = make_url(settings.database.url).set(database=name).render_as_string(hide_password=False)
        own = type(clock)()
        hub = build(replace(settings, database=replace(settings.database, url=place)), GATEWAYS, own)
        client = create_app(hub=hub).test_client()

        def hire(name: str, *roles: str) -> Any:
            with hub.db.session() as session:
                _, token, uri = people.add_person(hub, session, name, roles)
                return type(treasury.clerk)(hub, people.authenticate_person(hub, session, token), token, uri)

        def ask(body: dict[str, Any], *, portal: str = "dvc-bo-tu-phap") -> Any:
            headers = {"Authorization": f"Bearer {keys[portal]}", "Idempotency-Key": uuid.uuid4().hex}
            return client.post("/v1/payments", json=body, headers=headers)

        try:
            there = gateway(hub, url)
            there.reach()
            office = type(treasury)(hub, own, there, hire("lan", "clerk", "approver"), hire("minh", "approver"))
            counter = type(desk)(hub, ask, order)
            counter.payout = PO
            counter.ask = lambda: ask({**order, "portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex}).json
            yield World(hub, counter, Bank(hub), office, url)
        finally:
            hub.db.close()
            hub.redis.close()
            copies.leave(name)

    return make


@pytest.fixture
def books(rows: Callable[[str], list[tuple[Any, ...]]]) -> Callable[..., dict[str, int]]:
    """What each ledger account holds, debits positive; with `whose`, what receivable has per agency or without one."""

    def read(*, whose: bool = False) -> dict[str, int]:
        if whose:
            told = rows(
                "SELECT coalesce(a.code, ''), sum(p.amount)::bigint FROM posting p LEFT JOIN agency a ON a.id = p.agency_id "
                "WHERE p.account = 'receivable' GROUP BY 1 HAVING sum(p.amount) <> 0 ORDER BY 1"
            )
        else:
            told = rows("SELECT account, sum(amount)::bigint FROM posting GROUP BY 1 HAVING sum(amount) <> 0 ORDER BY 1")
        return dict(told)

    return read


@pytest.fixture
def payouts(rows: Callable[[str], list[tuple[Any, ...]]]) -> Callable[[], dict[str, str]]:
    """Where each payout stands."""
    return lambda: dict(rows("SELECT reference, state FROM payout_state ORDER BY reference"))


@pytest.fixture
def terms(hub: Hub) -> Callable[..., None]:
    """Change the terms of every gateway account as if they had always been so."""

    def change(**values: Any) -> None:
        with hub.db.engine.begin() as connection:
            connection.execute(text("SELECT set_config('payhub.today', '1900-01-01', true)"))
            names = ", ".join(f"{name} = :{name}" for name in values)
            connection.execute(text(f"UPDATE gateway_terms SET {names}"), values)
        hub.cache.fresh()

    return change


class Office:
    """A clerk who says what entries are, and another person who agrees."""

    def __init__(self, client: Any, clerk: Any, approver: Any, clock: Any, rows: Any) -> None:
        self.client, self.clerk, self.approver, self.clock, self.rows = client, clerk, approver, clock, rows

    def payout(self, reference: str = PO) -> str:
        [(found,)] = self.rows(f"SELECT id FROM payout_state WHERE reference = '{reference}'")
        return public_id("gpo", found, "test")

    def entries(self, *amounts: int) -> list[str]:
        found = self.rows("SELECT id, amount FROM bank_entry WHERE state = 'open' ORDER BY id")
        return [public_id("bke", entry, "test") for entry, amount in found if amount in amounts]

    def match(self, entries: list[str], *others: str, payout: str | None = None) -> Any:
        body: dict[str, Any] = {"entries": entries, **({"payouts": list(others)} if others else {})}
        return self.clerk.post(self.client, f"/v1/staff/payouts/{payout or self.payout()}/match", body)

    def unmatch(self, payout: str | None = None) -> Any:
        return self.clerk.post(self.client, f"/v1/staff/payouts/{payout or self.payout()}/unmatch")

    def agree(self, answer: Any) -> str:
        assert answer.status_code == 201, answer.text
        self.clock.pass_(seconds=30)
        decided = self.approver.post(
            self.client, f"/v1/proposals/{answer.json['proposal']}/approve", {"totp": self.approver.code()}
        )
        return decided.json.get("state") or decided.json["code"]


@pytest.fixture
def office(client, lan, minh, clock, rows) -> Office:
    return Office(client, lan, minh, clock, rows)
