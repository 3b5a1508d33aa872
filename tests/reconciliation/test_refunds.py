"""Refunds held against the files: what was given back, by whichever name a file has for it, and what it does not say."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests
from sqlalchemy import select, text

from payhub.discrepancies.models import Discrepancy
from payhub.ids import read_public_id
from payhub.payments.models import Attempt

ONE = timedelta(days=1)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def payment(pay):
    return pay()


@pytest.fixture
def row_of(desk, hub):
    """The row a file has of the payment itself."""

    def row(payment, **changes):
        with hub.db.session() as session:
            wanted = select(Attempt).where(Attempt.payment_id == read_public_id("pay", payment["id"], "test"))
            return desk.row_of(session.scalars(wanted).one(), **changes)

    return row


def test_a_refund_the_file_lists_is_matched_and_proves_nothing(desk, treasury, payment, row_of) -> None:
    refund = treasury.give(payment, 50_000)
    desk.settle([row_of(payment), desk.refund_row(refund)])
    assert desk.classes() == {"matched": 2}
    assert desk.disputes() == {}
    assert desk.count("proof") == 1
    counts = desk.run().counts["matched"]
    assert (counts["attempts"], counts["listed"], counts["confirmed"]) == (2, 150_000, 150_000)


NAMES = {
    "our reference": lambda refund: {},
    "our reference, and no number": lambda refund: {"transaction": ""},
    "the gateway's number": lambda refund: {"reference": ""},
    "the order's reference, and the gateway's number": lambda refund: {"reference": refund.order},
    "the order's reference, and no number": lambda refund: {"reference": refund.order, "transaction": ""},
    "a reference of its own, and the gateway's number": lambda refund: {"reference": "GW0001"},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_refund_is_found_by(desk, treasury, payment, row_of, name) -> None:
    refund = treasury.give(payment, 50_000)
    desk.settle([row_of(payment), desk.refund_row(refund).but(**NAMES[name](refund))])
    assert (desk.classes(), desk.disputes()) == ({"matched": 2}, {})


@pytest.mark.parametrize("by", ["refund", "order"])
def test_the_simulators_own_files_agree_with_the_hub(desk, treasury, gateway, pay, by) -> None:
    refunds = [treasury.give(payment, amount) for payment in (pay(), pay()) for amount in (50_000, 50_000, 30_000)]
    file = requests.get(f"{gateway.url}/simulator/settlements/PAYHUB01/{desk.day}.csv", timeout=10).text
    for refund in refunds:
        # With refund_lines_by="order" this is what it writes.
        file = file.replace(refund.reference, refund.order if by == "order" else refund.reference)
    desk.settle(file.encode())
    assert (desk.classes(), desk.disputes()) == ({"matched": 8}, {})
    assert desk.run().counts["matched"]["listed"] == 140_000


def test_amounts_of_refunds_have_no_tolerance(desk, hub, treasury, payment, row_of) -> None:
    refund = treasury.give(payment, 50_000)
    desk.settle([row_of(payment), desk.refund_row(refund, amount=50_001)])
    assert desk.classes() == {"matched": 1, "refund_amount_differs": 1}
    assert desk.disputes() == {f"refund_amount_differs refund/{refund.reference}/reported": 1}
    with hub.db.session() as session:
        found = session.scalars(select(Discrepancy)).one()
    assert found.payment_id == read_public_id("pay", payment["id"], "test")
    assert (found.evidence["hub"]["amount"], found.evidence["gateway"]["amount"]) == (50_000, 50_001)
    assert (found.evidence["hub"]["refund"], found.evidence["hub"]["state"]) == (str(refund.id), "accepted")


def test_a_refund_no_file_lists_is_missing_at_the_gateway(desk, treasury, payment, row_of) -> None:
    refund = treasury.give(payment, 50_000)
    desk.settle([row_of(payment)])
    assert desk.classes() == {"matched": 1, "refund_missing_at_gateway": 1}
    assert desk.disputes() == {f"refund_missing_at_gateway refund/{refund.reference}": 50_000}
    desk.settle([row_of(payment), desk.refund_row(refund)])
    assert (desk.classes(), desk.disputes()) == ({"matched": 2}, {})


def test_a_refund_is_awaited_until_the_files_of_its_grace_days_are_in(desk, treasury, payment, row_of) -> None:
    desk.grace(2)
    refund = treasury.give(payment, 50_000)
    desk.settle([row_of(payment)])
    desk.settle([], desk.day + 2 * ONE)
    assert (desk.classes(), desk.disputes()) == ({"matched": 1, "awaited": 1}, {})
    desk.settle([], desk.day + ONE)
    assert desk.disputes() == {f"refund_missing_at_gateway refund/{refund.reference}": 50_000}


@pytest.mark.parametrize("named", ["refund", "order"])
def test_a_refund_in_the_next_days_file_is_matched_there_and_not_missed_here(desk, treasury, payment, row_of, named) -> None:
    refund = treasury.give(payment, 50_000)
    changes = {"on": desk.day + ONE, **({"reference": refund.order} if named == "order" else {})}
    desk.settle([row_of(payment)])
    assert set(desk.disputes()) == {f"refund_missing_at_gateway refund/{refund.reference}"}
    desk.settle([desk.refund_row(refund, **changes)], desk.day + ONE)
    assert (desk.classes(), desk.classes(desk.day + ONE)) == ({"matched": 1, "in_other_file": 1}, {"matched": 1})
    assert desk.disputes() == {}


def test_a_refund_listed_days_apart_is_late(desk, treasury, payment, row_of) -> None:
    refund = treasury.give(payment, 50_000)
    desk.settle([row_of(payment)])
    later = desk.day + 3 * ONE
    desk.settle([desk.refund_row(refund, on=later)], later)
    assert (desk.classes(), desk.classes(later)) == ({"matched": 1, "in_other_file": 1}, {"late": 1})
    assert desk.disputes() == {f"late refund/{refund.reference}/reported": 50_000}


def test_a_second_line_of_a_refund_is_a_duplicate_whichever_file_comes_first(desk, treasury, payment, row_of) -> None:
    refund = treasury.give(payment, 50_000)
    row = desk.refund_row(refund)
    desk.settle([row, row.but(reference=refund.order, on=desk.day + ONE)], desk.day + ONE)
    assert desk.classes(desk.day + ONE) == {"matched": 1, "duplicate_at_gateway": 1}
    desk.settle([row_of(payment), row])
    assert desk.classes(desk.day + ONE) == {"duplicate_at_gateway": 2, "in_other_file": 1}
    key = f"duplicate_at_gateway refund/{refund.reference}/{desk.day + ONE}"
    assert desk.disputes() == {f"{key}/2": 50_000, f"{key}/3": 50_000}


def test_refunds_of_one_order_on_two_days_are_not_the_same(desk, treasury, clock, payment, row_of) -> None:
    first = treasury.give(payment, 50_000)
    clock.pass_(days=1)
    second = treasury.give(payment, 50_000)
    desk.settle([row_of(payment), desk.refund_row(first, reference=first.order)])
    desk.settle([desk.refund_row(second, reference=second.order)], second.on)
    assert (desk.classes(), desk.classes(second.on)) == ({"matched": 2}, {"matched": 1})
    assert desk.disputes() == {}


def test_a_refund_nobody_here_sent_is_missing_at_the_hub(desk, treasury, payment, row_of) -> None:
    refund = treasury.give(payment, 50_000)
    unknown = desk.refund_row(refund, reference=refund.order, transaction="R1", amount=60_000)
    desk.settle([row_of(payment), desk.refund_row(refund), unknown, unknown.but(reference="LA1")])
    assert desk.classes() == {"matched": 2, "missing_at_hub": 2}
    assert desk.disputes() == {f"missing_at_hub refund/{refund.order}": 60_000, "missing_at_hub refund/LA1": 60_000}


def test_a_refund_sent_after_the_line_is_not_the_line(desk, treasury, clock, payment, row_of) -> None:
    clock.pass_(days=3)
    # Its answer is lost, so the hub does not know the gateway's number for it.
    refund = treasury.give(payment, 50_000, will="lost")
    desk.settle([row_of(payment), desk.refund_row(refund, reference=refund.order, transaction="R1", on=desk.day)])
    assert desk.disputes() == {f"missing_at_hub refund/{refund.order}": 50_000}


@pytest.mark.parametrize("number", ["", "R1"])
def test_where_two_requests_fit_a_line_that_names_the_order_a_person_decides(desk, hub, treasury, payment, row_of, number) -> None:
    gateway_knows = [treasury.give(payment, 50_000) for _ in range(2)]
    with hub.db.engine.begin() as connection:
        connection.execute(text("UPDATE refund_try SET gateway_transaction = NULL"))
    row = desk.refund_row(gateway_knows[0], reference=gateway_knows[0].order, transaction=number)
    desk.settle([row_of(payment), row])
    assert desk.classes() == {"matched": 1, "missing_at_hub": 1, "refund_missing_at_gateway": 2}
    assert desk.disputes() == {
        f"missing_at_hub refund/{row.reference}": 50_000,
        **{f"refund_missing_at_gateway refund/{refund.reference}": 50_000 for refund in gateway_knows},
    }


def test_a_line_that_names_the_order_is_of_the_request_that_was_sent_again(desk, treasury, payment, row_of) -> None:
    failed = treasury.give(payment, 50_000, will="refused")
    refund = treasury.again(failed)
    assert (failed.state, refund.state, failed.id, failed.reference == refund.reference) == ("refused", "accepted", refund.id, False)
    desk.settle([row_of(payment), desk.refund_row(refund, reference=refund.order, transaction="")])
    assert (desk.classes(), desk.disputes()) == ({"matched": 2}, {})


def not_reached(treasury, payment):
    treasury.gateway.reach(NOWHERE)
    return treasury.give(payment, 50_000)


STATES = {
    "unknown": lambda treasury, payment: treasury.give(payment, 50_000, will="unknown_done"),
    "refused": lambda treasury, payment: treasury.give(payment, 50_000, will="refused"),
    "not_reached": not_reached,
}


@pytest.mark.parametrize("named", ["refund", "order"])
@pytest.mark.parametrize("state", STATES)
def test_a_line_of_a_refund_that_did_not_succeed_here_is_for_a_person(desk, hub, treasury, payment, row_of, state, named) -> None:
    refund = STATES[state](treasury, payment)
    assert refund.state == state
    desk.settle([row_of(payment), desk.refund_row(refund, **({"reference": refund.order} if named == "order" else {}))])
    assert desk.classes() == {"matched": 1, "refund_unknown": 1}
    assert desk.disputes() == {f"refund_unknown refund/{refund.reference}/reported": 50_000}
    assert treasury.seen(refund.id) == refund, "a file changes no refund"
    with hub.db.session() as session:
        assert session.scalars(select(Discrepancy)).one().evidence["hub"]["state"] == state


@pytest.mark.parametrize("state", STATES)
def test_a_refund_that_did_not_succeed_here_is_not_missed(desk, treasury, payment, row_of, state) -> None:
    STATES[state](treasury, payment)
    desk.settle([row_of(payment)])
    assert (desk.classes(), desk.disputes()) == ({"matched": 1}, {})


def test_an_answer_that_comes_after_the_file_ends_the_dispute(desk, treasury, payment, row_of) -> None:
    refund = treasury.give(payment, 50_000, will="unknown_done")
    desk.settle([row_of(payment), desk.refund_row(refund, reference=refund.order, transaction="")])
    assert set(desk.disputes()) == {f"refund_unknown refund/{refund.reference}/reported"}
    assert desk.learn() == 0
    assert treasury.ask(refund).state == "accepted"
    assert desk.learn() == 1
    assert (desk.classes(), desk.disputes()) == ({"matched": 2}, {})
    assert desk.learn() == 0


def test_a_refund_known_to_be_accepted_only_after_the_file_that_leaves_it_out_is_missing_there(desk, treasury, payment, row_of) -> None:
    refund = treasury.give(payment, 50_000, will="unknown_done")
    desk.settle([row_of(payment)])
    treasury.ask(refund, days=2)
    assert desk.learn() == 1
    assert desk.disputes() == {f"refund_missing_at_gateway refund/{refund.reference}": 50_000}


@pytest.mark.parametrize("listed", [0, 1, 2])
def test_a_refund_the_gateway_refuses_after_all_is_judged_again(desk, treasury, gateway, payment, row_of, listed) -> None:
    """The file leaves it out, lists it, or the next day's does."""
    refund = treasury.give(payment, 50_000, will="refused_later")
    row = desk.refund_row(refund)
    desk.settle([row_of(payment), row] if listed == 1 else [row_of(payment)])
    desk.settle([row.but(on=desk.day + ONE)] if listed == 2 else [], desk.day + ONE)
    gateway.until("09")
    assert treasury.ask(refund, hours=25).state == "refused"
    desk.learn()
    wanted = {f"refund_unknown refund/{refund.reference}/reported": 50_000} if listed else {}
    assert desk.disputes() == wanted


