"""Adding and retiring secrets: two live while one takes the other's place, and two people where money hangs on it.

Locks are taken in one order: the proposal, the owner, the secret, and the audit chain last.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.secrets import sealing
from payhub.secrets.errors import LastSecret, SecretKnown, SecretNotLive, TwoSecretsLive
from payhub.secrets.kinds import KINDS, Kind
from payhub.secrets.models import SharedSecret
from payhub.secrets.states import LIVE_AT_ONCE, SECRET, SecretState
from payhub.staff import audit
from payhub.staff import service as staff
from payhub.staff.errors import AlreadyProposed
from payhub.staff.executors import dropped, executes
from payhub.staff.models import Principal, Proposal

ADD, RETIRE = "secret_add", "secret_retire"
SHORTEST, LONGEST = 8, 8192
_SEEN = {SecretState.PROPOSED: 1, SecretState.LIVE: 2}
"""What a state is as the version of a proposal's target; anything later voids the proposal."""
_VOID = 0


@dataclass(frozen=True, slots=True)
class Added:
    """A secret that was added; `shown` is what is shown of it where we made it, this once."""

    row: SharedSecret
    proposal: Proposal | None
    shown: str | None = field(repr=False)


def add(
    hub: Hub, session: Session, kind: Kind, owner_id: uuid.UUID, by: Principal, *, use: str | None = None, given: str | None = None
) -> Added:
    """Add the secret that the other side gave, or make one where none is given; it is live once a second person agrees."""
    now, owner = hub.clock.now(), kind.lock(session, owner_id)
    use = _use(kind.uses(hub, owner), use)
    if given is not None:
        _check(kind, given)
    text = kind.make(owner) if given is None else given
    rows = _standing(session, kind, owner_id, use)
    _demand_room(hub, session, kind, rows, text)
    row = kind.model(**sealing.seal(hub.keyring, kind.model.__tablename__, ids.new_id(), text))
    row.state, row.origin = SecretState.PROPOSED.value, "generated" if given is None else "given"
    row.created_by, row.created_at = by.id, now
    setattr(row, kind.owner, owner_id)
    setattr(row, kind.use, use)
    if not kind.two_people:
        row.state, row.live_at = SecretState.LIVE.value, now
    session.add(row)
    session.flush()
    proposal = _propose(session, ADD, kind, row, by, now) if kind.two_people else None
    _record(session, "proposed" if kind.two_people else "added", kind, row, by.id, now)
    return Added(row, proposal, kind.shown(text) if given is None else None)


def retire(hub: Hub, session: Session, kind: Kind, row: SharedSecret, by: Principal, *, last: bool = False) -> Proposal | None:
    """Retire a live secret, at once or by a proposal; the last live one only where `last` says so."""
    now = hub.clock.now()
    kind.lock(session, kind.owner_of(row))
    _again(session, row)
    if row.state != SecretState.LIVE:
        raise SecretNotLive
    if not last and len(_live(_standing(session, kind, kind.owner_of(row), kind.use_of(row)))) == 1:
        raise LastSecret
    if kind.two_people:
        return _propose(session, RETIRE, kind, row, by, now, last=last)
    _end(session, kind, row, SecretState.RETIRED, by.id, now)
    return None


def find(hub: Hub, session: Session, public: str) -> tuple[Kind, SharedSecret]:
    """Return a secret by its outside id, and its kind; raise `NotFound` where there is none."""
    secret_id = ids.read_public_id("sec", public, hub.settings.mode)
    for kind in KINDS.values() if secret_id else ():
        row = session.get(kind.model, secret_id)
        if row is not None:
            return kind, row
    raise NotFound


def compare(hub: Hub, session: Session, kind: Kind, row: SharedSecret, text: str, by: Principal) -> bool:
    """Tell whether a secret that waits or is live is this one; whoever approves it may hold it on paper."""
    if row.sealed is None:
        raise SecretNotLive
    held = sealing.open_(hub.keyring, row)
    same = hmac.compare_digest(held.encode(), text.encode())
    _record(session, "compared", kind, row, by.id, hub.clock.now(), same=same)
    return same


