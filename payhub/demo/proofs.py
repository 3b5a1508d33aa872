"""What must be true at the end of a day, each side held against the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from payhub.app import registry
from payhub.demo.evidence import Evidence
from payhub.demo.simulator import TERMINALS
from payhub.hub import Hub
from payhub.ledger.prove import prove
from payhub.money import format_amount

MONEY = ("succeeded", "conflicted")
_SHOWN = 5
_TAKEN = {"00", "204", "1"}
"""How the hub tells VNPAY, MoMo and ZaloPay that it takes a message: that it is not sent again does not say so at ZaloPay."""
_KINDS = {
    # What a story leaves behind for each try whose money is held, misstated or taken back.
    "wrong amount": ("overpaid", "amount_differs"),
    "reversed": ("reversed",),
    "paid late, held": ("late",),
    "paid twice": ("paid_twice",),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """One statement, whether it holds, and the figures it was made of."""

    name: str
    holds: bool
    figures: str


def all_proofs(hub: Hub, day: Evidence) -> Iterator[Proof]:
    """Hold every law of the hub against its rows, then every party against every other."""
    for law in prove(hub.db.engine, registry().laws):
        yield Proof(law.law, law.holds, f"{law.checked:,} checked" if law.holds else f"broken: {list(law.broken)[:_SHOWN]}")
    yield _sums(day)
    yield _accounts(day)
    for account in TERMINALS:
        yield _differences(day, account)
    yield from _callbacks(day)
    for account in TERMINALS:
        yield from _money(day, account)
    yield from _bank(day)
    yield from _once(day)
    yield from _webhooks(day)
    yield from _confirmed(day)
    yield _explained(day)


def _sums(day: Evidence) -> Proof:
    owed = sum(total["owed"] for total in day.sums())
    figures = f"{format_amount(day.due)} = {format_amount(day.owed)} = {format_amount(owed)} VND"
    return Proof("lines of paid payments = owed in the ledger = totals of the agencies", day.due == day.owed == owed, figures)


def _accounts(day: Evidence) -> Proof:
    parts = {account: sum(total["collected"] for total in day.sums(account)) for account in TERMINALS}
    whole = sum(total["collected"] for total in day.sums())
    figures = " + ".join(f"{format_amount(part)} ({account})" for account, part in parts.items())
    figures += f" = {format_amount(whole)} VND"
    return Proof("totals of the gateway accounts = totals of the agencies", sum(parts.values()) == whole, figures)


def _differences(day: Evidence, account: str) -> Proof:
    difference = sum(total["difference"] for total in day.sums(account))
    unproven = {each.reference for each in day.planned if each.account == account and each.asked in {"omit", "amount"}}
    explained = sum(day.attempts[reference].confirmed or 0 for reference in unproven)
    figures = f"{format_amount(difference)} = {format_amount(explained)} VND"
    name = f"{account}: collected - reversed - reported = what the gateway was told to omit or change"
    return Proof(name, difference == explained, figures)


def _callbacks(day: Evidence) -> Iterator[Proof]:
    sent, forged = day.tries(forged=False), day.tries(forged=True)
    accepted = sum(tried["end"] == "accepted" for tried in sent)
    others = len(sent) - accepted
    figures = f"{len(sent):,} sent, {day.times:,} kept" + (f", {others} not accepted" if others else "")
    # A callback that was not accepted may have arrived or not.
    yield Proof("every callback of the gateways is accounted for", accepted <= day.times <= len(sent), figures)
    believed = [tried for tried in forged if tried["rsp_code"] in _TAKEN]
    # Of a stranger's callbacks no more are kept than the limit for their source allows.
    figures = f"{len(forged):,} refused, {day.refused:,} of them kept"
    yield Proof("no forged callback is believed", not believed and day.refused <= len(forged), figures)


def _money(day: Evidence, account: str) -> Iterator[Proof]:
    attempts, receivable = day.attempts_of(account), day.receivable[account]
    ours = {reference: attempt.confirmed or 0 for reference, attempt in attempts.items() if attempt.state in MONEY}
    theirs = day.paid(account)
    misstated = {ref for ref in ours.keys() & theirs.keys() if ours[ref] != theirs[ref] and attempts[ref].state == "conflicted"}
    explained = sum(ours[reference] - theirs[reference] for reference in misstated)
    books = sum(theirs.values())
    figures = f"{format_amount(books)} + {format_amount(explained)} = {format_amount(receivable)} VND"
    holds = books + explained == receivable
    yield Proof(f"{account}: the gateway's books + amounts it misstated = receivable before payouts", holds, figures)
    lost, invented = theirs.keys() - ours.keys(), ours.keys() - theirs.keys()
    yield _nothing(f"{account}: no money is lost", lost, len(theirs))
    yield _nothing(f"{account}: no money is made up", invented, len(ours))


def _bank(day: Evidence) -> Iterator[Proof]:
    """What the gateways announced is what the hub expects, and what the bank shows whole is what the ledger has."""
    figures = ("gross", "refunds", "reversals", "fees", "adjustments", "net", "due_on")
    theirs = {each["reference"]: [each[name] for name in figures] for each in day.announced}
    ours = {each["reference"]: [each[name] for name in figures] for each in day.payouts}
    apart = {reference for reference in theirs.keys() | ours.keys() if theirs.get(reference) != ours.get(reference)}
    yield _nothing("every payout is what its gateway announced, gross, withheld and net", apart, len(theirs))
    whole = {each["reference"] for each in day.announced if each["credited"] == each["net"]}
    banked = {each["reference"] for each in day.payouts if each["state"] == "banked"}
    yield _nothing("a payout is banked where the bank shows it whole, and only there", whole ^ banked, len(theirs))
    shown = sum(each["net"] for each in day.announced if each["reference"] in whole)
    told = f"{format_amount(shown)} = {format_amount(day.bank)} VND"
    yield Proof("what the bank shows of whole payouts = bank in the ledger", shown == day.bank, told)


def _once(day: Evidence) -> Iterator[Proof]:
    applied = Counter(each.payment for each in day.lived for ref in each.references if day.attempts[ref].applied)
    yield _nothing("no payment is paid twice", {payment for payment, times in applied.items() if times > 1}, len(applied))


def _webhooks(day: Evidence) -> Iterator[Proof]:
    messages = [message["data"] for portal in day.portals for message in portal.heard.values()]
    heard = [(told["payment"], told["sequence"]) for told in messages]
    counts = sum((portal.counts for portal in day.portals), Counter[str]())
    figures = f"{counts['verified']:,} verified, {counts['stumbled']} taken only when sent again"
    yield Proof("every webhook's signature is verified by the portal", counts["refused"] == 0, figures)
    yield _nothing("no webhook is lost", day.told - set(heard), len(day.told))
    yield _nothing("no webhook is doubled or made up", [*(Counter(heard) - Counter(day.told))], len(heard))
    latest: dict[str, int] = {}
    disordered = []
    for payment, sequence in heard:
        if sequence < latest.get(payment, 0):
            disordered.append(payment)
        latest[payment] = sequence
    yield _nothing("of each payment the portal hears in order", disordered, len(latest))


def _confirmed(day: Evidence) -> Iterator[Proof]:
    """Each name of a payment is told by itself, and told what was asked under it."""
    heard = {reference: told for portal in day.national for reference, told in portal.heard.items()}
    counts = sum((portal.counts for portal in day.national), Counter[str]())
    figures = f"{counts['verified']:,} verified, {counts['stumbled']} taken only when sent again"
    yield Proof("every CONFIRM is verified by the portal of the national contract", counts["refused"] == 0, figures)
    # The contract has no word for money that is taken back later: the portal learns of it by QUERY.
    paid = {reference for reference, (_, state) in day.names.items() if state in {"paid", "reversed"}}
    last = {reference for reference, told in heard.items() if told[-1]["MaLoi"] == "00"}
    yield _nothing("a reference is confirmed where its payment was paid, and only there", paid ^ last, len(day.names))
    wrong = [reference for reference, told in heard.items() if {each["SoTien"] for each in told} != {day.names[reference][0]}]
    yield _nothing("no CONFIRM tells another amount than was asked", wrong, len(heard))


def _explained(day: Evidence) -> Proof:
    """Every deliberate disagreement is found under its name, and nothing else is."""
    found = {(each["kind"], each["key"]) for each in day.discrepancies}
    wanted = {(each.kind, each.key) for each in day.planned if each.kind} | _of_stories(day)
    missing, surplus = sorted(wanted - found), sorted(found - wanted)
    figures = f"{len(wanted)} expected, {len(found)} found"
    if wanted != found:
        figures += f", missing {missing[:_SHOWN]}, surplus {surplus[:_SHOWN]}"
    return Proof("every disagreement has its discrepancy, and there is no other", wanted == found, figures)


def _of_stories(day: Evidence) -> set[tuple[str, str]]:
    """Return the discrepancies that the day's stories must leave behind."""
    wanted = set()
    for each in day.lived:
        for reference in each.references:
            attempt = day.attempts[reference]
            held = attempt.state == "succeeded" and not attempt.applied
            kinds = _KINDS.get(each.case.story.name, ()) if held or attempt.state in {"conflicted", "reversed"} else ()
            wanted |= {(kind, f"{attempt.account}/payment/{reference}") for kind in kinds}
    return wanted


def _nothing(name: str, found: Collection[object], among: int) -> Proof:
    figures = f"0 of {among:,}" if not found else f"{len(found)} of {among:,}: {sorted(map(str, found))[:_SHOWN]}"
    return Proof(name, not found, figures)
