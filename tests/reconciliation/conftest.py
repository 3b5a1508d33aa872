"""Both sides of a reconciliation: payments really made, and files as the gateway would write them."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from typing import IO, Any

import pytest
from sqlalchemy import select, text

from gateways.base import Notice, Outcome
from payhub.clock import local_date
from payhub.hub import Hub
from payhub.ids import read_public_id
from payhub.payments import attempts, outcomes
from payhub.payments.models import Attempt
from payhub.payments.refunds import outcomes as saying
from payhub.payments.refunds import sending
from payhub.payments.refunds import service as refunding
from payhub.payments.refunds.changing import latest_try
from payhub.payments.refunds.models import Refund
from reconciliation import runs
from reconciliation.dayfiles import making
from reconciliation.dayfiles.entries import TYPES
from reconciliation.models import Run
from reconciliation.reports.accounts import FIGURES as OF_ACCOUNTS
from reconciliation.reports.accounts import account_totals
from reconciliation.reports.proven import MODES
from reconciliation.reports.tracing import NOT_OF_COHORTS, TRACED, Asked, rows
from reconciliation.settlements import Imported, import_settlement
from reconciliation.totals import FIGURES, agency_totals

GMT7 = timezone(timedelta(hours=7))
HEADER = ("STT", "MaGiaoDich", "MaThamChieu", "LoaiGiaoDich", "ThoiGian", "SoTien", "Phi", "NganHang", "TrangThai", "MaThanhToan")

SIGNS = {"THANH_TOAN": 1, "HOAN_TIEN": -1, "DAO_GIAO_DICH": -1}
"""How a trailer adds up."""


@dataclass(frozen=True)
class Row:
    """One row of a file."""

    reference: str
    amount: Any
    on: date = date(2026, 11, 20)
    kind: str = "THANH_TOAN"
    transaction: str | None = None
    at: str = ""
    fee: Any = 0
    bank: str = "NCB"
    state: str = "THANH_CONG"
    payout: str | None = None
    """None is the desk's own."""

    def but(self, **changes: Any) -> Row:
        return replace(self, **changes)

    def cells(self, number: int) -> tuple[Any, ...]:
        transaction = f"T{self.reference}" if self.transaction is None else self.transaction
        at = self.at or f"{self.on:%d/%m/%Y} 09:30:00"
        return number, transaction, self.reference, self.kind, at, self.amount, self.fee, self.bank, self.state, self.payout


