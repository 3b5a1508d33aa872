"""The demo: one business day through real processes, from a portal's first request to the treasury's last proof."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import requests
from rich.console import Console

from gateways.simulator import Delays, Tariff, Terms
from payhub.clock import local_date
from payhub.demo import banking, printing, simulator
from payhub.demo.closing import Planned, Treasury, gateway_day, is_paid, plan_disagreements, settle
from payhub.demo.day import Lived, live
from payhub.demo.errors import DemoFailed
from payhub.demo.evidence import Evidence, gather
from payhub.demo.national import NationalPortal
from payhub.demo.portal import Portal
from payhub.demo.processes import Processes, interruptible
from payhub.demo.proofs import all_proofs
from payhub.demo.quiet import Quiet, books
from payhub.demo.seed import partner_secret, seed
from payhub.demo.simulator import TERMINALS
from payhub.demo.stories import BASKETS, NATIONAL, USUAL, cases
from payhub.demo.surroundings import Surroundings, alone, checkout, emptied, empty_stores, free_ports, stores
from payhub.demo.tables import rows
from payhub.hub import Hub

SEED = 20261121
TRIES = 4
DELAYS = Delays(ipn_s=0.0, retry_s=1.0, timeout_s=10.0, slow_s=1.5, twice_s=1.0, reversed_s=2.0, late_s=5.0)
QUIET_S = 180.0
TREASURY = "kbnn"
AWAY, AWAY_UNTIL = "mot-cua-hcm", 0.6
"""Whose server is away, and until what part of the day is lived: what it misses it is told afterwards."""
_DATABASE, _REDIS = "payhub_demo", 1


def run_demo(n: int, home: Path) -> int:
    """Drive a day of `n` payments and return the exit code: 0 where every proof holds, 1 where not, 130 when interrupted."""
    console, began = printing.console(), time.monotonic()
    try:
        with interruptible(), surroundings_in(home.resolve(), console) as surroundings:
            return _drive(n, surroundings, console, began)
    except (DemoFailed, requests.RequestException) as error:
        console.print(f"demo: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("demo: interrupted, everything is stopped")
        return 130


@contextmanager
def surroundings_in(home: Path, console: Console) -> Iterator[Surroundings]:
    """Start the stores and give the day a database and a folder of its own, both empty."""
    root = checkout()
    with ExitStack() as stack:
        console.print("starting PostgreSQL and Valkey …")
        folder = stack.enter_context(alone(home, "demo"))
        addresses = stack.enter_context(stores(home, "dev"))
        database_url, redis_url = empty_stores(addresses, _DATABASE, _REDIS)
        web, gateway = free_ports(2)
        yield Surroundings(
            root=root, home=home, folder=emptied(folder), config=root / "config" / "demo.toml", database_url=database_url,
            redis_url=redis_url, web_port=web, simulator_port=gateway,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """Everybody who takes part."""

    hub: Hub
    surroundings: Surroundings
    portals: Mapping[str, Portal]
    national: Mapping[str, NationalPortal]
    treasury: Treasury
    processes: Processes
    console: Console


def _drive(n: int, surroundings: Surroundings, console: Console, began: float) -> int:
    # On a busy day the hub takes longer to notice that a payment has expired: late money waits for that.
    delays = replace(DELAYS, late_s=DELAYS.late_s + n / 200)
    with scene(surroundings, console, delays) as parties:
        lived = _live(parties, n)
        day = _close(parties, lived)
        printing.print_day(console, day)
        proven = printing.print_proofs(console, all_proofs(parties.hub, day))
        parties.processes.check()
    printing.print_end(console, day)
    printing.print_next(console, surroundings, day)
    took = time.monotonic() - began
    console.print(f"\n{n} payments in {took:.0f} s: {'every proof holds' if proven else 'NOT every proof holds'}", style="bold")
    return 0 if proven else 1


@contextmanager
def scene(surroundings: Surroundings, console: Console, delays: Delays, told: Mapping[str, str] | None = None) -> Iterator[Scene]:
    """Fill the registers, give each party its keys, and start the processes; `told` are settings of theirs besides."""
    with ExitStack() as stack:
        hub = stack.enter_context(surroundings.hub())
        portals = {code: stack.enter_context(Portal(code, surroundings.base_url)) for code in BASKETS}
        national = {code: stack.enter_context(_national(code, surroundings)) for code in NATIONAL}
        seeded = seed(
            hub,
            surroundings.sample,
            endpoints_of=surroundings.gateway_endpoints,
            origins={code: [portal.origin] for code, portal in portals.items()},
            webhook_urls={code: portal.told_at for code, portal in portals.items()},
            confirm_urls={code: portal.told_at for code, portal in national.items()},
        )
        for code, portal in portals.items():
            portal.key, portal.secret = seeded.keys[code], seeded.webhook_secrets[code]
        console.print("starting web, worker, scheduler and the gateways' simulator …")
        environment = {**surroundings.environment, **(told or {})}
        processes = stack.enter_context(Processes(surroundings.root, surroundings.logs, environment))
        order_s, terms = hub.settings.payments.order_s, _terms(surroundings.sample)
        told_simulator = simulator.configure(surroundings, seed=SEED, delays=delays, tries=TRIES, order_s=order_s, terms=terms)
        start_processes(processes, surroundings, told_simulator)
        treasury = Treasury(surroundings.base_url, seeded.keys[TREASURY])
        yield Scene(hub, surroundings, portals, national, treasury, processes, console)


def _national(code: str, surroundings: Surroundings) -> NationalPortal:
    """Return a portal of the national contract, with the partner code and the words for fees that the registers have of it."""
    [partner] = [row["code"] for row in rows(surroundings.sample, "national_partners") if row["portal"] == code]
    words = {row["fee"]: row for row in rows(surroundings.sample, "national_fees") if row["portal"] == code}
    return NationalPortal(code, surroundings.base_url, partner, partner_secret(code), words)


def _terms(sample: Path) -> dict[str, Terms]:
    """Have each gateway withhold what its contract says a payment costs."""
    return {row["terminal"]: Terms(payments=Tariff(basis_points=row["cost_bp"])) for row in rows(sample, "gateway_accounts")}


def start_processes(processes: Processes, surroundings: Surroundings, told_simulator: Path) -> None:
    """Start every process of a hub and the gateway's simulator; return when they answer."""
    processes.start("simulator", "-m", "payhub.demo.simulator", str(told_simulator))
    for name in ("web", "worker", "scheduler"):
        processes.start(name, "-m", "payhub", name)
    processes.wait_for_answer(f"{surroundings.simulator_url}/simulator/books")
    processes.wait_for_answer(f"{surroundings.base_url}/readyz")
    banking.open_banks(surroundings.simulator_url, banking.banks(surroundings.sample))


