"""The rows that a figure is the sum of: postings with their journals, proofs with their settlements, payouts with their entries."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger, Date, Text, TypeEngine, Uuid

from payhub.ledger import rollups
from payhub.ledger.figures import BY_NAME, OWED, Figure
from reconciliation.reports.proven import BANKED, LATEST, MODES

_STAYED = Figure("difference", "owed", ("applied", "allocated", "applied_reversed"), -1)
LEDGER: Mapping[str, Figure] = {**BY_NAME, "retained": OWED, "budget": OWED, "difference": _STAYED}
"""Figures of which postings are rows, and which postings."""
TRACED = tuple(sorted({*LEDGER, "reported"}))
NOT_OF_COHORTS = ("banked_rest", "net")
"""What the journals of payouts alone say, and payouts are of no cohort."""

_WHOSE = """(CAST(:account_id AS uuid) IS NULL OR posting.gateway_account_id = :account_id)
        AND (CAST(:agency AS text) IS NULL OR posting.agency_id IN (SELECT id FROM agency WHERE code = :agency))
        AND (CAST(:kind AS text) IS NULL OR posting.kind = :kind)
        AND (CAST(:budget_line AS text) IS NULL OR posting.budget_line = :budget_line)"""
_BOOKED_ON = "posting.business_on BETWEEN :first_on AND :last_on"
_CAME_ON = f"{rollups.CAME_ON} BETWEEN :first_on AND :last_on"
# By the day of the cohort there is no index of postings: what pays is booked on that day, or is among the few that are booked on
# another; all else is rare, and rollups say on which days there is any.
_DAYS_APART = f"(SELECT DISTINCT business_on FROM ({rollups.BOOKED}) AS booked WHERE cohort_on BETWEEN :first_on AND :last_on)"  # noqa: S608 - ours
_WAYS = {
    "activity": (_BOOKED_ON,),
    "cohort": (
        f"journal.fact = 'applied' AND journal.business_on = journal.cohort_on AND {_BOOKED_ON}",
        f"journal.fact = 'applied' AND journal.business_on <> journal.cohort_on AND {_CAME_ON}",
        f"journal.fact <> 'applied' AND journal.business_on IN {_DAYS_APART} AND {_CAME_ON}",
    ),
}
_POSTINGS = """
      SELECT min(posting.id) AS id, posting.journal_id, posting.payment_line_id, posting.gateway_account_id, posting.agency_id,
             posting.kind, posting.budget_line, posting.currency, sum(posting.amount) AS amount,
             coalesce(sum(posting.amount) FILTER (WHERE share = 'retained'), 0) AS retained
      FROM posting JOIN journal ON journal.id = posting.journal_id
      WHERE {way} AND {condition}
        AND {whose}
      GROUP BY 2, 3, 4, 5, 6, 7, 8"""
_OF_LEDGER = """
    SELECT '1' || lpad(id::text, 19, '0'), journal_id, payment_line_id, gateway_account_id, agency_id, kind, budget_line,
           currency, ({amount})::bigint, NULL::uuid, NULL::bigint
    FROM ({postings}) AS booked WHERE ({amount}) <> 0"""
# The proofs of a line that was collected are found by its own key, line after line until the page is full.
_OF_PROOFS = """(
    SELECT '2' || proof.payment_line_id || proof.run_id, booked.journal_id, booked.payment_line_id, booked.gateway_account_id,
           booked.agency_id, booked.kind, booked.budget_line, booked.currency,
           {sign} * CASE WHEN proof.holds THEN proof.amount ELSE -proof.amount END, proof.run_id, proof.number
    FROM (
      SELECT * FROM ({postings}) AS each
      WHERE payment_line_id >= CAST(CASE WHEN :after LIKE '2%' THEN substr(:after, 2, 36) END AS uuid) OR :after < '2'
      ORDER BY payment_line_id OFFSET 0
    ) AS booked
    CROSS JOIN LATERAL (SELECT * FROM proof WHERE proof.payment_line_id = booked.payment_line_id OFFSET 0) AS proof
    JOIN run ON run.id = proof.run_id
    JOIN settlement AS file ON file.id = run.settlement_id AND file.superseded_by_id IS NULL
    {banked}
    WHERE '2' || proof.payment_line_id || proof.run_id > :after COLLATE "C"
    ORDER BY booked.payment_line_id, proof.run_id LIMIT :limit)"""
_LISTED = """
    JOIN LATERAL (
      SELECT coalesce(line.payout, '') AS payout, line.currency FROM settlement_line AS line
      WHERE line.part = file.part AND line.settlement_id = file.id AND line.number = {row}.number
    ) AS listed ON true"""
_IN_PAYOUT = _LISTED + BANKED.format(total="listed")
# Refunds that the last run of a settlement agreed with came out of its payout.
_OF_REFUNDS = """
    SELECT '3' || given.run_id || lpad(given.number::text, 19, '0') || taken.payment_line_id, booked.journal_id,
           taken.payment_line_id, booked.gateway_account_id, booked.agency_id, booked.kind, booked.budget_line, booked.currency,
           -taken.amount, given.run_id, given.number
    FROM (
      SELECT DISTINCT ON (journal.refund_id, posting.payment_line_id) journal.refund_id, posting.*
      FROM ({postings}) AS posting JOIN journal ON journal.id = posting.journal_id
      ORDER BY journal.refund_id, posting.payment_line_id, posting.id
    ) AS booked
    JOIN refund_line AS taken ON taken.refund_id = booked.refund_id AND taken.payment_line_id = booked.payment_line_id
    JOIN refund_match AS given ON given.refund_id = booked.refund_id
    JOIN run ON run.id = given.run_id
    JOIN settlement AS file ON file.id = run.settlement_id AND file.superseded_by_id IS NULL
    {banked}
    WHERE run.id = {latest}"""
# Everything else that is told of a row is looked up for the rows of the page alone.
_PAGE = """
    WITH page AS MATERIALIZED (
      SELECT * FROM ({rows}) AS row
        (key, journal_id, payment_line_id, gateway_account_id, agency_id, kind, budget_line, currency, amount, run_id, number)
      WHERE key COLLATE "C" > :after ORDER BY key COLLATE "C" LIMIT :limit
    )
    SELECT page.key, page.amount, page.currency, agency.code AS agency, page.kind, page.budget_line,
           gateway_account.code AS gateway_account, payment.id AS payment_id, payment.reference AS payment_reference,
           line.number AS payment_line, journal.fact, journal.business_on, journal.recorded_at,
           coalesce(attempt.cohort_on, journal.cohort_on) AS cohort_on, attempt.reference AS attempt_reference,
           file.id AS settlement_id, file.file_name AS settlement_file, page.number AS settlement_row, paid.reference AS payout,
           paid.entry_id, told.file_name AS statement_file, told.number AS statement_row
    FROM page
    JOIN gateway_account ON gateway_account.id = page.gateway_account_id
    JOIN journal ON journal.id = page.journal_id
    LEFT JOIN agency ON agency.id = page.agency_id
    LEFT JOIN attempt ON attempt.id = journal.attempt_id
    LEFT JOIN payment_line AS line ON line.id = page.payment_line_id
    LEFT JOIN payment ON payment.id = coalesce(line.payment_id, journal.payment_id)
    LEFT JOIN run ON run.id = page.run_id
    LEFT JOIN settlement AS file ON file.id = run.settlement_id
    LEFT JOIN LATERAL (
      SELECT part.reference, state.bank_entry_id AS entry_id
      FROM gateway_payout AS part
      LEFT JOIN payout_state AS state ON state.gateway_account_id = part.gateway_account_id AND state.reference = part.reference
        AND state.currency = part.currency
      WHERE page.run_id IS NOT NULL AND part.settlement_id = file.id AND part.currency = page.currency
        AND CASE WHEN part.named THEN part.reference ELSE '' END = coalesce((
          SELECT listed.payout FROM settlement_line AS listed
          WHERE listed.part = file.part AND listed.settlement_id = file.id AND listed.number = page.number), '')
      UNION ALL
      SELECT journal.payout_reference, (
        SELECT state.bank_entry_id FROM payout_state AS state WHERE state.gateway_account_id = journal.gateway_account_id
          AND state.reference = journal.payout_reference AND state.currency = page.currency)
      WHERE page.run_id IS NULL AND journal.payout_reference IS NOT NULL
    ) AS paid ON true
    LEFT JOIN LATERAL (
      SELECT said.file_name, row.number FROM statement_line AS row JOIN statement AS said ON said.id = row.statement_id
      WHERE row.bank_entry_id = paid.entry_id AND said.superseded_by_id IS NULL ORDER BY said.kind DESC, said.from_on LIMIT 1
    ) AS told ON true
    ORDER BY page.key COLLATE "C"
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which figure, mode and days the rows are asked for; None is all."""

    figure: str
    mode: str
    first_on: date
    last_on: date
    account_id: uuid.UUID | None = None
    agency: str | None = None
    kind: str | None = None
    budget_line: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a figure: what it adds to it, and where it comes from, as far as that is known of such a row."""

    key: str
    amount: int
    currency: str
    agency: str | None
    kind: str | None
    budget_line: str | None
    gateway_account: str
    payment_id: uuid.UUID | None
    payment_reference: str | None
    payment_line: int | None
    fact: str
    business_on: date
    recorded_at: datetime
    cohort_on: date
    attempt_reference: str | None
    settlement_id: uuid.UUID | None
    settlement_file: str | None
    settlement_row: int | None
    payout: str | None
    entry_id: uuid.UUID | None
    statement_file: str | None
    statement_row: int | None