class Desk:
    """Where the two sides meet in a test."""

    account = "vnpay-main"
    day = date(2026, 11, 20)
    header = HEADER
    row = Row
    payout = ""
    """What the gateway calls the payout that a day's lines are in; its files need not say."""

    def __init__(self, hub: Hub, ask: Callable[..., Any], order: dict[str, Any]) -> None:
        self.hub, self._ask, self._order = hub, ask, order

    # The hub's side.

    def pay(
        self, *, on: date | None = None, lines: list[dict[str, Any]] | None = None, portal: str = "dvc-bo-tu-phap",
        outcome: Outcome | None = Outcome.SUCCEEDED, confirmed: int | None = None, payment_id: uuid.UUID | None = None,
    ) -> Attempt:  # fmt: skip
        """Ask for a payment (or take one), start an attempt, and let the gateway say what became of it."""
        if payment_id is None:
            body = {
                **self._order,
                "portal_reference": uuid.uuid4().hex,
                "dossier": uuid.uuid4().hex,
                "lines": lines or self._order["lines"],
            }
            answer = self._ask(body, portal=portal)
            assert answer.status_code == 201, answer.json
            payment_id = read_public_id("pay", answer.json["id"], "test")
        return self.say(self.start(payment_id), outcome, on=on, amount=confirmed)

    def start(self, payment_id: uuid.UUID | None) -> Attempt:
        assert payment_id is not None
        assert attempts.start(self.hub, payment_id, self.account, uuid.uuid4(), "127.0.0.1") is not None
        with self.hub.db.session() as session:
            return session.scalars(select(Attempt).where(Attempt.payment_id == payment_id).order_by(Attempt.id.desc())).first()

    def say(self, attempt: Attempt, outcome: Outcome | None, *, on: date | None = None, amount: int | None = None) -> Attempt:
        """Let the gateway say something of an attempt."""
        if outcome is None:
            return attempt
        paid_at = datetime.combine(on or self.day, time(9, 30), GMT7)
        notice = Notice(
            reference=attempt.reference, terminal="PAYHUB01", outcome=outcome, raw_code="00/00", currency=attempt.currency,
            amount=attempt.amount if amount is None else amount, transaction=f"T{attempt.reference}", paid_at=paid_at, paid_at_text="",
            method="NCB",
        )  # fmt: skip
        account = self.hub.registers.gateway_accounts_by_id[attempt.gateway_account_id]
        with self.hub.db.session() as session:
            found = outcomes.find(session, account, attempt.reference)
            assert found is not None
            outcomes.under_lock(self.hub, session, account, notice, *found)
        with self.hub.db.session() as session:
            return session.scalars(select(Attempt).where(Attempt.id == attempt.id)).one()

    def grace(self, days: int) -> None:
        """Let the account's files lag by so many days."""
        with self.hub.db.session() as session:
            session.execute(text("SET LOCAL payhub.today = '1900-01-01'"))
            session.execute(text("UPDATE gateway_terms SET grace_days = :days"), {"days": days})

    # The gateway's side.

    def row_of(self, attempt: Attempt, **changes: Any) -> Row:
        """Return the row a faithful file has of a paid attempt."""
        return Row(attempt.reference, attempt.confirmed or attempt.amount, attempt.gateway_on or self.day).but(**changes)

    def refund_row(self, refund: Given, **changes: Any) -> Row:
        """Return the row a file has of a refund that names it by our reference."""
        row = Row(refund.reference, refund.amount, refund.on, kind="HOAN_TIEN", transaction=refund.transaction or f"R{refund.reference}")
        return row.but(**changes)

    def write(
        self, rows: Iterable[Row], *, count: Any = None, total: Any = None, header: Iterable[str] = HEADER, trailer: bool = True
    ) -> bytes:
        """Write a file; count and total are right unless they are given."""
        rows = [row if row.payout is not None else row.but(payout=self.payout) for row in rows]
        signed = sum(SIGNS.get(row.kind, 0) * row.amount for row in rows if isinstance(row.amount, int))
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(row.cells(number) for number, row in enumerate(rows, 1))
        if trailer:
            writer.writerow(("TONG", len(rows) if count is None else count, signed if total is None else total, *[""] * 7))
        return out.getvalue().encode()

    # Both.

    def take(self, rows: Iterable[Row] | bytes | IO[bytes], on: date | None = None) -> Imported:
        """Import rows, bytes or a stream for a day; nothing runs yet."""
        body = rows if isinstance(rows, bytes | io.IOBase) else self.write(rows)
        on = on or self.day
        return import_settlement(self.hub, self.account, on, f"{on}.csv", body)

    def settle(self, rows: Iterable[Row] | bytes, on: date | None = None) -> Imported:
        """Import rows or bytes for a day, and carry out every run that follows."""
        imported = self.take(rows, on)
        self.carry_out()
        return imported

    def carry_out(self) -> None:
        """Carry out every run that waits."""
        while waiting := self.waiting():
            for run_id in waiting:
                runs.execute(self.hub, run_id)

    def waiting(self) -> list[uuid.UUID]:
        with self.hub.db.session() as session:
            return runs.to_start(session, self.hub.clock.now())

    def again(self, imported: Imported) -> None:
        """Ask for one more run of a settlement and carry it out."""
        with self.hub.db.session() as session:
            runs.ask_run(session, imported.settlement, self.hub.clock.now())
        self.carry_out()

    def run(self, on: date | None = None) -> Run:
        """Return the last finished run of a day."""
        with self.hub.db.session() as session:
            found = session.scalars(
                select(Run).where(Run.period_on == (on or self.day), Run.state == "done").order_by(Run.id.desc())
            ).first()
        assert found is not None
        return found

    def classes(self, on: date | None = None) -> dict[str, int]:
        """Return how many rows of each class the last run of a day had."""
        return {name: row["count"] for name, row in self.run(on).counts.items()}

    def disputes(self) -> dict[str, int]:
        """Return what is open, as `kind line-type/reference`, with the money at stake."""
        with self.hub.db.session() as session:
            found = session.execute(text("SELECT kind, key, amount FROM discrepancy WHERE state <> 'resolved' ORDER BY 1, 2")).all()
        return {f"{kind} {key.removeprefix(self.account + '/')}": amount for kind, key, amount in found}

    def rows(self, *tables: str) -> dict[str, Any]:
        """Return every row of these tables, to hold one moment against another."""
        every = ("settlement", "settlement_line", "settlement_reject", "run", "proof", "discrepancy", "discrepancy_act",
                 "journal", "posting", "event", "attempt", "payment")  # fmt: skip
        with self.hub.db.session() as session:
            return {
                table: session.scalar(
                    text(f"SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)::text), '[]') FROM {table} t")
                )
                for table in tables or every
            }

    def learn(self) -> int:
        """Do what is done once an hour: run the days again of which the hub has learned more; return how many."""
        with self.hub.db.session() as session:
            learned = runs.ask_learned(session, self.hub.clock.now())
        self.carry_out()
        return len(learned)

    def count(self, table: str) -> int:
        with self.hub.db.session() as session:
            return session.scalar(text(f"SELECT count(*) FROM {table}"))


