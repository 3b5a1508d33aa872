"""Rests: an endpoint that fails again and again is left alone for a while, by every process.

A rest is remembered in Valkey, with how many there were in a row: each lasts twice as long as the one before, up to `REST_S`. After
it one courier tries one delivery, and its first success ends the trouble. Where Valkey is lost, the endpoint is asked a few times
more, and that is all.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redis.exceptions import RedisError

from payhub import log
from payhub.hub import Hub

PATIENCE = 5
"""After so many failures in a row an endpoint rests; after one, where it has just rested."""
REST_S = 60
_REMEMBERED_S = 600
"""How long after a rest it is still remembered that there was one."""
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    """That an endpoint rests, or rested and has taken nothing since."""

    until: datetime
    rests: int


def troubles(hub: Hub, endpoints: Sequence[uuid.UUID]) -> dict[uuid.UUID, Trouble]:
    """Return which of these endpoints are in trouble."""
    found: Sequence[Any] = ()
    with suppress(RedisError):
        found = hub.redis.mget([_key(each) for each in endpoints]) if endpoints else []
    return {each: _read(said) for each, said in zip(endpoints, found, strict=False) if said is not None}


def resting(hub: Hub, endpoint_id: uuid.UUID) -> datetime | None:
    """Return until when an endpoint rests, or None where it does not."""
    trouble = troubles(hub, [endpoint_id]).get(endpoint_id)
    return trouble.until if trouble and hub.clock.now() < trouble.until else None


def rest(hub: Hub, endpoint_id: uuid.UUID, asked: datetime | None = None) -> None:
    """Let an endpoint rest for as long as it is worth, or until the instant that it asked for itself."""
    now, before = hub.clock.now(), troubles(hub, [endpoint_id]).get(endpoint_id)
    if before and now < before.until and (asked is None or asked <= before.until):
        return
    rests = before.rests + 1 if before else 1
    first_s = hub.settings.webhooks.retry_s[0] if hub.settings.webhooks.retry_s else REST_S
    until = asked or now + timedelta(seconds=min(REST_S, first_s * 2 ** min(rests - 1, 10)))
    _log.warning("endpoint.resting", endpoint=str(endpoint_id), until=until.isoformat(), rests=rests)
    kept_s = math.ceil((until - now).total_seconds()) + _REMEMBERED_S
    with suppress(RedisError):
        hub.redis.set(_key(endpoint_id), f"{until.isoformat()} {rests}", ex=kept_s)


def well(hub: Hub, endpoint_id: uuid.UUID) -> None:
    """Forget an endpoint's trouble: it takes messages again."""
    _log.info("endpoint.well", endpoint=str(endpoint_id))
    with suppress(RedisError):
        hub.redis.delete(_key(endpoint_id))


def _read(said: bytes) -> Trouble:
    until, _, rests = said.decode().partition(" ")
    return Trouble(datetime.fromisoformat(until), int(rests))


def _key(endpoint_id: uuid.UUID) -> str:
    return f"payhub:webhooks:resting:{endpoint_id}"
