"""A payment that costs nothing is paid as soon as it is asked for, and nobody is sent to a bank."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from payhub.payments import attempts
from payhub.payments.errors import GatewayNotOffered

CHILD = {"fee": "LP-LLTP", "agency": "000.00.00.G15", "relief": "TRE-EM"}
GROUND = "Trẻ em (Luật Phí và lệ phí 97/2015/QH13, Điều 10)"


@pytest.fixture
def exempt(ask, order, citizen_of):
    """Ask for a payment of nothing."""

    def post(**changes):
        return citizen_of(ask({**order, "lines": [CHILD], **changes}))

    return post


@pytest.fixture
def request_(client, keys):
    def post(path, body=None, portal="dvc-bo-tu-phap"):
        headers = {"Authorization": f"Bearer {keys[portal]}", "Idempotency-Key": uuid.uuid4().hex}
        return client.post(path, json=body, headers=headers)

    return post


def test_it_is_paid_at_once_and_names_the_ground(exempt, client, keys) -> None:
    payment = exempt().payment
    assert (payment["state"], payment["total"], payment["paid_at"]) == ("paid", 0, payment["created_at"])
    [line] = payment["lines"]
    assert (line["full_amount"], line["amount"], line["relief"], line["ground"]) == (200_000, 0, "TRE-EM", GROUND)
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}
    assert client.get(f"/v1/payments/{payment['id']}", headers=headers).json == payment


def test_its_events_tell_that_it_was_asked_for_and_paid_in_this_order(exempt, rows) -> None:
    exempt()
    assert rows("SELECT seq, type, data ->> 'state', data ->> 'attempt' FROM event ORDER BY seq") == [
        (1, "payment.created", "open", None),
        (2, "payment.paid", "paid", None),
    ]
    assert rows("SELECT (SELECT count(*) FROM attempt) + (SELECT count(*) FROM journal)") == [(0,)]
    assert rows("SELECT p.paid_at = e.occurred_at, p.event_seq::int FROM payment p, event e WHERE e.seq = 2") == [(True, 2)]


def test_nobody_can_pay_it(exempt, hub, rows) -> None:
    citizen = exempt()
    with pytest.raises(GatewayNotOffered):
        attempts.start(hub, citizen.id, "vnpay-main", uuid.uuid4(), "203.0.113.5")
    assert rows("SELECT count(*) FROM attempt") == [(0,)]


def test_it_claims_its_dossier_as_one_that_was_paid(exempt, ask, order) -> None:
    exempt()
    again = ask({**order, "portal_reference": "again"})
    assert (again.status_code, again.json["code"]) == (409, "dossier_already_asked")


def test_the_same_key_is_the_same_payment_even_at_once(app, keys, order, rows) -> None:
    body = {**order, "lines": [CHILD]}
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": "k"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: app.test_client().post("/v1/payments", json=body, headers=headers), range(12)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.data for answer in answers if answer.status_code == 201}) == 1
    assert rows("SELECT count(*), count(paid_at) FROM payment") == [(1, 1)]
    assert rows("SELECT count(*) FROM event") == [(2,)]


def test_nothing_of_it_is_written_when_its_reference_is_taken(exempt, ask, order, rows) -> None:
    exempt()
    taken = ask({**order, "dossier": "another", "lines": [CHILD]})
    assert (taken.status_code, taken.json["code"]) == (409, "portal_reference_taken")
    assert rows("SELECT (SELECT count(*) FROM payment), (SELECT count(*) FROM event)") == [(1, 2)]


def test_it_is_neither_refunded_nor_cancelled_nor_replaced(exempt, request_, ask, order) -> None:
    payment = exempt().payment
    refund = request_(
        f"/v1/payments/{payment['id']}/refunds", {"lines": [{"number": 1, "amount": 1}], "reason": "requested_by_citizen"}
    )
    assert (refund.status_code, refund.json["code"]) == (409, "not_refundable")
    cancelled = request_(f"/v1/payments/{payment['id']}/cancel")
    assert (cancelled.status_code, cancelled.json["code"]) == (409, "payment_not_cancellable")
    replaced = ask({**order, "portal_reference": "new", "replaces": payment["id"]})
    assert (replaced.status_code, replaced.json["code"]) == (409, "payment_not_replaceable")


def test_it_may_stand_for_one_that_was_to_be_paid(citizen, ask, order, rows) -> None:
    answer = ask({**order, "portal_reference": "new", "replaces": citizen.payment["id"], "lines": [CHILD]})
    assert (answer.status_code, answer.json["state"]) == (201, "paid")
    assert rows("SELECT state, total FROM payment ORDER BY id") == [("cancelled", 200_000), ("paid", 0)]


def test_a_line_of_nothing_beside_others_is_paid_with_them(ask, citizen_of, order, rows) -> None:
    payer = citizen_of(ask({**order, "lines": [CHILD, {"fee": "P-DLDC", "agency": "000.00.00.G01", "quantity": 7}]}))
    assert (payer.payment["state"], payer.payment["total"]) == ("open", 7_000)
    assert payer.says(payer.try_()) == "00"
    assert rows("SELECT state FROM payment") == [("paid",)]
    assert rows("SELECT share, amount::int FROM posting WHERE account = 'owed' ORDER BY share") == [
        ("budget", -2_450),
        ("retained", -4_550),
    ]


def test_what_is_owed_is_never_nothing_without_a_ground(ask, order, rows) -> None:
    answer = ask({**order, "lines": [{"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 0}]})
    assert answer.json["errors"][0]["pointer"] == "/lines/0/amount"
    assert rows("SELECT count(*) FROM payment") == [(0,)]
