"""What a gateway collected for one merchant's account, as the lines of each day's file."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, time

from gateways.simulator.config import GMT7
from gateways.simulator.encoding import moment_of
from gateways.simulator.orders import Fact, Order, State
from gateways.simulator.refunds import Refund
from gateways.simulator.settlement import Kind, Line, disagreed
from gateways.simulator.simulation import Simulation
from gateways.simulator.terms import USUAL


class Collected:
    """The lines of one account by the day of the file they stand in, from the books as they are when this is made."""

    def __init__(self, gateway: Simulation, terminal: str) -> None:
        books, self._by = gateway.books, gateway.config.refund_lines_by
        self._terms = gateway.config.terms.get(terminal, USUAL)
        with books.lock:
            orders = books.of_terminal(terminal)
            refunds = [refund for refund in books.refunds if refund.terminal == terminal and refund.taken]
            self._disagreements = [each for each in books.disagreements if each["terminal"] == terminal]
            self._planned = [each for each in books.planned_lines if each["terminal"] == terminal]
        self._banks = {order.key: order.bank for order in orders}
        self._paid: dict[str, list[Order]] = defaultdict(list)
        self._reversed: dict[str, list[Order]] = defaultdict(list)
        self._refunds: dict[str, list[Refund]] = defaultdict(list)
        for order in orders:
            self._sort(order)
        for refund in refunds:
            if refund.order_key in self._banks:
                self._refunds[refund.pay_date[:8]].append(refund)

    def days(self) -> list[date]:
        """List the days that may have lines."""
        booked = {date.fromisoformat(day) for day in (*self._paid, *self._reversed, *self._refunds)}
        told = {date.fromisoformat(each["date"]) for each in (*self._disagreements, *self._planned) if "date" in each}
        return sorted(booked | told)

    def on(self, day: date) -> list[Line]:
        """List the lines of a day: what was paid, given back and taken back on it, as far as the file agrees, with the fees."""
        key = f"{day:%Y%m%d}"
        lines = [_payment(order) for order in self._paid.get(key, ())]
        lines += [_reversal(order) for order in self._reversed.get(key, ())]
        lines += [self._refund(refund) for refund in self._refunds.get(key, ())]
        lines = [self._charged(line) for line in disagreed(lines, self._disagreements, day)]
        lines += [_of_plan(told) for told in self._planned if told["date"] == day.isoformat()]
        return sorted(lines, key=lambda line: (line.at, line.transaction))

    def _sort(self, order: Order) -> None:
        paid_on, reversed_on = order.pay_date[:8], order.reversed_at[:8]
        # What is taken back on its own day was never listed; later it is too late for that, and there is a line against it.
        if order.state == State.PAID or reversed_on > paid_on:
            self._paid[paid_on].append(order)
        if reversed_on > paid_on:
            self._reversed[reversed_on].append(order)

    def _refund(self, refund: Refund) -> Line:
        reference = refund.reference if self._by == "refund" else refund.original_reference
        bank = self._banks[refund.order_key]
        return Line(refund.transaction, reference, moment_of(refund.pay_date), refund.amount, Kind.REFUND, bank=bank)

    def _charged(self, line: Line) -> Line:
        """Withhold the fee of a line; what is there already is by how much the file disagrees."""
        tariffs = {Kind.PAYMENT: self._terms.payments, Kind.REFUND: self._terms.refunds}
        tariff = tariffs.get(line.kind)
        return replace(line, fee=max(0, line.fee + (tariff.fee(line.amount) if tariff else 0)))


def _payment(order: Order) -> Line:
    return Line(order.transaction, order.reference, moment_of(order.pay_date), order.amount, bank=order.bank)


def _reversal(order: Order) -> Line:
    at = moment_of(order.reversed_at)
    return Line(order.transaction, order.reference, at, order.amount, Kind.REVERSAL, bank=order.bank)


def _of_plan(told: Fact) -> Line:
    late = datetime.combine(date.fromisoformat(told["date"]), time(23, 30, tzinfo=GMT7))
    return Line(told["number"], "", late, told["amount"], Kind(told["kind"]), bank="")
