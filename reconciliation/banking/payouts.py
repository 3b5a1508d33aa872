"""What a settlement says is paid over, added up when it is taken, and the payouts all settlements together speak of."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, BigInteger, Date, Uuid

from payhub.accounts.calendar import terms_on
from payhub.accounts.models import GatewayAccount
from payhub.agencies.calendar import working_days_after
from payhub.registers import Registers
from reconciliation.banking.matching import Key
from reconciliation.models import Settlement

# One scan of the file's own lines. What names no payout is paid over as the file's days.
_ADD_UP = text(
    """
    INSERT INTO gateway_payout (settlement_id, reference, currency, gateway_account_id, named, lines, gross, refunds, reversals,
                                fees, adjustments, net, due_on, awaited_until)
    SELECT :settlement_id, coalesce(payout, :days), currency, :account_id, payout IS NOT NULL, lines, gross, refunds, reversals,
           fees, adjustments, gross - refunds - reversals - fees + adjustments, :due_on, :awaited_until
    FROM (
      SELECT payout, currency, sum(lines) AS lines,
             coalesce(sum(amount) FILTER (WHERE line_type = 'payment'), 0) AS gross,
             coalesce(sum(amount) FILTER (WHERE line_type = 'refund'), 0) AS refunds,
             coalesce(sum(amount) FILTER (WHERE line_type = 'reversal'), 0) AS reversals,
             sum(fee) + coalesce(sum(amount) FILTER (WHERE line_type = 'fee'), 0) AS fees,
             coalesce(sum(amount) FILTER (WHERE line_type = 'adjustment'), 0) AS adjustments
      FROM (
        SELECT payout, currency, line_type, count(*) AS lines, sum(amount) AS amount, sum(fee) AS fee FROM settlement_line
        WHERE part = :part AND settlement_id = :settlement_id GROUP BY payout, currency, line_type
      ) AS kinds
      GROUP BY payout, currency
    ) AS added
    ON CONFLICT (settlement_id, reference, currency) DO UPDATE
      SET lines = excluded.lines, gross = excluded.gross, refunds = excluded.refunds, reversals = excluded.reversals,
          fees = excluded.fees, adjustments = excluded.adjustments, net = excluded.net
      WHERE gateway_payout.lines <> excluded.lines
    """
).bindparams(
    bindparam("settlement_id", type_=Uuid()), bindparam("account_id", type_=Uuid()), bindparam("part", type_=BigInteger()),
    bindparam("due_on", type_=Date()), bindparam("awaited_until", type_=Date()),
)  # fmt: skip
_WHOLE = """
    SELECT part.gateway_account_id, part.reference, part.currency, sum(part.net)::bigint AS net, sum(part.fees)::bigint AS fees,
           sum(part.adjustments)::bigint AS adjustments, sum(part.gross - part.refunds - part.reversals)::bigint AS taken,
           max(part.due_on) AS due_on, max(part.awaited_until) AS awaited_until, max(file.until_on) AS until_on,
           bool_or(part.named) AS named
    FROM gateway_payout AS part JOIN settlement AS file ON file.id = part.settlement_id
    WHERE part.gateway_account_id = ANY (:accounts) AND file.superseded_by_id IS NULL AND part.reference IN (
      SELECT near.reference FROM gateway_payout AS near
      WHERE near.gateway_account_id = part.gateway_account_id AND {near})
    GROUP BY 1, 2, 3
"""
_ACCOUNTS = bindparam("accounts", type_=ARRAY(Uuid()))
_DUE = text(_WHOLE.format(near="near.due_on BETWEEN :first_on AND :last_on")).bindparams(
    _ACCOUNTS, bindparam("first_on", type_=Date()), bindparam("last_on", type_=Date())
)
_SPOKEN_OF = text(
    """
    SELECT DISTINCT part.gateway_account_id, part.reference, part.currency, part.due_on
    FROM gateway_payout AS part JOIN settlement AS file ON file.id = part.settlement_id
    WHERE file.gateway_account_id = :account_id AND file.period_on <= :last_on AND file.until_on >= :first_on
    """
).bindparams(bindparam("account_id", type_=Uuid()), bindparam("first_on", type_=Date()), bindparam("last_on", type_=Date()))


@dataclass(frozen=True, slots=True)
class Whole:
    """A payout as all settlements that count speak of it. `taken`: payments less what was given back."""

    key: Key
    net: int
    fees: int
    adjustments: int
    taken: int
    due_on: date
    awaited_until: date
    until_on: date
    named: bool


def write(session: Session, registers: Registers, account: GatewayAccount, settlement: Settlement) -> None:
    """Add a settlement up, per payout that its lines name; again where a row that was set aside has become a line."""
    terms = terms_on(registers, account, settlement.until_on)
    due_on = working_days_after(registers, terms.calendar, settlement.until_on, terms.payout_days)
    session.execute(
        _ADD_UP,
        {
            "settlement_id": settlement.id, "account_id": account.id, "part": settlement.part, "due_on": due_on,
            "days": days_name(settlement.period_on, settlement.until_on),
            "awaited_until": working_days_after(registers, terms.calendar, due_on, terms.payout_tolerance),
        },
    )  # fmt: skip


def days_name(first: date, last: date) -> str:
    """Name the payout of a settlement that names none. No gateway's own name has a space in it."""
    return f"day {first}" if first == last else f"day {first}/{last}"


def due(session: Session, accounts: Collection[uuid.UUID], first_on: date, last_on: date) -> Sequence[Whole]:
    """Return the payouts of these accounts that are due on these days, whole."""
    rows = session.execute(_DUE, {"accounts": list(accounts), "first_on": first_on, "last_on": last_on})
    return [Whole((row.gateway_account_id, row.reference, row.currency), *row[3:]) for row in rows]


def spoken_of(session: Session, account_id: uuid.UUID, first_on: date, last_on: date) -> tuple[set[Key], date, date]:
    """Return the payouts of which any settlement of these days speaks or spoke, and the span of their due dates."""
    rows = session.execute(_SPOKEN_OF, {"account_id": account_id, "first_on": first_on, "last_on": last_on}).all()
    days = [row.due_on for row in rows] or [last_on + timedelta(days=1)]
    return {(row.gateway_account_id, row.reference, row.currency) for row in rows}, min(days), max(days)
