"""What a round left behind, read once from every side: the hub's rows, the gateways' books, what portals were told and heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from payhub.demo.closing import is_paid
from payhub.demo.crash.portal import PersistentPortal
from payhub.demo.seed import TOLD
from payhub.hub import Hub
from payhub.ids import public_id

_PAYMENTS = text("SELECT id, portal_reference, state FROM payment")
_ATTEMPTS = text(
    """
    SELECT attempt.reference, attempt.state, attempt.applied, attempt.confirmed, attempt.payment_id,
           attempt.state IN ('created', 'started', 'unknown') AND attempt.order_expires_at < now() AS overdue,
           booked.facts, booked.receivable, receipt.reason AS held,
           ARRAY (SELECT kind FROM discrepancy WHERE key = account.code || '/payment/' || attempt.reference) AS kinds
    FROM attempt JOIN gateway_account AS account ON account.id = attempt.gateway_account_id
    CROSS JOIN LATERAL (
      SELECT coalesce(array_agg(DISTINCT journal.id || ' ' || journal.fact), '{}') AS facts,
             coalesce(sum(posting.amount), 0)::bigint AS receivable
      FROM journal JOIN posting ON posting.journal_id = journal.id AND posting.account = 'receivable'
      WHERE journal.attempt_id = attempt.id
    ) AS booked
    LEFT JOIN unapplied_receipt AS receipt ON receipt.attempt_id = attempt.id
    """
)
_REFUNDS = text(
    """
    SELECT refund.id, refund.state, refund.amount, attempt.reference AS attempt,
           (refund.state IN ('approved', 'submitted') OR (refund.next_at IS NOT NULL AND refund.state <> 'succeeded'))
             AND NOT EXISTS (SELECT FROM refund first WHERE first.attempt_id = refund.attempt_id
                             AND first.state = 'unknown' AND first.next_at IS NULL) AS waits,
           ARRAY (SELECT ARRAY [refund_try.reference, refund_try.state] FROM refund_try
                  WHERE refund_try.refund_id = refund.id ORDER BY refund_try.number) AS tries,
           EXISTS (SELECT FROM discrepancy WHERE kind = 'refund_unknown' AND state = 'open'
                   AND evidence ->> 'refund' = refund.id::text) AS disputed
    FROM refund JOIN attempt ON attempt.id = refund.attempt_id
    """
)
_EVENTS = text("SELECT payment_id, seq, type FROM event WHERE type = ANY (:types)")
_RECEIVABLE = text("SELECT coalesce(sum(amount), 0)::bigint FROM posting WHERE account = 'receivable'")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One order as the hub has it: what the gateway confirmed, which facts booked it, and what it is held or disputed for."""

    state: str
    applied: bool
    confirmed: int
    payment: str
    overdue: bool
    facts: Sequence[str]
    receivable: int
    held: str | None
    kinds: Sequence[str]

    @property
    def has_money(self) -> bool:
        """Tell whether the hub says that the gateway has its money."""
        return self.state in {"succeeded", "conflicted"}


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back as the hub has it: of which order, and the reference and state of each request that was sent, in order."""

    state: str
    amount: int
    attempt: str
    tries: Sequence[tuple[str, str]]
    waits: bool
    """Whether the hub still has something to do about it; a refund of the same money that only people can end is waited for."""
    disputed: bool
    """Whether a person is told that nobody knows what became of it."""


@dataclass(frozen=True, slots=True)
class Books:
    """All sides of one round. Payments and refunds go by public id, attempts and orders by the order's reference."""

    payments: Mapping[str, str]
    references: Sequence[str]
    attempts: Mapping[str, Attempt]
    events: Mapping[tuple[str, int], str]
    receivable: int
    orders: Mapping[str, Mapping[str, Any]]
    portals: Sequence[PersistentPortal]
    refunds: Mapping[str, Refund]
    given: Sequence[Mapping[str, Any]]
    """Every request to give back that the gateway has in its books."""

    @property
    def told(self) -> Sequence[str]:
        """The payments that portals were answered with, once for each key."""
        return [asked.answer["id"] for portal in self.portals for asked in portal.asked]

    @property
    def taken(self) -> dict[str, int]:
        """The money that the gateway has, by reference."""
        return {reference: order["amount"] for reference, order in self.orders.items() if is_paid(order)}

    @property
    def gave(self) -> Counter[str]:
        """The money that the hub says went back, by the order it was of."""
        gave = Counter[str]()
        for refund in self.refunds.values():
            gave[refund.attempt] += refund.amount if refund.state == "succeeded" else 0
        return gave

    @property
    def returned(self) -> set[str]:
        """The orders whose money the gateway took back and said so: a message that was never taken cannot be known."""
        return {reference for reference, order in self.orders.items() if order["state"] == "reversed" and _heard_of(order)}


def _heard_of(order: Mapping[str, Any]) -> bool:
    return any(tried["end"] == "accepted" for ipn in order["ipns"] if ipn["tells"] == "reversal" for tried in ipn["tries"])


def read(hub: Hub, gateway: Mapping[str, Any], portals: Sequence[PersistentPortal]) -> Books:
    """Read the hub's rows in one snapshot, and put everybody's beside them."""
    mode = hub.settings.mode
    with hub.db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        payments = connection.execute(_PAYMENTS).all()
        events = connection.execute(_EVENTS, {"types": list(TOLD)}).all()
        attempts = {
            row.reference: Attempt(
                row.state, row.applied, row.confirmed or 0, public_id("pay", row.payment_id, mode), row.overdue, row.facts,
                row.receivable, row.held, row.kinds,
            )
            for row in connection.execute(_ATTEMPTS)
        }  # fmt: skip
        refunds = {
            public_id("ref", row.id, mode): Refund(
                row.state, row.amount, row.attempt, [(reference, state) for reference, state in row.tries], row.waits, row.disputed
            )
            for row in connection.execute(_REFUNDS)
        }
        receivable = int(connection.scalar(_RECEIVABLE) or 0)
    return Books(
        payments={public_id("pay", row.id, mode): row.state for row in payments},
        references=[row.portal_reference for row in payments],
        attempts=attempts,
        events={(public_id("pay", row.payment_id, mode), row.seq): row.type for row in events},
        receivable=receivable,
        orders={order["reference"]: order for order in gateway["orders"]},
        portals=portals,
        refunds=refunds,
        given=gateway["refunds"],
    )