@dataclass(frozen=True)
class Given:
    """A refund as its last request stands."""

    id: uuid.UUID
    reference: str
    order: str
    amount: int
    on: date
    state: str
    transaction: str | None


class Treasury:
    """Two people who give money back at the gateway that took it, and the worker who sends it."""

    def __init__(self, hub: Hub, clock: Any, gateway: Any, clerk: Any, approver: Any) -> None:
        self.hub, self.clock, self.gateway, self.clerk, self.approver = hub, clock, gateway, clerk, approver

    def give(self, payment: dict[str, Any], amount: int, *, will: str = "accepted") -> Given:
        """Give an amount of a payment's first line back; `will` is what the gateway does with it."""
        self.gateway.will(will)
        asked = {"lines": [{"number": 1, "amount": amount}], "reason": "other"}
        with self.hub.db.session() as session:
            payment_id = read_public_id("pay", payment["id"], "test")
            refund = refunding.request(self.hub, session, payment_id, asked, self.clerk.person.principal, portal_id=None)
        # Each code works once.
        self.clock.pass_(seconds=30)
        self.approver.approve(refund.proposal_id)
        sending.step(self.hub, refund.id)
        return self.seen(refund.id)

    def again(self, refund: Given, *, will: str = "accepted") -> Given:
        """Send a refund that failed once more."""
        self.gateway.will(will)
        with self.hub.db.session() as session:
            refunding.retry(self.hub, session, refund.id, self.clerk.person.principal)
        sending.step(self.hub, refund.id)
        return self.seen(refund.id)

    def ask(self, refund: Given, **later: float) -> Given:
        """Let time pass and ask the gateway what became of a refund."""
        self.clock.pass_(**(later or {"hours": 1}))
        sending.step(self.hub, refund.id)
        return self.seen(refund.id)

    def say(self, refund: Given, outcome: str) -> None:
        """Let two people say what became of a refund that nobody else can tell of."""
        with self.hub.db.session() as session:
            said = {"outcome": outcome, "evidence": "công văn của cổng thanh toán"}
            proposal = saying.propose(self.hub, session, refund.id, said, self.clerk.person.principal)
        self.clock.pass_(seconds=30)
        self.approver.approve(proposal.id)

    def seen(self, refund_id: uuid.UUID) -> Given:
        with self.hub.db.session() as session:
            refund, last = session.get_one(Refund, refund_id), latest_try(session, refund_id)
            order = session.get_one(Attempt, refund.attempt_id).reference
        if last is None:
            # Another refund of the payment has no answer yet.
            return Given(refund_id, "", order, refund.amount, local_date(self.hub.clock.now()), refund.state, None)
        return Given(refund_id, last.reference, order, refund.amount, local_date(last.asked_at), last.state, last.gateway_transaction)


