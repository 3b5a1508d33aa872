"""A desk whose gateway says what it pays over, and a bank that says what arrived."""

from __future__ import annotations

import csv
import io
import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import IO, Any

import pytest
import requests
from sqlalchemy import make_url, select, text

from gateways.registry import GATEWAYS
from payhub.app import create_app, registry
from payhub.hub import Hub, build
from payhub.ids import read_public_id
from payhub.ledger.prove import prove
from payhub.payments import attempts, checks
from payhub.payments.models import Attempt
from payhub.settings import Settings
from payhub.staff import people
from reconciliation.banking import reading
from reconciliation.banking.reading import Entry, StatementHead
from reconciliation.banking.statements import Taken, import_statement

MAPPINGS = Path(__file__).parents[3] / "config" / "mappings"
FRIDAY, MONDAY, TUESDAY = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)


def read_json(source: IO[bytes]) -> Iterator[tuple[StatementHead, Sequence[Entry]]]:
    """Read what this file's bank writes, and the simulator's own form."""
    told, numbers = json.load(source), count(1)
    for sheet in told if isinstance(told, list) else [told]:
        day = sheet.get("day")
        head = StatementHead(
            sheet["account"], sheet.get("currency", "VND"), sheet.get("number"), _day(sheet.get("from", day)), _day(sheet.get("to", day)),
            sheet.get("opening"), sheet.get("closing"),
        )  # fmt: skip
        entries = [
            Entry(
                next(numbers), date.fromisoformat(each["booked_on"]), date.fromisoformat(each["value_on"]), each["amount"],
                each.get("currency", "VND"), each.get("reference"), each.get("kind"), each["text"], each.get("sender"),
            )
            for each in sheet["entries"]
        ]  # fmt: skip
        yield head, entries


def _day(told: str | None) -> date | None:
    return None if told is None else date.fromisoformat(told)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """The example mappings with the column that names payouts, fees and adjustments."""
    folder = tmp_path / "mappings"
    shutil.copytree(MAPPINGS, folder)
    path = folder / "vnpay-example.toml"
    told = path.read_text(encoding="utf-8").replace('"TrangThai"]', '"TrangThai", "MaThanhToan"]')
    told = told.replace('status = "TrangThai"', 'status = "TrangThai"\npayout = "MaThanhToan"')
    types = 'PHI_DICH_VU = "fee"\nDIEU_CHINH_TANG = "adjustment_in"\nDIEU_CHINH_GIAM = "adjustment_out"\n'
    reversals = "" if "DAO_GIAO_DICH" in told else 'DAO_GIAO_DICH = "reversal"\n'
    path.write_text(told.replace("[statuses]", f"{types}{reversals}\n[statuses]"), encoding="utf-8")
    return replace(settings, paths=replace(settings.paths, mappings=folder))


class Bank:
    """The hub's bank: one account, whose statements follow each other."""

    account, number = "thu-ho", "1000000001"

    def __init__(self, hub: Hub) -> None:
        self.hub, self.balance, self._references = hub, 1_000_000, count(1)

    def entry(self, amount: int, text: str = "", on: date = MONDAY, reference: str | None = "", **more: Any) -> dict[str, Any]:
        """Return an entry; the bank numbers it unless another reference, or None, is given."""
        named = f"FT{next(self._references):08d}" if reference == "" else reference
        return {"amount": amount, "text": text, "booked_on": str(on), "value_on": str(on), "reference": named, **more}

    def write(self, *entries: dict[str, Any], on: date = MONDAY, opening: int | None = None, **changes: Any) -> bytes:
        """Write the statement of a day; it begins where the last one ended, unless told otherwise."""
        opening = self.balance if opening is None else opening
        closing = opening + sum(each["amount"] for each in entries)
        told = {"account": self.number, "day": str(on), "opening": opening, "closing": closing, "entries": list(entries)}
        return json.dumps({**told, **changes}).encode()

    def take(self, body: bytes, kind: str = "statement", name: str = "statement.json") -> Taken:
        return import_statement(self.hub, self.account, kind, name, body)

    def say(self, *entries: dict[str, Any], on: date = MONDAY, **changes: Any) -> Taken:
        """Hand in the statement of a day, and go on from its balance."""
        taken = self.take(self.write(*entries, on=on, **changes))
        self.balance = taken.statements[-1].closing
        return taken

    def quiet(self, *days: date) -> None:
        """Hand in days on which nothing is booked."""
        for day in days:
            self.say(on=day)


def open_bank(hub: Hub) -> Bank:
    """Let the hub read statements as this file writes them."""
    with hub.db.engine.begin() as connection:
        connection.execute(text("SELECT set_config('payhub.today', '1900-01-01', true)"))
        connection.execute(text("UPDATE bank_account SET statements = 'json', notifications = 'json'"))
    hub.cache.fresh()
    return Bank(hub)


def naming_payouts(desk: Any) -> Any:
    """Let a desk write files with a column for the payout: the row's, else its own."""
    desk.header = (*desk.header, "MaThanhToan")
    desk.payout = "PO26112000000001"

    def write(rows: Any) -> bytes:
        rows = list(rows)
        signs = {"THANH_TOAN": 1, "HOAN_TIEN": -1, "DAO_GIAO_DICH": -1}
        total = sum(signs.get(row.kind, 0) * row.amount for row in rows)
        out = io.StringIO()
        lines = csv.writer(out, lineterminator="\n")
        lines.writerow(desk.header)
        for number, row in enumerate(rows, 1):
            lines.writerow((*row.cells(number), getattr(row, "payout", desk.payout)))
        lines.writerow(("TONG", len(rows), total, *[""] * 7))
        return out.getvalue().encode()

    desk.write = write
    return desk


@pytest.fixture
def bank(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Bank:
    monkeypatch.setitem(reading.READERS, "json", read_json)
    return open_bank(hub)


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
    return naming_payouts(desk)


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
    settings: Settings, copies: Any, clock: Any, keys: dict[str, str], order: dict[str, Any], desk: Any, treasury: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], AbstractContextManager[World]]:  # fmt: skip
    """Make worlds, one after the other, each on a database of its own."""
    monkeypatch.setitem(reading.READERS, "json", read_json)
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
            counter = naming_payouts(type(desk)(hub, ask, order))
            counter.ask = lambda: ask({**order, "portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex}).json
            yield World(hub, counter, open_bank(hub), office, url)
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
