"""Opening and resolving discrepancies, many at a time.

There is one open row per kind and key. What is found again changes nothing; what is found with other evidence updates the open row,
puts it back to `open` and is kept as an act. What a person has resolved stays resolved until the evidence is another.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from payhub import ids
from payhub.db import rows_written
from payhub.discrepancies.models import KINDS


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


_OPENING = """
    WITH found AS MATERIALIZED (
      SELECT new_id() AS id, new_id() AS act_id, source.* FROM {source} AS source
    ), latest AS (
      SELECT DISTINCT ON (kind, key) known.id, kind, key, known.state, known.amount, known.evidence
      FROM discrepancy AS known JOIN found USING (kind, key)
      ORDER BY kind, key, known.id DESC
    ), settled AS (
      SELECT latest.kind, latest.key FROM latest JOIN found USING (kind, key)
      WHERE latest.state = 'resolved' AND latest.amount = found.amount AND latest.evidence = found.evidence
        AND EXISTS (SELECT FROM discrepancy_act AS act WHERE act.discrepancy_id = latest.id AND act.act = 'resolved')
    ), opened AS (
      INSERT INTO discrepancy AS known
        (id, kind, key, state, gateway_account_id, payment_id, "on", amount, currency, evidence, opened_at, resolved_at)
      SELECT id, kind, key, 'open', gateway_account_id, payment_id, "on", amount, currency, evidence, :now, NULL
      FROM found WHERE NOT EXISTS (SELECT FROM settled WHERE settled.kind = found.kind AND settled.key = found.key)
      ORDER BY kind, key
      ON CONFLICT (kind, key) WHERE state <> 'resolved' DO UPDATE
        SET state = 'open', "on" = excluded."on", amount = excluded.amount, currency = excluded.currency,
            evidence = excluded.evidence, payment_id = coalesce(excluded.payment_id, known.payment_id)
        WHERE known.amount <> excluded.amount OR known.currency <> excluded.currency OR known.evidence <> excluded.evidence
      RETURNING id, kind, key, xmax = 0 AS fresh
    )
    INSERT INTO discrepancy_act (id, discrepancy_id, act, actor, at, data)
    SELECT found.act_id, opened.id, CASE WHEN opened.fresh THEN 'opened' ELSE 'new evidence' END, :actor, :now,
           jsonb_build_object('amount', found.amount, 'currency', found.currency, 'evidence', found.evidence)
    FROM opened JOIN found USING (kind, key)
    """
_LISTED = """(
        SELECT * FROM jsonb_to_recordset(:findings) AS listed(
          kind text, key text, "on" date, amount bigint, currency text, evidence jsonb, gateway_account_id uuid,
          payment_id uuid))"""
_OPEN = text(_OPENING.format(source=_LISTED)).bindparams(bindparam("findings", type_=JSONB))

_RESOLVE = text(
    """
    WITH wanted AS (SELECT * FROM jsonb_to_recordset(:wanted) AS w(id uuid, act_id uuid)),
    resolved AS (
      UPDATE discrepancy SET state = 'resolved', resolved_at = :now FROM wanted
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
    return rows_written(session, _OPEN, {"findings": rows, "now": now, "actor": actor})


def open_found(session: Session, table: str, now: datetime, actor: str) -> int:
    """Open or update what stands in a temporary table of ours, with the columns of a `Finding`; return how many rows changed."""
    return rows_written(session, text(_OPENING.format(source=table)), {"now": now, "actor": actor})


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
    act: str = "resolved",
    data: Mapping[str, Any] | None = None,
) -> int:
    """Resolve open ones by id and say by whom; return how many were open.

    The act `resolved` is a person's decision and holds until the evidence changes; a machine names its act otherwise.
    """
    if not wanted:
        return 0
    pairs = [{"id": discrepancy_id, "act_id": ids.new_id()} for discrepancy_id in wanted]
    return rows_written(session, _RESOLVE, {"wanted": pairs, "act": act, "actor": actor, "now": now, "data": dict(data or {})})
