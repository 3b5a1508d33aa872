"""What a secret may become. The database's trigger says the same."""

from __future__ import annotations

from enum import StrEnum


class SecretState(StrEnum):
    """Where a secret stands."""

    PROPOSED = "proposed"
    """Sealed and used for nothing: a second person has not agreed yet."""
    LIVE = "live"
    """It verifies; the newest live one signs too."""
    RETIRED = "retired"
    """It was live; its bytes are destroyed."""
    DROPPED = "dropped"
    """It never became live; its bytes are destroyed."""


SECRET: dict[str, frozenset[str]] = {
    SecretState.PROPOSED: frozenset({SecretState.LIVE, SecretState.DROPPED}),
    SecretState.LIVE: frozenset({SecretState.RETIRED}),
    SecretState.RETIRED: frozenset(),
    SecretState.DROPPED: frozenset(),
}
LIVE_AT_ONCE = 2
"""Of one owner and use: the one that signs, and the one before it or to come."""
