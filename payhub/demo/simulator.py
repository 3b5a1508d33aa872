"""The simulated gateways as a process of its own: `python -m payhub.demo.simulator FILE`."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from gateways.simulator import Delays, SimulatorConfig, Terms, run
from payhub.demo.seed import DEVELOPMENT_SECRETS
from payhub.demo.surroundings import HOST, Surroundings

TERMINALS: Mapping[str, str] = {"vnpay-main": "PAYHUB01", "momo-main": "PAYHUBMOMO", "zalopay-main": "25530"}
"""The accounts at each gateway, as in the sample register: code to terminal."""


def merchants(base_url: str) -> dict[str, Any]:
    """Return the accounts as a simulator is told of them: VNPAY is told where to call back, the others are with each order."""
    secrets = {name: tuple(known.values()) for name, known in DEVELOPMENT_SECRETS.items()}
    return {
        "terminals": {TERMINALS["vnpay-main"]: (*secrets["vnpay"], f"{base_url}/callbacks/vnpay/vnpay-main")},
        "momo": {TERMINALS["momo-main"]: secrets["momo"]},
        "zalopay": {TERMINALS["zalopay-main"]: secrets["zalopay"]},
    }


def configure(
    surroundings: Surroundings,
    *,
    seed: int,
    delays: Delays,
    tries: int,
    order_s: int,
    terms: Mapping[str, Terms] | None = None,
) -> Path:
    """Write down what the process is to be told; only its owner may read it, for it holds secrets.

    `order_s` is how long the hub's orders live: MoMo is not told with each. `terms` are by terminal: nothing is withheld
    of an account without.
    """
    told = {
        "mode": "test",
        "host": HOST,
        "port": surroundings.simulator_port,
        **merchants(surroundings.base_url),
        "seed": seed,
        "delays": asdict(delays),
        "tries": tries,
        "momo_expires_s": order_s,
        "terms": {terminal: asdict(each) for terminal, each in (terms or {}).items()},
        "books_path": str(surroundings.folder / "gateway-books.jsonl"),
    }
    path = surroundings.folder / "simulator.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def main(path: Path) -> None:
    """Serve until told to stop."""
    told = json.loads(path.read_text(encoding="utf-8"))
    read = {
        "delays": Delays(**told["delays"]),
        "terms": {terminal: Terms.read(each) for terminal, each in told["terms"].items()},
        "books_path": Path(told["books_path"]),
    }
    config = SimulatorConfig(**{**told, **read})
    signal.signal(signal.SIGTERM, _end)
    run(config)


def _end(_number: int, _frame: FrameType | None) -> None:
    # Unwinds what is being served, so that the books are closed whole.
    raise SystemExit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
