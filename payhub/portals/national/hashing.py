"""MaXacThuc: the lower-case hexadecimal SHA-256 of values joined by `|`, the shared secret last (domain: proven by two portals).

It is no HMAC, so nothing is hashed that a stranger chose: an answer to a message that did not prove itself has none.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

SEPARATOR = "|"


def digest(values: Iterable[str], secret: str) -> str:
    """Return the MaXacThuc of values in their order."""
    return hashlib.sha256(SEPARATOR.join([*values, secret]).encode()).hexdigest()


def proven_by(values: Iterable[str], secrets: Iterable[str], given: str) -> str | None:
    """Return the secret that a MaXacThuc was made with, or None; each is tried, in constant time."""
    values, told = tuple(values), given.strip().lower().encode()
    # A value with the separator in it could be read as two.
    if any(SEPARATOR in value for value in values):
        return None
    found = [secret for secret in secrets if hmac.compare_digest(digest(values, secret).encode(), told)]
    return found[0] if found else None
