"""`python -m benchmarks`: measure, print, and write build/bench.json."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks import report
from benchmarks.floor import FloorFailed
from benchmarks.rows import RowsDiffer
from benchmarks.run import LawBroken, measure
from benchmarks.settling import NotReconciled
from benchmarks.sizes import FULL, QUICK
from benchmarks.steps import Unexpected
from payhub.demo.errors import DemoFailed
from payhub.demo.processes import interruptible
from payhub.embedded import EmbeddedError

ROOT = Path(__file__).parent.parent
_FAILURES = (Unexpected, RowsDiffer, LawBroken, NotReconciled, FloorFailed, DemoFailed, EmbeddedError)


def main() -> int:
    """Measure and return the exit code: 1 where an answer, a row or a law is wrong, 130 when interrupted."""
    asked = _asked()
    console = Console()
    chosen = {name: value for name in ("workers", "threads", "connections") if (value := getattr(asked, name)) is not None}
    sizes = replace(QUICK if asked.quick else FULL, **chosen)
    try:
        with interruptible(), console.status("…") as status:
            measured = measure(ROOT, asked.home.resolve(), sizes, lambda doing: status.update(escape(f"{doing} …")))
    except _FAILURES as error:
        console.print(f"bench: {type(error).__name__}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("bench: interrupted, everything is stopped")
        return 130
    told = report.figures(measured)
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    report.show(console, told)
    console.print(f"written to {asked.output}", style="dim", highlight=False)
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round of everything: does it work at all?")
    parser.add_argument("--workers", type=int, help=f"web worker processes, {FULL.workers} without it")
    parser.add_argument("--threads", type=int, help=f"threads of each, {FULL.threads}")
    parser.add_argument("--connections", type=int, help=f"connections of the load, {FULL.connections}")
    parser.add_argument("--home", type=Path, default=ROOT / ".payhub" / "bench", help="where the servers keep their data")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json", help="where the figures are written")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
