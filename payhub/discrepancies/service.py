"""Opening and resolving discrepancies, many at a time.

There is one row per kind and key. What is found again changes nothing; what is found with other evidence updates the row, puts it
back to `open` and is kept as an act. What is resolved is opened again when it is found again; what people have resolved, when the
evidence is another.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from payhub import ids
from payhub.db import rows_written
from payhub.discrepancies.models import KINDS
from payhub.discrepancies.terms import INFO, Discrepancies

ACCEPTED = "resolved"
"""What the act is called by which people resolve."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Two that disagree: about what (`kind`, `key`), on which of the gateway's days, for how much, and what each side says."""

    kind: str
    key: str
    on: date
    amount: int
    currency: str
    evidence: Mapping[str, Any]
    gateway_account_id: uuid.UUID | None = None
    payment_id: uuid.UUID | None = None


# Held before they are looked at: who resolves one in this very moment is waited for, and the row is then opened again, not another.
_HOLDING = """
    SELECT known.id FROM discrepancy AS known WHERE (known.kind, known.key) IN (SELECT kind, key FROM {source} AS source)
    ORDER BY known.kind, known.key FOR NO KEY UPDATE
    """
# A row that is resolved is opened again, unless people have resolved it with this very evidence; else one is opened, or updated.
_OPENING = """
    WITH found AS MATERIALIZED (
      SELECT new_id() AS id, new_id() AS act_id, source.*,
             :now + make_interval(days => CAST(CAST(:days AS jsonb) ->> source.kind AS int)) AS due_at
      FROM {source} AS source
    ), latest AS (
      SELECT DISTINCT ON (kind, key) known.id, kind, key, known.state,
             known.accepted AND known.amount = found.amount AND known.evidence = found.evidence AS settled
      FROM discrepancy AS known JOIN found USING (kind, key)
      ORDER BY kind, key, known.state <> 'resolved' DESC, known.id DESC
    ), again AS (
      UPDATE discrepancy AS known
      SET state = 'open', version = known.version + 1, "on" = found."on", amount = found.amount, currency = found.currency,
          evidence = found.evidence, payment_id = coalesce(found.payment_id, known.payment_id), opened_at = :now,
          due_at = found.due_at, resolved_at = NULL, accepted = false
      FROM found JOIN latest USING (kind, key)
      WHERE known.id = latest.id AND known.state = 'resolved' AND latest.state = 'resolved' AND NOT latest.settled
      RETURNING known.id, known.kind, known.key, 'opened again' AS act
    ), opened AS (
      INSERT INTO discrepancy AS known
        (id, kind, key, state, gateway_account_id, payment_id, "on", amount, currency, evidence, opened_at, due_at)
      SELECT id, kind, key, 'open', gateway_account_id, payment_id, "on", amount, currency, evidence, :now, due_at
      FROM found WHERE NOT EXISTS (
        SELECT FROM latest WHERE latest.kind = found.kind AND latest.key = found.key AND latest.state = 'resolved')
      ORDER BY kind, key
      ON CONFLICT (kind, key) WHERE state <> 'resolved' DO UPDATE
        SET state = 'open', version = known.version + 1, "on" = excluded."on", amount = excluded.amount,
            currency = excluded.currency, evidence = excluded.evidence, proposal_id = NULL,
            payment_id = coalesce(excluded.payment_id, known.payment_id)
        WHERE known.amount <> excluded.amount OR known.currency <> excluded.currency OR known.evidence <> excluded.evidence
      RETURNING id, kind, key, CASE WHEN xmax = 0 THEN 'opened' ELSE 'new evidence' END AS act
    )
    INSERT INTO discrepancy_act (id, discrepancy_id, act, actor, at, data)
    SELECT found.act_id, told.id, told.act, :actor, :now,
           jsonb_build_object('amount', found.amount, 'currency', found.currency, 'evidence', found.evidence)
    FROM (TABLE again UNION ALL TABLE opened) AS told JOIN found USING (kind, key)
    """
_LISTED = """(
        SELECT * FROM jsonb_to_recordset(:findings) AS listed(
          kind text, key text, "on" date, amount bigint, currency text, evidence jsonb, gateway_account_id uuid,
          payment_id uuid))"""
