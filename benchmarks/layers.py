"""Where the time of a create goes: CPU of each layer in one thread, and the wait for PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from statistics import quantiles
from typing import Any

import marshmallow
import psycopg
import sqlalchemy

from benchmarks.inside import inside
from benchmarks.stage import Stage
from benchmarks.steps import create
from payhub.payments import service

HTTP, SCHEMA, HUB, SQL, WAIT = "HTTP and Flask", "schema", "the hub's own work", "SQL, client side", "waiting for PostgreSQL"
_WARM = 20


class _Watch:
    """Gives every stretch of one thread's time to the innermost layer it was spent in."""

    def __init__(self) -> None:
        self.cpu: dict[str, int] = {}
        self.wall: dict[str, int] = {}
        self._layers: list[str] = []
        self._cpu, self._wall = 0, 0

    def _turn(self) -> None:
        cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
        if self._layers:
            layer = self._layers[-1]
            self.cpu[layer] = self.cpu.get(layer, 0) + cpu - self._cpu
            self.wall[layer] = self.wall.get(layer, 0) + wall - self._wall
        self._cpu, self._wall = cpu, wall

    def wrap(self, layer: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its time given to a layer."""

        @wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            self._turn()
            self._layers.append(layer)
            try:
                return function(*arguments, **named)
            finally:
                self._turn()
                self._layers.pop()

        return watched


def where_create_goes(stage: Stage, times: int) -> dict[str, float]:
    """Return the microseconds of each layer of one create: the lower quartile, for whatever else runs here only adds."""
    watch, seen = _Watch(), []
    with inside(stage) as app:
        for _ in range(_WARM):
            app.play(create)
        with _watched(watch):
            app.app.wsgi_app = watch.wrap(HTTP, app.app.wsgi_app)  # type: ignore[method-assign]
            for _ in range(times):
                watch.cpu.clear()
                watch.wall.clear()
                app.play(create)
                cpu = {layer: watch.cpu.get(layer, 0) / 1000 for layer in (HTTP, SCHEMA, HUB, SQL, WAIT)}
                # Sending and reading are the client's work as well; the rest of the call is waiting.
                waited = watch.wall.get(WAIT, 0) / 1000 - cpu[WAIT]
                seen.append({**cpu, SQL: cpu[SQL] + cpu[WAIT], WAIT: waited})
    return {layer: round(quantiles((each[layer] for each in seen), n=4)[0], 1) for layer in (HTTP, SCHEMA, HUB, SQL, WAIT)}


@contextmanager
def _watched(watch: _Watch) -> Iterator[None]:
    places: list[tuple[Any, str, str]] = [
        (service, "create", HUB),
        (marshmallow.Schema, "load", SCHEMA),
        (marshmallow.Schema, "dump", SCHEMA),
        (sqlalchemy.Engine, "connect", SQL),
        (sqlalchemy.Connection, "execute", SQL),
        (sqlalchemy.Connection, "close", SQL),
        (psycopg.Connection, "wait", WAIT),
    ]
    with ExitStack() as stack:
        for owner, name, layer in places:
            plain = getattr(owner, name)
            setattr(owner, name, watch.wrap(layer, plain))
            stack.callback(setattr, owner, name, plain)
        yield
