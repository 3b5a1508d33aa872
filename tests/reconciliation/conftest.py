"""Both sides of a reconciliation: payments really made, and files as the gateway would write them."""

from __future__ import annotations

import csv
import io
import uuid
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
from reconciliation.models import Run
from reconciliation.settlements import Imported, import_settlement

GMT7 = timezone(timedelta(hours=7))
HEADER = ("STT", "MaGiaoDich", "MaThamChieu", "LoaiGiaoDich", "ThoiGian", "SoTien", "Phi", "NganHang", "TrangThai")


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

    def but(self, **changes: Any) -> Row:
        return replace(self, **changes)

    def cells(self, number: int) -> tuple[Any, ...]:
        transaction = f"T{self.reference}" if self.transaction is None else self.transaction
        at = self.at or f"{self.on:%d/%m/%Y} 09:30:00"
        return number, transaction, self.reference, self.kind, at, self.amount, self.fee, self.bank, self.state


class Desk:
    """Where the two sides meet in a test."""

    account = "vnpay-main"
    day = date(2026, 11, 20)
    header = HEADER
    row = Row

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
        rows = list(rows)
        signed = sum(row.amount if row.kind == "THANH_TOAN" else -row.amount for row in rows if isinstance(row.amount, int))
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(row.cells(number) for number, row in enumerate(rows, 1))
        if trailer:
            writer.writerow(("TONG", len(rows) if count is None else count, signed if total is None else total, *[""] * 6))
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


@pytest.fixture
def treasury(hub: Hub, clock: Any, gateway: Any, lan: Any, minh: Any) -> Treasury:
    return Treasury(hub, clock, gateway, lan, minh)


@pytest.fixture
def desk(hub: Hub, ask: Callable[..., Any], order: dict[str, Any]) -> Desk:
    return Desk(hub, ask, order)
