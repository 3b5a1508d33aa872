"""What is printed, and what is written to build/bench.json."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.run import Measured, Round

_STEPS = {"create": "create", "start": "start", "callback": "applied callback"}
_SHARES = ("p50", "p95", "p99")
_PROCESSES = {
    "web": "web",
    "postgres": "PostgreSQL",
    "worker": "worker",
    "scheduler": "scheduler",
    "generator": "load",
    "others": "others",
}


def figures(measured: Measured) -> dict[str, Any]:
    """Return all figures, as they are written down."""
    creates, lifecycles, settled = measured.creates, measured.lifecycles, measured.settled
    return {
        "creates_per_s": _median(round_.rate for round_ in creates),
        "lifecycles_per_s": _median(round_.rate for round_ in lifecycles),
        "floor_lifecycles_per_s": _median(measured.floor),
        "lifecycles_of_floor": _ratio([round_.rate for round_ in lifecycles], measured.floor),
        "reconciled_rows_per_s": _median(each.rate for each in settled),
        "floor_reconciled_rows_per_s": _median(each.bare_rate for each in settled),
        "reconciled_of_floor": _ratio([each.rate for each in settled], [each.bare_rate for each in settled]),
        "settlement": {
            "lines": settled[0].lines,
            "import_s": _median(each.import_s for each in settled),
            "run_s": _median(each.run_s for each in settled),
        },
        "latency_ms": {
            "create": _latency(creates, "create"),
            **{f"lifecycle.{step}": _latency(lifecycles, step) for step in _STEPS},
        },
        "open_loop_creates_per_s": _median(each.rate for each in measured.arrived),
        **{
            f"open_loop_create_{share}_ms": _median(each.latency_ms[share] for each in measured.arrived)
            for share in _SHARES
        },
        "open_loop_late_p99_ms": _median(each.late_ms["p99"] for each in measured.arrived),
        "cpu_us": {
            "create": {name: _median(round_.us_each(name) for round_ in creates) for name in _PROCESSES},
            "lifecycle": {name: _median(round_.us_each(name) for round_ in lifecycles) for name in _PROCESSES},
        },
        "others_share": _median(round_.share("others") for round_ in (*creates, *lifecycles)),
        "steps": measured.steps,
        "create_us": measured.layers,
        "rows_per_lifecycle": {
            table: [count / measured.sizes.compared for count in counts] for table, counts in measured.written.items()
        },
        "floor_statements": measured.floor_statements,
        "rounds": {
            "creates_per_s": [round(each.rate, 1) for each in creates],
            "lifecycles_per_s": [round(each.rate, 1) for each in lifecycles],
            "floor_lifecycles_per_s": [round(each, 1) for each in measured.floor],
            "open_loop_creates_per_s": [round(each.rate, 1) for each in measured.arrived],
            "open_loop_create_p99_ms": [each.latency_ms["p99"] for each in measured.arrived],
            "reconciled_rows_per_s": [round(each.rate) for each in settled],
            "floor_reconciled_rows_per_s": [round(each.bare_rate) for each in settled],
        },
        "laws": measured.laws,
        "took_s": round(measured.took_s, 1),
        "sizes": asdict(measured.sizes),
        "machine": dict(measured.facts),
    }  # fmt: skip


def show(console: Console, told: dict[str, Any]) -> None:
    """Print the figures in a screenful."""
    for table in (_rates(told), _arrivals(told), _steps(told), _cpu(told), _create(told)):
        console.print(table)
    machine, sizes = told["machine"], told["sizes"]
    version = machine["postgres"]["server_version"].split()[0]
    facts = (
        f"{machine['cpu']}, {machine['cores']} cores",
        f"PostgreSQL {version}, fsync and synchronous_commit on",
        f"web {sizes['workers']}x{sizes['threads']}",
        f"{sizes['connections']} connections",
        f"medians of {sizes['rounds']}",
        f"others used {told['others_share']:.0%} of the CPU",
        f"{told['laws']} laws hold",
        f"{told['took_s']:.0f} s",
    )
    console.print(", ".join(facts), style="dim", highlight=False)


def _rates(told: dict[str, Any]) -> Table:
    table = Table("per second", "PayHub", "rounds", "floor", "of floor", title="Rates")
    for name, key, floor, ratio in (
        ("creates", "creates_per_s", "", ""),
        ("life-cycles", "lifecycles_per_s", "floor_lifecycles_per_s", "lifecycles_of_floor"),
        ("rows reconciled", "reconciled_rows_per_s", "floor_reconciled_rows_per_s", "reconciled_of_floor"),
    ):
        rounds = told["rounds"][key]
        spread = f"{min(rounds):,.0f} - {max(rounds):,.0f}"
        table.add_row(
            name, f"{told[key]:,.0f}", spread, f"{told[floor]:,.0f}" if floor else "", f"{told[ratio]:.2f}" if ratio else ""
        )
    return table


def _steps(told: dict[str, Any]) -> Table:
    table = Table("step", "statements", "round trips", "p50 ms", "p95 ms", "p99 ms", title="Steps of a life-cycle")
    for step, name in _STEPS.items():
        counted, latency = told["steps"][step], told["latency_ms"][f"lifecycle.{step}"]
        table.add_row(
            name, f"{counted['statements']:g}", f"{counted['round_trips']:g}", *(f"{each:.1f}" for each in latency.values())
        )
    return table


def _arrivals(told: dict[str, Any]) -> Table:
    table = Table("per second", "of the maximum", "p50 ms", "p95 ms", "p99 ms", "rounds", title="Creates that arrive at random")
    rounds = told["rounds"]["open_loop_create_p99_ms"]
    latency = [f"{told[f'open_loop_create_{share}_ms']:.1f}" for share in _SHARES]
    spread = f"{min(rounds):.1f} - {max(rounds):.1f}"
    table.add_row(f"{told['open_loop_creates_per_s']:,.0f}", f"{told['sizes']['arrivals_share']:.0%}", *latency, spread)
    return table


def _cpu(told: dict[str, Any]) -> Table:
    table = Table("CPU, µs", *_PROCESSES.values(), title="Who uses the processors")
    for kind in ("create", "lifecycle"):
        table.add_row(f"one {kind}", *(f"{told['cpu_us'][kind][name]:,.0f}" for name in _PROCESSES))
    return table


def _create(told: dict[str, Any]) -> Table:
    table = Table("one create, alone", "µs", "", title="Where a create's time goes")
    layers = told["create_us"]
    whole = sum(layers.values())
    for layer, us in layers.items():
        table.add_row(layer, f"{us:,.0f}", f"{us / whole:.0%}")
    return table


def _median(values: Iterable[float]) -> float:
    return round(median(values), 6)


def _ratio(ours: Sequence[float], floor: Sequence[float]) -> float:
    """Return the median of each round's own ratio: what disturbs a round disturbs both."""
    return round(median(one / other for one, other in zip(ours, floor, strict=True)), 4)


def _latency(rounds: Sequence[Round], step: str) -> dict[str, float]:
    return {share: _median(each.latency_ms(step, share) for each in rounds) for share in _SHARES}
