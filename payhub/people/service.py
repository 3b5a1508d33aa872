"""Looking at who pays: masked for those who need not know, whole for a reason, found again by what people say of themselves."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids, log
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.payments import words
from payhub.payments.models import Payment
from payhub.people import retention
from payhub.people.errors import PayerErased, PayerUnknown
from payhub.people.indexing import wanted as digests_of
from payhub.people.masking import masked
from payhub.people.models import Payer, PayerIndex
from payhub.people.sealing import opened
from payhub.staff import audit
from payhub.staff.people import Person

REVEAL_REASONS = ("person_asks", "refund", "dispute", "receipt_correction", "authority_asks", "audit")
_NOBODY = {"name": None, "id_number": None, "address": None, "phone": None, "email": None}
_log = log.get(__name__)


def find_payment(hub: Hub, session: Session, public: str) -> Payment:
    """Return a payment by its outside id, of whatever portal; raise `NotFound` where there is none."""
    payment_id = ids.read_public_id("pay", public, hub.settings.mode)
    payment = session.get(Payment, payment_id) if payment_id else None
    if payment is None:
        raise NotFound
    return payment


def look(hub: Hub, session: Session, payment: Payment) -> dict[str, Any]:
    """Return who pays, masked, and until when what is kept."""
    [standing] = retention.standings(session, [payment])
    payer = session.get(Payer, payment.id)
    terms = hub.settings.people
    return {
        **_described(hub, payment, payer),
        "erased_at": payment.erased_at,
        "contact_until": retention.words_until(terms, payment) if payer is not None and payer.contact_key else None,
        "record_until": retention.record_until(terms, standing) if payer is not None and payer.record_key else None,
    }


def _described(hub: Hub, payment: Payment, payer: Payer | None) -> dict[str, Any]:
    plain = opened(hub.keyring, payer)
    state = "none" if payer is None else "destroyed" if not plain else "erased" if payment.erased_at else "kept"
    return {**_NOBODY, **masked(plain), "payment": ids.public_id("pay", payment.id, hub.settings.mode), "state": state}


def reveal(hub: Hub, session: Session, payment: Payment, by: Person, reason: str) -> dict[str, Any]:
    """Return all that is known of who pays, and write down who looked and why."""
    if payment.erased_at is not None:
        raise PayerErased
    payer = session.get(Payer, payment.id)
    plain, said = opened(hub.keyring, payer), words.opened(hub.keyring, payment)
    if not plain and said == words.NONE:
        raise PayerUnknown
    target = f"payment/{payment.id}"
    audit.append(session, actor=by.id, act="payer.revealed", target=target, at=hub.clock.now(), data={"reason": reason})
    _log.info("payer.revealed", payment=str(payment.id), actor=str(by.id), reason=reason)
    return {**_NOBODY, **plain, "payment": ids.public_id("pay", payment.id, hub.settings.mode), "metadata": said.metadata}


def search(
    hub: Hub, session: Session, by: uuid.UUID, *, field: str, value: str, limit: int, cursor: str | None = None
) -> dict[str, Any]:
    """Return a page of the payments of whoever has this name or number, newest first; the audit learns who asked, not for whom."""
    found = find(hub, session, field, value, limit + 1, _after(hub, cursor))
    shown = found[:limit]
    payers = {payer.payment_id: payer for payer in session.scalars(select(Payer).where(Payer.payment_id.in_(_ids(shown))))}
    about = {"field": field, "found": len(shown), "more": len(found) > limit}
    audit.append(session, actor=by, act="payer.searched", target="payer", at=hub.clock.now(), data=about)
    data = [{**_in_a_list(hub, each), **_described(hub, each, payers.get(each.id))} for each in shown]
    return {"data": data, "next": data[-1]["payment"] if len(found) > limit else None}


def find(
    hub: Hub, session: Session, field: str, value: str, limit: int, after: uuid.UUID | None = None
) -> Sequence[Payment]:
    """Return payments of whoever has this name or number, newest first, below one of them where it is given."""
    matches = select(PayerIndex.payment_id).where(PayerIndex.digest.in_(digests_of(hub.keyring, field, value)))
    if after is not None:
        matches = matches.where(PayerIndex.payment_id < after)
    page = matches.order_by(PayerIndex.payment_id.desc()).limit(limit)
    return session.scalars(select(Payment).where(Payment.id.in_(page)).order_by(Payment.id.desc())).all()


def _after(hub: Hub, cursor: str | None) -> uuid.UUID | None:
    after = ids.read_public_id("pay", cursor, hub.settings.mode) if cursor is not None else None
    if cursor is not None and after is None:
        wrong = Text("Con trỏ không hợp lệ", "The cursor is not one of ours")
        raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", wrong)])
    return after


def _ids(payments: Sequence[Payment]) -> list[uuid.UUID]:
    return [payment.id for payment in payments]


def _in_a_list(hub: Hub, payment: Payment) -> Mapping[str, Any]:
    created_at: datetime = payment.created_at
    return {
        "portal": hub.registers.portals[payment.portal_id].code,
        "reference": payment.reference,
        "dossier": payment.dossier,
        "payment_state": payment.state,
        "total": payment.total,
        "currency": payment.currency,
        "created_at": created_at,
    }
