"""The simulated gateway as a process of its own: `python -m payhub.demo.simulator FILE`."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from gateways.simulator import Delays, SimulatorConfig, run
from payhub.demo.seed import DEVELOPMENT_SECRET
from payhub.demo.surroundings import HOST, Surroundings

TERMINAL, ACCOUNT = "PAYHUB01", "vnpay-main"
"""As in the sample register of gateway accounts."""


def configure(surroundings: Surroundings, *, seed: int, delays: Delays, tries: int) -> Path:
    """Write down what the process is to be told; only its owner may read it, for it holds a secret."""
    told = {
        "mode": "test",
        "host": HOST,
        "port": surroundings.simulator_port,
        "terminals": {TERMINAL: (DEVELOPMENT_SECRET, f"{surroundings.base_url}/callbacks/vnpay/{ACCOUNT}")},
        "seed": seed,
        "delays": asdict(delays),
        "tries": tries,
        "books_path": str(surroundings.folder / "gateway-books.jsonl"),
    }
    path = surroundings.folder / "simulator.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def main(path: Path) -> None:
    """Serve until told to stop."""
    told = json.loads(path.read_text(encoding="utf-8"))
    config = SimulatorConfig(**{**told, "delays": Delays(**told["delays"]), "books_path": Path(told["books_path"])})
    signal.signal(signal.SIGTERM, _end)
    run(config)


def _end(_number: int, _frame: FrameType | None) -> None:
    # Unwinds what is being served, so that the books are closed whole.
    raise SystemExit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
