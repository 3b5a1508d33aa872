"""The second proof: a code of this moment (RFC 6238), accepted once.

A code is judged in a transaction of its own: that it was tried, and that it is spent, stays true whatever becomes of the act.
Five wrong codes within fifteen minutes lock a person's approvals for fifteen minutes; while they are locked no code is looked at.
"""

from __future__ import annotations

import hmac
import math
import uuid
from datetime import datetime, timedelta

import pyotp
from sqlalchemy.orm import Session

from payhub.crypto import Keyring, Sealed
from payhub.errors import PayHubError
from payhub.hub import Hub
from payhub.staff import audit
from payhub.staff.errors import ApprovalsLocked, TotpUsed, TotpWrong
from payhub.staff.models import StaffTotp

STEP_S = 30
DRIFT = 1
"""Clocks may differ by a step either way."""
WRONG_CODES = 5
WINDOW = LOCKED = timedelta(minutes=15)
_ISSUER = {"live": "PayHub", "test": "PayHub test"}


def provide(hub: Hub, session: Session, principal_id: uuid.UUID, name: str) -> str:
    """Give a person a new secret in place of any other; return what their authenticator reads, shown this once."""
    secret = pyotp.random_base32()
    sealed = hub.keyring.seal(secret.encode(), _context(principal_id))
    fresh = {"sealed_key": sealed.key, "sealed": sealed.data, "last_step": 0, "wrong_at": [], "locked_until": None}
    session.merge(StaffTotp(principal_id=principal_id, created_at=hub.clock.now(), **fresh))
    session.flush()
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER[hub.settings.mode])


def spend(hub: Hub, principal_id: uuid.UUID, code: str, now: datetime) -> None:
    """Accept a code, once and for ever; raise where it is wrong, used, or too many were wrong."""
    with hub.db.session() as session:
        refusal = _judge(hub.keyring, session, principal_id, code, now)
    if refusal is not None:
        raise refusal


def _judge(keyring: Keyring, session: Session, principal_id: uuid.UUID, code: str, now: datetime) -> PayHubError | None:
    held = session.get(StaffTotp, principal_id, with_for_update=True)
    if held is None:
        return TotpWrong()
    if held.locked_until is not None and held.locked_until > now:
        return ApprovalsLocked(math.ceil((held.locked_until - now).total_seconds()))
    secret = keyring.open(Sealed(held.sealed_key, held.sealed), _context(principal_id)).decode()
    steps = _steps(secret, code, now)
    unused = [step for step in steps if step > held.last_step]
    if unused:
        held.last_step, held.wrong_at = min(unused), []
        return None
    # A code seen twice is a double click or an onlooker: refused, and no guess.
    return TotpUsed() if steps else _count_wrong(session, held, now)


def _count_wrong(session: Session, held: StaffTotp, now: datetime) -> PayHubError:
    wrong = [*(at for at in held.wrong_at if at > now - WINDOW), now]
    target = f"principal/{held.principal_id}"
    if len(wrong) < WRONG_CODES:
        held.wrong_at = wrong
        audit.append(session, actor=held.principal_id, act="totp.wrong", target=target, at=now, data={"times": len(wrong)})
        return TotpWrong()
    held.wrong_at, held.locked_until = [], now + LOCKED
    audit.append(session, actor=held.principal_id, act="approvals.locked", target=target, at=now, data={"times": len(wrong)})
    return ApprovalsLocked(int(LOCKED.total_seconds()))


def _steps(secret: str, code: str, now: datetime) -> list[int]:
    """Return the steps around now whose code this is."""
    totp, this = pyotp.TOTP(secret, interval=STEP_S), int(now.timestamp()) // STEP_S
    near = range(this - DRIFT, this + DRIFT + 1)
    return [step for step in near if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode())]


def _context(principal_id: uuid.UUID) -> str:
    return f"staff_totp {principal_id}"
