"""What is proven of a payment: that a settlement reports it, and that the bank shows the payout it came in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

# All lines of a payment are proven by one settlement or none. Banked follows: the settlement's line is of a payout, and the payout
# has an entry.
_OF_PAYMENT = text(
    """
    WITH word AS (
      SELECT DISTINCT ON (run.settlement_id) run.settlement_id, proof.number, proof.proved_on, proof.holds
      FROM payment_line AS line JOIN proof ON proof.payment_line_id = line.id JOIN run ON run.id = proof.run_id
      WHERE line.payment_id = :payment_id ORDER BY run.settlement_id, proof.run_id DESC
    )
    SELECT word.proved_on, word.number AS row, file.id AS settlement_id, file.file_name, state.reference AS payout,
           state.state = 'banked' AS banked, coalesce(entry.booked_on, part.due_on) AS banked_on, entry.id AS entry_id,
           told.id AS statement_id, told.number AS statement_row, told.file_name AS statement_file
    FROM word JOIN settlement AS file ON file.id = word.settlement_id AND file.superseded_by_id IS NULL
    JOIN settlement_line AS line ON line.part = file.part AND line.settlement_id = file.id AND line.number = word.number
    LEFT JOIN gateway_payout AS part ON part.settlement_id = file.id AND part.currency = line.currency
      AND CASE WHEN part.named THEN part.reference ELSE '' END = coalesce(line.payout, '')
    LEFT JOIN payout_state AS state ON state.gateway_account_id = part.gateway_account_id AND state.reference = part.reference
      AND state.currency = part.currency
    LEFT JOIN bank_entry AS entry ON entry.id = state.bank_entry_id
    LEFT JOIN LATERAL (
      SELECT said.id, said.file_name, row.number FROM statement_line AS row JOIN statement AS said ON said.id = row.statement_id
      WHERE row.bank_entry_id = entry.id AND said.superseded_by_id IS NULL ORDER BY said.kind DESC, said.from_on LIMIT 1
    ) AS told ON true
    WHERE word.holds
    ORDER BY file.period_on LIMIT 1
    """
).bindparams(bindparam("payment_id", type_=Uuid()))


@dataclass(frozen=True, slots=True)
class Reported:
    """A settlement lists the payment: on which of the gateway's days, in which file and row of it."""

    on: date
    settlement_id: uuid.UUID
    file_name: str
    row: int


@dataclass(frozen=True, slots=True)
class Banked:
    """The payout it came in stands on a statement, or is of nothing and needs none."""

    on: date
    payout: str
    entry_id: uuid.UUID | None
    statement_id: uuid.UUID | None
    file_name: str | None
    row: int | None


@dataclass(frozen=True, slots=True)
class Proofs:
    """What is proven of a payment; None is what is not."""

    reported: Reported | None = None
    banked: Banked | None = None


def of_payment(session: Session, payment_id: uuid.UUID) -> Proofs:
    """Return what settlements and statements that count say of a payment."""
    found = session.execute(_OF_PAYMENT, {"payment_id": payment_id}).mappings().one_or_none()
    return Proofs() if found is None else Proofs(_reported(found), _banked(found) if found["banked"] else None)


def _reported(found: RowMapping) -> Reported:
    return Reported(found["proved_on"], found["settlement_id"], found["file_name"], found["row"])


def _banked(found: RowMapping) -> Banked:
    return Banked(
        found["banked_on"], found["payout"], found["entry_id"], found["statement_id"], found["statement_file"],
        found["statement_row"],
    )  # fmt: skip
