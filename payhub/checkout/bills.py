"""A payment as its citizen sees it, read in two short queries. Who pays is never even read."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import Uuid, bindparam, select

from payhub.agencies.models import Agency
from payhub.agencies.service import known_as
from payhub.clock import local_date
from payhub.errors import NotFound
from payhub.fees.models import Fee, Relief
from payhub.hub import Hub
from payhub.payments.models import Attempt, Payment, PaymentLine, UnappliedReceipt
from payhub.payments.states import UNDECIDED, AttemptState, PaymentState
from payhub.payments.words import return_url
from payhub.portals.models import Portal
from payhub.portals.service import portal_on
from payhub.registers import Registers

_ATTEMPTS_READ = 50


class Page(StrEnum):
    """Which page a payment has."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True)
class Line:
    """One fee, and the agency it is for."""

    fee: Fee
    kind: str
    agency_id: uuid.UUID
    agency: Agency
    quantity: int | None
    full_amount: int
    amount: int
    relief: Relief | None


@dataclass(frozen=True)
class Bill:
    """One payment at one moment: its row, its lines, its newest attempts first."""

    payment: Any
    portal: Portal
    lines: Sequence[Line]
    attempts: Sequence[Any]
    now: datetime
    return_url: str | None
    """Where the portal wants its citizen back."""

    @property
    def payable(self) -> bool:
        """Whether an attempt may be started now."""
        return self.payment.state == PaymentState.OPEN and self.payment.closing_at is None and self.now < self.payment.expires_at

    @cached_property
    def undecided(self) -> Any:
        """The newest attempt of which nobody has said how it ended, or None."""
        return next((attempt for attempt in self.attempts if attempt.state in UNDECIDED), None)

    @property
    def continued(self) -> Any:
        """The undecided attempt, where the gateway's page for it still stands: going back there cannot pay twice."""
        tried = self.undecided
        stands = tried is not None and tried.state != AttemptState.UNKNOWN and self.now < tried.order_expires_at
        return tried if stands and self.payable else None

    @property
    def applied(self) -> Any:
        """The attempt that paid, or None."""
        return next((attempt for attempt in self.attempts if attempt.applied), None)

    @property
    def ended(self) -> Any:
        """The newest attempt, where it brought no money, or None."""
        last = self.attempts[0] if self.attempts else None
        return last if last is not None and last.state in {AttemptState.FAILED, AttemptState.CANCELLED} else None

    @property
    def holds_money(self) -> bool:
        """Whether money came that does not fit, a second time for one: it is kept for a person to decide."""
        return any(attempt.remaining for attempt in self.attempts)

    @property
    def state(self) -> str:
        """The state in outside words, as portals are told it."""
        waiting = self.payment.state == PaymentState.OPEN and self.undecided is not None
        return Page.PROCESSING.value if waiting else str(self.payment.state)

    @property
    def page(self) -> Page:
        """The page it has: that of its state, and that of its end as soon as it takes no more attempts."""
        if self.state == PaymentState.OPEN and not self.payable:
            return Page.EXPIRED if self.payment.expires_at <= self.now else Page.CANCELLED
        return Page(self.state)


def read(hub: Hub, payment_id: uuid.UUID) -> Bill:
    """Return a payment's bill; raise `NotFound` where there is no such payment."""
    with hub.db.autocommit() as connection:
        # Attempts first: one that ends between the queries is seen as waiting or beside its payment's new state, never as none.
        attempts = connection.execute(_ATTEMPTS, {"payment_id": payment_id}).all()
        rows = connection.execute(_LINES, {"payment_id": payment_id}).all()
    if not rows:
        raise NotFound
    registers = hub.registers
    asked_on, portal = local_date(rows[0].created_at), registers.portals[rows[0].portal_id]
    lines = [_line(registers, row, asked_on) for row in rows]
    portal = portal_on(registers, portal, asked_on) or portal
    return Bill(rows[0], portal, lines, attempts, hub.clock.now(), return_url(hub.keyring, rows[0]))


def _line(registers: Registers, row: Any, asked_on: date) -> Line:
    fee, agency = registers.fees_by_id[row.fee_id], known_as(registers, registers.agencies_by_id[row.agency_id], asked_on)
    relief = registers.reliefs_by_id[row.relief_id] if row.relief_id else None
    return Line(fee, row.kind, row.agency_id, agency, row.quantity, row.full_amount, row.amount, relief)


_ASKED = bindparam("payment_id", type_=Uuid)
_ATTEMPTS = (
    select(
        Attempt.form_token, Attempt.gateway_account_id, Attempt.state, Attempt.applied, Attempt.ordered_at,
        Attempt.order_expires_at, Attempt.paid_at, Attempt.raw_code, Attempt.reason, UnappliedReceipt.remaining,
    )
    .outerjoin(UnappliedReceipt, UnappliedReceipt.attempt_id == Attempt.id)
    .where(Attempt.payment_id == _ASKED)
    .order_by(Attempt.id.desc())
    .limit(_ATTEMPTS_READ)
)  # fmt: skip
_LINES = (
    select(
        Payment.id, Payment.portal_id, Payment.reference, Payment.dossier, Payment.state, Payment.currency, Payment.total,
        Payment.language, Payment.words_key, Payment.words, Payment.erased_at, Payment.created_at, Payment.expires_at,
        Payment.closing_at, Payment.paid_at,
        PaymentLine.fee_id, PaymentLine.kind, PaymentLine.agency_id, PaymentLine.quantity, PaymentLine.amount,
        PaymentLine.full_amount, PaymentLine.relief_id,
    )
    .join(PaymentLine, PaymentLine.payment_id == Payment.id)
    .where(Payment.id == _ASKED)
    .order_by(PaymentLine.number)
)  # fmt: skip
