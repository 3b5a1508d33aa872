"""Every class of a line, and what follows from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from gateways.base import Outcome
from payhub.clock import local_date
from payhub.discrepancies import accepting
from payhub.discrepancies.models import Discrepancy, DiscrepancyAct
from reconciliation import runs

ONE = timedelta(days=1)


def test_a_line_that_agrees_is_matched_and_proves_every_line_of_its_payment(desk, hub) -> None:
    lines = [
        {"fee": "P-CHUNGTHUC", "agency": "000.00.00.H29", "amount": 8_000, "quantity": 4},
        {"fee": "LP-GPXD", "agency": "000.00.00.G04", "amount": 75_000},
    ]
    attempt = desk.pay(lines=lines, portal="mot-cua-hcm")
    desk.settle([desk.row_of(attempt)])
    assert desk.classes() == {"matched": 1}
    assert desk.disputes() == {}
    with hub.db.session() as session:
        proofs = session.execute(text("SELECT holds, amount, proved_on FROM proof ORDER BY amount")).all()
    assert [(proof.holds, proof.amount, proof.proved_on) for proof in proofs] == [
        (True, 8_000, desk.day),
        (True, 75_000, desk.day),
    ]


def test_a_line_without_our_reference_is_found_by_the_gateways_number(desk) -> None:
    attempt, earlier = desk.pay(), desk.pay(on=desk.day - ONE)
    rows = [desk.row_of(each, reference="", transaction=f"T{each.reference}") for each in (attempt, earlier)]
    desk.settle([*rows, desk.row("", 5_000, transaction="X1")])
    assert desk.classes() == {"matched": 2, "missing_at_hub": 1}
    assert desk.disputes() == {"missing_at_hub payment/transaction X1": 5_000}


def test_a_line_dated_a_day_apart_is_matched_and_flagged(desk) -> None:
    attempt, yesterdays = desk.pay(), desk.pay(on=desk.day - ONE)
    desk.settle([desk.row_of(attempt, on=desk.day - ONE), desk.row_of(yesterdays)])
    assert desk.classes() == {"matched": 2}
    assert desk.run().counts["matched"]["dated_apart"] == 2
    assert desk.disputes() == {}


def test_a_line_more_than_a_day_apart_is_late_and_still_proves(desk) -> None:
    attempt = desk.pay(on=desk.day - 3 * ONE)
    desk.settle([desk.row_of(attempt)], on=desk.day - 2 * ONE)
    assert desk.classes(desk.day - 2 * ONE) == {"matched": 1}
    late = desk.pay(on=desk.day - 5 * ONE)
    desk.settle([desk.row_of(late), desk.row("NEW", 1_000)])
    assert desk.classes() == {"late": 1, "missing_at_hub": 1}
    assert desk.disputes() == {f"late payment/{late.reference}/reported": 200_000, "missing_at_hub payment/NEW": 1_000}
    assert desk.count("proof") == 2


def test_two_dates_a_day_from_the_files_own_but_two_from_each_other_are_late(desk) -> None:
    attempt = desk.pay(on=desk.day + ONE)
    desk.settle([desk.row_of(attempt, on=desk.day - ONE)])
    assert desk.classes() == {"late": 1}


def test_amounts_have_no_tolerance(desk) -> None:
    attempt = desk.pay()
    desk.settle([desk.row_of(attempt, amount=199_999)])
    assert desk.classes() == {"amount_differs": 1}
    assert desk.disputes() == {f"amount_differs payment/{attempt.reference}": 1}
    assert desk.count("proof") == 0


def test_another_currency_is_not_the_same_money(desk, hub, tmp_path) -> None:
    attempt = desk.pay()
    told = (hub.settings.paths.mappings / "vnpay-example.toml").read_text(encoding="utf-8")
    (tmp_path / "vnpay-example.toml").write_text(told.replace('bank = "NganHang"', 'currency = "NganHang"'), encoding="utf-8")
    object.__setattr__(hub.settings.paths, "mappings", tmp_path)
    desk.settle([desk.row_of(attempt, bank="USD")])
    assert desk.classes() == {"currency_differs": 1}
    assert desk.disputes() == {f"currency_differs payment/{attempt.reference}": 200_000}


def test_a_payment_only_the_hub_has_is_missing_at_the_gateway(desk) -> None:
    attempt, other = desk.pay(), desk.pay()
    desk.settle([desk.row_of(other)])
    assert desk.classes() == {"matched": 1, "missing_at_gateway": 1}
    assert desk.disputes() == {f"missing_at_gateway payment/{attempt.reference}": 200_000}


def test_a_payment_is_awaited_until_the_files_of_its_grace_days_are_in(desk) -> None:
    desk.grace(2)
    attempt = desk.pay()
    desk.settle([])
    assert desk.classes() == {"awaited": 1}
    desk.settle([], desk.day + 2 * ONE)
    assert desk.classes() == {"awaited": 1}
    assert desk.disputes() == {}
    desk.settle([], desk.day + ONE)
    assert desk.classes() == {"missing_at_gateway": 1}
    assert desk.disputes() == {f"missing_at_gateway payment/{attempt.reference}": 200_000}


def test_a_payment_in_the_next_days_file_is_matched_there_and_not_missed_here(desk) -> None:
    attempt = desk.pay()
    desk.settle([])
    assert desk.disputes() == {f"missing_at_gateway payment/{attempt.reference}": 200_000}
    desk.settle([desk.row_of(attempt)], desk.day + ONE)
    assert (desk.classes(), desk.classes(desk.day + ONE)) == ({"in_other_file": 1}, {"matched": 1})
    assert desk.disputes() == {}


def test_lines_the_hub_does_not_know_are_missing_at_the_hub(desk) -> None:
    attempt = desk.pay()
    unpaid = desk.pay(outcome=None)
    refund = desk.row_of(attempt, kind="HOAN_TIEN", transaction="R1")
    desk.settle([desk.row_of(attempt), refund, desk.row("NOBODYS", 5_000), desk.row_of(unpaid)])
    assert desk.classes() == {"matched": 1, "missing_at_hub": 3}
    assert desk.disputes() == {
        "missing_at_hub payment/NOBODYS": 5_000,
        f"missing_at_hub payment/{unpaid.reference}": 200_000,
        f"missing_at_hub refund/{attempt.reference}": 200_000,
    }


def test_an_unpaid_attempt_in_the_file_names_its_payment_as_evidence(desk, hub) -> None:
    unpaid = desk.pay(outcome=None)
    desk.settle([desk.row_of(unpaid)])
    with hub.db.session() as session:
        found = session.scalars(select(Discrepancy)).one()
    assert found.payment_id == unpaid.payment_id
    assert found.evidence["hub"]["state"] == "created"
    assert found.evidence["gateway"]["transaction"] == f"T{unpaid.reference}"


# Where a file names several payouts its lines are gone through, and payments are looked for by when they were asked for.
@pytest.mark.parametrize("payouts", [1, 2])
@pytest.mark.parametrize("days_ago", [0, 60])
def test_a_payment_is_proven_whether_it_was_asked_for_in_the_files_days_or_long_before_or_after(
    desk, clock, rows, days_ago, payouts
) -> None:
    # Ids tell the machine's own time, whatever the clock of the tests says: today's file has payments made in its days.
    clock.set(datetime.now(UTC) - timedelta(days=days_ago))
    day = local_date(clock.now())
    paid = [desk.pay(on=day) for _ in range(3)]
    desk.settle([desk.row_of(each, payout=f"P{number % payouts}") for number, each in enumerate(paid)], day)
    assert desk.classes(day) == {"matched": 3}
    assert rows("SELECT count(*), count(DISTINCT payment_line_id), sum(amount) FROM proof") == [(3, 3, 600_000)]
    assert rows("SELECT sum(amount), sum(retained) FROM run_total") == rows("SELECT sum(amount), sum(retained) FROM payment_line")


def test_second_and_identical_lines_are_kept_and_are_duplicates(desk) -> None:
    attempt = desk.pay()
    row = desk.row_of(attempt)
    imported = desk.settle([row, row, row.but(transaction="OTHER")])
    assert imported.settlement.line_count == 3
    assert desk.classes() == {"matched": 1, "duplicate_at_gateway": 2}
    key = f"duplicate_at_gateway payment/{attempt.reference}/{desk.day}"
    assert desk.disputes() == {f"{key}/2": 200_000, f"{key}/3": 200_000}


def test_a_line_that_an_earlier_days_file_lists_too_is_a_duplicate_whichever_file_comes_first(desk) -> None:
    attempt = desk.pay()
    desk.settle([desk.row_of(attempt)], desk.day + ONE)
    assert desk.classes(desk.day + ONE) == {"matched": 1}
    desk.settle([desk.row_of(attempt)])
    assert desk.classes() == {"matched": 1}
    assert desk.classes(desk.day + ONE) == {"duplicate_at_gateway": 1}
    assert desk.disputes() == {f"duplicate_at_gateway payment/{attempt.reference}/{desk.day + ONE}/2": 200_000}


@pytest.mark.parametrize("own_first", [True, False])
def test_a_payment_counts_in_the_file_of_its_own_day_even_where_an_earlier_days_lists_it_too(desk, own_first) -> None:
    attempt = desk.pay()
    for day in (desk.day, desk.day - ONE) if own_first else (desk.day - ONE, desk.day):
        desk.settle([desk.row_of(attempt)], day)
    assert desk.classes() == {"matched": 1}
    assert desk.classes(desk.day - ONE) == {"duplicate_at_gateway": 1}
    assert desk.disputes() == {f"duplicate_at_gateway payment/{attempt.reference}/{desk.day - ONE}/2": 200_000}


def test_a_payment_far_from_its_own_day_gives_way_to_the_file_of_that_day(desk) -> None:
    attempt, other = desk.pay(), desk.pay(on=desk.day - 20 * ONE)
    desk.settle([desk.row_of(attempt), desk.row_of(other, on=desk.day - 20 * ONE)], desk.day - 20 * ONE)
    assert desk.classes(desk.day - 20 * ONE) == {"matched": 1, "late": 1}
    desk.settle([desk.row_of(attempt)])
    assert desk.classes() == {"matched": 1}
    assert desk.classes(desk.day - 20 * ONE) == {"matched": 1, "duplicate_at_gateway": 1}
    assert desk.disputes() == {f"duplicate_at_gateway payment/{attempt.reference}/{desk.day - 20 * ONE}/2": 200_000}


def test_a_reversed_payment_the_file_leaves_out_needs_nobody_more(desk) -> None:
    attempt = desk.say(desk.pay(), Outcome.REVERSED)
    before = desk.disputes()
    desk.settle([])
    assert desk.classes() == {"reversed": 1}
    assert desk.disputes() == before == {f"reversed payment/{attempt.reference}": 200_000}


def test_a_reversed_payment_the_file_still_lists_is_disputed_until_it_is_given_back(desk) -> None:
    attempt = desk.say(desk.pay(), Outcome.REVERSED)
    desk.settle([desk.row_of(attempt)])
    assert desk.classes() == {"reversed": 1}
    assert f"reversed payment/{attempt.reference}/reported" in desk.disputes()
    assert desk.count("proof") == 0
    desk.settle([desk.row_of(attempt, kind="HOAN_TIEN")], desk.day + ONE)
    assert desk.classes(desk.day + ONE) == {"reversed": 1}
    assert f"reversed payment/{attempt.reference}/reported" not in desk.disputes()
    assert f"reversed payment/{attempt.reference}" in desk.disputes(), "what the payment itself opened is a person's to close"


def test_money_held_for_a_wrong_amount_is_conflicted_when_the_file_agrees_with_what_was_held(desk) -> None:
    attempt = desk.pay(confirmed=150_000)
    desk.settle([desk.row_of(attempt)])
    assert desk.classes() == {"conflicted": 1}
    assert desk.disputes() == {f"underpaid payment/{attempt.reference}": 150_000}
    assert desk.count("proof") == 0


def test_a_second_success_agrees_with_the_file_and_proves_nothing(desk) -> None:
    first = desk.pay(outcome=None)
    second = desk.start(first.payment_id)
    first, second = desk.say(first, Outcome.SUCCEEDED), desk.say(second, Outcome.SUCCEEDED)
    assert (first.applied, second.applied) == (True, False)
    desk.settle([desk.row_of(second)])
    assert (desk.classes(), desk.count("proof")) == ({"matched": 1, "missing_at_gateway": 1}, 0)
    desk.settle([desk.row_of(first), desk.row_of(second)])
    assert desk.classes() == {"matched": 2}
    assert desk.disputes() == {f"paid_twice payment/{second.reference}": 200_000}
    assert desk.count("proof") == 1


def test_a_callback_that_comes_after_the_file_ends_the_dispute(desk, hub, clock) -> None:
    attempt = desk.pay(outcome=None)
    desk.settle([desk.row_of(attempt)])
    assert desk.classes() == {"missing_at_hub": 1}
    clock.pass_(hours=1)
    desk.say(attempt, Outcome.SUCCEEDED)
    with hub.db.session() as session:
        assert len(runs.ask_learned(session, clock.now())) == 1
    desk.carry_out()
    assert desk.classes() == {"matched": 1}
    assert desk.disputes() == {}
    clock.pass_(hours=1)
    with hub.db.session() as session:
        assert runs.ask_learned(session, clock.now()) == []


def test_a_payment_the_hub_learns_of_after_the_run_is_missed_by_the_next(desk, hub, clock) -> None:
    desk.settle([])
    clock.pass_(hours=1)
    desk.pay()
    with hub.db.session() as session:
        assert len(runs.ask_learned(session, clock.now())) == 1
    desk.carry_out()
    assert desk.classes() == {"missing_at_gateway": 1}


def test_running_again_changes_nothing(desk) -> None:
    paid = [desk.pay() for _ in range(3)]
    imported = desk.settle([desk.row_of(paid[0]), desk.row_of(paid[1], amount=1), desk.row("X", 7), desk.row("X", 7)])
    kept = ("settlement", "settlement_line", "proof", "discrepancy", "discrepancy_act", "journal", "posting", "event", "attempt")
    before, counts = desk.rows(*kept), desk.run().counts
    desk.again(imported)
    assert desk.rows(*kept) == before
    assert desk.run().counts == counts
    assert desk.count("run") == 2


def test_a_job_that_comes_twice_runs_once(desk, hub) -> None:
    imported = desk.settle([])
    before = desk.rows()
    assert runs.execute(hub, imported.run_id) == []
    assert desk.rows() == before


def test_a_run_over_a_replaced_file_is_refused(desk, hub) -> None:
    first = desk.take([desk.row("A", 1_000)])
    desk.take([desk.row("A", 2_000)])
    desk.carry_out()
    with hub.db.session() as session:
        run = session.execute(text("SELECT state, error FROM run WHERE id = :id"), {"id": first.run_id}).one()
    assert tuple(run) == ("failed", "superseded")
    assert desk.disputes() == {"missing_at_hub payment/A": 2_000}


def test_what_people_accepted_stays_resolved_until_the_evidence_is_another(desk, hub, lan, minh) -> None:
    imported = desk.settle([desk.row("A", 1_000)])
    with hub.db.session() as session:
        found = session.scalars(select(Discrepancy.id)).one()
        proposal = accepting.propose(hub, session, found, "explained", None, lan.person.principal)
    minh.approve(proposal.id)
    desk.again(imported)
    assert desk.disputes() == {}
    desk.settle([desk.row("A", 1_500)])
    assert desk.disputes() == {"missing_at_hub payment/A": 1_500}


def test_new_evidence_updates_the_open_one_and_is_kept_as_an_act(desk, hub) -> None:
    desk.settle([desk.row("A", 1_000)])
    desk.settle([desk.row("A", 1_500)])
    with hub.db.session() as session:
        found = session.scalars(select(Discrepancy)).one()
        acts = session.scalars(select(DiscrepancyAct).order_by(DiscrepancyAct.id)).all()
    assert found.amount == 1_500
    assert [(act.act, act.data["amount"]) for act in acts] == [("opened", 1_000), ("new evidence", 1_500)]
    assert all(act.actor.startswith("run ") for act in acts)
