"""What each side says about a discrepancy now, with the file and the row where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.discrepancies.models import Discrepancy
from payhub.hub import Hub
from payhub.payments.receipts import presenting as receipts
from payhub.payments.refunds.models import RefundTry
from reconciliation.files.lines import REASONS
from reconciliation.models import Settlement, SettlementCorrection, SettlementLine
from reconciliation.settlements import as_declared
from reconciliation.workbench.about import About

_MOST = 50


def ours(hub: Hub, session: Session, what: About) -> dict[str, Any]:
    """Return what the hub has: the payment, the attempt, the refund, the money that is held."""
    payment, attempt, refund, mode = what.payment, what.attempt, what.refund, hub.settings.mode
    return {
        "payment": payment and {"id": ids.public_id("pay", payment.id, mode), **_some(payment, "state", "total", "currency")},
        "attempt": attempt and {"id": str(attempt.id), **_some(attempt, *_OF_ATTEMPT)},
        "refund": refund and {"id": ids.public_id("ref", refund.id, mode), **_some(refund, "state", "amount", "end_reason")},
        "unapplied": receipts.describe(hub, session, [what.receipt])[0] if what.receipt else None,
    }


_OF_ATTEMPT = ("reference", "state", "amount", "confirmed", "applied", "gateway_transaction", "raw_code", "gateway_on")


def _some(row: object, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def theirs(hub: Hub, session: Session, found: Discrepancy, what: About) -> list[dict[str, Any]]:
    """Return the lines of settlements that name the same thing, those of files that no longer count too, the newest file first."""
    wanted = _lines(session, found, what)
    if wanted is None:
        return []
    rows = session.execute(wanted.order_by(Settlement.received_at.desc(), SettlementLine.number).limit(_MOST)).all()
    return [_line(hub, line, settlement, correction) for line, settlement, correction in rows]


def _lines(session: Session, found: Discrepancy, what: About) -> Select[*tuple[Any, ...]] | None:
    said = found.evidence.get("gateway") or {}
    names = [name for name in (what.reference, found.evidence.get("reference"), _sent(session, what)) if name]
    if found.gateway_account_id is None or not names:
        return None
    named: ColumnElement[bool] = SettlementLine.reference.in_(names)
    if said.get("transaction"):
        # The gateway's own number is looked for in the files of that day alone: nothing finds it faster.
        that_day = (Settlement.period_on <= found.on) & (Settlement.until_on >= found.on)
        named = or_(named, that_day & (SettlementLine.transaction == said["transaction"]))
    lines: Select[*tuple[Any, ...]] = select(SettlementLine, Settlement, SettlementCorrection).join(
        Settlement, (Settlement.id == SettlementLine.settlement_id) & (Settlement.part == SettlementLine.part)
    )
    corrected = (SettlementCorrection.settlement_id == Settlement.id) & (SettlementCorrection.number == SettlementLine.number)
    lines = lines.outerjoin(SettlementCorrection, corrected)
    return lines.where(Settlement.gateway_account_id == found.gateway_account_id, named)


def _sent(session: Session, what: About) -> str | None:
    """Return by which reference a refund's last request may stand in a file, where the discrepancy names it otherwise."""
    if what.refund is None:
        return None
    last = select(RefundTry.reference).where(RefundTry.refund_id == what.refund.id).order_by(RefundTry.number.desc()).limit(1)
    return session.scalar(last)


def _line(hub: Hub, line: SettlementLine, settlement: Settlement, correction: SettlementCorrection | None) -> dict[str, Any]:
    kept = ("reference", "transaction", "amount", "fee", "currency", "bank")
    return {
        **{name: getattr(line, name) for name in kept},
        "settlement": ids.public_id("stl", settlement.id, hub.settings.mode),
        "file_name": settlement.file_name,
        "row": line.number,
        "type": line.line_type,
        "date": line.happened_on,
        "counts": settlement.superseded_by_id is None,
        "corrected_by": ids.public_id("prp", correction.proposal_id, hub.settings.mode) if correction else None,
    }


def file_of(hub: Hub, session: Session, what: About, language: str) -> dict[str, Any] | None:
    """Return the file a discrepancy is about as a whole: what it declares, what was read, what is set aside, what was corrected."""
    row = what.settlement
    if row is None:
        return None
    done = select(SettlementCorrection).where(SettlementCorrection.settlement_id == row.id).order_by(SettlementCorrection.number)
    mode = hub.settings.mode
    return {
        "settlement": ids.public_id("stl", row.id, mode),
        "file_name": row.file_name,
        "declared_count": row.declared_count,
        "declared_sum": row.declared_sum,
        "lines": row.line_count,
        "sum": row.line_sum,
        "rejected": row.reject_count,
        "as_declared": as_declared(row),
        "rejects": [
            {"row": each.number, "field": each.field, "reason": each.reason, "detail": REASONS[each.reason].in_language(language)}
            for each in what.aside
        ],
        "corrected": [
            {"row": each.number, "proposal": ids.public_id("prp", each.proposal_id, mode), "corrected_at": each.corrected_at}
            for each in session.scalars(done.limit(_MOST))
        ],
    }


def same_money(session: Session, found: Discrepancy, kind: str) -> Sequence[Discrepancy]:
    """Return what disagrees the other way round over the very same money on the same day: often the other half of one matter."""
    same = (
        Discrepancy.kind == kind, Discrepancy.gateway_account_id == found.gateway_account_id, Discrepancy.on == found.on,
        Discrepancy.amount == found.amount, Discrepancy.currency == found.currency, Discrepancy.state != "resolved",
    )  # fmt: skip
    return session.scalars(select(Discrepancy).where(*same, Discrepancy.id != found.id).order_by(Discrepancy.id).limit(5)).all()
