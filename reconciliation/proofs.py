"""What is proven of a payment: that a settlement reports it, and that the bank shows the payout it came in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, Uuid

# All lines of a payment are proven by one settlement or none. Banked follows: the settlement's line is of a payout, and the payout
# is banked, whole. What is looked up is looked up one by one, whatever the size of the tables.
STANDS = """
    SELECT DISTINCT ON (word.payment_id) word.payment_id, word.proved_on AS reported_on, word.number AS row,
           file.id AS settlement_id, file.file_name, state.reference AS payout, state.bank_entry_id AS entry_id,
           state.banked_on
    FROM (
      SELECT DISTINCT ON (line.payment_id, run.settlement_id)
             line.payment_id, run.settlement_id, proof.number, proof.proved_on, proof.holds
      FROM payment_line AS line
      CROSS JOIN LATERAL (SELECT * FROM proof WHERE proof.payment_line_id = line.id OFFSET 0) AS proof
      JOIN run ON run.id = proof.run_id
      WHERE line.payment_id = ANY (:payments) ORDER BY line.payment_id, run.settlement_id, proof.run_id DESC
    ) AS word
    JOIN settlement AS file ON file.id = word.settlement_id AND file.superseded_by_id IS NULL
    CROSS JOIN LATERAL (
      SELECT payout, currency FROM settlement_line AS line
      WHERE line.part = file.part AND line.settlement_id = file.id AND line.number = word.number OFFSET 0) AS line
    LEFT JOIN gateway_payout AS part ON part.settlement_id = file.id AND part.currency = line.currency
      AND CASE WHEN part.named THEN part.reference ELSE '' END = coalesce(line.payout, '')
    LEFT JOIN payout_state AS state ON state.gateway_account_id = part.gateway_account_id AND state.reference = part.reference
      AND state.currency = part.currency
    WHERE word.holds
    ORDER BY word.payment_id, file.period_on
"""
"""Of each of these payments, what settlements and statements that count say: the one truth about what is reported and banked."""
_OF_PAYMENT = text(
    f"""
    SELECT stands.*, told.id AS statement_id, told.number AS statement_row, told.file_name AS statement_file
    FROM ({STANDS}) AS stands LEFT JOIN LATERAL (
      SELECT said.id, said.file_name, row.number FROM statement_line AS row JOIN statement AS said ON said.id = row.statement_id
      WHERE row.bank_entry_id = stands.entry_id AND said.superseded_by_id IS NULL ORDER BY said.kind DESC, said.from_on LIMIT 1
    ) AS told ON true
    """  # noqa: S608 - our own piece
).bindparams(bindparam("payments", type_=ARRAY(Uuid())))


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
    found = session.execute(_OF_PAYMENT, {"payments": [payment_id]}).mappings().one_or_none()
    return Proofs() if found is None else Proofs(_reported(found), _banked(found) if found["banked_on"] else None)


def _reported(found: RowMapping) -> Reported:
    return Reported(found["reported_on"], found["settlement_id"], found["file_name"], found["row"])


def _banked(found: RowMapping) -> Banked:
    return Banked(
        found["banked_on"], found["payout"], found["entry_id"], found["statement_id"], found["statement_file"],
        found["statement_row"],
    )  # fmt: skip
