"""The rows of a day file: each journal of the ledger about a portal's payments, told apart by the figure that it moves."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, Date, Uuid

from payhub.ledger.figures import BY_NAME, Figure
from reconciliation.proofs import STANDS

TYPES: Mapping[str, Figure] = {
    "payment": BY_NAME["collected"],
    "refund": BY_NAME["refunded"],
    "reversal": BY_NAME["reversed"],
    "chargeback": BY_NAME["charged_back"],
    "held": BY_NAME["held"],
    "held_refund": BY_NAME["held_refunded"],
    "held_reversal": BY_NAME["held_reversed"],
    "left_twice": BY_NAME["left_twice"],
}
"""Each type is a figure of the totals: so all portals' files of a day add up to the ledger's day."""
BATCH = 2_000

_TYPE = " ".join(f"WHEN {figure.condition} THEN '{name}'" for name, figure in TYPES.items())
_AMOUNT = " ".join(f"WHEN {figure.condition} THEN {figure.sign} * posting.amount" for figure in TYPES.values())
_ANY = " OR ".join(f"({figure.condition})" for figure in TYPES.values())
ENTRIES = f"""
    SELECT journal.id, payment.portal_id, posting.business_on, CASE {_TYPE} END AS type, posting.currency,
           sum(CASE {_AMOUNT} END)::bigint AS amount
    FROM posting JOIN journal ON journal.id = posting.journal_id JOIN payment ON payment.id = journal.payment_id
    WHERE ({_ANY}) AND {{which}}
    GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608 - our own pieces
"""What each journal moved, by portal, day, type and currency. `which` says which journals."""
_OF_DAY = ENTRIES.format(which="posting.business_on = :on AND payment.portal_id = :portal_id")
# The gateway's number of a refund is that of the request that was sent last.
_ROWS = text(
    f"""
    SELECT entry.type, entry.id AS entry, payment.id AS payment_id, payment.reference, payment.portal_reference, payment.dossier,
           journal.refund_id, gateway_account.gateway, gateway_account.code AS gateway_account,
           attempt.reference AS attempt_reference,
           CASE WHEN journal.refund_id IS NULL THEN attempt.gateway_transaction ELSE given.gateway_transaction END AS transaction,
           entry.amount, entry.currency, attempt.paid_at, journal.recorded_at,
           coalesce(attempt.cohort_on, journal.cohort_on) AS cohort_on
    FROM ({_OF_DAY}) AS entry
    JOIN journal ON journal.id = entry.id
    JOIN payment ON payment.id = journal.payment_id
    JOIN gateway_account ON gateway_account.id = journal.gateway_account_id
    LEFT JOIN attempt ON attempt.id = journal.attempt_id
    LEFT JOIN LATERAL (
      SELECT gateway_transaction FROM refund_try WHERE refund_try.refund_id = journal.refund_id ORDER BY number DESC LIMIT 1
    ) AS given ON true
    WHERE entry.amount <> 0 ORDER BY entry.id, entry.type
    """  # noqa: S608 - our own pieces
).bindparams(bindparam("portal_id", type_=Uuid()), bindparam("on", type_=Date()))
_PROOFS = text(f"SELECT payment_id, reported_on, banked_on FROM ({STANDS}) AS stands").bindparams(  # noqa: S608 - our own piece
    bindparam("payments", type_=ARRAY(Uuid()))
)
_COUNTED = text(
    f"""
    SELECT type, currency, count(*) AS count, sum(amount)::bigint AS amount FROM ({_OF_DAY}) AS entry
    WHERE amount <> 0 GROUP BY type, currency
    """  # noqa: S608 - our own pieces
).bindparams(bindparam("portal_id", type_=Uuid()), bindparam("on", type_=Date()))

Proofs = tuple[date | None, date | None]


def rows(session: Session, portal_id: uuid.UUID, on: date) -> Iterator[tuple[RowMapping, Proofs]]:
    """Yield the rows of a day, each with when its payment was reported and banked; in batches, whatever their number."""
    found = session.execute(
        _ROWS, {"portal_id": portal_id, "on": on}, execution_options={"stream_results": True, "yield_per": BATCH}
    )
    for batch in found.mappings().partitions(BATCH):
        proofs = _proofs(session, batch)
        for row in batch:
            yield row, proofs.get(row["payment_id"], (None, None)) if row["type"] == "payment" else (None, None)


def counted(session: Session, portal_id: uuid.UUID, on: date) -> dict[tuple[str, str], tuple[int, int]]:
    """Return what the ledger says of a portal's day now: by type and currency, how many entries and their sum."""
    return {
        (row["type"], row["currency"]): (row["count"], row["amount"])
        for row in session.execute(_COUNTED, {"portal_id": portal_id, "on": on}).mappings()
    }


def _proofs(session: Session, batch: Sequence[RowMapping]) -> dict[Any, Proofs]:
    paid = list({row["payment_id"] for row in batch if row["type"] == "payment"})
    if not paid:
        return {}
    return {row.payment_id: (row.reported_on, row.banked_on) for row in session.execute(_PROOFS, {"payments": paid})}
