"""One run of the benchmarks, from empty stores to proven books."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from sqlalchemy import text

from benchmarks import history, machine, rows
from benchmarks.arrivals import Arrivals, Arrived, arrive
from benchmarks.floor import Floor
from benchmarks.layers import where_create_goes
from benchmarks.load import Load, Order, load
from benchmarks.settling import Settled, settle
from benchmarks.sizes import Sizes
from benchmarks.stage import Stage, running, stores
from benchmarks.wire import round_trips
from payhub.app import registry
from payhub.ledger.prove import prove

Say = Callable[[str], None]


class LawBroken(Exception):
    """The books do not hold after the run."""


@dataclass(slots=True)
class Round:
    """The turns of one round, and what the processes used for them, in seconds of CPU by name."""

    loads: list[Load] = field(default_factory=list)
    cpu_s: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Scripts per second."""
        return mean(load.rate for load in self.loads)

    def us_each(self, name: str) -> float:
        """Return the microseconds of CPU that one process used for each script."""
        return 1e6 * self.cpu_s[name] / sum(load.total for load in self.loads)

    def share(self, name: str) -> float:
        """Return a process's part of what all processors did."""
        return self.cpu_s[name] / self.cpu_s.total()

    def latency_ms(self, step: str, share: str) -> float:
        """Return a percentile of a step."""
        return mean(load.latency_ms[step][share] for load in self.loads)


@dataclass(slots=True)
class Measured:
    """Everything a run found out, a list where there is one per round."""

    sizes: Sizes
    facts: Mapping[str, Any]
    creates: list[Round] = field(default_factory=list)
    lifecycles: list[Round] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    written: rows.Written = field(default_factory=dict)
    floor_statements: int = 0
    steps: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    layers: Mapping[str, float] = field(default_factory=dict)
    laws: int = 0
    took_s: float = 0.0


def measure(root: Path, home: Path, sizes: Sizes, say: Say) -> Measured:
    """Measure everything; raise where an answer, a row or a law is not what it must be."""
    began = time.monotonic()
    say("starting PostgreSQL and Valkey, writing the past")
    with stores(root, home, sizes) as stage:
        days = history.write(stage, sizes.rounds, sizes.settled)
        say("starting web, worker and scheduler, warming up")
        with running(stage) as pids:
            measured = Measured(sizes, machine.facts(stage.engine))
            _rates(stage, pids, measured, say)
            say("reconciling settlements")
            measured.settled = [settle(stage, day) for day in days]
            say("counting round trips and looking where a create's time goes")
            measured.steps = round_trips(stage)
            measured.layers = where_create_goes(stage, sizes.inside)
        say("proving the books")
        measured.laws = _prove(stage)
    measured.took_s = time.monotonic() - began
    return measured


def _rates(stage: Stage, pids: Mapping[str, int], measured: Measured, say: Say) -> None:
    """Measure creates, life-cycles and the floor in turns, so that whatever disturbs the machine disturbs them alike."""
    sizes, watched = measured.sizes, {**pids, "postgres": stage.servers.postgres_pid}
    for script in ("create", "lifecycle"):
        _load(stage, script, sizes, seconds=sizes.warm_up_s / 2)
    floor = Floor(stage)
    measured.floor_statements = len(floor.statements[0])
    say("comparing the rows of life-cycles with the rows of the floor")
    measured.written = _same_rows(stage, floor, sizes)
    _analyze(stage)
    for number in range(1, sizes.rounds + 1):
        say(f"round {number} of {sizes.rounds}: creates, life-cycles, floor")
        creates, lifecycles, floors = Round(), Round(), []
        for _ in range(sizes.turns):
            _turn(stage, "create", sizes, sizes.creates_s, watched, creates)
            _turn(stage, "lifecycle", sizes, sizes.lifecycles_s, watched, lifecycles)
            floors.append(floor.rate(sizes.floor_s))
        measured.creates.append(creates)
        measured.lifecycles.append(lifecycles)
        measured.floor.append(mean(floors))
        rate = sizes.arrivals_share * creates.rate
        order = Arrivals(stage.target, rate, sizes.arrivals_s, sizes.arrivals_connections, seed=number)
        measured.arrived.append(arrive(stage.root, order))


def _load(stage: Stage, script: str, sizes: Sizes, *, seconds: float | None = None, times: int | None = None) -> Load:
    return load(stage.root, Order(stage.target, script, sizes.connections, seconds, times))


def _turn(stage: Stage, script: str, sizes: Sizes, seconds: float, watched: Mapping[str, int], into: Round) -> None:
    before, busy = {name: machine.cpu_s(pid) for name, pid in watched.items()}, machine.busy_s()
    done = _load(stage, script, sizes, seconds=seconds)
    used = {name: machine.cpu_s(pid) - before[name] for name, pid in watched.items()}
    used["generator"] = done.cpu_s
    used["others"] = max(0.0, machine.busy_s() - busy - sum(used.values()))
    into.loads.append(done)
    into.cpu_s.update(used)


def _analyze(stage: Stage) -> None:
    """Do what autovacuum would have done by now."""
    with stage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _same_rows(stage: Stage, floor: Floor, sizes: Sizes) -> rows.Written:
    """Return what some life-cycles write; raise where as many of the floor write anything else."""

    def nudge() -> None:
        _load(stage, "ready", sizes, times=20 * sizes.connections)

    before = rows.quiet(stage.engine, nudge)
    _load(stage, "lifecycle", sizes, times=sizes.compared)
    between = rows.counted(stage.engine, before, payments=sizes.compared, nudge=nudge)
    floor.times(sizes.compared)
    after = rows.counted(stage.engine, between, payments=sizes.compared, nudge=nudge)
    hub = rows.between(before, between)
    rows.compare(hub, rows.between(between, after))
    return hub


def _prove(stage: Stage) -> int:
    proven = list(prove(stage.engine, registry().laws))
    broken = [law for law in proven if not law.holds]
    if broken:
        raise LawBroken("\n".join(f"{law.law}: {law.broken[:3]}" for law in broken))
    return len(proven)
