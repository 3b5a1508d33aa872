"""Personal tokens: `phs_<mode>_…`, an API key in everything but its first letters and its owner."""

from __future__ import annotations

from payhub.portals import keys

_OURS, _KEYS = "phs", "phk"


def new_token(mode: str) -> str:
    """Return a new token for a hub of this mode (160 random bits)."""
    return _OURS + keys.new_key(mode).removeprefix(_KEYS)


def prefix_of(token: str, mode: str) -> str | None:
    """Return the part that finds the token, or None where it is mistyped, of the other mode, or a portal's key."""
    if not token.isascii() or not token.startswith(f"{_OURS}_"):
        return None
    return keys.prefix_of(_KEYS + token.removeprefix(_OURS), mode)


digest = keys.digest
