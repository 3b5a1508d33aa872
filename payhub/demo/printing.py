"""What a demo says at the terminal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from payhub.demo.evidence import Evidence
from payhub.demo.proofs import Proof
from payhub.demo.surroundings import Surroundings
from payhub.money import format_amount
from reconciliation.totals import SHARES, shown

WIDTH = 124


def console() -> Console:
    """Return the terminal; where there is none, lines wide enough for a table."""
    found = Console()
    return found if found.is_terminal else Console(width=max(found.width, WIDTH))


def progress(console: Console) -> Progress:
    """Return the bar of a day."""
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)


def print_day(console: Console, day: Evidence) -> None:
    """Print what happened, the totals of every business day, and what the two sides disagree about."""
    stories = Counter(each.case.story.name for each in day.lived)
    told = ", ".join(f"{count} {name}" for name, count in stories.most_common())
    console.print(f"\n[bold]The day[/]  {told}", highlight=False, soft_wrap=True)
    for portal in day.portals:
        if missed := portal.counts["missed"]:
            console.print(f"{portal.code} was away at first: {missed} tries in vain, all of it told afterwards", highlight=False)
    console.print("payments  " + ", ".join(f"{count} {state}" for state, count in day.states.items()) + "\n", highlight=False)
    for on, totals in day.totals.items():
        console.print(_totals(on, totals), "")
        console.print(_accounts(on, {account: days[on] for account, days in day.by_account.items()}), "")
    for run in day.runs:
        classes = ", ".join(f"{figures['count']} {name}" for name, figures in run["classes"].items() if figures["count"])
        console.print(f"reconciled {run['account']} of {run['date']} ({run['state']}): {classes}", highlight=False, soft_wrap=True)
    console.print()
    console.print(_payouts(day.payouts), "")
    console.print(_discrepancies(day.discrepancies))


def _totals(on: date, totals: Mapping[str, Any]) -> Table:
    table = _table(f"Totals of the business day {on}, VND")
    table.add_column("agency", no_wrap=True)
    # Where the terminal is narrow the name takes a second line; a figure is never cut short.
    table.add_column("")
    table.add_column("kind", no_wrap=True)
    figures = shown(totals["totals"], SHARES)
    for figure in figures:
        table.add_column(figure.replace("_", " "), justify="right", no_wrap=True)
    sums: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for total in totals["totals"]:
        sums[total["agency"], total["agency_name"], total["kind"]].update({figure: int(total[figure]) for figure in figures})
    for (agency, name, kind), added in sorted(sums.items()):
        table.add_row(agency, name, kind, *(format_amount(added[figure]) for figure in figures))
    table.add_section()
    for total in totals["sum"]:
        table.add_row("all", "", "", *(format_amount(int(total[figure])) for figure in figures), style="bold")
    return table


def _accounts(on: date, totals: Mapping[str, Mapping[str, Any]]) -> Table:
    table = _table(f"The same by gateway account, {on}, VND")
    table.add_column("gateway account", no_wrap=True)
    sums = [(account, total) for account, found in totals.items() for total in found["sum"]]
    figures = shown((total for _, total in sums), SHARES)
    for figure in figures:
        table.add_column(figure.replace("_", " "), justify="right", no_wrap=True)
    for account, total in sums:
        table.add_row(account, *(format_amount(int(total[figure])) for figure in figures))
    table.add_section()
    added = (sum(int(total[figure]) for _, total in sums) for figure in figures)
    table.add_row("all", *map(format_amount, added), style="bold")
    return table


def _payouts(found: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("What gateways pay over, and what the bank shows, VND")
    columns = ("gross", "given back", "withheld", "net")
    for name in ("gateway account", "payout", "due"):
        table.add_column(name, no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("the bank", no_wrap=True)
    for each in sorted(found, key=lambda each: (each["account"], each["due_on"])):
        figures = (each["gross"], each["refunds"] + each["reversals"], each["fees"] - each["adjustments"], each["net"])
        state = f"{each['state']} {each['banked_on'] or ''}"
        table.add_row(each["account"], each["reference"], each["due_on"], *map(format_amount, figures), state)
    return table


def _three_ways(day: Evidence) -> Table:
    """The three proofs side by side, of all gateways and business days."""
    table = _table("Three ways to the same money, all gateways, VND")
    for name in ("agency", ""):
        table.add_column(name, no_wrap=not name)
    figures = ("collected", "reversed", "reported", "banked", "not yet")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    names = {}
    for total in (total for totals in day.totals.values() for total in totals["totals"]):
        names[total["agency"]] = total["agency_name"]
        sums[total["agency"]].update({figure: int(total[figure]) for figure in ("collected", "reversed", "reported")})
    for agency, added in sums.items():
        added["banked"] = day.banked.get(agency, 0)
        added["not yet"] = added["collected"] - added["reversed"] - added["banked"]
    for agency in sorted(sums):
        table.add_row(agency, names[agency], *(format_amount(sums[agency][figure]) for figure in figures))
    table.add_section()
    added = sum(sums.values(), Counter[str]())
    table.add_row("all", "", *(format_amount(added[figure]) for figure in figures), style="bold")
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")


def _discrepancies(found: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("Discrepancies, for a person to decide")
    table.add_column("kind")
    table.add_column("open", justify="right")
    table.add_column("VND", justify="right")
    counts: Counter[str] = Counter(each["kind"] for each in found)
    for kind, count in sorted(counts.items()):
        table.add_row(kind, str(count), format_amount(sum(each["amount"] for each in found if each["kind"] == kind)))
    return table


def print_proofs(console: Console, proofs: Iterable[Proof]) -> bool:
    """Print proofs as they are made; return whether all hold."""
    console.print("\n[bold]Proofs[/]")
    holds = True
    for proof in proofs:
        mark = "[green]holds[/]" if proof.holds else "[bold red]BROKEN[/]"
        console.print(f"{mark}  {proof.name}  [dim]{proof.figures}[/]", highlight=False, soft_wrap=True)
        holds &= proof.holds
    return holds


def print_end(console: Console, day: Evidence) -> None:
    """Print what the day comes to: per agency, what citizens paid, what gateways reported and what is at the bank."""
    console.print("", _three_ways(day))


def print_next(console: Console, surroundings: Surroundings, day: Evidence) -> None:
    """Say where the day can be looked into."""
    folder, on = surroundings.folder, next(iter(day.totals), "DATE")
    environment = surroundings.write_environment()
    console.print("\n[bold]Where to look next[/]")
    for line in (
        f"{folder / 'settlements'}  the gateways' files, with their deliberate disagreements",
        f"{folder / 'statements'}  the bank's statements, which do not fit everywhere either",
        f"{folder / 'gateway-books.jsonl'}  everything the gateways did",
        f"{surroundings.logs}  what each process said",
        "make serve  the same processes until Ctrl-C, with pages to click through",
        f"while that runs: . {environment}; .venv/bin/payhub totals {on} --by gateway",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