def _postings(mode: str, condition: str) -> str:
    return " UNION ALL ".join(_POSTINGS.format(way=way, condition=condition, whose=_WHOSE) for way in _WAYS[mode])


def _of_ledger(mode: str, figure: str) -> str:
    movement = LEDGER[figure]
    amount = {"retained": "-retained", "budget": "retained - amount"}.get(figure, f"{movement.sign} * amount")
    return _OF_LEDGER.format(postings=_postings(mode, movement.condition), amount=amount)


def _rows(mode: str, figure: str) -> str:
    """Return the statement of a figure's rows."""
    collected = _postings(mode, LEDGER["collected"].condition)
    proofs: Callable[..., str] = _OF_PROOFS.format
    if figure == "reported":
        return proofs(postings=collected, sign=1, banked="")
    if figure == "difference":
        return f"{_of_ledger(mode, figure)} UNION ALL {proofs(postings=collected, sign=-1, banked='')}"
    if figure == "banked" and mode == "cohort":
        refunded = _postings(mode, LEDGER["refunded"].condition)
        given = _OF_REFUNDS.format(postings=refunded, latest=LATEST, banked=_IN_PAYOUT.format(row="given"))
        return f"{proofs(postings=collected, sign=1, banked=_IN_PAYOUT.format(row='proof'))} UNION ALL {given}"
    return _of_ledger(mode, figure)


def _statement(mode: str, figure: str) -> TextClause:
    types: Mapping[str, TypeEngine[Any]] = {
        "first_on": Date(), "last_on": Date(), "account_id": Uuid(), "agency": Text(), "kind": Text(), "budget_line": Text(),
        "after": Text(), "limit": BigInteger(),
    }  # fmt: skip
    return text(_PAGE.format(rows=_rows(mode, figure))).bindparams(*(bindparam(name, type_=type_) for name, type_ in types.items()))


_STATEMENTS = {(mode, figure): _statement(mode, figure) for mode in MODES for figure in TRACED}


def rows(session: Session, asked: Asked, *, limit: int, after: str = "") -> Sequence[Row]:
    """Return the next rows of a figure, in an order of their own; the sum of all of them is the figure."""
    rollups.ready(session)
    binds = {name: value for name, value in asdict(asked).items() if name not in {"figure", "mode"}}
    found = session.execute(_STATEMENTS[asked.mode, asked.figure], {**binds, "limit": limit, "after": after})
    names = [field.name for field in fields(Row)]
    return [Row(**{name: row[name] for name in names}) for row in found.mappings()]
