"""`python -m payhub.demo.crash --rounds N`: run rounds, and stop at the first in which something does not hold."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import requests
from rich.console import Console

from payhub.demo import printing
from payhub.demo.crash.kinds import Kind
from payhub.demo.crash.round import Round, Size, run_round
from payhub.demo.errors import DemoFailed
from payhub.demo.processes import interruptible
from payhub.embedded import EmbeddedError

HOME = Path(".payhub/crash")
_USUAL = Size()


def main(arguments: list[str] | None = None) -> int:
    """Run the rounds asked for and return the exit code: 1 where something does not hold, 130 when interrupted."""
    asked = _asked(arguments)
    console = printing.console()
    rounds: list[Round] = []
    try:
        with interruptible():
            for seed in range(asked.seed, asked.seed + asked.rounds):
                _print(console, f"round {len(rounds) + 1} of {asked.rounds}, seed {seed}")
                rounds.append(run_round(asked.home, seed, Size(asked.kills, asked.citizens), lambda said: _print(console, said)))
                _print_round(console, rounds[-1], asked.home)
                if not rounds[-1].holds:
                    break
    except (DemoFailed, EmbeddedError, requests.RequestException) as error:
        _print(console, f"crash: {error}\nthe round is not over; everything it left is under {asked.home}")
        return 1
    except KeyboardInterrupt:
        _print(console, "crash: interrupted, everything is stopped")
        return 130
    _print(console, summary(rounds))
    return 0 if all(each.holds for each in rounds) else 1


def summary(rounds: list[Round]) -> str:
    """Count it all."""
    kills = sum(each.kills.total() for each in rounds)
    lost, doubled, wrong = (sum(each.count(kind) for each in rounds) for kind in (Kind.LOST, Kind.DOUBLED, Kind.WRONG))
    payments = sum(each.payments for each in rounds)
    refunds = sum(sum(each.refunds.values()) for each in rounds)
    found = f"{lost} lost, {doubled} doubled" + (f", {wrong} wrong" if wrong else "")
    return f"crash: {len(rounds)} rounds, {kills} kills, {payments} payments, {refunds} refunds, {found}"


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m payhub.demo.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=_USUAL.kills, help="of each round; five and more hit everything")
    parser.add_argument("--citizens", type=int, default=_USUAL.citizens, help="who pay at the same time")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of the first round; the next has the next")
    parser.add_argument("--home", type=Path, default=HOME, help="a folder of their own for stores, logs and books")
    return parser.parse_args(arguments)


def _print_round(console: Console, done: Round, home: Path) -> None:
    _print(console, f"  {_list(done.kills)} killed, {done.payments} payments ({_list(done.states)}) in {done.took_s:.0f} s")
    cut = f", {done.cut} cut off on their way" if done.cut else ""
    _print(console, f"  {sum(done.refunds.values())} refunds ({_list(done.refunds)}){cut}")
    if done.failures:
        _print(console, f"  portals and citizens saw {_list(done.failures)}")
    if done.ended:
        _print(console, f"  ended by themselves and were started again: {_list(done.ended)}")
    broken = [check for check in done.checks if not check.holds]
    for check in broken:
        _print(console, f"  {check}")
    holds = f"all {len(done.checks)} checks hold" if not broken else f"NOT every check holds: everything is kept under {home}"
    _print(console, f"  {holds}")


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {times}" for name, times in sorted(counts.items()))


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
