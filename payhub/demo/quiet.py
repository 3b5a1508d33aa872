"""Waiting for the end of a day: until nobody owes anybody a word any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import requests
from sqlalchemy import Engine, text

# What the hub still has to do; an open payment is finished only where nothing will end it soon. A refund that waits for another one
# of the same money, which only people can end, waits for them.
_PENDING = text(
    """
    SELECT
      (SELECT count(*) FROM attempt WHERE state IN ('created', 'started', 'unknown') AND next_check_at IS NOT NULL) AS attempts,
      (SELECT count(*) FROM payment WHERE state = 'open' AND expires_at < now() + interval '1 minute') AS expiries,
      (SELECT count(*) FROM refund WHERE next_at < now() + interval '1 minute' AND NOT EXISTS (
         SELECT FROM refund first WHERE first.attempt_id = refund.attempt_id AND first.state = 'unknown' AND first.next_at IS NULL
       )) AS refunds,
      (SELECT count(*) FROM event WHERE position IS NULL) AS events,
      (SELECT count(*) FROM webhook_endpoint WHERE after_position < (SELECT coalesce(max(position), 0) FROM event)) AS endpoints,
      (SELECT count(*) FROM delivery WHERE state = 'due') AS deliveries,
      (SELECT count(*) FROM run WHERE state IN ('waiting', 'running')) AS runs,
      (SELECT count(*) FROM telling WHERE told < asked) AS tellings
    """
)


def pending(engine: Engine) -> dict[str, int]:
    """Return what the hub still has to do, by kind, what there is none of left out."""
    with engine.connect() as connection:
        row = connection.execute(_PENDING).one()
    return {name: count for name, count in row._asdict().items() if count}


def books(simulator_url: str) -> dict[str, Any]:
    """Return the gateways' own books."""
    answer = requests.get(f"{simulator_url}/simulator/books", timeout=30)
    answer.raise_for_status()
    read: dict[str, Any] = answer.json()
    return read


def unsent(orders: Sequence[dict[str, Any]]) -> int:
    """Count the callbacks that the gateways will still send."""
    return sum(not ipn["finished"] for order in orders for ipn in order["ipns"])


class Quiet:
    """Asks the cheap question first: whether the hub has anything to do, and only then for the gateway's books."""

    def __init__(self, engine: Engine, simulator_url: str) -> None:
        self._engine, self._simulator_url = engine, simulator_url
        self.left: dict[str, int] = {}

    def reached(self) -> bool:
        """Tell whether the gateways have sent everything and, after that, the hub has nothing to do."""
        self.left = pending(self._engine)
        if not self.left:
            callbacks = unsent(books(self._simulator_url)["orders"])
            self.left = {"callbacks": callbacks} if callbacks else pending(self._engine)
        return not self.left

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in self.left.items())