@executes(ADD)
def make_live(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Let an approved secret verify and sign, if it is the one that was proposed and there is room for it."""
    now = hub.clock.now()
    kind, row = _target(session, proposal)
    seen = _SEEN.get(SecretState(row.state), _VOID)
    waits = row.state == SecretState.PROPOSED
    if waits and not sealing.recognises(hub.keyring, str(row.fingerprint), sealing.open_(hub.keyring, row)):
        seen = _VOID
    if staff.void_if_changed(session, proposal, seen, now):
        if waits:
            _end(session, kind, row, SecretState.DROPPED, proposal.decided_by or proposal.proposed_by, now)
        return
    rows = _standing(session, kind, kind.owner_of(row), kind.use_of(row))
    if len(_live(rows)) >= LIVE_AT_ONCE:
        raise TwoSecretsLive
    _move(row, SecretState.LIVE)
    row.live_at = now
    session.flush()
    _record(session, "added", kind, row, proposal.decided_by or proposal.proposed_by, now)


@dropped(ADD)
def drop(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Destroy a secret that was declined or taken back."""
    kind, row = _target(session, proposal)
    if row.state == SecretState.PROPOSED:
        _end(session, kind, row, SecretState.DROPPED, proposal.decided_by or proposal.proposed_by, hub.clock.now())


@executes(RETIRE)
def retire_approved(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Destroy a secret that two people want gone, if that leaves another one or they said that it need not."""
    now = hub.clock.now()
    kind, row = _target(session, proposal)
    if staff.void_if_changed(session, proposal, _SEEN.get(SecretState(row.state), _VOID), now):
        return
    rows = _standing(session, kind, kind.owner_of(row), kind.use_of(row))
    if len(_live(rows)) == 1 and not proposal.content["last"]:
        raise LastSecret
    _end(session, kind, row, SecretState.RETIRED, proposal.decided_by or proposal.proposed_by, now)


def _target(session: Session, proposal: Proposal) -> tuple[Kind, SharedSecret]:
    kind, secret_id = KINDS[proposal.content["kind"]], uuid.UUID(proposal.target.partition("/")[2])
    row = session.get_one(kind.model, secret_id)
    kind.lock(session, kind.owner_of(row))
    _again(session, row)
    return kind, row


def _again(session: Session, row: SharedSecret) -> None:
    """Read a row as it is under its owner's lock."""
    session.refresh(row, with_for_update={"key_share": True})


def _use(known: Sequence[str], asked: str | None) -> str:
    meant = known[0] if asked is None and len(known) == 1 else asked
    if meant is None or meant not in known:
        words = ", ".join(known)
        raise InvalidInput([FieldProblem("/use", "invalid", Text(f"Phải là một trong: {words}", f"Must be one of: {words}"))])
    return meant


def _check(kind: Kind, given: str) -> None:
    whole = given == given.strip() and all(part.isprintable() for part in given.split("\n"))
    if kind.given and whole and SHORTEST <= len(given) <= LONGEST:
        return
    text = Text(
        f"Phải dài {SHORTEST}-{LONGEST} ký tự nhìn thấy được, không có khoảng trắng ở hai đầu",
        f"Must be {SHORTEST} to {LONGEST} visible characters, without spaces around",
    )
    if not kind.given:
        text = Text(
            "Hệ thống tự sinh khóa bí mật loại này; hãy bỏ trường này", "The hub makes secrets of this kind: leave this out"
        )
    raise InvalidInput([FieldProblem("/secret", "invalid", text)])


def _standing(session: Session, kind: Kind, owner_id: uuid.UUID, use: str) -> list[SharedSecret]:
    """Return the secrets of one owner and use that are live or wait."""
    model, states = kind.model, (SecretState.PROPOSED, SecretState.LIVE)
    of = (getattr(model, kind.owner) == owner_id, getattr(model, kind.use) == use, model.state.in_(states))
    return list(session.scalars(select(model).where(*of).execution_options(populate_existing=True)))


def _live(rows: Sequence[SharedSecret]) -> list[SharedSecret]:
    return [row for row in rows if row.state == SecretState.LIVE]


def _demand_room(hub: Hub, session: Session, kind: Kind, rows: Sequence[SharedSecret], text: str) -> None:
    live = _live(rows)
    if any(sealing.holds(hub.keyring, row, text) for row in live):
        raise SecretKnown
    if len(live) >= LIVE_AT_ONCE:
        raise TwoSecretsLive
    for row in rows:
        if row not in live:
            target = f"{kind.model.__tablename__}/{row.id}"
            waits = (Proposal.kind == ADD, Proposal.target == target)
            raise AlreadyProposed(session.scalar(select(Proposal.id).where(*waits)))


def _propose(
    session: Session, act: str, kind: Kind, row: SharedSecret, by: Principal, now: datetime, *, last: bool | None = None
) -> Proposal:
    """Propose an act on a secret: its content says whose secret and which, and never what it is."""
    owner = session.get_one(kind.owners, kind.owner_of(row))
    content = {
        "kind": kind.name, "owner": str(getattr(owner, kind.code)), "use": kind.use_of(row), "origin": row.origin,
        "fingerprint": row.fingerprint, **({} if last is None else {"last": last}),
    }  # fmt: skip
    target = f"{kind.model.__tablename__}/{row.id}"
    seen = _SEEN[SecretState(row.state)]
    return staff.propose(session, kind=act, target=target, content=content, by=by, now=now, target_seq=seen)


def _end(session: Session, kind: Kind, row: SharedSecret, state: SecretState, by: uuid.UUID, now: datetime) -> None:
    _move(row, state)
    sealing.end(row, state, now)
    session.flush()
    _record(session, state.value, kind, row, by, now)


def _move(row: SharedSecret, state: SecretState) -> None:
    if state not in SECRET[row.state]:
        raise SecretNotLive
    row.state = state.value


def _record(session: Session, act: str, kind: Kind, row: SharedSecret, by: uuid.UUID, now: datetime, **more: bool) -> None:
    facts = {
        "kind": kind.name, "owner": str(kind.owner_of(row)), "use": kind.use_of(row), "origin": row.origin,
        "fingerprint": row.fingerprint, **more,
    }  # fmt: skip
    target = f"{kind.model.__tablename__}/{row.id}"
    audit.append(session, actor=by, act=f"secret.{act}", target=target, at=now, data=facts)
