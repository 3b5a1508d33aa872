"""`python -m benchmarks.national`: the nation's history, reconciled; writes build/bench-national.json."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks.national.run import FoundOtherwise, NoRoom, measure
from benchmarks.steps import Unexpected
from payhub.demo.errors import DemoFailed
from payhub.demo.processes import interruptible
from payhub.embedded import EmbeddedError

ROOT = Path(__file__).parent.parent.parent
PAYMENTS = 10_980_000
"""Paid through the national portal until 19 July 2023."""


def main() -> int:
    """Measure and return the exit code: 1 where something else was found than planted, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.national", description=__doc__)
    parser.add_argument("--payments", type=int, default=PAYMENTS, help=f"{PAYMENTS:,} without it")
    parser.add_argument("--months", type=int, default=12, help="over how many, a file for each account and month")
    parser.add_argument("--listened-s", type=float, default=20.0, help="how long citizens pay without and beside the second pass")
    parser.add_argument("--home", type=Path, default=ROOT / ".payhub" / "bench-national", help="where the servers keep data")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench-national.json", help="where the figures go")
    asked, console = parser.parse_args(), Console()
    try:
        with interruptible():
            home, say = asked.home.resolve(), lambda doing: console.print(escape(doing))
            told = measure(ROOT, home, asked.payments, asked.months, asked.listened_s, say)
    except (NoRoom, FoundOtherwise, Unexpected, DemoFailed, EmbeddedError) as error:
        why = f"bench-national: {type(error).__name__}: {error}"
        console.print(why, style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("bench-national: interrupted, everything is stopped")
        return 130
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    console.print_json(json.dumps({name: value for name, value in told.items() if name != "machine"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
