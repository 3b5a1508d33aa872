"""How portals are served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Api:
    """The REST API. An Idempotency-Key is remembered for `idempotency_s`; `register_s` is how stale the registers may be read.

    `rate` is how many calls a second a key makes on average, 0 for as many as come, and `burst` how many at once, unless the key
    has a limit of its own.
    """

    idempotency_s: int = 7 * 24 * 3600
    register_s: float = 0.5
    max_body_bytes: int = 1024 * 1024
    rate: int = 50
    burst: int = 200

    def wrong(self, *, live: bool) -> Iterator[str]:
        """Say what cannot be."""
        if self.rate < 0 or self.burst < 1:
            yield "api.rate must be 0, which is no limit, or more, and api.burst 1 or more"
        if live and self.register_s >= 1:
            yield "api.register_s must be less than a second: what is revoked must be over within one"
