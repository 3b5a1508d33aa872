"""Files of registers: checked, proposed by one person, approved by another, applied whole or not at all."""

from __future__ import annotations

import hashlib
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from payhub import ids, log
from payhub.clock import local_date
from payhub.errors import NotFound, Text
from payhub.hub import Hub
from payhub.identifiers import is_identifier
from payhub.imports import announcing, cooling
from payhub.imports.applying import apply, on_day
from payhub.imports.errors import FileRefused, ImportOutdated, NothingToChange, RegisterRefused
from payhub.imports.models import RegisterChange, RegisterImport, RegisterMoved
from payhub.imports.planning import Plan, digest, plan
from payhub.imports.reading import read
from payhub.imports.specs import Register
from payhub.imports.standing import Names
from payhub.imports.tables import REGISTERS
from payhub.registers import RegisterVersion
from payhub.staff import service as staff
from payhub.staff.executors import executes
from payhub.staff.models import Principal, Proposal

KIND = "register_import"
_SHOWN = 20
"""So many changes stand in the proposal itself; the rest stand beside it, under the hash that it holds."""
_BATCH = 5_000
_log = log.get(__name__)


def register_named(name: str) -> Register:
    """Return a register by its name; raise `NotFound`."""
    found = REGISTERS.get(name)
    if found is None:
        raise NotFound(Text(f"Không có danh mục {name}", f"There is no register {name}"))
    return found


@dataclass(frozen=True, slots=True)
class Checked:
    """A file held against its register: what it would change, and the version of the register that was looked at."""

    plan: Plan
    body: bytes
    moved: int
    earliest_on: date | None
    """The first day that a new account may take effect, if it were approved today."""

    @property
    def file_hash(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.body).hexdigest()


def check(hub: Hub, session: Session, register: Register, body: bytes) -> Checked:
    """Say what a file would do, or what stands against it; nothing is written."""
    return _check(hub, session, register, body, local_date(hub.clock.now()))


def _check(hub: Hub, session: Session, register: Register, body: bytes, today: date) -> Checked:
    session.execute(text("SET LOCAL statement_timeout = 0"))
    # The version is read before the rows: whoever writes in between is noticed when the proposal is approved.
    moved = moved_by(session, register)
    made = plan(session, register, read(register, body), today)
    floor = None
    if register.cooled:
        settings = hub.settings.registers
        floor = cooling.earliest(hub, today, settings.cooling_days, settings.calendar)
        made.problems += cooling.too_late(register, made.changes, floor)
    return Checked(made, body, moved, floor)


def moved_by(session: Session, register: Register) -> int:
    """Return a number that grows with every change of a register, or of one that it refers to."""
    tables = [register.table, *(REGISTERS[name].table for name in register.reads if name in REGISTERS)]
    found = select(func.coalesce(func.sum(RegisterMoved.version), 0)).where(RegisterMoved.name.in_(tables))
    return int(session.scalars(found).one())


