"""The law of matching: whatever the two sides say, every line of both is accounted for once, and the money adds up."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time, timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from gateways.base import Outcome
from payhub.clock import LOCAL, local_date
from payhub.payments.models import Attempt
from reconciliation import matching
from reconciliation.matching import Scope
from reconciliation.settlements import current

ONE = timedelta(days=1)
# What the hub knows of a payment, on which day it says it was paid, and the rows the gateway has of it: (kind, amount apart, days apart).
HUB = st.sampled_from(["unpaid", "paid", "short", "reversed"])
ROWS = st.lists(
    st.tuples(st.sampled_from(["THANH_TOAN", "HOAN_TIEN"]), st.sampled_from([0, 0, 0, 1_000]), st.sampled_from([0, 0, -1])),
    max_size=3,
)
PAYMENTS = st.lists(st.tuples(HUB, st.sampled_from([0, 0, 0, 1, -1, -3]), ROWS), max_size=5)
STRANGERS = st.lists(st.sampled_from(["S1", "S2"]), max_size=3)

CONFIRMED = {"paid", "short", "reversed"}


def expected(hub_says: str, apart: int, kind: str, amount: int, days: int) -> str:
    """Return the class of the first payment row, told again in words of its own."""
    if hub_says not in CONFIRMED:
        return "missing_at_hub"
    if amount != (0 if hub_says != "short" else -5_000):
        return "amount_differs"
    if hub_says != "paid":
        return "reversed" if hub_says == "reversed" else "conflicted"
    return "late" if abs(days - apart) > 1 or apart < -1 else "matched"


days_used = iter(range(0, 100_000, 80))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(payments=PAYMENTS, strangers=STRANGERS)
def test_every_line_of_both_sides_is_accounted_for_once_and_the_money_adds_up(desk, hub, payments, strangers) -> None:
    day = date(2027, 1, 4) + next(days_used) * ONE
    rows, firsts, of_the_day, named = [], Counter(), set(), set()
    for hub_says, apart, theirs in payments:
        attempt = desk.pay(outcome=None)
        if hub_says in CONFIRMED:
            attempt = desk.say(
                attempt, Outcome.SUCCEEDED, on=day + apart * ONE, amount=attempt.amount - (5_000 if hub_says == "short" else 0)
            )
        if hub_says == "reversed":
            desk.say(attempt, Outcome.REVERSED)
        rows += [desk.row(attempt.reference, attempt.amount + more, day + on * ONE, kind=kind) for kind, more, on in theirs]
        if hub_says in CONFIRMED and apart == 0:
            of_the_day.add(attempt.id)
        first = next((row for row in theirs if row[0] == "THANH_TOAN"), None)
        if first is not None:
            firsts[expected(hub_says, apart, *first)] += 1
            named |= {attempt.id} if hub_says in CONFIRMED else set()
    rows += [desk.row(f"{stranger}{day}", 9_000, day) for stranger in strangers]
    desk.settle(rows, day)

    counts = desk.run(day).counts
    assert sum(row["lines"] for row in counts.values()) == len(rows)
    assert sum(row["listed"] for row in counts.values()) == sum(
        row.amount * (1 if row.kind == "THANH_TOAN" else -1) for row in rows
    )
    assert sum(row["attempts"] for row in counts.values()) == len(of_the_day | named)
    payment_rows = Counter(row.reference for row in rows if row.kind == "THANH_TOAN")
    firsts["missing_at_hub"] += len(set(strangers))
    for name in ("matched", "late", "amount_differs", "conflicted"):
        assert counts.get(name, {}).get("count", 0) == firsts[name], name
    repeats = sum(count - 1 for count in payment_rows.values())
    refunds = Counter(row.reference for row in rows if row.kind != "THANH_TOAN")
    assert counts.get("duplicate_at_gateway", {}).get("count", 0) == repeats + sum(count - 1 for count in refunds.values())

    with hub.db.session() as session:
        settlement = current(session, hub.registers.gateway_accounts[desk.account], day)
        matching.match(session, Scope(settlement.id, 0, settlement.gateway_account_id, desk.account, day, day, 0))
        once = session.execute(text(
            "SELECT count(*) FROM verdict WHERE class IS NULL OR disputed IS NULL"
            " UNION ALL SELECT count(number) - count(DISTINCT number) FROM verdict"
            " UNION ALL SELECT count(our_id) - count(DISTINCT our_id) FROM verdict"
        )).scalars().all()  # fmt: skip
        disputed = session.scalar(text("SELECT count(*) FROM verdict WHERE disputed"))
    assert once == [0, 0, 0]
    with hub.db.session() as session:
        opened = session.scalar(text('SELECT count(*) FROM discrepancy WHERE "on" = :day AND EXISTS (SELECT FROM discrepancy_act a'
                                     " WHERE a.discrepancy_id = discrepancy.id AND a.actor LIKE 'run %')"), {"day": day})  # fmt: skip
    assert opened == disputed


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_files_in_any_order_end_in_the_same_classes_and_disputes(desk, hub, data) -> None:
    start = date(2047, 1, 4) + next(days_used) * ONE
    days = [start + number * ONE for number in range(3)]
    places = data.draw(st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 2), max_size=2)), min_size=1, max_size=4))
    order = data.draw(st.permutations(range(3)))
    outcomes = []
    # The same story twice, a long time apart: once with its files in order, once not.
    for shift, arrival in ((0 * ONE, range(3)), (4_000 * ONE, order)):
        files: list[list] = [[], [], []]
        names = {}
        for number, (paid_on, listed_on) in enumerate(places):
            attempt = desk.pay(on=days[paid_on] + shift)
            names[attempt.reference] = f"P{number}"
            for file in listed_on:
                files[file].append(desk.row_of(attempt, on=days[file] + shift))
        for number in arrival:
            desk.settle(files[number], days[number] + shift)
        classes = [desk.classes(day + shift) for day in days]
        outcomes.append((classes, _disputes(hub, names, shift, days[0] + shift, days[2] + shift)))
    assert outcomes[0] == outcomes[1]


# A refund: of which payment, asked for on which day, what becomes of it, whose reference files give it, and in which of three they do.
REFUNDS = st.lists(
    st.tuples(
        st.integers(0, 1), st.integers(0, 2), st.sampled_from(["accepted", "accepted", "unknown_done", "unknown_not_done", "refused"]),
        st.sampled_from(["refund", "order", "number"]), st.lists(st.integers(0, 2), max_size=2),
    ),
    min_size=1, max_size=3,
)  # fmt: skip


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(  # A file lists a refund that was asked for two days later, and comes before the gateway's answer does.
    wanted=[(0, 2, "unknown_done", "refund", [0])], arrival=[3, 1, 2, 0]
)
@given(wanted=REFUNDS, arrival=st.permutations(range(4)))
def test_refunds_files_and_answers_in_any_order_end_in_the_same_classes_and_disputes(
    desk, hub, clock, pay, treasury, wanted, arrival
) -> None:
    outcomes = []
    for order in (range(4), arrival):
        days = [local_date(clock.now()) + number * ONE for number in range(40, 43)]
        at_ten = [datetime.combine(day, time(10), LOCAL) for day in days]
        clock.set(at_ten[0])
        payments, refunds, files, names = [pay(), pay()], [], [[], [], []], {}
        for number, (which, asked_on, will, named, listed_on) in enumerate(sorted(wanted, key=lambda each: each[1])):
            clock.set(max(at_ten[asked_on], clock.now()))
            # Of one payment no second refund is sent while a first has no answer.
            payment = payments[which] if will == "accepted" else pay()
            refund = treasury.give(payment, 50_000, will=will)
            refunds.append(refund)
            names |= {refund.reference: f"R{number}", refund.order: f"P{number}"}
            changes = {"refund": {}, "order": {"reference": refund.order}, "number": {"reference": ""}}[named]
            for file in listed_on:
                files[file].append(desk.refund_row(refund, on=days[file], **changes))
            names[f"transaction {desk.refund_row(refund).transaction}"] = f"R{number}"
        with hub.db.session() as session:
            paid = session.scalars(select(Attempt).where(Attempt.gateway_on.in_(days))).all()
        for attempt in paid:
            files[days.index(attempt.gateway_on)].append(desk.row_of(attempt))
        clock.set(at_ten[2] + 2 * ONE)
        for step in order:
            clock.pass_(hours=1)
            if step:
                desk.settle(files[step - 1], days[step - 1])
            else:
                for refund in refunds:
                    treasury.ask(refund, seconds=1)
        clock.pass_(hours=1)
        desk.learn()
        assert desk.learn() == 0
        outcomes.append(([desk.classes(day) for day in days], _disputes(hub, names, days[0] - days[0].min, days[0], days[2])))
    assert outcomes[0] == outcomes[1]


def _disputes(hub, names: dict[str, str], shift: timedelta, first: date, last: date) -> Counter:
    with hub.db.session() as session:
        found = session.execute(
            text('SELECT kind, key, "on" FROM discrepancy WHERE state <> \'resolved\' AND "on" BETWEEN :a AND :b'),
            {"a": first, "b": last},
        ).all()
    return Counter(
        (kind, next(name for reference, name in names.items() if reference in key), on - shift) for kind, key, on in found
    )
