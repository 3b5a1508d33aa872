"""Refunds as portals and the treasury see them: asked for by one, approved by another, within what is there."""

from __future__ import annotations

import uuid
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateways.base import Queryable
from gateways.vnpay import Vnpay
from payhub.ledger import days

ROAD = {"fee": "P-DUONGBO", "agency": "000.00.00.G17", "amount": 130_000, "quantity": 1}
"""A phí of which the agency keeps 13.33 %."""
RECORD = {"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000}


def test_money_goes_back_only_after_a_second_person_agreed(pay, desk, gateway, rows) -> None:
    payment = pay()
    asked = desk.ask(payment, 200_000)
    assert (asked.status_code, asked.json["state"], asked.json["requested_by"]["name"]) == (201, "requested", "portal/dvc-bo-tu-phap")
    assert desk.work(days=1) == 0
    assert gateway.refunds() == []
    assert desk.approve(asked.json).json["state"] == "executed"
    assert desk.seen(asked.json)["state"] == "approved"
    desk.work()
    done = desk.seen(asked.json)
    assert (done["state"], done["lines"], done["amount"]) == ("succeeded", [{"number": 1, "amount": 200_000}], 200_000)
    [sent] = gateway.refunds()
    assert (sent["amount"], sent["transaction"]) == (200_000, done["gateway_transaction"])
    assert rows("SELECT state FROM payment") == [("paid",)]
    assert desk.look(f"/payments/{payment['id']}").json["refunded"] == 200_000


def test_every_account_is_empty_when_everything_went_back(pay, desk, owed) -> None:
    payment = pay()
    assert owed() == {"owed": 200_000, "receivable": -200_000}
    desk.refund(payment)
    assert set(owed().values()) == {0}


def test_a_person_who_asks_cannot_approve(pay, desk, lan, client) -> None:
    body = {"lines": [{"number": 1, "amount": 200_000}], "reason": "paid_twice"}
    asked = lan.post(client, f"/v1/staff/payments/{pay()['id']}/refunds", body)
    assert (asked.status_code, asked.json["requested_by"]) == (201, {"kind": "person", "name": "lan"})
    refused = lan.post(client, f"/v1/proposals/{asked.json['proposal']}/approve", {"totp": lan.code()})
    assert (refused.status_code, refused.json["code"]) == (403, "not_two_people")
    assert desk.approve(asked.json).status_code == 200
    desk.work()
    assert desk.seen(asked.json)["state"] == "succeeded"


class OneWay(Queryable):
    """VNPAY, were it to give nothing back."""

    name, endpoints, methods, codes = Vnpay.name, Vnpay.endpoints, Vnpay.methods, Vnpay.codes
    reference, start, answer, query, queried = Vnpay.reference, Vnpay.start, Vnpay.answer, Vnpay.query, Vnpay.queried
    read_callback, read_return = Vnpay.read_callback, Vnpay.read_return


def test_of_a_gateway_that_gives_nothing_back_nobody_can_ask_it(hub, pay, desk, lan, client, rows) -> None:
    object.__setattr__(hub, "gateways", {**hub.gateways, "vnpay": OneWay()})
    payment = pay()
    body = {"lines": [{"number": 1, "amount": 200_000}], "reason": "paid_twice"}
    for refused in (desk.ask(payment), lan.post(client, f"/v1/staff/payments/{payment['id']}/refunds", body)):
        assert (refused.status_code, refused.json["code"]) == (422, "gateway_refunds_nothing")
    assert rows("SELECT (SELECT count(*) FROM refund), (SELECT count(*) FROM proposal)") == [(0, 0)]
    assert desk.look(f"/payments/{payment['id']}").json["refunded"] == 0


def test_what_was_declined_or_taken_back_reserves_nothing(pay, desk, gateway) -> None:
    payment = pay()
    declined = desk.ask(payment).json
    assert desk.decline(declined).json["state"] == "declined"
    withdrawn = desk.ask(payment).json
    assert desk.portal(f"/refunds/{withdrawn['id']}/withdraw").json["state"] == "withdrawn"
    assert (desk.seen(declined)["state"], desk.approve(declined).json["code"]) == ("declined", "proposal_decided")
    assert desk.refund(payment)["state"] == "succeeded"
    assert len(gateway.refunds()) == 1


def test_an_approved_refund_is_not_taken_back(pay, desk) -> None:
    asked = desk.ask(pay()).json
    desk.approve(asked)
    answer = desk.portal(f"/refunds/{asked['id']}/withdraw")
    assert (answer.status_code, answer.json["code"]) == (409, "proposal_decided")


@pytest.mark.parametrize("before", ["requested", "approved", "succeeded"])
def test_no_more_is_asked_back_than_is_there(pay, desk, before) -> None:
    payment = pay()
    first = desk.ask(payment, 150_000).json
    if before != "requested":
        desk.approve(first)
    if before == "succeeded":
        desk.work()
    assert desk.seen(first)["state"] == before
    refused = desk.ask(payment, 50_001)
    assert (refused.status_code, refused.json["code"]) == (409, "not_refundable")
    assert refused.json["lines"] == [{"line": 1, "refundable": 50_000}]
    assert desk.ask(payment, 50_000).status_code == 201


def test_an_unpaid_payment_gives_nothing_back(ask, order, desk, gateway) -> None:
    refused = desk.ask(ask(order).json, 1)
    assert (refused.status_code, refused.json["lines"]) == (409, [{"line": 1, "refundable": 0}])


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"reason": "other"}, ["/lines"]),
        ({"lines": [], "reason": "other"}, ["/lines"]),
        ({"lines": [{"number": 1, "amount": 5}], "unapplied": "uap_test_x", "reason": "other"}, ["/lines"]),
        ({"lines": [{"number": 1, "amount": 5}], "amount": 5, "reason": "other"}, ["/amount"]),
        ({"lines": [{"number": 2, "amount": 5}], "reason": "other"}, ["/lines/0/number"]),
        ({"lines": [{"number": 1, "amount": 5}, {"number": 1, "amount": 6}], "reason": "other"}, ["/lines/1/number"]),
        ({"lines": [{"number": 1, "amount": 0}], "reason": "other"}, ["/lines/0/amount"]),
        ({"lines": [{"number": 1, "amount": 1.5}], "reason": "other"}, ["/lines/0/amount"]),
        ({"lines": [{"number": 1, "amount": -5}], "reason": "other"}, ["/lines/0/amount"]),
        ({"lines": [{"number": 1, "amount": 5}]}, ["/reason"]),
        ({"lines": [{"number": 1, "amount": 5}], "reason": "because"}, ["/reason"]),
        ({"lines": [{"number": 1, "amount": 5}], "reason": "other", "note": "a\u0000b"}, ["/note"]),
        ({"lines": [{"number": 1, "amount": 5}], "reason": "other", "to": "somebody"}, ["/to"]),
        ({"unapplied": "uap_test_0", "reason": "other"}, ["/unapplied"]),
    ],
)
def test_bad_input_names_its_field_and_stores_nothing(pay, desk, rows, body, pointers) -> None:
    answer = desk.portal(f"/payments/{pay()['id']}/refunds", body)
    assert answer.status_code == 422, answer.json
    assert [error["pointer"] for error in answer.json["errors"]] == pointers
    assert rows("SELECT (SELECT count(*) FROM refund), (SELECT count(*) FROM proposal)") == [(0, 0)]


