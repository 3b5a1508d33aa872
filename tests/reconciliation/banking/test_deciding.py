"""The laws of matching payouts to entries, on rows alone, and what a text is read as."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payhub.ids import new_code
from reconciliation.banking.coverage import Said, covers, gaps, stretches
from reconciliation.banking.matching import Agreement, Entry, Payout, decide
from reconciliation.banking.words import codes_in, holds, names_in

DUE = date(2026, 11, 23)
ACCOUNT = uuid.UUID(int=1)
DAYS = st.integers(-2, 5).map(lambda days: DUE + timedelta(days=days))
REFERENCES = ["PO00000001", "PO00000002", "PO00000003"]


@st.composite
def pays(draw) -> list[Payout]:
    chosen = draw(st.lists(st.sampled_from(REFERENCES), unique=True))
    return [
        Payout((ACCOUNT, reference, "VND"), draw(st.sampled_from([-100, 0, 100, 200])), due, due + timedelta(days=3), draw(st.booleans()))
        for reference in chosen
        for due in [draw(DAYS)]
    ]


@st.composite
def books(draw) -> list[Entry]:
    return [
        Entry(
            uuid.UUID(int=100 + place), bytes([place]), draw(DAYS), draw(st.sampled_from([-200, -100, 100, 200, 300])), "VND",
            frozenset((ACCOUNT, name) for name in draw(st.sets(st.sampled_from(REFERENCES), max_size=2))),
            frozenset([ACCOUNT] if draw(st.booleans()) else []),
        )
        for place in range(draw(st.integers(0, 6)))
    ]  # fmt: skip


@given(pays(), books(), st.booleans(), st.randoms())
def test_no_order_of_rows_matters_and_money_is_banked_once_and_whole(payouts, entries, covered, chance) -> None:
    decided = decide(payouts, entries, lambda _: covered)
    shuffled = chance.sample(payouts, len(payouts)), chance.sample(entries, len(entries))
    assert decide(*shuffled, lambda _: covered) == decided
    assert decided.keys() == {payout.key for payout in payouts}
    used = [decision.entry.id for decision in decided.values() if decision.entry]
    assert len(used) == len(set(used))
    for payout in payouts:
        decision = decided[payout.key]
        assert (decision.state == "banked") == (decision.entry is not None or (payout.net == 0 and not decision.told))
        assert decision.state in {"banked", "differs", "missing" if covered else "awaited"}
        if decision.entry:
            assert decision.entry.amount == payout.net
            named = (ACCOUNT, payout.key[1]) in decision.entry.names
            assert named or (payout.marked and ACCOUNT in decision.entry.marks)
        if decision.state == "differs":
            assert decision.told
        if decision.suggested:
            assert decision.suggested.amount == payout.net
            assert decision.state != "banked"


@given(pays(), books(), st.data())
def test_what_another_payout_is_told_of_changes_nothing_for_who_is_told_alone(payouts, entries, data) -> None:
    """An entry that names a payout decides about that payout only."""
    if not entries:
        return
    without = data.draw(st.sampled_from(entries))
    before = decide(payouts, entries, lambda _: False)
    after = decide(payouts, [entry for entry in entries if entry is not without], lambda _: False)
    for payout in payouts:
        if before[payout.key].told and (ACCOUNT, payout.key[1]) not in without.names:
            assert after[payout.key].state == before[payout.key].state


@given(pays(), books(), st.data(), st.randoms())
@settings(max_examples=300, deadline=None)
def test_what_people_say_holds_whole_or_not_at_all_and_only_where_it_adds_up(payouts, entries, data, chance) -> None:
    said, keys, free = [], {payout.key for payout in payouts}, {entry.id for entry in entries}
    while keys and free and len(said) < 2:
        mine = data.draw(st.frozensets(st.sampled_from(sorted(keys)), min_size=1))
        told = data.draw(st.frozensets(st.sampled_from(sorted(free)), min_size=1))
        said.append(Agreement(uuid.UUID(int=200 + len(said)), told, mine))
        keys, free = keys - mine, free - told
    decided = decide(payouts, entries, lambda _: True, said)
    assert decide(payouts, chance.sample(entries, len(entries)), lambda _: True, chance.sample(said, len(said))) == decided
    used: list[uuid.UUID] = [decision.entry.id for decision in decided.values() if decision.entry]
    held = []
    for agreement in said:
        by = {decided[key].agreement for key in agreement.payouts}
        assert by == {agreement.id} or agreement.id not in by
        if by == {agreement.id}:
            held.append(agreement)
            used += agreement.entries
            assert all(decided[key].state == "banked" for key in agreement.payouts)
            amounts = [sum(entry.amount for entry in entries if entry.id in agreement.entries)]
            assert amounts == [sum(payout.net for payout in payouts if payout.key in agreement.payouts)]
    assert len(used) == len(set(used)), "no money is two payouts"
    rest = [payout for payout in payouts if not any(payout.key in each.payouts for each in held)]
    left = [entry for entry in entries if not any(entry.id in each.entries for each in held)]
    assert decide(rest, left, lambda _: True) == {payout.key: decided[payout.key] for payout in rest}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("VNPAY CHI TRA PO26112071281929 NGAY 20/11/2026", {"PO26112071281929"}),
        ("vnpay chi tra po26112071281929", {"PO26112071281929"}),
        ("CHI TRA PO261120 71281929", {"PO26112071281929"}),
        ("CHI TRA PO-26112071281929.", {"PO26112071281929"}),
        ("CHI TRA PO261120712819290", set()),
        ("CHI TRA APO26112071281929", set()),
        ("CHI TRA", set()),
        ("MV-12/7 va MV-12/75", {"MV-12/7", "MV-12/75"}),
        ("MV-12/75", {"MV-12/75"}),
        ("so 12", set()),
    ],
)
def test_a_payout_is_named_by_its_reference_alone(text, found) -> None:
    assert names_in(text, ["PO26112071281929", "MV-12/7", "MV-12/75", "12"]) == found


def test_codes_are_known_by_their_check_digits() -> None:
    code = new_code()
    wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
    assert codes_in(f"nop phi {code.lower()} va {wrong}, {code}") == [code]


def test_a_mark_stands_in_a_text_whatever_signs_are_between() -> None:
    assert holds("CT DEN: VNPAY-CHI TRA 20/11", "vnpay chi tra")
    assert not holds("VN PAY CHI TRA", "VNPAY CHI TRA")


def said(first: int, last: int, opening: int | None, closing: int | None) -> Said:
    return Said(date(2026, 11, first), date(2026, 11, last), opening, closing, "VND")


def test_statements_speak_for_the_days_between_them_while_their_balances_follow() -> None:
    found = stretches([said(20, 20, 1, 5), said(23, 23, 5, 9), said(25, 25, 8, 8)], lambda *_: False)
    assert [(first.day, last.day) for first, last in found] == [(20, 23), (25, 25)]
    assert covers(found, date(2026, 11, 21), date(2026, 11, 23))
    assert not covers(found, date(2026, 11, 23), date(2026, 11, 25))


def test_notifications_speak_for_days_on_which_nobody_works() -> None:
    told = [said(20, 20, None, None), said(23, 23, None, None), said(25, 25, None, None)]
    found = stretches(told, lambda after, before: before.weekday() == 0)
    assert [(first.day, last.day) for first, last in found] == [(20, 23), (25, 25)]


@given(st.permutations([said(20, 20, 0, 5), said(23, 23, 5, 9), said(24, 24, 9, 9), said(26, 26, 12, 12)]))
def test_gaps_are_of_statements_in_the_order_of_their_days(told) -> None:
    assert [(finding.key, finding.amount) for finding in gaps(told, "b")] == [("b/statement/2026-11-26", 3)]
