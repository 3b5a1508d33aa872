"""Rows of a settlement that were set aside and become lines after all, as one person reads them and another agrees.

The file as it came stays, and so does what was wrong with the row. The line enters under the row's own number.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from payhub.clock import local_date
from payhub.db import once_committed
from payhub.discrepancies import proposing
from payhub.discrepancies.errors import ActImpossible
from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.hub import Hub
from payhub.payments.models import Attempt
from payhub.staff import service as staff
from payhub.staff.canonical import instant
from payhub.staff.executors import executes
from payhub.staff.models import Principal, Proposal
from reconciliation import jobs, runs, settlements
from reconciliation.banking import payouts
from reconciliation.files.lines import weigh
from reconciliation.models import Settlement, SettlementCorrection, SettlementLine, SettlementReject
from reconciliation.workbench.about import about, set_aside

KIND = "settlement_correction"
_DAY = timedelta(days=1)


def propose(hub: Hub, session: Session, discrepancy_id: uuid.UUID, rows: Sequence[Mapping[str, Any]], by: Principal) -> None:
    """Propose what rows say that could not be read."""
    found, now = proposing.proposable(session, discrepancy_id), hub.clock.now()
    what = about(hub, session, found)
    if what.settlement is None or not what.aside:
        raise ActImpossible("nothing_set_aside")
    wrong = {reject.number: reject for reject in set_aside(session, what.settlement.id, [row["row"] for row in rows])}
    _demand(what.settlement, set(wrong), rows)
    proposal = staff.propose(
        session, kind=KIND, target=f"settlement/{what.settlement.id}", by=by, now=now, target_seq=_AS_IT_WAS,
        content={
            "discrepancy": str(found.id),
            "settlement": str(what.settlement.id),
            "rows": [_agreed(what.settlement, wrong[row["row"]], row) for row in rows],
            "payments": _payments(session, what.settlement, rows),
        },
    )  # fmt: skip
    proposing.propose(session, found, proposal, now)


_AS_IT_WAS = 0
"""The version of a settlement that still counts and has these rows set aside; 1 is any other."""


def _demand(settlement: Settlement, left: set[int], rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise with everything that is wrong with the rows."""
    problems, seen = [], set[int]()
    for at, row in enumerate(rows):
        if row["row"] not in left:
            text = Text("Dòng này không bị để riêng", "This row is not set aside")
            problems.append(FieldProblem(f"/rows/{at}/row", "row_unknown", text))
        elif row["row"] in seen:
            problems.append(FieldProblem(f"/rows/{at}/row", "row_repeated", Text("Mỗi dòng chỉ nêu một lần", "Once is enough")))
        seen.add(row["row"])
        on = local_date(row["happened_at"])
        if not settlement.period_on - _DAY <= on <= settlement.until_on + _DAY:
            text = Text("Ngày này không thuộc kỳ của tệp", "The file does not cover this day")
            problems.append(FieldProblem(f"/rows/{at}/happened_at", "day_wrong", text))
    if problems:
        raise InvalidInput(problems)


def _agreed(settlement: Settlement, reject: SettlementReject, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the second person approves of one row: what it was found to be wrong with, and what it says."""
    return {
        "row": row["row"],
        "was": {"field": reject.field, "reason": reject.reason},
        "type": row["type"],
        "reference": row.get("reference"),
        "transaction": row.get("transaction"),
        "amount": row["amount"],
        "fee": row.get("fee", 0),
        "currency": settlement.currency,
        "happened_at": instant(row["happened_at"]),
        "bank": row.get("bank"),
    }


def _payments(session: Session, settlement: Settlement, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the payments that the rows name, so that what is said about them can be found when one is erased."""
    named = [row["reference"] for row in rows if row.get("reference")]
    wanted = (Attempt.gateway_account_id == settlement.gateway_account_id, Attempt.reference.in_(named))
    return sorted({str(each) for each in session.scalars(select(Attempt.payment_id).where(*wanted))})


@executes(KIND)
def correct(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Let rows be what two people say they are, if they are still set aside, and ask for a run."""
    settlement_id, now = uuid.UUID(proposal.content["settlement"]), hub.clock.now()
    # A run holds the settlement until it is over: it sees all of these lines or none.
    settlement = session.get_one(Settlement, settlement_id, with_for_update={"key_share": True}, populate_existing=True)
    rows = proposal.content["rows"]
    left = set_aside(session, settlement_id, [row["row"] for row in rows])
    changed = settlement.superseded_by_id is not None or len(left) < len(rows)
    if staff.void_if_changed(session, proposal, _AS_IT_WAS + changed, now):
        return
    _enter(session, settlement, rows, proposal, now)
    account = hub.registers.gateway_accounts_by_id[settlement.gateway_account_id]
    payouts.write(session, hub.registers, account, settlement)
    settlements.tell_difference(session, account, settlement, (), now, "closed by correction")
    proposing.over(session, proposal.id, proposal.decided_by or proposal.proposed_by, now, "corrected")
    run_id = runs.ask_run(session, settlement, now)
    once_committed(session, lambda: jobs.send(hub, run_id))


def _enter(session: Session, settlement: Settlement, rows: Sequence[Mapping[str, Any]], proposal: Proposal, now: datetime) -> None:
    same = SettlementCorrection.settlement_id == settlement.id
    before = session.scalar(select(func.count()).where(same)) or 0
    session.execute(insert(SettlementLine), [_line(settlement, row) for row in rows])
    session.add_all(
        SettlementCorrection(
            settlement_id=settlement.id, number=row["row"], ordinal=ordinal, proposal_id=proposal.id, corrected_at=now
        )
        for ordinal, row in enumerate(rows, before + 1)
    )  # fmt: skip
    settlement.line_count += len(rows)
    settlement.line_sum += sum(weigh("net", row["type"], row["amount"]) for row in rows)
    settlement.reject_count -= len(rows)
    session.flush()


def _line(settlement: Settlement, row: Mapping[str, Any]) -> dict[str, Any]:
    happened_at = datetime.fromisoformat(row["happened_at"])
    kept = ("reference", "transaction", "amount", "fee", "currency", "bank")
    return {
        "part": settlement.part, "settlement_id": settlement.id, "number": row["row"], "line_type": row["type"],
        "happened_at": happened_at, "happened_on": local_date(happened_at), **{name: row[name] for name in kept},
    }  # fmt: skip
