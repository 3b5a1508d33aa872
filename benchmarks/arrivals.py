"""Creates that arrive when they arrive: at random, and whether or not those before have been answered.

A closed loop waits with its next request until it has its answer, so a slow moment is measured once, however many would have met
it. Here every request has its instant beforehand (a Poisson process), and its latency counts from that instant: waiting for a free
connection, and for this process itself, is part of it.
"""

from __future__ import annotations

import json
import random
import select
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.load import Line, elsewhere, percentiles
from benchmarks.steps import SCRIPTS, Target, Unexpected

_SILENCE_S = 30.0
_BEFORE_S = 0.1
"""The first arrival is so far ahead, when everything is connected."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What is wanted: creates, or other scripts, at so many per second for some seconds; the same seed, the same instants."""

    target: Target
    rate: float
    seconds: float
    connections: int
    seed: int
    script: str = "create"


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came of it. `late_ms` is how long after its instant a request was sent, `latency_ms` how long until its answer."""

    rate: float
    total: int
    cpu_s: float
    latency_ms: dict[str, float]
    late_ms: dict[str, float]


def arrive(root: Path, order: Arrivals) -> Arrived:
    """Carry out an order in another process."""
    return Arrived(**elsewhere(root, "benchmarks.arrivals", asdict(order)))


def instants(rate: float, seconds: float, seed: int) -> list[float]:
    """Return the seconds at which requests arrive: the times between them are exponential."""
    dice, found, at = random.Random(seed), [], 0.0
    while (at := at + dice.expovariate(rate)) < seconds:
        found.append(at)
    return found


def _carry_out(order: Arrivals) -> Arrived:
    lines = [Line(order.target) for _ in range(order.connections)]
    due, spent = instants(order.rate, order.seconds, order.seed), time.process_time()
    began = time.perf_counter() + _BEFORE_S
    latencies, late = _play(order, lines, [began + at for at in due])
    for line in lines:
        line.socket.close()
    took = time.perf_counter() - began
    return Arrived(len(due) / took, len(due), time.process_time() - spent, percentiles(latencies), percentiles(late))


def _play(order: Arrivals, lines: Sequence[Line], due: Sequence[float]) -> tuple[list[float], list[float]]:
    """Begin each script at its instant, or as soon after it as a connection is free; return latencies and delays in seconds."""
    script = SCRIPTS[order.script]
    waiting, free = deque(due), list(lines)
    at_work: dict[int, tuple[Line, float]] = {}
    latencies: list[float] = []
    late: list[float] = []
    while waiting or at_work:
        now = time.perf_counter()
        while waiting and free and waiting[0] <= now:
            line, instant = free.pop(), waiting.popleft()
            line.begin(script(order.target))
            at_work[line.socket.fileno()] = line, instant
            now = time.perf_counter()
            late.append(now - instant)
        patience = max(0.0, waiting[0] - now) if waiting and free else _SILENCE_S
        # select, not epoll: its timeout is in microseconds.
        ready, _, _ = select.select(list(at_work), [], [], patience)
        if not ready and patience == _SILENCE_S:
            raise Unexpected(f"no answer for {_SILENCE_S:.0f} s")
        for number in ready:
            line, instant = at_work[number]
            if not line.proceed({}):
                latencies.append(time.perf_counter() - instant)
                free.append(line)
                del at_work[number]
    return latencies, late


def main() -> None:
    """Read an order, carry it out, print what came of it."""
    told = json.load(sys.stdin)
    target = Target(**told.pop("target"))
    try:
        print(json.dumps(asdict(_carry_out(Arrivals(target=target, **told)))))
    except (OSError, Unexpected) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