def test_what_the_hub_itself_does_not_know_of_a_refund_stays_open_whatever_a_file_says(desk, hub, treasury, payment, row_of) -> None:
    refund = treasury.give(payment, 200_000, will="unknown_not_done")
    for _ in hub.settings.payments.ladder_s:
        treasury.ask(refund, days=3)
    own = {f"refund_unknown refund/{refund.reference}": 200_000}
    assert desk.disputes() == own
    desk.settle([row_of(payment)])
    assert desk.disputes() == own
    desk.settle([row_of(payment), desk.refund_row(refund)])
    assert desk.disputes() == {**own, f"refund_unknown refund/{refund.reference}/reported": 200_000}
    desk.settle([row_of(payment), desk.row("X", 1)])
    assert desk.disputes() == {**own, "missing_at_hub payment/X": 1}


def test_two_people_who_say_that_it_succeeded_end_what_the_file_had_opened(desk, treasury, payment, row_of) -> None:
    refund = treasury.give(payment, 50_000, will="unknown_not_done")
    desk.settle([row_of(payment), desk.refund_row(refund)])
    treasury.clock.pass_(hours=1)
    treasury.say(refund, "succeeded")
    assert desk.learn() == 1
    assert (desk.classes(), desk.disputes()) == ({"matched": 2}, {})


