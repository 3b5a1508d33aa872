"""Payouts held against entries around the days that changed, and written down where that is not what stands there already."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, BigInteger, Date, Uuid

from payhub import ids
from payhub.discrepancies import service as discrepancies
from payhub.discrepancies.models import Discrepancy
from payhub.discrepancies.service import Finding
from payhub.hub import Hub
from payhub.registers import Registers
from reconciliation.banking import agreements, coverage, payouts, posting
from reconciliation.banking.accounts import Till, mark_on
from reconciliation.banking.matching import REACH, Agreement, Decision, Entry, Key, Payout, decide
from reconciliation.banking.models import BankEntry, PayoutState
from reconciliation.banking.payouts import Whole

KINDS = ("payout_missing", "banked_differs")

# Only entries that may be a payout are looked at: those that name one, and those of an amount that is awaited.
_NEAR = text(
    """
    SELECT entry.id, entry.identity, entry.booked_on, entry.amount, entry.currency, said.names, said.marks
    FROM bank_entry AS entry
    CROSS JOIN LATERAL (
      SELECT array_agg(DISTINCT naming.gateway_account_id || ' ' || naming.reference)
               FILTER (WHERE naming.reference IS NOT NULL) AS names,
             array_agg(DISTINCT mark) FILTER (WHERE mark IS NOT NULL) AS marks
      FROM statement_line AS line JOIN statement AS file ON file.id = line.statement_id AND file.superseded_by_id IS NULL
      LEFT JOIN payout_naming AS naming ON naming.statement_line_id = line.id
      LEFT JOIN LATERAL unnest(line.marks) AS mark ON true
      WHERE line.bank_entry_id = entry.id
    ) AS said
    WHERE entry.bank_account_id = :bank_id AND entry.booked_on BETWEEN :first_on AND :last_on AND entry.state IN ('open', 'banked')
      AND (said.names IS NOT NULL OR entry.amount = ANY (:amounts) OR entry.id = ANY (:agreed))
    """
).bindparams(
    bindparam("bank_id", type_=Uuid()), bindparam("first_on", type_=Date()), bindparam("last_on", type_=Date()),
    bindparam("amounts", type_=ARRAY(BigInteger())), bindparam("agreed", type_=ARRAY(Uuid())),
)  # fmt: skip


def settle(
    hub: Hub, session: Session, till: Till, first_on: date, last_on: date, *, now: datetime, actor: str, keys: Collection[Key] = ()
) -> None:
    """Decide anew about every payout that days on which something changed may concern, and book what follows.

    Whatever these days can have changed is within two reaches of them, and whatever that depends on within two more. `keys` are
    payouts of which settlements have changed; they are booked anew whether they stand otherwise now or not.
    """
    till.lock(session)
    wholes = {whole.key: whole for whole in payouts.due(session, till.account_ids, first_on - 4 * REACH, last_on + 4 * REACH)}
    known = [_payout(hub.registers, whole) for whole in wholes.values()]
    agreed = agreements.live(session, till, first_on - 4 * REACH, last_on + 4 * REACH)
    found = _entries(session, till, known, agreed, first_on - 3 * REACH, last_on + 3 * REACH)
    spoken_for = coverage.spoken_for(session, hub.registers, till, first_on - 5 * REACH)
    decided = decide(known, found, lambda payout: coverage.covers(spoken_for, payout.due_on, payout.awaited_until), agreed)
    near = {
        key: decision
        for key, decision in decided.items()
        if key in keys or first_on - 2 * REACH <= wholes[key].due_on <= last_on + 2 * REACH
    }
    near |= {key: Decision("withdrawn") for key in keys if key not in wholes}
    changed = _write_down(session, near, wholes, now)
    _tell(hub.registers, session, near, wholes, actor, now)
    posting.post(hub, session, {key: near[key] for key in {*changed, *keys}}, wholes, now)


def _payout(registers: Registers, whole: Whole) -> Payout:
    account = registers.gateway_accounts_by_id[whole.key[0]]
    return Payout(whole.key, whole.net, whole.due_on, whole.awaited_until, mark_on(registers, account, whole.due_on) is not None)


def _entries(
    session: Session, till: Till, known: Iterable[Payout], agreed: Iterable[Agreement], first_on: date, last_on: date
) -> list[Entry]:
    if till.bank_id is None:
        return []
    wanted = {"amounts": sorted({payout.net for payout in known}), "agreed": [entry for each in agreed for entry in each.entries]}
    rows = session.execute(_NEAR, {"bank_id": till.bank_id, "first_on": first_on, "last_on": last_on, **wanted})
    return [
        Entry(
            row.id, bytes(row.identity), row.booked_on, row.amount, row.currency,
            frozenset(_name(each) for each in row.names or ()), frozenset(row.marks or ()),
        )
        for row in rows
    ]  # fmt: skip


def _name(told: str) -> tuple[uuid.UUID, str]:
    account_id, _, reference = told.partition(" ")
    return uuid.UUID(account_id), reference


def _write_down(session: Session, near: Mapping[Key, Decision], wholes: Mapping[Key, Whole], now: datetime) -> list[Key]:
    """Write where payouts stand, if they stand otherwise than before; return which do."""
    if not near:
        return []
    named = (PayoutState.gateway_account_id, PayoutState.reference, PayoutState.currency)
    of, written = tuple_(*named), [*_STANDS, "changed_at"]
    stored = session.execute(select(*named, *(getattr(PayoutState, name) for name in _STANDS)).where(of.in_(list(near))))
    was = {tuple(row[:3]): tuple(row[3:]) for row in stored}
    becomes = {key: _stands(each, wholes.get(key)) for key, each in near.items()}
    changed = {key: stands for key, stands in becomes.items() if was.get(key) != stands}
    changed = {key: stands for key, stands in changed.items() if key in was or stands[0] != "withdrawn"}
    before = _entries_of(session, [was[key] for key in changed if key in was])
    after = _entries_of(session, changed.values())
    # An entry is given to another payout only once it is nobody's.
    freed = update(PayoutState).where(PayoutState.bank_entry_id.in_(before), of.in_(list(changed)))
    session.execute(freed.values(state="awaited", bank_entry_id=None, banked_on=None))
    rows = [
        {
            "id": ids.new_id(), "gateway_account_id": key[0], "reference": key[1], "currency": key[2],
            **dict(zip(_STANDS, stands, strict=True)), "changed_at": now,
        }
        for key, stands in sorted(changed.items(), key=lambda each: each[0])
    ]  # fmt: skip
    if rows:
        row = insert(PayoutState)
        again = row.on_conflict_do_update(
            index_elements=["gateway_account_id", "reference", "currency"], set_={name: row.excluded[name] for name in written}
        )
        session.execute(again, rows)
    _mark(session, before - after, "banked", "open")
    _mark(session, after - before, "open", "banked")
    return list(changed)


_STANDS = ("state", "bank_entry_id", "suggested_entry_id", "agreement_id", "banked_on")


def _stands(decision: Decision, whole: Whole | None) -> tuple[Any, ...]:
    """Return what is written of a decision."""
    days = [entry.booked_on for entry in ((decision.entry,) if decision.entry else decision.told)]
    banked_on = max(days, default=whole.due_on if whole else None) if decision.state == "banked" else None
    return decision.state, _id(decision.entry), _id(decision.suggested), decision.agreement, banked_on


def _entries_of(session: Session, stands: Iterable[tuple[Any, ...]]) -> set[uuid.UUID]:
    """Return the entries that are payouts which stand so."""
    found = list(stands)
    agreed = agreements.entries_of(session, {each[3] for each in found} - {None})
    return {each[1] for each in found if each[1] is not None} | agreed


def _id(entry: Entry | None) -> uuid.UUID | None:
    return None if entry is None else entry.id


def _mark(session: Session, entries: Collection[Any], was: str, becomes: str) -> None:
    session.execute(update(BankEntry).where(BankEntry.id.in_(entries), BankEntry.state == was).values(state=becomes))


def _tell(
    registers: Registers, session: Session, near: Mapping[Key, Decision], wholes: Mapping[Key, Whole], actor: str, now: datetime
) -> None:
    """Open what is missing or differs, resolve what no longer is."""
    wrong = [(wholes[key], near[key]) for key in sorted(near) if near[key].state in {"missing", "differs"}]
    found = [_finding(registers, whole, decision) for whole, decision in wrong]
    names = {called(registers, key) for key in near}
    open_ones = select(Discrepancy.id, Discrepancy.kind, Discrepancy.key).where(
        Discrepancy.kind.in_(KINDS), Discrepancy.state != "resolved", Discrepancy.key.in_(names)
    )
    still = {(finding.kind, finding.key) for finding in found}
    over = [row.id for row in session.execute(open_ones) if (row.kind, row.key) not in still]
    discrepancies.resolve(session, over, act="closed by banking", actor=actor, now=now)
    discrepancies.open_many(session, found, now, actor)


def called(registers: Registers, key: Key) -> str:
    """Return what discrepancies call a payout."""
    account = registers.gateway_accounts_by_id[key[0]]
    return f"{account.code}/payout/{key[1]}" + ("" if key[2] == account.currency else f"/{key[2]}")


def _finding(registers: Registers, whole: Whole, decision: Decision) -> Finding:
    missing = decision.state == "missing"
    apart = abs(whole.net) if missing else abs(whole.net - decision.credited)
    evidence: dict[str, Any] = {
        "payout": {"reference": whole.key[1], "net": whole.net, "due": str(whole.due_on), "awaited_until": str(whole.awaited_until)}
    }
    if not missing:
        evidence["entries"] = [
            {
                "entry": str(entry.id), "on": str(entry.booked_on), "amount": entry.amount,
                "names_others": entry.id not in decision.alone,
            }
            for entry in decision.told
        ]  # fmt: skip
    # Money that came whole, but not as one, is in question with all of it.
    return Finding(
        KINDS[0] if missing else KINDS[1], called(registers, whole.key), whole.due_on, apart or abs(whole.net), whole.key[2],
        evidence, whole.key[0],
    )  # fmt: skip