def test_another_portals_payment_is_not_found(pay, desk) -> None:
    payment = pay()
    body = {"lines": [{"number": 1, "amount": 5}], "reason": "other"}
    assert desk.portal(f"/payments/{payment['id']}/refunds", body, portal="dvc-tay-ninh").status_code == 404
    mine = desk.ask(payment).json
    assert desk.look(f"/refunds/{mine['id']}", portal="dvc-tay-ninh").status_code == 404
    assert desk.portal(f"/refunds/{mine['id']}/withdraw", portal="dvc-tay-ninh").status_code == 404
    assert desk.look(f"/payments/{payment['id']}/refunds", portal="dvc-tay-ninh").status_code == 404


def test_one_key_asks_once_and_hears_its_first_answer(pay, desk, rows) -> None:
    payment, key = pay(), uuid.uuid4().hex
    path, body = f"/payments/{payment['id']}/refunds", {"lines": [{"number": 1, "amount": 200_000}], "reason": "other"}
    first, again = desk.portal(path, body, key=key), desk.portal(path, body, key=key)
    assert (again.status_code, again.data, again.headers["Idempotency-Replayed"]) == (201, first.data, "true")
    assert desk.portal(path, {**body, "reason": "paid_twice"}, key=key).status_code == 422
    assert rows("SELECT count(*) FROM refund") == [(1,)]