def trace(hub: Hub, first_on: date, last_on: date, limit: int = 3) -> None:
    """Hold every figure of these days, in either mode, against the sum of its rows, read page by page."""
    with hub.db.session() as session:
        for mode in MODES:
            agencies = agency_totals(session, first_on, until=last_on, mode=mode, by_account=True)
            accounts = account_totals(session, first_on, until=last_on, mode=mode)
            assert all(sum(each.books.values()) == 0 for each in accounts), "the books of an account are even"
            for figure in set(TRACED) & {*FIGURES, *OF_ACCOUNTS}:
                if mode == "cohort" and figure in NOT_OF_COHORTS:
                    continue
                asked, found = Asked(figure, mode, first_on, last_on), list[Any]()
                while page := rows(session, asked, limit=limit, after=found[-1].key if found else ""):
                    found += page
                of_agency: Counter[Any] = Counter()
                of_account: Counter[Any] = Counter()
                for row in found:
                    of_account[row.gateway_account] += row.amount
                    of_agency[row.gateway_account, row.agency, row.kind, row.budget_line] += row.amount
                assert len({row.key for row in found}) == len(found)
                if figure in OF_ACCOUNTS:
                    told = {each.gateway_account: each.figures[figure] for each in accounts}
                    assert {account: told[account] or 0 for account in told} == {account: of_account[account] for account in told}, (mode, figure)
                    assert of_account.keys() <= told.keys(), (mode, figure)
                if figure in FIGURES:
                    keys = {(each.gateway_account, each.agency, each.kind, each.budget_line): getattr(each, figure) for each in agencies}
                    assert keys == {key: of_agency[key] for key in keys}, (mode, figure)
                    assert {key for key, amount in of_agency.items() if amount} <= keys.keys(), (mode, figure)


@pytest.fixture
def traced() -> Callable[..., None]:
    return trace


@pytest.fixture
def stated(hub: Hub) -> Callable[[date], None]:
    """State a day to every portal that had anything on it: together the files are the ledger's day."""

    def state(on: date) -> None:
        of_day = "SELECT DISTINCT portal_id FROM payment JOIN journal ON payment_id = payment.id WHERE business_on = :on"
        with hub.db.session() as session:
            portals = session.scalars(text(of_day), {"on": on}).all()
        sums: Counter[str] = Counter()
        for portal_id in portals:
            for each in json.loads(making.make(hub, portal_id, on).manifest)["sums"]:
                sums[each["type"]] += each["amount"]
        with hub.db.session() as session:
            totals = account_totals(session, on)
        assert {kind: sums[kind] for kind in TYPES} == {
            kind: sum(each.figures[figure.name] or 0 for each in totals) for kind, figure in TYPES.items()
        }

    return state


@pytest.fixture
def treasury(hub: Hub, clock: Any, gateway: Any, lan: Any, minh: Any) -> Treasury:
    return Treasury(hub, clock, gateway, lan, minh)


@pytest.fixture
def desk(hub: Hub, ask: Callable[..., Any], order: dict[str, Any]) -> Desk:
    return Desk(hub, ask, order)
