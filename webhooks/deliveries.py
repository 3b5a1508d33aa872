"""Deliveries: what each endpoint still has to be told, who takes it in hand, and how it went.

Whoever wants to send claims deliveries first: in one short transaction they are moved out of everybody's reach until the claim runs
out, so that nothing is locked and no transaction is open while a portal takes its time. A courier that dies loses its claims, never
the deliveries. Of one payment, or of one name of it, only the earliest untold delivery can be claimed: the others wait behind it.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from payhub import ids
from payhub.crypto import Keyring
from payhub.telling import Webhooks
from webhooks import replies, untold
from webhooks.messages import Message
from webhooks.sending import Try

LOAD = 16
"""How many deliveries are taken in hand at once."""
SHIFT_S = 10.0
"""How long a courier goes on before it makes room for others."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One try of a delivery, and what becomes of it."""

    message: Message
    tried: Try

    @property
    def delivered(self) -> bool:
        """Tell whether the endpoint took it."""
        return self.tried.error is None

    def state(self, told: Webhooks) -> str:
        """Return what becomes of the delivery."""
        return "delivered" if self.delivered else "due" if self.message.tries < len(told.retry_s) else "dead"

    def next_try_at(self, told: Webhooks) -> datetime | None:
        """Return when it is tried again, or None where it is not.

        What failed together is spread out. By how much follows from the delivery and the try: whoever works it out finds the same.
        """
        if self.state(told) != "due":
            return None
        step = timedelta(seconds=told.retry_s[self.message.tries])
        chance = zlib.crc32(self.message.id.bytes + self.message.tries.to_bytes(2, "big")) / 2**32
        return max(self.tried.at + step, self.tried.not_before or self.tried.at) + step * (told.spread_percent / 100 * chance)


