"""`python -m benchmarks.deliveries`: how many messages one worker tells portals, and what a dead one costs the others.

Writes build/bench-deliveries.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any

import requests
from rich.console import Console
from sqlalchemy import bindparam, select, text, update
from sqlalchemy.types import BigInteger, Uuid

from benchmarks import machine
from benchmarks.sizes import FULL
from benchmarks.stage import PORTAL, Stage, stores
from payhub.demo.errors import DemoFailed
from payhub.demo.processes import Processes, interruptible
from payhub.demo.surroundings import HOST
from payhub.embedded import EmbeddedError
from payhub.portals.models import Portal
from webhooks import addresses, endpoints, pulling, signing
from webhooks.connections import Connection
from webhooks.couriers import PER_ENDPOINT
from webhooks.models import WebhookEndpoint

ROOT = Path(__file__).parent.parent
_MADE = text((Path(__file__).parent / "deliveries.sql").read_text(encoding="utf-8")).bindparams(
    bindparam("portal_id", type_=Uuid), bindparam("number", type_=BigInteger), bindparam("events", type_=BigInteger)
)
_LEFT = text("SELECT count(*) FROM event WHERE position IS NULL")
_DUE = text("SELECT count(*) FROM delivery WHERE state = 'due' AND endpoint_id = ANY (CAST(:told AS uuid[]))")
_PATIENCE_S = 300.0
_BURST, _SPREAD = "payment.paid", "payment.created"


class NotTold(Exception):
    """Something was not told, told twice, or told in a way that it should not be."""


@dataclass
class Scene:
    """The hub with its worker and scheduler, and the server that takes what it tells."""

    stage: Stage
    processes: Processes
    sink: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def portal(self) -> uuid.UUID:
        with self.stage.hub.db.session() as session:
            return session.scalars(select(Portal.id).where(Portal.code == PORTAL)).one()

    def endpoints(self, number: int, type_: str) -> list[str]:
        """Add so many endpoints that are told of a type; return their ids."""
        hub = self.stage.hub
        here = replace(hub.settings.webhooks, private_addresses=True)
        hub = replace(hub, settings=replace(hub.settings, webhooks=here))
        # One portal has as many here as all portals have elsewhere.
        endpoints.MOST = 1000
        with hub.db.session() as session:
            made = [endpoints.add(hub, session, self.portal, f"{self.sink}/{type_}/{each}", [type_])[0] for each in range(number)]
            return [str(each.id) for each in made]

    def happen(self, events: int, type_: str) -> None:
        """Let so many events happen."""
        binds = {"portal_id": self.portal, "number": next(self.numbers), "events": events, "type": type_}
        with self.stage.engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(_MADE, binds)

    def told(self) -> list[tuple[str, str, float]]:
        """Return what came since the last time."""
        return [tuple(each) for each in requests.get(f"{self.sink}/told", timeout=60).json()]

    def wait_for_all(self, told: list[str]) -> None:
        """Wait until these endpoints have been told everything."""

        def done() -> bool:
            with self.stage.engine.connect() as connection:
                return not connection.scalar(_LEFT) and not connection.scalar(_DUE, {"told": told})

        self.processes.wait_until(done, lambda: "deliveries", _PATIENCE_S)


@contextmanager
def scenes(home: Path) -> Iterator[Scene]:
    """Lend a scene."""
    command = [sys.executable, "-m", "benchmarks.sink"]
    with stores(ROOT, home, FULL) as stage, subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as sink:
        try:
            assert sink.stdout is not None
            port = int(sink.stdout.readline())
            told = {**stage.surroundings.environment, "PAYHUB_WEBHOOKS__PRIVATE_ADDRESSES": "true"}
            with Processes(stage.root, stage.folder, told) as processes:
                scene = Scene(stage, processes, f"http://{HOST}:{port}")
                for name in ("worker", "scheduler"):
                    processes.start(name, "-m", "payhub", name)
                yield scene
        finally:
            sink.terminate()


def throughput(scene: Scene, number: int, events: int) -> dict[str, float]:
    """Tell so many endpoints of so many events each, all there at once; return deliveries a second and the CPU of each."""
    told = scene.endpoints(number, _BURST)
    scene.happen(events, _BURST)
    worker, postgres = _pids(scene)
    began = {name: machine.cpu_s(pid) for name, pid in (("worker", worker), ("postgres", postgres))}
    scene.wait_for_all(told)
    used = {name: machine.cpu_s(pid) - began[name] for name, pid in (("worker", worker), ("postgres", postgres))}
    came = scene.told()
    if len({each[:2] for each in came}) != len(came) or len(came) != number * events:
        raise NotTold(f"{len(came)} messages came for {number * events} deliveries")
    times = sorted(at for _, _, at in came)
    return {
        "per_s": round(len(came) / (times[-1] - times[0])),
        "worker_cpu_us": round(1e6 * used["worker"] / len(came)),
        "postgres_cpu_us": round(1e6 * used["postgres"] / len(came)),
    }


def _pids(scene: Scene) -> tuple[int, int]:
    return machine.child_running("payhub\0worker\0"), scene.stage.servers.postgres_pid


def floor(scene: Scene, messages: int) -> dict[str, float]:
    """Post as many bodies to the same server over as many connections, with nothing before or behind it; return posts a second."""
    sign, body = signing.signer(signing.new_secret("hmac")), b"x" * 420
    headers = {"Content-Type": "application/json", **signing.headers([sign], "msg_test_" + "0" * 32, 1, body)}

    def post() -> None:
        with closing(Connection(f"{scene.sink}/floor", addresses.anywhere)) as connection:
            for _ in range(messages // PER_ENDPOINT):
                if connection.post(headers, body, 15.0).status != 204:
                    raise NotTold("the server did not take a message")

    threads = [threading.Thread(target=post) for _ in range(PER_ENDPOINT)]
    began, used = time.perf_counter(), time.process_time()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    took, used = time.perf_counter() - began, time.process_time() - used
    if len(scene.told()) != messages:
        raise NotTold("the server did not take every message")
    return {"per_s": round(messages / took), "cpu_us": round(1e6 * used / messages)}


def latencies(scene: Scene, told: list[str], seconds: int, *, dead: bool) -> dict[str, float]:
    """Let an event happen every quarter of a second, told to every endpoint; return how long it took to all but the last."""
    last = f"/{_SPREAD}/{len(told) - 1}"
    requests.get(f"{scene.sink}/silent?{last}" if dead else f"{scene.sink}/answering", timeout=10)
    scene.told()
    happened: list[float] = []
    for _ in range(4 * seconds):
        happened.append(time.time())
        scene.happen(1, _SPREAD)
        # Events come by the clock, whatever became of those before.
        time.sleep(max(0.0, happened[0] + len(happened) / 4 - time.time()))
    scene.wait_for_all(told[:-1])
    came: dict[str, list[float]] = {}
    for path, _, at in scene.told():
        came.setdefault(path, []).append(at)
    came.pop(last, None)
    if {len(times) for times in came.values()} != {len(happened)} or len(came) != len(told) - 1:
        raise NotTold(f"{sum(map(len, came.values()))} messages came for {len(happened)} events at {len(told) - 1} endpoints")
    # Events of a moment are numbered by it, and told in that order.
    took = sorted(at - begun for times in came.values() for at, begun in zip(sorted(times), happened, strict=True))
    cuts = quantiles(took, n=100)
    return {"p50_ms": round(1000 * cuts[49]), "p95_ms": round(1000 * cuts[94]), "max_ms": round(1000 * took[-1])}


def pulls(scene: Scene, events: int) -> dict[str, float]:
    """Read a page of a portal's events among so many of others, at several places; return the median."""
    with scene.stage.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(_HISTORY, {"events": events, "portal_id": scene.portal})
    with scene.stage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE event"))
        connection.execute(text("VACUUM ANALYZE payment"))
    took = []
    with scene.stage.hub.db.session() as session:
        for place in range(20):
            began = time.perf_counter()
            page = pulling.page(scene.stage.hub, session, scene.portal, after=place * events // 20, limit=100, version=1)
            took.append(1000 * (time.perf_counter() - began))
            if len(page["data"]) != min(100, events // 100 - place * events // 20 // 100):
                raise NotTold(f"a page had {len(page['data'])} events")
    return {"events": events, "page_ms": round(sorted(took)[10], 1)}


# One event in a hundred is the portal's own.
_HISTORY = text(
    """
    WITH made AS MATERIALIZED (
      SELECT k, ('03000000-0000-7000-8000-' || lpad(to_hex(k), 12, '0'))::uuid AS id,
             CASE WHEN k % 100 = 0 THEN :portal_id
             ELSE (SELECT id FROM portal WHERE id <> :portal_id ORDER BY id LIMIT 1) END AS portal_id
      FROM generate_series(1, :events) AS k
    ), payments AS (
      INSERT INTO payment (id, portal_id, portal_reference, reference, state, currency, total, language, created_at, expires_at,
                           paid_at, event_seq)
      SELECT id, portal_id, 'H-' || k, lpad((900000000000 + k)::text, 12, '0'), 'paid', 'VND', 200000, 'vi', now(), now(), now(), 1
      FROM made
    )
    INSERT INTO event (id, payment_id, seq, type, data, occurred_at, position, portal_id)
    SELECT id, id, 1, 'payment.paid', '{"state": "paid"}', now(), k, portal_id FROM made
    """
).bindparams(bindparam("portal_id", type_=Uuid), bindparam("events", type_=BigInteger))


def measure(home: Path, asked: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything; raise where something was not told."""
    home.mkdir(parents=True, exist_ok=True)
    with scenes(home) as scene:
        say("telling ten endpoints, then one")
        many = throughput(scene, 10, asked.deliveries // 10)
        with scene.stage.hub.db.session() as session:
            session.execute(update(WebhookEndpoint).values(disabled_at=scene.stage.hub.clock.now()))
        one = throughput(scene, 1, asked.deliveries // 4)
        say("posting to the same server and nothing else")
        bare = floor(scene, asked.deliveries)
        say(f"telling {asked.endpoints} endpoints, all of them well")
        told = scene.endpoints(asked.endpoints, _SPREAD)
        well = latencies(scene, told, asked.seconds, dead=False)
        say("the same with one that never answers")
        dead = latencies(scene, told, asked.seconds, dead=True)
        facts = machine.facts(scene.stage.engine)
    with stores(ROOT, home, FULL) as stage:
        say(f"pulling among {asked.events:,} events")
        pulled = pulls(Scene(stage, Processes(stage.root, stage.folder, {}), ""), asked.events)
    return {
        "deliveries": asked.deliveries, "ten_endpoints": many, "one_endpoint": one, "floor": bare,
        "of_floor": round(many["per_s"] / bare["per_s"], 2), "endpoints": asked.endpoints, "all_well": well, "one_dead": dead,
        "pull": pulled, "machine": facts,
    }  # fmt: skip


def main() -> int:
    """Measure and return the exit code: 1 where something was not told, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deliveries", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--endpoints", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=30, help="how long events happen for each latency")
    parser.add_argument("--events", type=int, default=1_000_000, help="how many there are where a portal pulls its own")
    parser.add_argument("--home", type=Path, default=ROOT / ".payhub" / "bench-deliveries", help="where the servers keep data")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench-deliveries.json", help="where the figures go")
    asked, console = parser.parse_args(), Console()
    try:
        with interruptible():
            measured = measure(asked.home.resolve(), asked, console.print)
    except (NotTold, DemoFailed, EmbeddedError) as error:
        told = f"bench-deliveries: {type(error).__name__}: {error}"
        console.print(told, style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("bench-deliveries: interrupted, everything is stopped")
        return 130
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    console.print_json(json.dumps({name: value for name, value in measured.items() if name != "machine"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
