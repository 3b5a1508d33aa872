"""What a portal was not told after every try: a discrepancy, until it is told after all."""

from __future__ import annotations

import uuid

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from payhub.clock import local_date
from payhub.discrepancies.service import open_, resolve
from webhooks.messages import Message
from webhooks.sending import Try

_KIND, _TOLD = "portal_untold", "told"
# By the events of the payment: a delivery is found by its event.
_OVER = text(
    """
    SELECT id FROM discrepancy WHERE kind = 'portal_untold' AND key = :key AND state <> 'resolved' AND NOT EXISTS (
      SELECT FROM event JOIN delivery ON delivery.event_id = event.id
      WHERE event.payment_id = :payment_id AND delivery.endpoint_id = :endpoint_id AND delivery.state = 'dead'
        AND delivery.name_id IS NOT DISTINCT FROM :name_id
    )
    """
).bindparams(bindparam("name_id", type_=Uuid()))


def given_up(session: Session, endpoint_id: uuid.UUID, message: Message, tried: Try) -> None:
    """Put before a person what an endpoint could not be told."""
    open_(
        session,
        kind=_KIND,
        key=_key(endpoint_id, message),
        on=local_date(tried.at),
        amount=message.total,
        currency=message.currency,
        evidence={"delivery": str(message.id), "event": message.event_type, "status": tried.status, "error": tried.error},
        now=tried.at,
        payment_id=message.payment_id,
    )


def told_again(session: Session, endpoint_id: uuid.UUID, message: Message, tried: Try) -> None:
    """End it, now that the endpoint took what it was told again, if nothing else of the payment is given up."""
    key = _key(endpoint_id, message)
    binds = {"key": key, "payment_id": message.payment_id, "endpoint_id": endpoint_id, "name_id": message.name_id}
    over = session.scalars(_OVER, binds).all()
    resolve(session, over, actor="system", now=tried.at, act=_TOLD, data={"delivery": str(message.id)})


def _key(endpoint_id: uuid.UUID, message: Message) -> str:
    return f"{endpoint_id}/{message.reference}" + (f"/{message.name_id}" if message.name_id else "")
