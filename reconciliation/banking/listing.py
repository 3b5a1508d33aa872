"""Pages of payouts, bank entries and statements, newest first, each bounded, with what belongs to their rows read at once."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, Select, bindparam, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, Uuid

from reconciliation.banking.models import BankEntry, PayoutState, Statement

_IDS = bindparam("ids", type_=ARRAY(Uuid()))
# What settlements that count say; where none does, or none does yet, what the last one said that did.
_FIGURES = text(
    """
    SELECT part.id, sum(part.lines)::bigint AS lines, sum(part.gross)::bigint AS gross, sum(part.refunds)::bigint AS refunds,
           sum(part.reversals)::bigint AS reversals, sum(part.fees)::bigint AS fees, sum(part.adjustments)::bigint AS adjustments,
           sum(part.net)::bigint AS net, max(part.due_on) AS due_on, max(part.awaited_until) AS awaited_until,
           bool_or(part.named) AS named, min(part.banked_on) AS banked_on,
           (array_agg(part.agreed_by))[1] AS agreed_by
    FROM (
      SELECT state.id, state.banked_on, part.lines, part.gross, part.refunds, part.reversals, part.fees, part.adjustments,
             part.net, part.due_on, part.awaited_until, part.named, file.superseded_by_id IS NULL AS counts,
             bool_or(file.superseded_by_id IS NULL) OVER (PARTITION BY state.id) AS any_counts,
             row_number() OVER (PARTITION BY state.id ORDER BY file.id DESC) AS place,
             (SELECT proposal_id FROM payout_agreement WHERE payout_agreement.id = state.agreement_id) AS agreed_by
      FROM payout_state AS state
      JOIN gateway_payout AS part USING (gateway_account_id, reference, currency)
      JOIN settlement AS file ON file.id = part.settlement_id
      WHERE state.id = ANY (:ids)
    ) AS part
    WHERE CASE WHEN any_counts THEN counts ELSE place = 1 END
    GROUP BY part.id
    """
).bindparams(_IDS)
_TELLERS = text(
    """
    SELECT line.bank_entry_id, file.id AS statement, file.kind, line.number AS line, line.codes
    FROM statement_line AS line JOIN statement AS file ON file.id = line.statement_id
    WHERE line.bank_entry_id = ANY (:ids) AND file.superseded_by_id IS NULL
    ORDER BY file.kind DESC, file.from_on, line.number
    """
).bindparams(_IDS)
# What an entry is, or may be: the payout it is, those that its text names, the one of its amount and days.
_MEANT = text(
    """
    SELECT bank_entry_id AS entry_id, 'banked' AS reason, gateway_account_id, reference
    FROM payout_state WHERE bank_entry_id = ANY (:ids)
    UNION
    SELECT part.bank_entry_id, 'banked', state.gateway_account_id, state.reference
    FROM payout_agreement_entry AS part JOIN payout_state AS state ON state.agreement_id = part.agreement_id
    WHERE part.bank_entry_id = ANY (:ids)
    UNION
    SELECT line.bank_entry_id, 'named', naming.gateway_account_id, naming.reference
    FROM statement_line AS line JOIN statement AS file ON file.id = line.statement_id AND file.superseded_by_id IS NULL
    JOIN payout_naming AS naming ON naming.statement_line_id = line.id
    WHERE line.bank_entry_id = ANY (:ids)
    UNION
    SELECT suggested_entry_id, 'amount_and_date', gateway_account_id, reference
    FROM payout_state WHERE suggested_entry_id = ANY (:ids)
    ORDER BY 1, 2, 3, 4
    """
).bindparams(_IDS)


def payouts(
    session: Session, *, limit: int, after: uuid.UUID | None = None, state: str | None = None, account_id: uuid.UUID | None = None
) -> Sequence[PayoutState]:
    """Return payouts; those of which no settlement speaks any more only where they are asked for."""
    wanted = select(PayoutState).order_by(PayoutState.id.desc()).limit(limit)
    wanted = wanted.where(PayoutState.state != "withdrawn") if state is None else wanted.where(PayoutState.state == state)
    if account_id is not None:
        wanted = wanted.where(PayoutState.gateway_account_id == account_id)
    return session.scalars(_from(wanted, PayoutState.id, after)).all()


def entries(
    session: Session, *, limit: int, after: uuid.UUID | None = None, state: str | None = None, bank_id: uuid.UUID | None = None
) -> Sequence[BankEntry]:
    """Return movements on our bank accounts."""
    wanted = select(BankEntry).order_by(BankEntry.id.desc()).limit(limit)
    if state is not None:
        wanted = wanted.where(BankEntry.state == state)
    if bank_id is not None:
        wanted = wanted.where(BankEntry.bank_account_id == bank_id)
    return session.scalars(_from(wanted, BankEntry.id, after)).all()


def statements(
    session: Session, *, limit: int, after: uuid.UUID | None = None, bank_id: uuid.UUID | None = None
) -> Sequence[Statement]:
    """Return statements and notifications as they were taken."""
    wanted = select(Statement).order_by(Statement.id.desc()).limit(limit)
    if bank_id is not None:
        wanted = wanted.where(Statement.bank_account_id == bank_id)
    return session.scalars(_from(wanted, Statement.id, after)).all()


def figures(session: Session, shown: Collection[uuid.UUID]) -> Mapping[uuid.UUID, RowMapping]:
    """Return what settlements say of payouts, added up."""
    return {row["id"]: row for row in session.execute(_FIGURES, {"ids": list(shown)}).mappings()}


def tellers(session: Session, shown: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Sequence[RowMapping]]:
    """Return the statements that count and tell of these entries."""
    found: defaultdict[uuid.UUID, list[RowMapping]] = defaultdict(list)
    for row in session.execute(_TELLERS, {"ids": list(shown)}).mappings():
        found[row["bank_entry_id"]].append(row)
    return found


def meant(session: Session, shown: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Sequence[RowMapping]]:
    """Return which payout each entry is, or may be, and why."""
    found: defaultdict[uuid.UUID, list[RowMapping]] = defaultdict(list)
    for row in session.execute(_MEANT, {"ids": list(shown)}).mappings():
        found[row["entry_id"]].append(row)
    return found


def _from(wanted: Select[Any], column: Any, after: uuid.UUID | None) -> Select[Any]:
    return wanted if after is None else wanted.where(column < after)
