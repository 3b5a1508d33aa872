"""What the hub itself holds about the person behind a payment, apart from it: notes on refunds, and what the staff wrote."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, Uuid, bindparam, column, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from payhub.db import rows_written
from payhub.discrepancies import notes
from payhub.payments.refunds.models import Refund
from payhub.people.holders import Holder
from payhub.people.terms import People
from payhub.portals.national import personal as national
from payhub.staff.models import Proposal

ABOUT = """
SELECT q.id AS proposal_id, q.proposed_at, q.decided_at, q.words_key, q.reason_key, named.payment
FROM proposal q CROSS JOIN LATERAL (
  SELECT q.content ->> 'payment' WHERE q.kind IN ('refund', 'dispute_lost', 'allocation', 'discrepancy_accept')
  UNION SELECT jsonb_array_elements_text(q.content -> 'payments') WHERE q.kind IN ('payer_erasure', 'settlement_correction')
  UNION SELECT substr(q.target, 9) WHERE q.target LIKE 'payment/%'
  UNION SELECT CAST(payment_id AS text) FROM refund
    WHERE id = CASE WHEN q.target LIKE 'refund/%' THEN CAST(substr(q.target, 8) AS uuid) END
  UNION SELECT CAST(payment_id AS text) FROM unapplied_receipt
    WHERE id = CASE WHEN q.target LIKE 'unapplied/%' THEN CAST(substr(q.target, 11) AS uuid) END
) AS named (payment)
WHERE num_nonnulls(q.words_key, q.reason_key) > 0
"""
"""Proposals with words in them, and the payments that each is about: an allocation is about two, an erasure about many."""
_WRITTEN = or_(Proposal.words_key.is_not(None), Proposal.reason_key.is_not(None))


def _forget_notes(session: Session, payments: Sequence[uuid.UUID]) -> int:
    return _destroy_notes(session, Refund.payment_id.in_(payments))


def _sweep_notes(session: Session, terms: People, now: datetime, limit: int) -> int:
    old = select(Refund.id).where(Refund.requested_at < terms.messages_before(now), Refund.note_key.is_not(None)).limit(limit)
    return _destroy_notes(session, Refund.id.in_(old))


def _destroy_notes(session: Session, which: ColumnElement[bool]) -> int:
    gone = update(Refund).where(which, Refund.note_key.is_not(None)).values(note_key=None, note=None)
    return rows_written(session, gone)


def _no_notes(_session: Session, _limit: int) -> Sequence[uuid.UUID]:
    """Nobody can write a note about an erased payment."""
    return ()


def _forget_words(session: Session, payments: Sequence[uuid.UUID]) -> int:
    return _destroy_words(session, Proposal.id.in_(_about(payments)))


def hold_words(session: Session, payments: Sequence[uuid.UUID]) -> None:
    """Take hold of what was written in proposals about these payments, before the payments: whoever decides locks in that order."""
    held = select(Proposal.id).where(Proposal.id.in_(_about(payments)), _WRITTEN).order_by(Proposal.id)
    session.execute(held.with_for_update(key_share=True))


def _about(payments: Sequence[uuid.UUID]) -> Any:
    """Return the query of the proposals about these payments."""
    wanted = bindparam("about", [str(each) for each in payments], ARRAY(Text), unique=True)
    found = text(f"SELECT said.proposal_id FROM ({ABOUT}) AS said WHERE said.payment = ANY (:about)")  # noqa: S608 - our own names
    return found.bindparams(wanted).columns(column("proposal_id", Uuid)).subquery().select()


def _sweep_words(session: Session, terms: People, now: datetime, limit: int) -> int:
    before = terms.messages_before(now)
    old = select(Proposal.id).where(Proposal.proposed_at < before, _WRITTEN, Proposal.state.not_in(["proposed", "approved"]))
    return _destroy_words(session, Proposal.id.in_(old.limit(limit)))


def _destroy_words(session: Session, which: ColumnElement[bool]) -> int:
    gone = {"words_key": None, "words": None, "reason_key": None, "reason": None}
    return rows_written(session, update(Proposal).where(which, _WRITTEN).values(gone))


def _written_later(session: Session, limit: int) -> Sequence[uuid.UUID]:
    return session.scalars(_LATER, {"limit": limit}).all()


_LATER = text(
    f"""
    SELECT DISTINCT payment.id FROM ({ABOUT}) AS said
    JOIN proposal ON proposal.id = said.proposal_id
    JOIN payment ON CAST(payment.id AS text) = said.payment
    WHERE payment.erased_at IS NOT NULL AND proposal.state NOT IN ('proposed', 'approved')
    LIMIT :limit
    """  # noqa: S608 - our own names
)

HOLDINGS = (
    Holder("refund_notes", _forget_notes, _sweep_notes, _no_notes),
    Holder("proposal_words", _forget_words, _sweep_words, _written_later),
    Holder("discrepancy_notes", notes.forget, notes.sweep, notes.left),
    Holder("national_messages", national.forget, national.sweep, national.left),
)
