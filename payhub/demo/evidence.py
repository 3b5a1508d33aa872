"""Everything the day left behind, read once from every party's side: the hub's rows, the gateways' books, what portals heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from payhub.demo.closing import Planned, Treasury, is_paid
from payhub.demo.day import Lived
from payhub.demo.national import NationalPortal
from payhub.demo.portal import Portal
from payhub.demo.seed import TOLD
from payhub.demo.simulator import TERMINALS
from payhub.hub import Hub
from payhub.ids import public_id

Books = Sequence[Mapping[str, Any]]

_STATES = text("SELECT state, count(*) AS payments FROM payment GROUP BY state ORDER BY state")
_ATTEMPTS = text(
    """
    SELECT attempt.reference, account.code, attempt.state, attempt.applied, attempt.confirmed
    FROM attempt JOIN gateway_account AS account ON account.id = attempt.gateway_account_id
    """
)
_RECEIVABLE = text(
    """
    SELECT account.code, coalesce(sum(posting.amount), 0)::bigint AS amount
    FROM gateway_account AS account
    LEFT JOIN journal ON journal.gateway_account_id = account.id AND journal.fact NOT IN ('fee_withheld', 'adjusted', 'banked')
    LEFT JOIN posting ON posting.journal_id = journal.id AND posting.account = 'receivable'
    GROUP BY account.code
    """
)
_DUE = text("SELECT coalesce(sum(l.amount), 0) FROM payment_line l JOIN payment p ON p.id = l.payment_id WHERE p.state = 'paid'")
_BALANCE = text("SELECT coalesce(sum(amount), 0) FROM posting WHERE account = :account")
_DAYS = text("SELECT DISTINCT business_on FROM posting WHERE account = 'owed' ORDER BY business_on")
_EVENTS = text(
    """
    SELECT payment_id, seq FROM event JOIN payment ON payment.id = event.payment_id JOIN portal ON portal.id = payment.portal_id
    WHERE type = ANY (:types) AND portal.code = ANY (:portals)
    """
)
_NAMES = text(
    "SELECT name.reference, name.amount, payment.state FROM national_reference AS name JOIN payment ON payment.id = name.payment_id"
)
_BOOKED = text("SELECT min(business_on) AS first_on, max(business_on) AS last_on FROM posting")
_TIMES = text("SELECT coalesce(sum(times), 0) FROM callback WHERE verdict NOT IN ('forged', 'malformed')")
_REFUSED = text("SELECT coalesce(sum(times), 0) FROM callback WHERE verdict IN ('forged', 'malformed')")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One order as the hub has it."""

    account: str
    state: str
    applied: bool
    confirmed: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All sides of one day.

    Amounts are whole VND; `attempts` go by the order's reference, `receivable` by gateway account, before anything is paid over.
    `bank` is what the ledger has at the bank, `banked` whose it is, by agency. `times` counts arrivals of verified callbacks,
    `refused` those kept of others.
    """

    lived: Sequence[Lived]
    planned: Sequence[Planned]
    states: Mapping[str, int]
    attempts: Mapping[str, Attempt]
    due: int
    owed: int
    bank: int
    receivable: Mapping[str, int]
    times: int
    refused: int
    told: frozenset[tuple[str, int]]
    orders: Books
    portals: Sequence[Portal]
    national: Sequence[NationalPortal]
    names: Mapping[str, tuple[int, str]]
    """By MaThamChieu, what was asked under it and the state of the payment it names."""
    totals: Mapping[date, Mapping[str, Any]]
    by_account: Mapping[str, Mapping[date, Mapping[str, Any]]]
    """The same of each gateway account."""
    banked: Mapping[str, int]
    payouts: Sequence[Mapping[str, Any]]
    announced: Books
    """The same payouts as the gateways and the bank have them."""
    discrepancies: Sequence[Mapping[str, Any]]
    runs: Sequence[Mapping[str, Any]]

    def paid(self, account: str) -> dict[str, int]:
        """What a gateway has, by reference."""
        terminal = TERMINALS[account]
        return {order["reference"]: order["amount"] for order in self.orders if order["terminal"] == terminal and is_paid(order)}

    def attempts_of(self, account: str) -> dict[str, Attempt]:
        """The orders at one gateway account."""
        return {reference: attempt for reference, attempt in self.attempts.items() if attempt.account == account}

    def tries(self, *, forged: bool) -> list[Mapping[str, Any]]:
        """Every callback that was sent, each try by itself: a stranger's, or the gateway's own."""
        ipns = [ipn for order in self.orders for ipn in order["ipns"] if (ipn["tells"] == "forged") is forged]
        return [tried for ipn in ipns for tried in ipn["tries"]]

    def sums(self, account: str = "") -> list[Mapping[str, Any]]:
        """The sum of each day, of one gateway account or of all."""
        days = self.by_account[account] if account else self.totals
        return [total for day in days.values() for total in day["sum"]]


def gather(
    hub: Hub,
    treasury: Treasury,
    portals: Sequence[Portal],
    national: Sequence[NationalPortal],
    *,
    lived: Sequence[Lived],
    planned: Sequence[Planned],
    orders: Books,
    announced: Books,
    runs: Sequence[Mapping[str, Any]],
) -> Evidence:
    """Read what is left of the day: rows in one snapshot, reports over HTTP."""
    with hub.db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        days = [row.business_on for row in connection.execute(_DAYS)]
        mode = hub.settings.mode
        events = connection.execute(_EVENTS, {"types": list(TOLD), "portals": [portal.code for portal in portals]})
        return Evidence(
            lived=lived,
            planned=planned,
            states={row.state: row.payments for row in connection.execute(_STATES)},
            attempts={
                row.reference: Attempt(row.code, row.state, row.applied, row.confirmed) for row in connection.execute(_ATTEMPTS)
            },
            due=_number(connection, _DUE),
            owed=-_number(connection, _BALANCE, account="owed"),
            bank=_number(connection, _BALANCE, account="bank"),
            receivable={row.code: row.amount for row in connection.execute(_RECEIVABLE)},
            times=_number(connection, _TIMES),
            refused=_number(connection, _REFUSED),
            told=frozenset((public_id("pay", row.payment_id, mode), row.seq) for row in events),
            orders=orders,
            portals=portals,
            national=national,
            names={row.reference: (row.amount, row.state) for row in connection.execute(_NAMES)},
            totals={day: treasury.totals(day) for day in days},
            by_account={account: {day: treasury.totals(day, account) for day in days} for account in TERMINALS},
            banked=_banked(treasury, *connection.execute(_BOOKED).one()),
            payouts=treasury.payouts(),
            announced=announced,
            discrepancies=treasury.discrepancies(),
            runs=runs,
        )


def _banked(treasury: Treasury, first_on: date | None, last_on: date | None) -> dict[str, int]:
    """Ask what arrived at the bank of each agency's money, on all days on which anything was booked."""
    added: defaultdict[str, int] = defaultdict(int)
    for total in treasury.totals(first_on, until=last_on)["totals"] if first_on else ():
        added[total["agency"]] += total["banked"]
    return dict(added)


def _number(connection: Connection, question: Any, **binds: str) -> int:
    return int(connection.scalar(question, binds) or 0)