@pytest.mark.parametrize("named", ["refund", "order"])
def test_a_corrected_file_takes_a_refunds_line_back_and_brings_it(desk, treasury, payment, row_of, named) -> None:
    refund = treasury.give(payment, 50_000)
    row = desk.refund_row(refund, **({"reference": refund.order} if named == "order" else {}))
    later = desk.day + 5 * ONE
    desk.settle([row.but(on=later)], later)
    desk.settle([row_of(payment), row])
    assert desk.classes(later) == {"duplicate_at_gateway": 1, "in_other_file": 1}
    # The day's better file no longer has it, so the later one counts.
    desk.settle([row_of(payment)])
    assert (desk.classes(), desk.classes(later)) == ({"matched": 1, "in_other_file": 1}, {"late": 1})
    desk.settle([row_of(payment), row, desk.row("X", 1)])
    assert desk.classes(later) == {"duplicate_at_gateway": 1, "in_other_file": 1}


def test_a_refund_and_a_reversal_of_the_same_payment_stay_apart(desk, treasury, payment, row_of, reverse) -> None:
    refund = treasury.give(payment, 200_000)
    assert reverse() == "00"
    desk.settle([desk.refund_row(refund)])
    assert desk.classes() == {"reversed": 1, "matched": 1}
    assert {kind.split()[0] for kind in desk.disputes()} == {"refund_and_reversal", "reversed"}


def test_running_again_over_refunds_changes_nothing(desk, treasury, pay, row_of) -> None:
    payments = [pay() for _ in range(3)]
    refunds = [treasury.give(payment, 50_000) for payment in payments]
    unknown = treasury.give(payments[0], 20_000, will="unknown_done")
    rows = [desk.refund_row(refunds[0]), desk.refund_row(refunds[1], amount=7), desk.refund_row(unknown)]
    imported = desk.settle([*map(row_of, payments), *rows])
    kept = ("settlement", "settlement_line", "proof", "discrepancy", "discrepancy_act", "journal", "refund", "refund_try", "event")
    before, counts = desk.rows(*kept), desk.run().counts
    desk.again(imported)
    assert (desk.rows(*kept), desk.run().counts) == (before, counts)
    assert set(counts) == {"matched", "refund_amount_differs", "refund_unknown", "refund_missing_at_gateway"}