def propose(hub: Hub, session: Session, register: Register, body: bytes, by: Principal, file_name: str = "") -> RegisterImport:
    """Propose everything a file changes as one act; raise with every row that cannot be used."""
    checked, now = check(hub, session, register, body), hub.clock.now()
    if checked.plan.problems:
        raise FileRefused(checked.plan.problems)
    if not checked.plan.changes:
        raise NothingToChange
    entries = list(checked.plan.entries())
    content = _content(hub, checked, entries)
    proposal = staff.propose(
        session, kind=KIND, target=f"register/{register.name}", content=content, by=by, now=now, target_seq=checked.moved
    )
    made = RegisterImport(
        id=ids.new_id(), register=register.name, proposal_id=proposal.id,
        file_name=file_name if is_identifier(file_name) else register.file_name,
        digest=hashlib.sha256(body).digest(), body=zlib.compress(body), lines=checked.plan.lines,
        cooling_days=hub.settings.registers.cooling_days, calendar=hub.settings.registers.calendar, created_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    rows = ({"import_id": made.id, "number": number, "entry": entry} for number, entry in enumerate(entries, start=1))
    while batch := list(islice(rows, _BATCH)):
        session.execute(insert(RegisterChange), batch)
    _log.info("register.proposed", register=register.name, counts=checked.plan.counts, proposal=str(proposal.id))
    return made


def _content(hub: Hub, checked: Checked, entries: Sequence[str]) -> dict[str, Any]:
    """Return what the second person approves."""
    register, counts = checked.plan.register, checked.plan.counts
    content: dict[str, Any] = {
        "summary": f"{register.says.en}: " + ", ".join(f"{count} {act}" for act, count in counts.items() if count),
        "register": register.name,
        "file_sha256": checked.file_hash,
        "rows": checked.plan.lines,
        "counts": counts,
        "changes_sha256": digest(entries),
        "changes": [orjson.loads(entry) for entry in entries[:_SHOWN]],
        "changes_not_shown": max(0, len(entries) - _SHOWN),
    }
    if register.cooled:
        content |= {"cooling_days": hub.settings.registers.cooling_days, "calendar": hub.settings.registers.calendar}
    return content


@executes(KIND)
def carry_out(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Apply what was approved, if its register is as it was; all of it or nothing."""
    made = session.scalars(select(RegisterImport).where(RegisterImport.proposal_id == proposal.id)).one()
    # The day of the decision: the database counts the cooling time from it too.
    register, now = register_named(made.register), proposal.decided_at or hub.clock.now()
    today = local_date(now)
    # Every change of a register counts here first, so nothing moves from now on.
    session.execute(select(RegisterVersion.version).with_for_update())
    if staff.void_if_changed(session, proposal, moved_by(session, register), now):
        return
    on_day(session, today)
    checked = _check(hub, session, register, file_of(made), today)
    if checked.plan.problems or digest(checked.plan.entries()) != proposal.content["changes_sha256"]:
        raise ImportOutdated
    try:
        _write(hub, session, made, checked.plan, now)
    except IntegrityError as error:
        raise RegisterRefused(_as_said(error)) from None
    _log.info("register.changed", register=register.name, counts=checked.plan.counts, proposal=str(proposal.id))


def _write(hub: Hub, session: Session, made: RegisterImport, planned: Plan, now: datetime) -> None:
    register, names = planned.register, Names(session)
    if not register.cooled:
        apply(session, register, planned.changes, names)
        return
    floor = cooling.earliest(hub, local_date(now), made.cooling_days, made.calendar)
    changes = cooling.cool(register, planned.changes, floor)
    added = apply(session, register, changes, names, import_id=made.id)
    announcing.announce(session, added, names, now)


def _as_said(error: IntegrityError) -> Text:
    """Return what the database says, without the row that it says it of."""
    said = str(getattr(getattr(error.orig, "diag", None), "message_primary", None) or "")
    return Text(said, said)


def find(session: Session, import_id: uuid.UUID) -> RegisterImport:
    """Return an import by its own id or its proposal's; raise `NotFound`."""
    wanted = select(RegisterImport).where((RegisterImport.id == import_id) | (RegisterImport.proposal_id == import_id))
    found = session.scalar(wanted)
    if found is None:
        raise NotFound
    return found


def changes(session: Session, made: RegisterImport, after: int, limit: int) -> list[dict[str, Any]]:
    """Return changes of an import, those that come after a number."""
    wanted = (
        select(RegisterChange.number, RegisterChange.entry)
        .where(RegisterChange.import_id == made.id, RegisterChange.number > after)
        .order_by(RegisterChange.number)
        .limit(limit)
    )
    return [{"number": number, **orjson.loads(entry)} for number, entry in session.execute(wanted)]


def newest(session: Session, limit: int, before: uuid.UUID | None = None, register: str | None = None) -> Sequence[RegisterImport]:
    """Return imports, newest first."""
    wanted = select(RegisterImport).order_by(RegisterImport.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(RegisterImport.id < before)
    if register is not None:
        wanted = wanted.where(RegisterImport.register == register)
    return session.scalars(wanted).all()


def file_of(made: RegisterImport) -> bytes:
    """Return the file as it was handed in."""
    return zlib.decompress(made.body)