_WAITING = text(
    """
    SELECT id FROM webhook_endpoint WHERE disabled_at IS NULL AND EXISTS (
      SELECT FROM delivery WHERE endpoint_id = webhook_endpoint.id AND state = 'due' AND next_try_at <= :now
    ) ORDER BY id
    """
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
          SELECT bool_or(untold.state = 'due') FROM delivery AS untold
          WHERE untold.event_id = earlier.id AND untold.endpoint_id = delivery.endpoint_id
            AND untold.name_id IS NOT DISTINCT FROM delivery.name_id
        ) LIMIT 1
      ) IS NULL
      ORDER BY position LIMIT {LOAD}
    )
    UPDATE delivery SET next_try_at = :until FROM ready, event, payment
    WHERE delivery.id = ready.id AND event.id = delivery.event_id AND payment.id = delivery.payment_id
    RETURNING delivery.id, delivery.position, delivery.tries, event.type, event.seq, event.data, event.occurred_at,
              payment.id AS payment_id, payment.reference, payment.portal_reference, payment.currency, payment.total,
              delivery.resent_at, delivery.name_id
    """  # noqa: S608 - a number of ours
)
# Who comes back after the end of a claim, and finds that somebody else has tried, or that it was put back to be told again, changes
# nothing. What was tried was tried, and is in the log.
_STORE = text(
    """
    WITH tried AS (
      SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:tries AS smallint[]), CAST(:resent AS timestamptz[]),
                           CAST(:states AS text[]), CAST(:next_tries AS timestamptz[]),
                           CAST(:statuses AS smallint[]), CAST(:errors AS text[]), CAST(:ats AS timestamptz[]),
                           CAST(:took AS integer[]), CAST(:try_ids AS uuid[]), CAST(:reply_keys AS bytea[]),
                           CAST(:replies AS bytea[]))
        AS tried (id, tries, resent_at, state, next_try_at, status, error, at, took_ms, try_id, reply_key, reply)
    ), logged AS (
      INSERT INTO delivery_try (id, delivery_id, at, status, error, took_ms, reply_key, reply)
      SELECT try_id, id, at, status, error, took_ms, reply_key, reply FROM tried
    )
    UPDATE delivery
    SET state = tried.state, tries = delivery.tries + 1, next_try_at = coalesce(tried.next_try_at, tried.at),
        last_status = tried.status, last_error = tried.error,
        delivered_at = coalesce(delivery.delivered_at, CASE WHEN tried.state = 'delivered' THEN tried.at END)
    FROM tried WHERE delivery.id = tried.id AND delivery.state = 'due' AND delivery.tries = tried.tries
      AND delivery.resent_at IS NOT DISTINCT FROM tried.resent_at
    RETURNING delivery.id, delivery.resent_at IS NOT NULL AS again
    """
)
_RELEASE = text(
    "UPDATE delivery SET next_try_at = :now WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'due' AND next_try_at = :until"
)


def claimed_for(told: Webhooks) -> timedelta:
    """Return how long a claim lasts: longer than a load can take."""
    return timedelta(seconds=SHIFT_S + 4 * told.timeout_s + 30)


def waiting(session: Session, now: datetime) -> list[uuid.UUID]:
    """Return the enabled endpoints that have something due."""
    return list(session.scalars(_WAITING, {"now": now}))


def claim(session: Session, endpoint_id: uuid.UUID, now: datetime, until: datetime) -> list[Message]:
    """Take up to `LOAD` deliveries of an endpoint in hand until an instant: one of each payment, in order of position."""
    _spare_the_disk(session)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('claim ' || :id, 0))"), {"id": str(endpoint_id)})
    binds = {"endpoint_id": endpoint_id, "now": now, "until": until}
    claimed = [Message(*row) for row in session.execute(_CLAIM, binds)]
    return sorted(claimed, key=lambda message: message.position)


def release(session: Session, messages: Sequence[Message], until: datetime, now: datetime) -> None:
    """Give back what was claimed until an instant and not tried."""
    _spare_the_disk(session)
    session.execute(_RELEASE, {"ids": [message.id for message in messages], "until": until, "now": now})


def store(session: Session, keyring: Keyring, endpoint_id: uuid.UUID, outcomes: Sequence[Outcome], told: Webhooks) -> None:
    """Write down how tries went: told, to be tried again, or given up, which a person must know. One statement, however many."""
    states = [outcome.state(told) for outcome in outcomes]
    if "dead" not in states:
        _spare_the_disk(session)
    try_ids = [ids.new_id() for _ in outcomes]
    sealed = [
        replies.seal(keyring, try_id, outcome.tried.first) if outcome.tried.error else None
        for try_id, outcome in zip(try_ids, outcomes, strict=True)
    ]
    binds = {
        "ids": [outcome.message.id for outcome in outcomes],
        "tries": [outcome.message.tries for outcome in outcomes],
        "resent": [outcome.message.resent_at for outcome in outcomes],
        "states": states,
        "next_tries": [outcome.next_try_at(told) for outcome in outcomes],
        "statuses": [outcome.tried.status for outcome in outcomes],
        "errors": [outcome.tried.error for outcome in outcomes],
        "ats": [outcome.tried.at for outcome in outcomes],
        "took": [outcome.tried.took_ms for outcome in outcomes],
        "try_ids": try_ids,
        "reply_keys": [each.key if each else None for each in sealed],
        "replies": [each.data if each else None for each in sealed],
    }
    stored = {row.id: row.again for row in session.execute(_STORE, binds)}
    for outcome, state in zip(outcomes, states, strict=True):
        if state == "dead" and outcome.message.id in stored:
            untold.given_up(session, endpoint_id, outcome.message, outcome.tried)
        elif state == "delivered" and stored.get(outcome.message.id):
            untold.told_again(session, endpoint_id, outcome.message, outcome.tried)


def _spare_the_disk(session: Session) -> None:
    """Commit without waiting for the disk: what a crash forgets here is told once more, under the same id."""
    session.execute(text("SET LOCAL synchronous_commit = off"))

