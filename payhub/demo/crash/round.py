"""One round: a hub under load is struck again and again, comes to rest, and everybody's books are compared."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from gateways.simulator import Delays
from payhub.clock import local_date
from payhub.demo import simulator
from payhub.demo.crash.books import read
from payhub.demo.crash.checks import all_checks
from payhub.demo.crash.kinds import Check, Kind
from payhub.demo.crash.line import Line
from payhub.demo.crash.load import Load, endless
from payhub.demo.crash.portal import PersistentPortal
from payhub.demo.crash.refunds import Refunds
from payhub.demo.crash.service import Service
from payhub.demo.crash.stage import Stage, Stores
from payhub.demo.crash.strikes import plan
from payhub.demo.crash.treasury import Treasury, hire
from payhub.demo.quiet import Quiet, books
from payhub.demo.run import start_processes
from payhub.demo.seed import seed as fill
from payhub.demo.stories import BASKETS
from payhub.demo.surroundings import Surroundings, alone, checkout, emptied, empty_stores, endpoints_at, free_ports
from payhub.hub import Hub

TRIES = 12
DELAYS = Delays(
    ipn_s=0.0, retry_s=1.0, timeout_s=10.0, slow_s=1.5, twice_s=1.0, reversed_s=2.0, late_s=3.0, refund_s=1.5, refund_soon_s=1.0
)
_ORDER_S = 8
TOLD = {
    "PAYHUB_WEB__WORKERS": "2",
    "PAYHUB_PAYMENTS__ORDER_S": f"{_ORDER_S}",
    "PAYHUB_PAYMENTS__LADDER_S": "2,4,6,8,9,10,11,12,14,16,18,20,22",
    "PAYHUB_PAYMENTS__REFUND_CONFIRM_S": "3",
    "PAYHUB_JOBS__REFUNDS_S": "1",
    "PAYHUB_WEBHOOKS__TIMEOUT_S": "2",
}
"""What the hub is told besides `config/demo.toml`: two processes to be killed, and orders and refunds that end soon."""
_APPROVERS = 4
"""So many for each citizen: a code works once."""
_HOLD_S = 0.3
"""How long a refund is on its way to the gateway: whoever is killed in that time has written it and never sent it."""
QUIET_S = 180.0
_DATABASE, _REDIS = "payhub_crash", 1
_ASKED_AGAIN = 8
_RELEASE = text(
    "UPDATE delivery SET next_try_at = now() + interval '2 s' WHERE state = 'due' AND next_try_at > now() + interval '10 s'"
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How often a round kills, and how many citizens are at work.

    Who is `patient` waits for the webhooks that a killed worker had in hand, gives back in parts, and kills the worker while it
    sends a refund.
    """

    kills: int = 8
    citizens: int = 6
    patient: bool = True


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to."""

    seed: int
    kills: Counter[str]
    payments: int
    states: Mapping[str, int]
    refunds: Mapping[str, int]
    cut: int
    """How many requests to give back were cut off on their way to the gateway."""
    failures: Mapping[str, int]
    ended: Mapping[str, int]
    checks: Sequence[Check]
    took_s: float

    @property
    def holds(self) -> bool:
        """Tell whether every check holds."""
        return all(check.holds for check in self.checks)

    def count(self, kind: Kind) -> int:
        """Count what is lost, doubled or wrong."""
        return sum(len(check.found) for check in self.checks if check.kind is kind)


@dataclass(frozen=True, slots=True)
class _Scene:
    hub: Hub
    surroundings: Surroundings
    portals: Mapping[str, PersistentPortal]
    refunds: Refunds
    line: Line
    service: Service
    stage: Stage
    over: threading.Event


def run_round(home: Path, seed: int, size: Size, say: Say) -> Round:
    """Run the round of a seed with everything it needs under `home`, and leave nothing running."""
    began = time.monotonic()
    with _scene(home.resolve(), seed, size) as scene:
        load = _strike(scene, seed, size, say)
        _come_to_rest(scene, size, say)
        left = read(scene.hub, books(scene.surroundings.simulator_url), list(scene.portals.values()))
        checks = list(all_checks(scene.hub, left))
    failures = sum((portal.failures for portal in left.portals), load.failures)
    return Round(
        seed, scene.stage.kills, len(left.payments), Counter(left.payments.values()),
        Counter(refund.state for refund in left.refunds.values()), scene.line.counts["cut"], failures, scene.service.ended, checks,
        time.monotonic() - began,
    )  # fmt: skip


@contextmanager
def _scene(home: Path, seed: int, size: Size) -> Iterator[_Scene]:
    """Start stores, fill the registers, and start the processes."""
    over, root = threading.Event(), checkout()
    with ExitStack() as stack:
        folder = emptied(stack.enter_context(alone(home, "round")))
        stores = stack.enter_context(Stores(home))
        database_url, redis_url = empty_stores(stores.addresses, _DATABASE, _REDIS)
        web, gateway = free_ports(2)
        surroundings = Surroundings(
            root=root, home=home, folder=folder, config=root / "config" / "demo.toml", database_url=database_url,
            redis_url=redis_url, web_port=web, simulator_port=gateway,
        )  # fmt: skip
        emptied(surroundings.logs)
        hub = stack.enter_context(surroundings.hub())
        portals = {code: stack.enter_context(PersistentPortal(code, surroundings.base_url, over)) for code in BASKETS}
        line = stack.enter_context(Line(surroundings.simulator_url, _HOLD_S if size.patient else 0.0))
        _fill(hub, surroundings, portals, line)
        treasury = Treasury(surroundings.base_url, hire(hub, _APPROVERS * size.citizens), over)
        # Whatever is connected now will not be for long.
        hub.db.close()
        service = stack.enter_context(Service(root, surroundings.logs, {**surroundings.environment, **TOLD}))
        told = simulator.configure(surroundings, seed=seed, delays=DELAYS, tries=TRIES, order_s=_ORDER_S)
        start_processes(service, surroundings, told)
        stage = Stage(stores, service, seed, sending=lambda: line.busy or not size.patient)
        refunds = Refunds(surroundings.simulator_url, treasury, parts=size.patient)
        yield _Scene(hub, surroundings, portals, refunds, line, service, stage, over)


def _fill(hub: Hub, surroundings: Surroundings, portals: Mapping[str, PersistentPortal], line: Line) -> None:
    seeded = fill(
        hub,
        surroundings.sample,
        endpoints_of=endpoints_at(surroundings.simulator_url, line.url),
        origins={code: [portal.origin] for code, portal in portals.items()},
        webhook_urls={code: portal.told_at for code, portal in portals.items()},
    )
    for code, portal in portals.items():
        portal.key, portal.secret = seeded.keys[code], seeded.webhook_secrets[code]


def _strike(scene: _Scene, seed: int, size: Size, say: Say) -> Load:
    """Strike while citizens pay; return when the last of them has finished."""
    made = endless(seed, scene.surroundings.sample, local_date(scene.hub.clock.now()))
    with Load(scene.portals, made, scene.refunds, size.citizens, scene.over) as load:
        for strike in plan(seed, size.kills):
            say(f"  after {strike.calm_s:.1f} s kill {' and '.join(strike.targets)}, after {strike.pause_s:.1f} s start again")
            scene.stage.strike(strike)
            load.ended()
        load.end()
        scene.service.wait_until(load.ended, lambda: "citizens to finish", QUIET_S)
        _ask_again(scene)
    return load


def _ask_again(scene: _Scene) -> None:
    """Send every request that was ever answered once more: it must be answered as it was."""
    asked = [(portal, each) for portal in scene.portals.values() for each in [*portal.asked, *portal.asked_back]]
    with ThreadPoolExecutor(_ASKED_AGAIN) as threads:
        list(threads.map(lambda each: each[0].ask_again(each[1]), asked))


def _come_to_rest(scene: _Scene, size: Size, say: Say) -> None:
    say("  waiting for rest")
    scene.service.wait_for_answer(f"{scene.surroundings.base_url}/readyz")
    quiet = _Quiet(scene.hub.db.engine, scene.surroundings.simulator_url)
    quiet.patient = size.patient
    scene.service.wait_until(quiet.reached, lambda: str(quiet), QUIET_S)


class _Quiet(Quiet):
    """Quiet, and a way to have it sooner.

    A courier that is killed takes its claims with it; they run out after the better part of a minute. Who is not patient shortens
    that to seconds, once nothing else is left to do.
    """

    patient = True

    def reached(self) -> bool:
        """Tell whether everything is done."""
        if super().reached():
            return True
        if not self.patient and "deliveries" in self.left and self.left.keys() <= {"deliveries", "refunds"}:
            _release(self._engine)
        return False


def _release(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(_RELEASE)
