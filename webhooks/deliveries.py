"""Deliveries: what each endpoint still has to be told, who takes it in hand, and how it went.

Whoever wants to send claims deliveries first: in one short transaction they are moved out of everybody's reach until the claim runs
out, so that nothing is locked and no transaction is open while a portal takes its time. A courier that dies loses its claims, never
the deliveries. Of one payment, or of one name of it, only the earliest untold delivery can be claimed: the others wait behind it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from payhub.clock import local_date
from payhub.discrepancies.service import open_ as open_discrepancy
from payhub.errors import NotFound, PayHubError, Text
from webhooks.messages import Message
from webhooks.models import Delivery


class DeliveryNotDead(PayHubError):
    """Only a delivery that was given up can be put back."""

    code, status = "delivery_not_dead", 409
    title = Text("Chỉ gửi lại được thông báo đã bị bỏ", "Only a delivery that was given up can be sent again")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one try came to: the endpoint's status, or in one word why there is none."""

    message: Message
    status: int | None
    error: str | None

    @property
    def delivered(self) -> bool:
        """Tell whether the endpoint took it."""
        return self.error is None

    def state(self, retry_s: Sequence[int]) -> str:
        """Return what becomes of the delivery."""
        return "delivered" if self.delivered else "due" if self.message.tries < len(retry_s) else "dead"

    def next_try_at(self, now: datetime, retry_s: Sequence[int]) -> datetime | None:
        """Return when it is tried again, or None where it is not."""
        return now + timedelta(seconds=retry_s[self.message.tries]) if self.state(retry_s) == "due" else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An endpoint with deliveries that are due now; `count` stops at `COUNTED`."""

    endpoint_id: uuid.UUID
    count: int


LOAD = 16
"""How many deliveries are taken in hand at once."""
COUNTED = 8 * LOAD
_WAITING = text(
    f"""
    SELECT webhook_endpoint.id, due.many FROM webhook_endpoint CROSS JOIN LATERAL (
      SELECT count(*) AS many FROM (
        SELECT FROM delivery
        WHERE endpoint_id = webhook_endpoint.id AND state = 'due' AND next_try_at <= :now LIMIT {COUNTED}
      ) AS counted
    ) AS due
    WHERE disabled_at IS NULL AND due.many > 0
    """  # noqa: S608 - a number of ours
)
# Look-ups by unique keys and a limit the planner can see: with a backlog of any length, and before the first ANALYZE, this walks
# one index and stops.
_CLAIM = text(
    f"""
    WITH ready AS (
      SELECT id FROM delivery
      WHERE endpoint_id = :endpoint_id AND state = 'due' AND next_try_at <= :now AND (
        SELECT true FROM event AS earlier
        WHERE earlier.payment_id = delivery.payment_id AND earlier.position < delivery.position AND (
          SELECT state FROM delivery AS untold WHERE untold.event_id = earlier.id AND untold.endpoint_id = delivery.endpoint_id
            AND untold.name_id IS NOT DISTINCT FROM delivery.name_id
        ) = 'due' LIMIT 1
      ) IS NULL
      ORDER BY position LIMIT {LOAD}
    )
    UPDATE delivery SET next_try_at = :until FROM ready, event, payment
    WHERE delivery.id = ready.id AND event.id = delivery.event_id AND payment.id = delivery.payment_id
    RETURNING delivery.id, delivery.position, delivery.tries, event.type, event.seq, event.data, event.occurred_at,
              payment.id AS payment_id, payment.reference, payment.portal_reference, payment.currency, payment.total,
              delivery.name_id
    """  # noqa: S608 - a number of ours
)
_STORE = text(
    """
    UPDATE delivery
    SET state = tried.state, tries = delivery.tries + 1, next_try_at = coalesce(tried.next_try_at, :now),
        last_status = tried.status, last_error = tried.error,
        delivered_at = CASE WHEN tried.state = 'delivered' THEN CAST(:now AS timestamptz) END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:tries AS smallint[]), CAST(:states AS text[]), CAST(:next_tries AS timestamptz[]),
                CAST(:statuses AS smallint[]), CAST(:errors AS text[])) AS tried (id, tries, state, next_try_at, status, error)
    WHERE delivery.id = tried.id AND delivery.state = 'due' AND delivery.tries = tried.tries
    RETURNING delivery.id
    """
)
_RELEASE = text("UPDATE delivery SET next_try_at = :now WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'due'")


def waiting(session: Session, now: datetime) -> list[Waiting]:
    """Return the enabled endpoints that have something due."""
    return [Waiting(row.id, row.many) for row in session.execute(_WAITING, {"now": now})]


def claim(session: Session, endpoint_id: uuid.UUID, now: datetime, until: datetime) -> list[Message]:
    """Take up to `LOAD` deliveries of an endpoint in hand until an instant: one of each payment, in order of position."""
    _spare_the_disk(session)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('claim ' || :id, 0))"), {"id": str(endpoint_id)})
    binds = {"endpoint_id": endpoint_id, "now": now, "until": until}
    claimed = [Message(*row) for row in session.execute(_CLAIM, binds)]
    return sorted(claimed, key=lambda message: message.position)


def release(session: Session, messages: Sequence[Message], now: datetime) -> None:
    """Give back what was claimed and not tried."""
    _spare_the_disk(session)
    session.execute(_RELEASE, {"ids": [message.id for message in messages], "now": now})


def store(session: Session, endpoint_id: uuid.UUID, outcomes: Sequence[Outcome], now: datetime, retry_s: Sequence[int]) -> None:
    """Write down how tries went: told, to be tried again, or given up, which a person must know."""
    states = {outcome.message.id: outcome.state(retry_s) for outcome in outcomes}
    if "dead" not in states.values():
        _spare_the_disk(session)
    binds = {
        "now": now,
        "ids": list(states),
        "tries": [outcome.message.tries for outcome in outcomes],
        "states": list(states.values()),
        "next_tries": [outcome.next_try_at(now, retry_s) for outcome in outcomes],
        "statuses": [outcome.status for outcome in outcomes],
        "errors": [outcome.error for outcome in outcomes],
    }
    stored = {row.id for row in session.execute(_STORE, binds)}
    for outcome in outcomes:
        if outcome.message.id in stored and states[outcome.message.id] == "dead":
            _tell_a_person(session, endpoint_id, outcome, now)


def resend(session: Session, delivery_id: uuid.UUID, now: datetime) -> None:
    """Put back a delivery that was given up, with all its tries before it."""
    delivery = session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None:
        raise NotFound
    if delivery.state != "dead":
        raise DeliveryNotDead
    delivery.state, delivery.tries, delivery.next_try_at = "due", 0, now


def _spare_the_disk(session: Session) -> None:
    """Commit without waiting for the disk: what a crash forgets here is told once more, under the same id."""
    session.execute(text("SET LOCAL synchronous_commit = off"))


def _tell_a_person(session: Session, endpoint_id: uuid.UUID, outcome: Outcome, now: datetime) -> None:
    message = outcome.message
    open_discrepancy(
        session,
        kind="portal_untold",
        key=f"{endpoint_id}/{message.reference}" + (f"/{message.name_id}" if message.name_id else ""),
        on=local_date(now),
        amount=message.total,
        currency=message.currency,
        evidence={"delivery": str(message.id), "event": message.event_type, "status": outcome.status, "error": outcome.error},
        now=now,
        payment_id=message.payment_id,
    )
