"""What must be true when a round is over: nothing lost, nothing doubled, nothing made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from payhub.app import registry
from payhub.demo.crash.books import Books
from payhub.demo.crash.kinds import Check, Kind
from payhub.demo.crash.refund_checks import check_refunds
from payhub.hub import Hub
from payhub.ledger.prove import prove

_FACTS = {
    # What books an attempt: once for its money, once more where that was taken back.
    ("succeeded", True): ["applied"],
    ("succeeded", False): ["not_applicable"],
    ("conflicted", False): ["not_applicable"],
    ("reversed", True): ["applied", "applied_reversed"],
    ("reversed", False): ["not_applicable", "unapplied_reversed"],
}


def all_checks(hub: Hub, books: Books) -> Iterator[Check]:
    """Hold every law of the hub against its rows, and every side against every other."""
    for law in prove(hub.db.engine, registry().laws):
        yield Check(law.law, Kind.WRONG, law.broken, law.checked)
    yield from compare(books)


def compare(books: Books) -> Iterator[Check]:
    """Hold every side against every other."""
    yield from _payments(books)
    yield from _money(books)
    yield from _bookings(books)
    yield from check_refunds(books)
    yield from _webhooks(books)


def _payments(books: Books) -> Iterator[Check]:
    told, exists = books.told, books.payments.keys()
    differed = [key for portal in books.portals for key in portal.differed]
    yield Check("a payment that a portal was answered with is gone", Kind.LOST, set(told) - exists, len(told))
    yield Check("a payment of which no portal was told", Kind.WRONG, exists - set(told), len(exists))
    yield Check("two keys were answered with one payment", Kind.WRONG, _repeated(told), len(told))
    yield Check("a key was answered differently when it was sent again", Kind.DOUBLED, differed, len(told))
    yield Check("two payments for one reference of a portal", Kind.DOUBLED, _repeated(books.references), len(books.references))


def _money(books: Books) -> Iterator[Check]:
    ours = {reference for reference, attempt in books.attempts.items() if attempt.has_money}
    reversed_ = {reference for reference, attempt in books.attempts.items() if attempt.state == "reversed"}
    taken = books.taken
    unknown = books.orders.keys() - books.attempts.keys()
    yield Check("an order at the gateway that the hub never made", Kind.LOST, unknown, len(books.orders))
    yield Check("money that the gateway has and the hub has not", Kind.LOST, taken.keys() - ours, len(taken))
    yield Check("money that the hub has and the gateway has not", Kind.WRONG, ours - taken.keys(), len(ours))
    yield Check("money taken back of which the hub was told in vain", Kind.WRONG, books.returned - reversed_, len(books.returned))
    yield Check("money taken back that the gateway still has", Kind.WRONG, reversed_ & taken.keys(), len(reversed_))
    # The gateway may misstate an amount; what it said is then held for a person to see.
    differing = {reference for reference in ours & taken.keys() if books.attempts[reference].confirmed != taken[reference]}
    other = {reference for reference in differing if books.attempts[reference].state != "conflicted"}
    yield Check("another amount than the gateway's", Kind.WRONG, other, len(ours))
    owing = sum(books.attempts[reference].confirmed for reference in ours) - books.gave.total()
    unequal = [] if owing == books.receivable else [f"{owing} confirmed and not given back, {books.receivable} receivable"]
    yield Check("the sum of the money is not what is receivable", Kind.WRONG, unequal, 1)


def _bookings(books: Books) -> Iterator[Check]:
    attempts = books.attempts
    booked = {ref: Counter(fact.split()[1] for fact in attempt.facts) for ref, attempt in attempts.items()}
    taken = Counter(refund.attempt for refund in books.refunds.values() if refund.state == "succeeded")
    wanted = {ref: Counter(_FACTS.get((attempt.state, attempt.applied), [])) for ref, attempt in attempts.items()}
    for ref, times in taken.items():
        wanted[ref]["refund_taken"] = times
    yield Check("money that is not booked", Kind.LOST, [ref for ref in attempts if wanted[ref] - booked[ref]], len(attempts))
    yield Check("money that is booked twice", Kind.DOUBLED, [ref for ref in attempts if booked[ref] - wanted[ref]], len(attempts))
    receivable = {ref: (attempt.confirmed if attempt.has_money else 0) - books.gave[ref] for ref, attempt in attempts.items()}
    wrong = [ref for ref, attempt in attempts.items() if attempt.receivable != receivable[ref]]
    yield Check("money that is not receivable as confirmed", Kind.WRONG, wrong, len(attempts))
    applied = _repeated([attempt.payment for attempt in attempts.values() if attempt.applied])
    yield Check("a payment that is paid twice", Kind.DOUBLED, applied, len(books.payments))
    held = {ref: attempt for ref, attempt in attempts.items() if attempt.has_money and not attempt.applied}
    silent = [ref for ref, attempt in held.items() if attempt.held is None or attempt.held not in attempt.kinds]
    yield Check("money that is held without a discrepancy", Kind.WRONG, silent, len(held))
    overdue = {ref: attempt for ref, attempt in attempts.items() if attempt.overdue}
    unasked = [ref for ref, attempt in overdue.items() if "unknown_outcome" not in attempt.kinds]
    yield Check("an attempt undecided past its expiry without a discrepancy", Kind.WRONG, unasked, len(attempts))


def _webhooks(books: Books) -> Iterator[Check]:
    heard = {event: ids for portal in books.portals for event, ids in portal.ids.items()}
    bodies = {message: digests for portal in books.portals for message, digests in portal.bodies.items()}
    paid = {payment for (payment, _), type_ in books.events.items() if type_ == "payment.paid"}
    wanted = {payment for payment, state in books.payments.items() if state in {"paid", "reversed"}}
    yield Check("a paid payment without the event that says so", Kind.LOST, wanted - paid, len(wanted))
    yield Check("an event that its portal never heard of", Kind.LOST, books.events.keys() - heard.keys(), len(books.events))
    yield Check("a webhook about nothing", Kind.WRONG, heard.keys() - books.events.keys(), len(heard))
    yield Check("an event under two webhook-ids", Kind.DOUBLED, [event for event, ids in heard.items() if len(ids) > 1], len(heard))
    changed = [message for message, digests in bodies.items() if len(digests) > 1]
    yield Check("a webhook-id with two bodies", Kind.WRONG, changed, len(bodies))
    refused = [portal.code for portal in books.portals if portal.counts["refused"]]
    yield Check("a portal that could not verify a webhook", Kind.WRONG, refused, len(books.portals))
    yield Check("a payment heard of out of order", Kind.WRONG, _disordered(books), len(wanted))


def _disordered(books: Books) -> list[str]:
    latest: dict[str, int] = {}
    found = []
    for told in (message["data"] for portal in books.portals for message in portal.heard.values()):
        if told["sequence"] < latest.get(told["payment"], 0):
            found.append(told["payment"])
        latest[told["payment"]] = told["sequence"]
    return found


def _repeated(names: Collection[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]
