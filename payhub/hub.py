"""The hub: what every feature needs at hand, made once per process and passed down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateways.base import Gateway
from payhub.accounts.banks import Banks
from payhub.accounts.bulkhead import Bulkhead
from payhub.accounts.health import Health
from payhub.attesting.keys import Attester
from payhub.clock import Clock
from payhub.crypto import Keyring
from payhub.db import SEALS_WITH, Database
from payhub.discrepancies.terms import INFO as DISCREPANCY_DAYS
from payhub.portals.limits import Limit, Limits
from payhub.portals.uses import Uses
from payhub.registers import RegisterCache, Registers
from payhub.settings import Settings, ring_of

_MOMENT_S = 0.2


@dataclass(frozen=True, slots=True)
class Hub:
    """Settings, stores, keys, the clock and the gateways' protocols by name."""

    settings: Settings
    db: Database
    redis: Redis = field(repr=False)
    keyring: Keyring
    clock: Clock
    cache: RegisterCache
    gateways: Mapping[str, Gateway]
    health: Health
    banks: Banks
    bulkhead: Bulkhead
    limits: Limits
    uses: Uses
    attester: Attester

    @property
    def registers(self) -> Registers:
        """The registers in force."""
        return self.cache.current()


def brief_redis(url: str) -> Redis:
    """Return a client for what a page asks Valkey and can do without: it waits a moment, once."""
    return Redis.from_url(url, socket_connect_timeout=_MOMENT_S, socket_timeout=_MOMENT_S, retry=Retry(NoBackoff(), 0))


def build(settings: Settings, gateways: Mapping[str, Gateway], clock: Clock) -> Hub:
    """Make a hub; nothing is connected until it is used."""
    keyring = ring_of(settings.secrets)
    redis = Redis.from_url(settings.redis.url, socket_connect_timeout=2, socket_timeout=10, retry=Retry(NoBackoff(), 1))
    brief = brief_redis(settings.redis.url)
    db = Database(settings.database, f"{SEALS_WITH}{keyring.newest}", {DISCREPANCY_DAYS: settings.discrepancies.by_kind()})
    return Hub(
        settings=settings,
        db=db,
        redis=redis,
        keyring=keyring,
        clock=clock,
        cache=RegisterCache(db, keyring, settings.api.register_s),
        gateways=gateways,
        health=Health(brief, clock, settings.gateways),
        banks=Banks(brief, clock),
        bulkhead=Bulkhead(settings.gateways.orders_of(settings.web.threads)),
        limits=Limits(brief, Limit(settings.api.rate, settings.api.burst)),
        uses=Uses(db),
        attester=Attester(settings.signing, settings.paths.home, live=settings.live),
    )
