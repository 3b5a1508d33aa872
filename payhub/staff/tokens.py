"""Personal tokens: `phs_<mode>_…`, an API key in everything but its first letters and its owner."""

from __future__ import annotations

from payhub.portals import keys

_KIND = "phs"


def new_token(mode: str) -> str:
    """Return a new token for a hub of this mode (160 random bits)."""
    return keys.new_key(mode, _KIND)


def prefix_of(token: str, mode: str) -> str | None:
    """Return the part that finds the token, or None where it is mistyped, of the other mode, or a portal's key."""
    return keys.prefix_of(token, mode, _KIND)


digest = keys.digest
