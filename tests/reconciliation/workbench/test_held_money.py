"""Money that is held because of a discrepancy pays another payment, or goes back."""

from __future__ import annotations


def test_held_money_pays_another_payment_because_of_the_discrepancy(bench, twice, ask, order, rows) -> None:
    other = ask({**order, "portal_reference": "other", "dossier": "other"}).json
    assert bench.refused(twice, "allocate", {"payment": "pay_test_1"}) == "invalid_input"
    shown = bench.done(twice, "allocate", {"payment": other["id"]})
    assert shown["state"] == "proposed"
    assert bench.decide(shown["proposal"]).json["state"] == "executed"
    shown = bench.look(twice)
    assert (shown["state"], bench.acts(shown)[-1], shown["history"][-1]["by"]["name"]) == ("resolved", "allocated", "minh")
    assert rows("SELECT content ? 'discrepancy' FROM proposal") == [(True,)]


def test_a_part_that_pays_or_goes_back_leaves_the_rest_with_whose_it_is(bench, citizen, ask, order, desk) -> None:
    assert citizen.says(citizen.try_(), amount=500_000) == "04"
    case = bench.one("overpaid")
    bench.done(case, "assign")
    suggested = [each["act"] for each in bench.look(case)["suggestions"]]
    assert suggested == ["allocate", "refund"]
    proposed = bench.done(case, "allocate", {"payment": citizen.payment["id"]})
    assert bench.decide(proposed["proposal"]).json["state"] == "executed"
    shown = bench.look(case)
    assert (shown["state"], bench.acts(shown)[-1], shown["ours"]["unapplied"]["available"]) == ("assigned", "given back", 300_000)


def test_a_refund_that_fails_or_is_declined_gives_the_discrepancy_back(bench, pay, gateway, hub, clock) -> None:
    from payhub.payments.refunds import sending

    pay(pay_twice=True)
    case = bench.one("paid_twice")
    declined = bench.done(case, "refund", {"reason": "paid_twice", "note": "trả lại"})
    assert bench.decide(declined["proposal"], "decline").status_code == 200
    assert bench.look(case)["state"] == "open"
    gateway.will("refused")
    proposed = bench.done(case, "refund", {"reason": "paid_twice"})
    assert bench.decide(proposed["proposal"]).json["state"] == "executed"
    clock.pass_(seconds=1)
    with hub.db.session() as session:
        [due] = sending.due(session, clock.now())
    sending.step(hub, due)
    shown = bench.look(case)
    assert (shown["state"], shown["history"][-1]["data"]["why"], shown["ours"]["unapplied"]["available"]) == ("open", "refund failed", 200_000)
    assert {"refund", "allocate"} <= set(shown["acts"])


def test_where_nothing_is_held_nothing_is_given_back(bench, stranger, twice) -> None:
    assert bench.refused(stranger, "refund", {"reason": "other"}) == "act_impossible"
    assert bench.refused(stranger, "allocate", {"payment": "pay_test_1"}) == "act_impossible"
    assert bench.refused(twice, "correct", {"rows": [bench.row(2)]}) == "act_impossible"
    assert bench.refused(twice, "refund", {"reason": "paid_twice", "amount": 200_001}) == "not_refundable"
    assert bench.look(twice)["state"] == "open", "what is refused leaves it as it was"
