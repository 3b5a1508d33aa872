"""Writing a new payment: one statement, or a transaction where it replaces another or costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from payhub.hub import Hub
from payhub.payments import closing
from payhub.payments.errors import NotReplaceable
from payhub.payments.models import Payment
from payhub.payments.recording import record, release_claims
from payhub.payments.statements import CREATE, CREATE_WITH_PAYER
from payhub.payments.states import PaymentState


def insert(hub: Hub, binds: Mapping[str, Any], payment: Mapping[str, Any]) -> Any:
    """Write a payment with all that comes with it, or nothing; return what the statement says: `got` and `written`."""
    statement = CREATE_WITH_PAYER if "payer_index" in payment else CREATE
    if payment["total"] and payment["replaces_id"] is None:
        with hub.db.autocommit() as connection:
            return connection.execute(statement, binds).one()
    with hub.db.session() as session:
        if payment["replaces_id"] is not None:
            _end_replaced(session, payment)
        done = session.execute(statement, binds).one()
        if not done.written:
            session.rollback()
        elif not payment["total"]:
            _pay_nothing(session, payment)
        return done


def _end_replaced(session: Session, payment: Mapping[str, Any]) -> None:
    old = closing.locked(session, payment["replaces_id"])
    if old is None or old.state not in {PaymentState.OPEN, PaymentState.EXPIRED}:
        raise NotReplaceable
    if old.state == PaymentState.OPEN:
        closing.close(session, old, "replaced", payment["created_at"])
        closing.finish_if_over(session, old, payment["created_at"])
    release_claims(session, old.id)
    session.flush()


def _pay_nothing(session: Session, payment: Mapping[str, Any]) -> None:
    """What costs nothing is paid as soon as it is asked for: no attempt, no journal."""
    now = payment["created_at"]
    row = session.get_one(Payment, payment["id"])
    row.paid_at = now
    record(session, row, "payment.paid", now, {"state": row.state, "amount": 0, "currency": row.currency})
