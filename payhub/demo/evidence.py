"""Everything the day left behind, read once from every party's side: the hub's rows, the gateway's books, what portals heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from payhub.demo.closing import Planned, Treasury, is_paid
from payhub.demo.day import Lived
from payhub.demo.portal import Portal
from payhub.demo.seed import TOLD
from payhub.hub import Hub
from payhub.ids import public_id

Books = Sequence[Mapping[str, Any]]

_STATES = text("SELECT state, count(*) AS payments FROM payment GROUP BY state ORDER BY state")
_ATTEMPTS = text("SELECT reference, state, applied, confirmed FROM attempt")
_DUE = text("SELECT coalesce(sum(l.amount), 0) FROM payment_line l JOIN payment p ON p.id = l.payment_id WHERE p.state = 'paid'")
_BALANCE = text("SELECT coalesce(sum(amount), 0) FROM posting WHERE account = :account")
_DAYS = text("SELECT DISTINCT business_on FROM posting WHERE account = 'owed' ORDER BY business_on")
_EVENTS = text("SELECT payment_id, seq FROM event WHERE type = ANY (:types)")
_TIMES = text("SELECT coalesce(sum(times), 0) FROM callback WHERE verdict NOT IN ('forged', 'malformed')")
_REFUSED = text("SELECT coalesce(sum(times), 0) FROM callback WHERE verdict IN ('forged', 'malformed')")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One order as the hub has it."""

    state: str
    applied: bool
    confirmed: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All sides of one day.

    Amounts are whole VND; `attempts` and `paid` go by the order's reference. `times` counts arrivals of verified callbacks,
    `refused` those kept of others.
    """

    lived: Sequence[Lived]
    planned: Sequence[Planned]
    states: Mapping[str, int]
    attempts: Mapping[str, Attempt]
    due: int
    owed: int
    receivable: int
    times: int
    refused: int
    told: frozenset[tuple[str, int]]
    orders: Books
    portals: Sequence[Portal]
    totals: Mapping[date, Mapping[str, Any]]
    discrepancies: Sequence[Mapping[str, Any]]
    runs: Sequence[Mapping[str, Any]]

    @property
    def paid(self) -> dict[str, int]:
        """What the gateway has, by reference."""
        return {order["reference"]: order["amount"] for order in self.orders if is_paid(order)}

    def tries(self, *, forged: bool) -> list[Mapping[str, Any]]:
        """Every callback that was sent, each try by itself: a stranger's, or the gateway's own."""
        ipns = [ipn for order in self.orders for ipn in order["ipns"] if (ipn["tells"] == "forged") is forged]
        return [tried for ipn in ipns for tried in ipn["tries"]]

    @property
    def sums(self) -> list[Mapping[str, Any]]:
        """The sum of each day."""
        return [total for day in self.totals.values() for total in day["sum"]]


def gather(
    hub: Hub,
    treasury: Treasury,
    portals: Sequence[Portal],
    *,
    lived: Sequence[Lived],
    planned: Sequence[Planned],
    orders: Books,
    runs: Sequence[Mapping[str, Any]],
) -> Evidence:
    """Read what is left of the day: rows in one snapshot, reports over HTTP."""
    with hub.db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        days = [row.business_on for row in connection.execute(_DAYS)]
        mode = hub.settings.mode
        events = connection.execute(_EVENTS, {"types": list(TOLD)})
        return Evidence(
            lived=lived,
            planned=planned,
            states={row.state: row.payments for row in connection.execute(_STATES)},
            attempts={row.reference: Attempt(row.state, row.applied, row.confirmed) for row in connection.execute(_ATTEMPTS)},
            due=_number(connection, _DUE),
            owed=-_number(connection, _BALANCE, account="owed"),
            receivable=_number(connection, _BALANCE, account="receivable"),
            times=_number(connection, _TIMES),
            refused=_number(connection, _REFUSED),
            told=frozenset((public_id("pay", row.payment_id, mode), row.seq) for row in events),
            orders=orders,
            portals=portals,
            totals={day: treasury.get("/v1/reports/agency-totals", date=f"{day}") for day in days},
            discrepancies=treasury.discrepancies(),
            runs=runs,
        )


def _number(connection: Connection, question: Any, **binds: str) -> int:
    return int(connection.scalar(question, binds) or 0)
