"""Keys: `<kind>_<mode>_<8 to find it>_<32 to prove it><6 to catch typing>`, shown once and kept as a hash.

The kind is `phk` for a portal's API key and `phs` for a personal token.
The check digits let a mistyped key be refused, and a leaked one be recognised by scanners, without asking the database.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime

from payhub.clock import local_date
from payhub.errors import Text, Unauthenticated
from payhub.portals.errors import KeyExpired, KeyOfOtherMode, KeyRevoked
from payhub.portals.models import ApiKey, Portal
from payhub.registers import Registers, in_force

_OTHER = {"live": "test", "test": "live"}
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _check(text: str) -> str:
    number = zlib.crc32(text.encode())
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(0, 30, 5))


def new_key(mode: str, kind: str = "phk") -> str:
    """Return a new key for a hub of this mode (160 random bits)."""
    text = f"{kind}_{mode}_{_random(8)}_{_random(32)}"
    return text + _check(text)


def prefix_of(key: str, mode: str, kind: str = "phk") -> str | None:
    """Return the part that finds the key, or None where it is mistyped, or of another mode or kind."""
    parts = key.split("_")
    if len(key) > 64 or not key.isascii() or len(parts) != 4 or parts[:2] != [kind, mode]:
        return None
    return parts[2] if hmac.compare_digest(_check(key[:-6]), key[-6:]) else None


def digest(key: str) -> bytes:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode()).digest()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from."""

    portal: Portal
    key: ApiKey

    def may(self, scope: str) -> bool:
        """Tell whether the key has this scope."""
        return scope in self.key.scopes


def authenticate(registers: Registers, key: str, mode: str, now: datetime) -> Caller:
    """Return the caller a key belongs to; raise `Unauthenticated`, saying why to whoever holds the key and to nobody else."""
    prefix = prefix_of(key, mode)
    row = registers.keys.get(prefix) if prefix else None
    if row is None or not hmac.compare_digest(row.digest, digest(key)):
        if prefix_of(key, other := _OTHER[mode]):
            vi, en = f"Cần khóa phk_{mode}_…, không phải phk_{other}_…", f"It takes a key phk_{mode}_… here, not phk_{other}_…"
            raise KeyOfOtherMode(Text(vi, en))
        raise Unauthenticated
    # Whoever revoked it may go by a clock that is ahead of ours: it is over once it is written.
    if row.revoked_at is not None:
        raise KeyRevoked
    if row.expires_at is not None and row.expires_at <= now:
        raise KeyExpired
    portal = registers.portals[row.portal_id]
    if in_force(registers.portal_rows[portal.code], local_date(now)) is None:
        raise Unauthenticated(Text(f"Cổng {portal.code} đã đóng", f"The portal {portal.code} is closed"))
    return Caller(portal, row)
