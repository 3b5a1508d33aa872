"""Writing a new payment: one statement, or a transaction where it replaces another or costs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from payhub import ids
from payhub.hub import Hub
from payhub.payments import closing
from payhub.payments.errors import NotReplaceable
from payhub.payments.models import Payment
from payhub.payments.recording import record, release_claims
from payhub.payments.statements import CREATE, CREATE_WITH_PAYER, parameters
from payhub.payments.states import PaymentState
from payhub.payments.words import plain_line
from payhub.registers import Registers


def binds(registers: Registers, payment: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the statement takes of a payment and its lines, priced by these registers."""
    values = {
        **payment,
        "lines": lines if payment["destroy_after"] is None else [plain_line(registers, line) for line in lines],
        "register_version": registers.version,
        "event_id": ids.new_id(),
        "event_data": {"state": PaymentState.OPEN, **{name: payment[name] for name in ("reference", "total", "currency")}},
        "now": payment["created_at"],
    }
    return parameters(values)


def insert(hub: Hub, binds: Mapping[str, Any], payment: Mapping[str, Any]) -> Any:
    """Write a payment with all that comes with it, or nothing; return what the statement says: `got` and `written`."""
    if payment["total"] and payment["replaces_id"] is None:
        with hub.db.autocommit() as connection:
            return connection.execute(_statement(payment), binds).one()
    with hub.db.session() as session:
        if payment["replaces_id"] is not None:
            _end_replaced(session, payment)
        done = insert_with(session, binds, payment)
        if not done.written:
            session.rollback()
        elif not payment["total"]:
            _pay_nothing(session, payment)
        return done


def insert_with(session: Session, binds: Mapping[str, Any], payment: Mapping[str, Any]) -> Any:
    """Write a payment in a transaction that writes more than it; return what the statement says."""
    return session.execute(_statement(payment), binds).one()


def _statement(payment: Mapping[str, Any]) -> Any:
    return CREATE_WITH_PAYER if "payer_index" in payment else CREATE


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
