"""What people write about a discrepancy: sealed, and destroyed with who pays."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from payhub.crypto import Keyring, Sealed
from payhub.db import rows_written
from payhub.discrepancies.models import Discrepancy, DiscrepancyNote
from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.payments.models import Payment
from payhub.people.terms import People
from payhub.sealed import context_of

_ERASED = Text(
    "Dữ liệu người nộp đã xóa theo yêu cầu; không ghi chú gì thêm",
    "The payer's data was erased: nothing more is written about them",
)


def write(session: Session, keyring: Keyring, act_id: uuid.UUID, discrepancy_id: uuid.UUID, text: str, now: datetime) -> None:
    """Seal a text beside the act it was written with."""
    sealed = keyring.seal(text.encode(), context_of("discrepancy_note", id=act_id))
    session.add(
        DiscrepancyNote(id=act_id, discrepancy_id=discrepancy_id, written_at=now, note_key=sealed.key, note=sealed.data)
    )


def demand_writable(session: Session, discrepancy: Discrepancy, pointer: str) -> None:
    """Raise where nothing more may be written about who pays."""
    erased = select(Payment.id).where(Payment.id == discrepancy.payment_id, Payment.erased_at.is_not(None))
    if session.scalar(erased) is not None:
        raise InvalidInput([FieldProblem(pointer, "payer_erased", _ERASED)])


def read(session: Session, keyring: Keyring, discrepancy_id: uuid.UUID) -> Mapping[uuid.UUID, str]:
    """Return what was written and is still there, by act."""
    wanted = select(DiscrepancyNote).where(DiscrepancyNote.discrepancy_id == discrepancy_id, DiscrepancyNote.note_key.is_not(None))
    return {
        row.id: keyring.open(Sealed(row.note_key, row.note), context_of("discrepancy_note", id=row.id)).decode()
        for row in session.scalars(wanted)
        if row.note_key is not None and row.note is not None
    }


def forget(session: Session, payments: Sequence[uuid.UUID]) -> int:
    """Destroy what was written about the discrepancies of these payments."""
    about = select(Discrepancy.id).where(Discrepancy.payment_id.in_(payments))
    return _destroy(session, DiscrepancyNote.discrepancy_id.in_(about))


def sweep(session: Session, terms: People, now: datetime, limit: int) -> int:
    """Destroy what is past its term, whatever it is about."""
    past = (DiscrepancyNote.written_at < terms.messages_before(now), DiscrepancyNote.note_key.is_not(None))
    old = select(DiscrepancyNote.id).where(*past)
    return _destroy(session, DiscrepancyNote.id.in_(old.order_by(DiscrepancyNote.id).limit(limit)))


def left(session: Session, limit: int) -> Sequence[uuid.UUID]:
    """Return erased payments about which something was being written at that very moment."""
    written = select(Discrepancy.payment_id).join(DiscrepancyNote, DiscrepancyNote.discrepancy_id == Discrepancy.id)
    erased = written.join(Payment, Payment.id == Discrepancy.payment_id).where(Payment.erased_at.is_not(None))
    found = session.scalars(erased.where(DiscrepancyNote.note_key.is_not(None)).distinct().limit(limit))
    return [payment_id for payment_id in found if payment_id is not None]


def _destroy(session: Session, which: ColumnElement[bool]) -> int:
    gone = update(DiscrepancyNote).where(which, DiscrepancyNote.note_key.is_not(None)).values(note_key=None, note=None)
    return rows_written(session, gone)
