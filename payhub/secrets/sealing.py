"""A secret in its row: sealed, opened, destroyed, and recognised without being opened."""

from __future__ import annotations

import hmac
import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import log
from payhub.crypto import CryptoError, Keyring, Sealed
from payhub.sealed import context_of
from payhub.secrets.models import SharedSecret
from payhub.secrets.states import SecretState

_PURPOSE = "secret fingerprint"
_LENGTH = 16
_log = log.get(__name__)


def seal(keyring: Keyring, table: str, secret_id: uuid.UUID, text: str) -> dict[str, Any]:
    """Return the columns of a row that hold a secret."""
    sealed = keyring.seal(text.encode(), context_of(table, id=secret_id))
    return {"id": secret_id, "sealed_key": sealed.key, "sealed": sealed.data, "fingerprint": fingerprint(keyring, text)}


def open_(keyring: Keyring, row: SharedSecret) -> str:
    """Return the secret of a row that has one; raise `CryptoError` where it is destroyed."""
    if row.sealed_key is None or row.sealed is None:
        raise CryptoError("this secret is destroyed")
    try:
        return keyring.open(Sealed(row.sealed_key, row.sealed), context_of(row.__tablename__, id=row.id)).decode()
    except CryptoError:
        # Whoever is on duty must know which key to put back, or which secret to replace.
        named, version = f"{row.__tablename__}/{row.id}", next(iter(row.sealed_key), None)
        _log.error("secret.not_opened", row=named, version=version, ring=sorted(keyring.keys))
        raise


def holds(keyring: Keyring, row: SharedSecret, text: str) -> bool:
    """Tell whether a row's secret is this one; one that does not open is none, so that another can take its place."""
    try:
        return open_(keyring, row) == text
    except CryptoError:
        return False


def end(row: SharedSecret, state: SecretState, now: datetime) -> None:
    """Retire or drop a secret: what it was is gone with this."""
    row.state, row.ended_at = state.value, now
    row.sealed_key = row.sealed = None


def fingerprint(keyring: Keyring, text: str, version: int | None = None) -> str:
    """Return what a secret is recognised by, after the version of the key it was made with."""
    version = keyring.newest if version is None else version
    return f"{version}:{keyring.mac(_PURPOSE, text.encode(), version)[:_LENGTH].hex()}"


def recognises(keyring: Keyring, said: str, text: str) -> bool:
    """Tell whether a fingerprint is this secret's; False where its key has left the ring."""
    version = int(said.partition(":")[0])
    return version in keyring.keys and hmac.compare_digest(fingerprint(keyring, text, version), said)


def newest_first(rows: Iterable[SharedSecret]) -> list[SharedSecret]:
    """Return live secrets in the order in which they are used: the first signs."""
    return sorted(rows, key=lambda row: (row.live_at, row.id), reverse=True)


def live(
    session: Session, keyring: Keyring, model: type[SharedSecret], owner: str, use: str
) -> dict[uuid.UUID, dict[str, tuple[str, ...]]]:
    """Open every live secret of a table, by owner and use, the signing one first."""
    found: defaultdict[uuid.UUID, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for row in newest_first(session.scalars(select(model).where(model.state == SecretState.LIVE))):
        uses = found[getattr(row, owner)]
        uses[getattr(row, use)] = (*uses.get(getattr(row, use), ()), open_(keyring, row))
    return dict(found)