def _live(scene: Scene, n: int) -> list[Lived]:
    made = cases(n, SEED, scene.surroundings.sample, local_date(scene.hub.clock.now()), {**BASKETS, **NATIONAL})
    away, lived = scene.portals[AWAY].away, count(1)
    away.set()
    with printing.progress(scene.console) as bar:
        task = bar.add_task("citizens pay", total=len(made))

        def advance() -> None:
            bar.advance(task)
            if next(lived) > len(made) * AWAY_UNTIL:
                away.clear()

        try:
            return live({**scene.portals, **scene.national}, made, advance)
        finally:
            away.clear()


def _close(scene: Scene, lived: Sequence[Lived]) -> Evidence:
    """Wait until the day is over, settle every gateway day it touched, look at the bank, and gather what every party has."""
    gateway = scene.surroundings.simulator_url
    quiet = Quiet(scene.hub.db.engine, gateway)
    with scene.console.status("waiting for late money, expiries and webhooks …"):
        scene.processes.wait_until(quiet.reached, lambda: str(quiet), QUIET_S)
    orders = books(gateway)["orders"]
    paid = {order["reference"]: order for order in orders if is_paid(order)}
    usual = [paid[each.references[0]] for each in lived if each.case.story.name in USUAL]
    of_account = {account: [order for order in usual if order["terminal"] == terminal] for account, terminal in TERMINALS.items()}
    planned = plan_disagreements(gateway, of_account, SEED)
    days = sorted({gateway_day(order) for order in paid.values()})
    banking.withhold(gateway, days)
    with scene.console.status("reconciling …"):
        runs = settle(scene.processes, scene.treasury, gateway, days, scene.surroundings.folder / "settlements")
        planned += _bank(scene)
        scene.processes.wait_until(quiet.reached, lambda: str(quiet), QUIET_S)
    portals, national, announced = list(scene.portals.values()), list(scene.national.values()), banking.payouts(gateway)
    return gather(
        scene.hub, scene.treasury, portals, national, lived=lived, planned=planned, orders=orders, announced=announced, runs=runs
    )


def _bank(scene: Scene) -> list[Planned]:
    """Let the gateways pay over, net of what they withhold, and hand in what the bank says of it; return what must not fit."""
    gateway, surroundings = scene.surroundings.simulator_url, scene.surroundings
    announced, found = banking.payouts(gateway), banking.banks(surroundings.sample)
    if not announced:
        return []
    planned = banking.plan_disagreements(gateway, found, announced)
    told = banking.statements(found, announced)
    banking.hand_in(scene.treasury, gateway, told, surroundings.folder / "statements")
    return planned
