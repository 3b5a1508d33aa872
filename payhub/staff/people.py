"""Principals: portals, the system, and people with their tokens and roles."""

from __future__ import annotations

import hmac
import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.hub import Hub
from payhub.portals.models import Portal
from payhub.staff import audit, tokens, totp
from payhub.staff.errors import NameTaken, PersonUnknown
from payhub.staff.models import ROLES, SYSTEM_ID, Principal, StaffRole, StaffToken

TOKEN_DAYS = 90
_NAME = re.compile(r"[\w.@-]{2,64}")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the staff, as their token proved."""

    principal: Principal
    roles: frozenset[str]

    @property
    def id(self) -> uuid.UUID:
        """The person as a principal."""
        return self.principal.id

    def may(self, *roles: str) -> bool:
        """Tell whether the person has any of these roles."""
        return not self.roles.isdisjoint(roles)


def principal_of_portal(session: Session, portal: Portal) -> Principal:
    """Return the one principal that all keys of a portal are."""
    asked = select(Principal).where(Principal.portal_id == portal.id)
    known = session.scalar(asked)
    if known is not None:
        return known
    values = {"id": ids.new_id(), "kind": "portal", "name": f"portal/{portal.code}", "portal_id": portal.id}
    session.execute(insert(Principal).values(**values, created_at=func.now()).on_conflict_do_nothing())
    return session.scalars(asked).one()


def system(session: Session) -> Principal:
    """Return the principal that is the hub itself."""
    return session.get_one(Principal, SYSTEM_ID)


def add_person(hub: Hub, session: Session, name: str, roles: Collection[str], days: int = TOKEN_DAYS) -> tuple[Principal, str, str]:
    """Add somebody to the staff; return (principal, token, what their authenticator reads), the secrets shown this once."""
    _check([*_name_problems(name), *_role_problems(roles)])
    now = hub.clock.now()
    values = {"id": ids.new_id(), "kind": "person", "name": name, "created_at": now}
    added = session.scalar(insert(Principal).values(**values).on_conflict_do_nothing().returning(Principal))
    if added is None:
        raise NameTaken
    session.add_all(StaffRole(principal_id=added.id, role=role, granted_at=now) for role in sorted(set(roles)))
    token = _new_token(hub, session, added.id, days)
    uri = totp.provide(hub, session, added.id, name)
    _record(session, "person.added", added, now, roles=sorted(set(roles)))
    return added, token, uri


def new_token(hub: Hub, session: Session, name: str, days: int = TOKEN_DAYS) -> str:
    """Revoke a person's tokens and return a new one, shown this once."""
    person, now = _find(session, name), hub.clock.now()
    _revoke(session, person.id, now)
    token = _new_token(hub, session, person.id, days)
    _record(session, "person.token_renewed", person, now)
    return token


def new_authenticator(hub: Hub, session: Session, name: str) -> str:
    """Replace a person's TOTP secret, as when a phone is lost; return what the new authenticator reads, shown this once."""
    person = _find(session, name)
    uri = totp.provide(hub, session, person.id, name)
    _record(session, "person.authenticator_renewed", person, hub.clock.now())
    return uri


def set_roles(hub: Hub, session: Session, name: str, roles: Collection[str]) -> None:
    """Trust a person with these roles and no others from now on."""
    _check(_role_problems(roles))
    person, now = _find(session, name), hub.clock.now()
    before, wanted = roles_of(session, person.id), frozenset(roles)
    if wanted == before:
        return
    session.execute(delete(StaffRole).where(StaffRole.principal_id == person.id, StaffRole.role.not_in(wanted)))
    session.add_all(StaffRole(principal_id=person.id, role=role, granted_at=now) for role in sorted(wanted - before))
    _record(session, "person.roles_changed", person, now, roles=sorted(wanted), before=sorted(before))


def disable(hub: Hub, session: Session, name: str) -> None:
    """Close a person's account for ever; what they did stays theirs."""
    person, now = _find(session, name), hub.clock.now()
    person.disabled_at = now
    _revoke(session, person.id, now)
    _record(session, "person.disabled", person, now)


def authenticate_person(hub: Hub, session: Session, token: str) -> Person | None:
    """Return the person a token belongs to; None where it is unknown, expired, revoked or the account closed."""
    prefix, now = tokens.prefix_of(token, hub.settings.mode), hub.clock.now()
    row = session.scalar(select(StaffToken).where(StaffToken.prefix == prefix)) if prefix else None
    if row is None or not hmac.compare_digest(row.digest, tokens.digest(token)):
        return None
    principal = session.get_one(Principal, row.principal_id)
    over = row.expires_at <= now or row.revoked_at is not None or principal.disabled_at is not None
    return None if over else Person(principal, roles_of(session, principal.id))


def roles_of(session: Session, principal_id: uuid.UUID) -> frozenset[str]:
    """Return what a person is trusted with now: nothing once the account is closed."""
    asked = (
        select(StaffRole.role)
        .join(Principal, Principal.id == StaffRole.principal_id)
        .where(StaffRole.principal_id == principal_id, Principal.disabled_at.is_(None))
    )
    return frozenset(session.scalars(asked))


def staff(session: Session, limit: int = 500) -> list[Person]:
    """Return the people, by name; a closed account is trusted with nothing."""
    people = session.scalars(select(Principal).where(Principal.kind == "person").order_by(Principal.name).limit(limit)).all()
    return [Person(person, roles_of(session, person.id)) for person in people]


def _check(problems: Sequence[FieldProblem]) -> None:
    if problems:
        raise InvalidInput(problems)


def _name_problems(name: str) -> list[FieldProblem]:
    if _NAME.fullmatch(name) and name != "system":
        return []
    wanted = Text(
        "Từ 2 đến 64 chữ cái, chữ số hoặc . @ - _, không có dấu cách", "Must be 2 to 64 letters, digits or . @ - _, no spaces"
    )
    return [FieldProblem("/name", "invalid", wanted)]


def _role_problems(roles: Collection[str]) -> list[FieldProblem]:
    if roles and set(roles) <= set(ROLES):
        return []
    known = ", ".join(ROLES)
    return [FieldProblem("/roles", "invalid", Text(f"Chọn trong: {known}", f"Must be some of: {known}"))]


def _find(session: Session, name: str) -> Principal:
    wanted = select(Principal).where(Principal.name == name, Principal.kind == "person", Principal.disabled_at.is_(None))
    # Not a key lock: entries that name the person may be written meanwhile.
    person = session.scalar(wanted.with_for_update(key_share=True))
    if person is None:
        raise PersonUnknown
    return person


def _new_token(hub: Hub, session: Session, principal_id: uuid.UUID, days: int) -> str:
    token, now = tokens.new_token(hub.settings.mode), hub.clock.now()
    session.add(
        StaffToken(
            id=ids.new_id(), principal_id=principal_id, prefix=tokens.prefix_of(token, hub.settings.mode),
            digest=tokens.digest(token), created_at=now, expires_at=now + timedelta(days=days), revoked_at=None,
        )
    )  # fmt: skip
    session.flush()
    return token


def _revoke(session: Session, principal_id: uuid.UUID, now: datetime) -> None:
    live = (StaffToken.principal_id == principal_id, StaffToken.revoked_at.is_(None))
    session.execute(update(StaffToken).where(*live).values(revoked_at=now))


def _record(session: Session, act: str, person: Principal, now: datetime, **data: object) -> None:
    # Whoever can run the command on the server acts as the hub itself.
    session.flush()
    audit.append(session, actor=SYSTEM_ID, act=act, target=f"principal/{person.id}", at=now, data=data)