_TYPED = (bindparam("days", type_=JSONB), bindparam("now", type_=DateTime(timezone=True)))
_HOLD = text(_HOLDING.format(source=_LISTED)).bindparams(bindparam("findings", type_=JSONB))
_OPEN = text(_OPENING.format(source=_LISTED)).bindparams(bindparam("findings", type_=JSONB), *_TYPED)

_RESOLVE = text(
    """
    WITH wanted AS (SELECT * FROM jsonb_to_recordset(:wanted) AS w(id uuid, act_id uuid)),
    resolved AS (
      UPDATE discrepancy
      SET state = 'resolved', resolved_at = :now, accepted = :accepted, proposal_id = NULL, version = version + 1
      FROM wanted
      WHERE discrepancy.id = wanted.id AND discrepancy.state <> 'resolved' RETURNING discrepancy.id, wanted.act_id
    )
    INSERT INTO discrepancy_act (id, discrepancy_id, act, actor, at, data)
    SELECT act_id, id, :act, :actor, :now, :data FROM resolved
    """
).bindparams(bindparam("wanted", type_=JSONB), bindparam("data", type_=JSONB))


def open_many(session: Session, findings: Iterable[Finding], now: datetime, actor: str = "system") -> int:
    """Open what is not open yet and update what is; return how many rows changed. Each kind and key may come once."""
    rows = [
        {
            "kind": finding.kind,
            "key": finding.key,
            "on": finding.on,
            "amount": finding.amount,
            "currency": finding.currency,
            "evidence": finding.evidence,
            "gateway_account_id": finding.gateway_account_id,
            "payment_id": finding.payment_id,
        }
        for finding in findings
    ]
    unknown = {row["kind"] for row in rows} - set(KINDS)
    if unknown:
        raise ValueError(f"not a kind of discrepancy: {', '.join(sorted(map(str, unknown)))}")
    if not rows:
        return 0
    session.execute(_HOLD, {"findings": rows})
    return rows_written(session, _OPEN, {"findings": rows, "now": now, "actor": actor, "days": _days(session)})


def open_found(session: Session, table: str, now: datetime, actor: str) -> int:
    """Open or update what stands in a temporary table of ours, with the columns of a `Finding`; return how many rows changed."""
    session.execute(text(_HOLDING.format(source=table)))
    opening = text(_OPENING.format(source=table)).bindparams(*_TYPED)
    return rows_written(session, opening, {"now": now, "actor": actor, "days": _days(session)})


def due_at(session: Session, kind: str, now: datetime) -> datetime:
    """Return when somebody should have dealt with what is opened now."""
    return now + timedelta(days=_days(session)[kind])


def _days(session: Session) -> Mapping[str, int]:
    return session.info.get(INFO) or Discrepancies().by_kind()


def open_(
    session: Session,
    *,
    kind: str,
    key: str,
    on: date,
    amount: int,
    currency: str,
    evidence: Mapping[str, Any],
    now: datetime,
    gateway_account_id: uuid.UUID | None = None,
    payment_id: uuid.UUID | None = None,
    actor: str = "system",
) -> bool:
    """Open one, or update it; tell whether anything changed."""
    finding = Finding(kind, key, on, amount, currency, evidence, gateway_account_id, payment_id)
    return open_many(session, [finding], now, actor) == 1


def resolve(
    session: Session,
    wanted: Sequence[uuid.UUID],
    *,
    actor: str,
    now: datetime,
    act: str = ACCEPTED,
    data: Mapping[str, Any] | None = None,
) -> int:
    """Resolve open ones by id and say by whom; return how many were open.

    The act `resolved` is what people have decided, and holds until the evidence changes. A machine names its act otherwise, and
    says in `data` by which evidence.
    """
    if not wanted:
        return 0
    pairs = [{"id": discrepancy_id, "act_id": ids.new_id()} for discrepancy_id in wanted]
    binds = {"wanted": pairs, "act": act, "accepted": act == ACCEPTED, "actor": actor, "now": now, "data": dict(data or {})}
    return rows_written(session, _RESOLVE, binds)


def count(session: Session, now: datetime) -> Mapping[str, tuple[int, int]]:
    """Return per kind how many are not resolved, and how many of them are overdue."""
    return {kind: (open_, overdue) for kind, open_, overdue in session.execute(_COUNT, {"now": now})}


_COUNT = text(
    "SELECT kind, count(*), count(*) FILTER (WHERE due_at < :now) FROM discrepancy WHERE state <> 'resolved' GROUP BY kind"
)
