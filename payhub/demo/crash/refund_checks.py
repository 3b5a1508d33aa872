"""What must be true of refunds when a round is over: each went back once, at the gateway and in the books, or a person is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from payhub.demo.crash.books import Books
from payhub.demo.crash.kinds import Check, Kind

_UNANSWERED = {"created", "processing", "unknown"}


def check_refunds(books: Books) -> Iterator[Check]:
    """Hold the hub's refunds against the gateway's books and the portals' memory."""
    refunds = books.refunds
    told = [asked.answer["id"] for portal in books.portals for asked in portal.asked_back]
    yield Check("a refund that a portal was answered with is gone", Kind.LOST, set(told) - refunds.keys(), len(told))
    yield Check("a refund of which no portal was told", Kind.WRONG, refunds.keys() - set(told), len(refunds))
    repeated = [refund for refund, times in Counter(told).items() if times > 1]
    yield Check("two keys were answered with one refund", Kind.WRONG, repeated, len(told))
    yield from _sent(books)
    yield from _money(books)
    waiting = {ref for ref, refund in refunds.items() if refund.waits}
    yield Check("a refund that never came to rest", Kind.WRONG, waiting, len(refunds))
    silent = {ref for ref, refund in refunds.items() if refund.state == "unknown" and not refund.disputed}
    yield Check("a refund nobody knows of, and nobody is told", Kind.WRONG, silent, len(refunds))


def _sent(books: Books) -> Iterator[Check]:
    requests = [request["reference"] for request in books.given]
    ours = {reference for refund in books.refunds.values() for reference, _ in refund.tries}
    yield Check("a request to give back that the hub never wrote", Kind.LOST, set(requests) - ours, len(requests))
    twice = [reference for reference, times in Counter(requests).items() if times > 1]
    yield Check("a request to give back that was sent twice", Kind.DOUBLED, twice, len(requests))
    # After a request that nobody answered there is no second one: it may be carried out yet.
    again = [ref for ref, refund in books.refunds.items() if any(state in _UNANSWERED for _, state in refund.tries[:-1])]
    yield Check("a second request after one without an answer", Kind.DOUBLED, again, len(books.refunds))


def _money(books: Books) -> Iterator[Check]:
    taken = {request["reference"]: request["amount"] for request in books.given if request["taken"]}
    told = {reference: refund for refund in books.refunds.values() for reference, state in refund.tries if state == "accepted"}
    unknown = {reference for refund in books.refunds.values() if refund.disputed for reference, _ in refund.tries}
    yield Check("money given back that the hub knows nothing of", Kind.LOST, taken.keys() - told.keys() - unknown, len(taken))
    yield Check("money that the hub gave back and the gateway did not", Kind.WRONG, told.keys() - taken.keys(), len(told))
    differing = {reference for reference in taken.keys() & told.keys() if taken[reference] != told[reference].amount}
    yield Check("another amount given back than was asked", Kind.WRONG, differing, len(taken))
    back = [ref for ref, refund in books.refunds.items() if sum(reference in taken for reference, _ in refund.tries) > 1]
    yield Check("a refund that went back twice", Kind.DOUBLED, back, len(books.refunds))
    given = Counter[str]()
    for request in books.given:
        given[request["original_reference"]] += request["amount"] if request["taken"] else 0
    over = [order for order, amount in given.items() if amount > books.orders[order]["amount"]]
    yield Check("more given back than was paid", Kind.DOUBLED, over, len(given))