def test_the_note_is_for_the_approver_and_sealed(pay, desk, minh, client, rows) -> None:
    words = "Công dân Trần Thị Bí Mật xin rút hồ sơ"
    asked = desk.ask(pay(), note=words).json
    assert "note" not in asked
    assert minh.get(client, f"/v1/staff/refunds/{asked['id']}").json["note"] == words
    [(stored,)] = rows("SELECT (SELECT jsonb_agg(to_jsonb(r)) FROM refund r)::text || (SELECT jsonb_agg(to_jsonb(p)) FROM proposal p)::text")
    assert "Bí Mật" not in stored


def test_portals_are_told_of_every_step(pay, desk, rows) -> None:
    desk.refund(pay(), 150_000)
    told = "SELECT type, data ->> 'refund_state' FROM event WHERE type LIKE 'refund.%' ORDER BY seq"
    assert rows(told) == [(f"refund.{state}", state) for state in ("requested", "approved", "submitted", "succeeded")]


def test_a_dossier_whose_fee_went_back_whole_may_be_asked_again(pay, desk, ask, order) -> None:
    payment = pay()
    again = {**order, "portal_reference": "again", "dossier": payment["dossier"]}
    assert ask(again).json["code"] == "dossier_already_asked"
    desk.refund(payment, 199_999)
    assert ask(again).json["code"] == "dossier_already_asked"
    desk.refund(payment, 1)
    assert ask(again).status_code == 201


def test_an_unapplied_receipt_is_given_back_in_parts(pay, desk, hub, gateway, rows, owed) -> None:
    payment = pay(pay_twice=True)
    [receipt] = desk.look(f"/payments/{payment['id']}").json["unapplied"]
    assert (receipt["amount"], receipt["remaining"], receipt["reason"]) == (200_000, 200_000, "paid_twice")
    assert desk.refund(payment, lines=None, unapplied=receipt["id"], amount=50_000)["state"] == "succeeded"
    over = desk.ask(payment, lines=None, unapplied=receipt["id"], amount=150_001)
    assert (over.json["code"], over.json["refundable"]) == ("not_refundable", 150_000)
    rest = desk.refund(payment, lines=None, unapplied=receipt["id"])
    assert (rest["amount"], rest["lines"], rest["unapplied"]) == (150_000, [], receipt["id"])
    assert owed() == {"owed": 200_000, "receivable": -200_000, "refunds_due": 0, "unapplied": 0}
    references = {sent["original_reference"] for sent in gateway.refunds()}
    assert references == {reference for (reference,) in rows("SELECT reference FROM attempt WHERE NOT applied")}


def test_money_of_a_day_that_was_shut_is_given_back_on_a_later_one(pay, desk, clock, hub, rows) -> None:
    payment = pay()
    clock.pass_(days=4)
    with hub.db.session() as session:
        days.shut(session, date(2026, 11, 20), "test", clock.now())
    assert desk.refund(payment)["state"] == "succeeded"
    assert rows("SELECT fact, business_on FROM journal ORDER BY id") == [
        ("applied", date(2026, 11, 20)),
        ("refund_submitted", date(2026, 11, 24)),
        ("refund_taken", date(2026, 11, 24)),
    ]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.tuples(st.integers(1, 60_000), st.sampled_from(["accepted", "refused"])), min_size=1, max_size=5))
def test_partial_refunds_take_back_exactly_the_agencys_share(pay, desk, gateway, rows, parts) -> None:
    payment = pay(ROAD, portal="mot-cua-hcm")
    refunded = 0
    for amount, scenario in parts:
        gateway.will(scenario)
        fits = refunded + amount <= 130_000
        asked = desk.ask(payment, amount, portal="mot-cua-hcm")
        assert asked.status_code == (201 if fits else 409)
        if fits:
            assert desk.approve(asked.json).status_code == 200
            desk.work()
            assert desk.seen(asked.json, portal="mot-cua-hcm")["state"] == {"accepted": "succeeded", "refused": "failed"}[scenario]
            refunded += amount if scenario == "accepted" else 0
        line = f"SELECT l.id FROM payment_line l JOIN payment p ON p.id = l.payment_id WHERE p.reference = '{payment['reference']}'"
        shares = dict(rows(f"SELECT share, -sum(amount)::int FROM posting WHERE account = 'owed' AND payment_line_id = ({line}) GROUP BY 1"))
        left = 130_000 - refunded
        assert (shares["retained"], shares["budget"]) == (left * 1333 // 10_000, left - left * 1333 // 10_000)
