"""A hub for development: the same processes and sample data, until Ctrl-C."""

from __future__ import annotations

import json
import shlex
import uuid
from pathlib import Path

import requests
from rich.console import Console

from gateways.simulator import Delays
from payhub import embedded
from payhub.demo import simulator
from payhub.demo.errors import DemoFailed
from payhub.demo.processes import Processes, interruptible
from payhub.demo.run import start_processes
from payhub.demo.seed import Seeded, seed
from payhub.demo.surroundings import Surroundings, addresses_of, alone, checkout, free_port, stores

WEB_PORT, SIMULATOR_PORT = 8000, 8089
_PORTAL, _TREASURY = "dvc-tay-ninh", "kbnn"
_SEED, _TRIES = 1, 10
_DAY_S = 24 * 3600.0


def serve(home: Path) -> int:
    """Run everything until interrupted; return the exit code."""
    console = Console()
    try:
        _serve_alone(home.resolve(), console)
    except (DemoFailed, requests.RequestException) as error:
        console.print(f"dev: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nstopped")
    return 0


def _serve_alone(home: Path, console: Console) -> None:
    # A demo that is under way stops the stores at its end: they are not to be shared with it.
    with alone(home, "demo"):
        pass
    with interruptible(), alone(home, "dev") as folder, stores(home, "demo") as addresses:
        _serve(_surroundings(home, folder, addresses), console)


def _surroundings(home: Path, folder: Path, addresses: embedded.Addresses) -> Surroundings:
    root = checkout()
    database_url, redis_url = addresses_of(addresses, "payhub", 0)
    return Surroundings(
        root=root, home=home, folder=folder, config=root / "config" / "development.toml", database_url=database_url,
        redis_url=redis_url, web_port=free_port(WEB_PORT), simulator_port=free_port(SIMULATOR_PORT),
    )  # fmt: skip


def _serve(surroundings: Surroundings, console: Console) -> None:
    with surroundings.hub() as hub:
        seeded = seed(hub, surroundings.sample, endpoints_of=surroundings.gateway_endpoints)
        order_s = hub.settings.payments.order_s
    told = simulator.configure(surroundings, seed=_SEED, delays=Delays(), tries=_TRIES, order_s=order_s)
    with Processes(surroundings.root, surroundings.logs, surroundings.environment) as processes:
        start_processes(processes, surroundings, told)
        _explain(console, surroundings, seeded)
        while True:
            processes.wait_until(lambda: False, lambda: "Ctrl-C", _DAY_S)


def _explain(console: Console, surroundings: Surroundings, seeded: Seeded) -> None:
    environment = surroundings.write_environment()
    lines = (
        f"hub        {surroundings.base_url}   (openapi.json, /readyz, /metrics)",
        f"gateways   {surroundings.simulator_url}   a simulator: no money moves",
        f"logs       {surroundings.logs}",
        f"commands   . {environment}; .venv/bin/payhub --help",
        f"treasury   key for reports and settlements: {seeded.keys[_TREASURY]}",
        "",
        "Create a payment, then open the checkout_url it answers with:",
        "",
        curl(surroundings.base_url, seeded.keys[_PORTAL]),
        "",
        "Ctrl-C stops everything.",
    )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def curl(base_url: str, key: str) -> str:
    """Return a command that creates a payment of its own."""
    number = uuid.uuid4().hex[:8]
    body = {
        "portal_reference": f"DEV-{number}",
        "dossier": f"000.00.00.H53-{number}",
        "lines": [
            {"fee": "LP-GPXD", "agency": "000.00.00.H53", "amount": 75_000},
            {"fee": "P-DUONGBO", "agency": "000.00.00.G04", "quantity": 6, "amount": 780_000},
        ],
        "payer": {"name": "Nguyễn Văn A"},
    }
    parts = (
        f"curl -sS {base_url}/v1/payments",
        f"-H 'Authorization: Bearer {key}'",
        f"-H 'Idempotency-Key: {uuid.uuid4()}'",
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}",
    )
    return " \\\n  ".join(parts)
