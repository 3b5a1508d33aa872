"""The books of payouts: for each one the sum of its journals is what its lines and its entry say, and a difference is one journal.

So it does not matter what came first, nor how often anything comes: what is booked already is taken off what should be.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, Text, Uuid

from payhub.clock import local_date
from payhub.hub import Hub
from payhub.ledger import facts
from payhub.ledger.shares import Part
from reconciliation.banking.matching import Decision, Key
from reconciliation.banking.payouts import Whole

Whose = tuple[uuid.UUID | None, str | None, str | None]
"""Agency, kind of fee, budget line; of nobody where the money cannot be told apart."""
NOBODY: Whose = (None, None, None)
Book = Callable[[Session, facts.Fact], None]
"""A fact of the ledger that waits for its day."""

_KEYS = (bindparam("accounts", type_=ARRAY(Uuid())), bindparam("references", type_=ARRAY(Text())))
_BOOKED = text(
    """
    SELECT journal.gateway_account_id, journal.payout_reference, posting.currency, journal.fact, posting.account, posting.agency_id,
           posting.kind, posting.budget_line, sum(posting.amount)::bigint AS amount
    FROM journal JOIN posting ON posting.journal_id = journal.id
    WHERE journal.gateway_account_id = ANY (:accounts) AND journal.payout_reference = ANY (:references)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    """
).bindparams(*_KEYS)
# What the runs proved of each payment to us, less what their last words found given back.
_AGENCIES = text(
    """
    WITH part AS (
      SELECT part.settlement_id, part.gateway_account_id, part.reference, part.currency,
             CASE WHEN part.named THEN part.reference ELSE '' END AS payout
      FROM gateway_payout AS part JOIN settlement AS file ON file.id = part.settlement_id
      WHERE part.gateway_account_id = ANY (:accounts) AND part.reference = ANY (:references) AND file.superseded_by_id IS NULL
    ), latest AS (
      SELECT DISTINCT ON (settlement_id) id, settlement_id FROM run
      WHERE state = 'done' AND settlement_id IN (SELECT settlement_id FROM part) ORDER BY settlement_id, id DESC
    )
    SELECT gateway_account_id, reference, currency, agency_id, kind, budget_line, sum(amount)::bigint AS amount FROM (
      SELECT part.*, total.agency_id, total.kind, total.budget_line, total.amount
      FROM part JOIN run ON run.settlement_id = part.settlement_id
      JOIN run_total AS total ON total.run_id = run.id AND total.payout = part.payout AND total.currency = part.currency
      UNION ALL
      SELECT part.*, refund.agency_id, refund.kind, refund.budget_line, -refund.amount
      FROM part JOIN latest ON latest.settlement_id = part.settlement_id
      JOIN run_refund AS refund ON refund.run_id = latest.id AND refund.payout = part.payout AND refund.currency = part.currency
    ) AS each
    GROUP BY 1, 2, 3, 4, 5, 6
    """
).bindparams(*_KEYS)


@dataclass(slots=True)
class Stand:
    """What the books hold of a payout, or should. `receivable` is what was credited, by whose it is."""

    fees: int = 0
    kept: int = 0
    bank: int = 0
    receivable: defaultdict[Whose, int] = field(default_factory=lambda: defaultdict(int))


def post(hub: Hub, session: Session, decided: Mapping[Key, Decision], wholes: Mapping[Key, Whole], now: datetime) -> None:
    """Book what is missing of each of these payouts, in the order of days: so their locks are taken."""
    if not decided:
        return
    booked, agencies = _booked(session, decided), _agencies(session, decided)
    moves: list[tuple[date, Key, Book]] = []
    for key, decision in decided.items():
        whole = wholes.get(key)
        reported, banked = _days(decision, whole, local_date(now))
        wanted, stands = _due(decision, whole, agencies.get(key, {})), booked[key]
        moves += [(reported, key, book) for book in _withheld(wanted, stands)]
        moves += [(banked, key, book) for book in _banked(wanted, stands)]
    for on, key, book in sorted(moves, key=lambda move: move[:2]):
        account = hub.registers.gateway_accounts_by_id[key[0]]
        book(session, facts.dated(session, hub.registers, account, on, now, key[2], payout_reference=key[1]))


def _due(decision: Decision, whole: Whole | None, agencies: Mapping[Whose, int]) -> Stand:
    """Return what should stand in the books: what was withheld once it is reported, everything once it is banked."""
    stand = Stand()
    if whole is None:
        return stand
    stand.fees, stand.kept = whole.fees, -whole.adjustments
    if decision.state == "banked":
        stand.bank = whole.net
        stand.receivable.update({whose: amount for whose, amount in agencies.items() if amount})
        rest = whole.net - sum(stand.receivable.values())
        if rest:
            stand.receivable[NOBODY] = rest
    return stand


def _days(decision: Decision, whole: Whole | None, today: date) -> tuple[date, date]:
    """Return the last day of its settlements, and the day on which the bank last spoke of it, or should have."""
    said = [entry.booked_on for entry in (decision.entry, *decision.told) if entry is not None]
    if whole is None:
        return today, max(said, default=today)
    return whole.until_on, max(said, default=whole.due_on)


def _withheld(wanted: Stand, stands: Stand) -> Iterator[Book]:
    if fees := wanted.fees - stands.fees:
        yield partial(facts.fee_withheld, amount=fees)
    if kept := wanted.kept - stands.kept:
        yield partial(facts.adjusted, amount=kept)


def _banked(wanted: Stand, stands: Stand) -> Iterator[Book]:
    whose = sorted({*wanted.receivable, *stands.receivable}, key=str)
    moved = [(each, amount) for each in whose if (amount := wanted.receivable.get(each, 0) - stands.receivable.get(each, 0))]
    if not moved:
        return
    gross = [Part(amount, agency_id=each[0], kind=each[1], budget_line=each[2]) for each, amount in moved]
    # Told apart while both are known: what is the agencies', and what was withheld of it.
    withheld = 0 if stands.receivable else wanted.fees + wanted.kept
    yield partial(facts.banked, gross=[*gross, Part(withheld)], withheld=withheld)


def _booked(session: Session, keys: Collection[Key]) -> defaultdict[Key, Stand]:
    found: defaultdict[Key, Stand] = defaultdict(Stand)
    for row in session.execute(_BOOKED, _asked(keys)):
        stand = found[row.gateway_account_id, row.payout_reference, row.currency]
        match row.fact, row.account:
            case "fee_withheld", "gateway_fees":
                stand.fees += row.amount
            case "adjusted", "differences":
                stand.kept += row.amount
            case "banked", "bank":
                stand.bank += row.amount
            case "banked", "receivable":
                stand.receivable[row.agency_id, row.kind, row.budget_line] -= row.amount
    for stand in found.values():
        stand.receivable = defaultdict(int, {whose: amount for whose, amount in stand.receivable.items() if amount})
    return found


def _agencies(session: Session, keys: Collection[Key]) -> Mapping[Key, Mapping[Whose, int]]:
    found: defaultdict[Key, dict[Whose, int]] = defaultdict(dict)
    for row in session.execute(_AGENCIES, _asked(keys)):
        found[row.gateway_account_id, row.reference, row.currency][row.agency_id, row.kind, row.budget_line] = row.amount
    return found


def _asked(keys: Collection[Key]) -> dict[str, Sequence[object]]:
    return {"accounts": sorted({key[0] for key in keys}), "references": sorted({key[1] for key in keys})}
