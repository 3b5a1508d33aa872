"""How a payment stands in the contract's words: paid, over, or not known yet. CONFIRM tells it and QUERY answers it alike."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.clock import LOCAL
from payhub.crypto import CryptoError, Keyring, Sealed
from payhub.events import Event
from payhub.payments.models import Allocation, Attempt, Payment
from payhub.payments.states import UNDECIDED, PaymentState
from payhub.portals.national.codes import Said
from payhub.portals.national.messages import Unreadable, read
from payhub.portals.national.models import NationalReference
from payhub.registers import Registers
from payhub.sealed import context_of

PAID, PENDING, FAILED = "1", "3", "4"
"""TrangThaiGD."""
_OVER = {
    PaymentState.CANCELLED: Said.CANCELLED,
    PaymentState.EXPIRED: Said.EXPIRED,
    PaymentState.REVERSED: Said.REVERSED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What may be said of a payment now."""

    state: str
    said: Said
    """What CONFIRM says; nothing is told while it is pending."""
    at: datetime | None
    transaction: str
    bank: str


def standing(session: Session, registers: Registers, payment: Payment) -> Standing:
    """Return how a payment stands. A failure is one only when nobody can still bring money without having said otherwise."""
    attempt = _brought_by(session, payment.id)
    transaction = (attempt.gateway_transaction or attempt.code) if attempt else payment.reference
    bank = registers.gateway_accounts_by_id[attempt.gateway_account_id].gateway.upper() if attempt else ""
    if payment.state == PaymentState.PAID:
        return Standing(PAID, Said.OK, payment.paid_at, transaction, bank)
    said = _OVER.get(PaymentState(payment.state))
    if said is None or _undecided(session, payment.id):
        return Standing(PENDING, Said.OK, None, transaction, bank)
    return Standing(FAILED, said, _ended_at(session, payment), transaction, bank)


def confirmation(keyring: Keyring, name: NationalReference, of: Standing, type_: str) -> dict[str, str | int]:
    """Return the fields of CONFIRM in the order of its hash, MaXacThuc not among them."""
    return {
        "LoaiBanTin": type_,
        "MaLoi": of.said.code,
        "MaDoiTac": name.partner,
        "MaThamChieu": name.reference,
        "SoTien": name.amount,
        "MaTienTe": "VND",
        "MaGiaoDich": of.transaction,
        "MaNganHang": of.bank,
        "ThoiGianGD": written(of.at) if of.at else name.asked_at_text,
        "ThongTinGiaoDich": _description(keyring, name),
    }


def written(at: datetime) -> str:
    """Write an instant as the contract does: local, `yyyyMMddHHmmss`."""
    return f"{at.astimezone(LOCAL):%Y%m%d%H%M%S}"


def _description(keyring: Keyring, name: NationalReference) -> str:
    """Return INIT's ThongTinGiaoDich, which may name a person; empty where the message was destroyed."""
    if name.message_key is None or name.message is None:
        return ""
    try:
        body = keyring.open(Sealed(name.message_key, name.message), context_of("national_reference", id=name.id))
        return read(body).get("ThongTinGiaoDich")
    except (CryptoError, Unreadable):
        # A portal must hear that it is paid, though a description be lost.
        return ""


def _brought_by(session: Session, payment_id: uuid.UUID) -> Attempt | None:
    """Return the attempt whose money paid, by itself or by allocation."""
    applied = session.scalar(select(Attempt).where(Attempt.payment_id == payment_id, Attempt.applied))
    if applied is not None:
        return applied
    allocated = select(Attempt).join(Allocation, Allocation.attempt_id == Attempt.id).where(Allocation.payment_id == payment_id)
    return session.scalar(allocated)


def _undecided(session: Session, payment_id: uuid.UUID) -> bool:
    open_ = select(Attempt.id).where(Attempt.payment_id == payment_id, Attempt.state.in_(sorted(UNDECIDED)))
    return session.scalar(open_.limit(1)) is not None


def _ended_at(session: Session, payment: Payment) -> datetime | None:
    ended = select(Event.occurred_at).where(Event.payment_id == payment.id, Event.type == f"payment.{payment.state}")
    return session.scalar(ended.order_by(Event.seq.desc()).limit(1))
