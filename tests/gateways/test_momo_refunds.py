"""MoMo's refunds: what is asked, what every code proves, and what it must never be taken to prove."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.base import Account, Query, RefundOrder, RefundOutcome, Response
from gateways.errors import Malformed
from gateways.momo import Momo
from gateways.momo_fields import QUERY, REFUND, signed_text
from gateways.signing import mac

API = "https://momo.example"
ACCOUNT = Account("PARTNER1", (), {"api": API}, {"access_key": ("an access", "old"), "secret_key": ("a secret", "old")})
ASKED_AT = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
BACK = RefundOrder(
    "R1", "PH1", "2820086739", ASKED_AT - timedelta(days=1), 50_000, 150_000, "VND", "ketoan01", ASKED_AT, "203.0.113.9"
)
ASKED = Query("R1", ASKED_AT, "q2", ASKED_AT + timedelta(minutes=20), "203.0.113.9")
TAKEN = {"partnerCode": "PARTNER1", "orderId": "R1", "requestId": "R1", "amount": 50000, "transId": 2820099999, "resultCode": 0}
ROW = {"orderId": "R1", "amount": 50000, "resultCode": 0, "transId": 2820099999, "createdTime": 1795311000000}
LISTED = {"partnerCode": "PARTNER1", "orderId": "R1", "requestId": "q2", "resultCode": 0, "refundTrans": [ROW]}
FAULTS = (10, 11, 12, 13, 20, 21, 22, 40, 41, 42, 43, 45, 47)
FINAL = (98, 99, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1017, 1026, 1080, 1081, 1088, 2019, 4001, 4002, 4100)
PUBLISHED = (0, *FAULTS, *FINAL, 1000, 7000, 7002, 9000)
REFUSED = {1001, 1004, 1007, 1080, 1081, 1088, 4001, 4002}
GIVEN_BACK = {code: RefundOutcome.REFUSED if code in REFUSED else RefundOutcome.UNKNOWN for code in PUBLISHED} | {
    0: RefundOutcome.ACCEPTED, 1000: RefundOutcome.PROCESSING, 7000: RefundOutcome.PROCESSING, 7002: RefundOutcome.PROCESSING,
}  # fmt: skip


def signature(names, fields):
    return mac("sha256", "a secret", signed_text(names, fields | {"accessKey": "an access"}).encode())


def answer(fields, status=200):
    return Response(status, {}, fields if isinstance(fields, bytes) else json.dumps(fields).encode())


def refunded(fields, order=BACK, account=ACCOUNT):
    return Momo().refunded(account, order, answer(fields))


def refund_queried(fields):
    return Momo().refund_queried(ACCOUNT, BACK, ASKED, answer(fields, 400))


def test_a_refund_is_asked_for_once_with_an_id_of_its_own():
    request = Momo().refund(ACCOUNT, BACK)
    asked = json.loads(request.body)
    assert (request.url, request.repeatable) == (f"{API}/v2/gateway/api/refund", False)
    assert asked.pop("signature") == signature(REFUND, asked)
    assert asked == {
        "partnerCode": "PARTNER1", "orderId": "R1", "requestId": "R1", "amount": 50_000, "transId": 2820086739, "lang": "vi",
        "description": "Hoan phi PH1",
    }  # fmt: skip
    question = json.loads(Momo().query_refund(ACCOUNT, BACK, ASKED).body)
    assert (question["orderId"], question["requestId"], question["signature"]) == ("R1", "q2", signature(QUERY, question))


@pytest.mark.parametrize(
    "changes",
    [
        *({"original_transaction": None}, {"original_transaction": "0"}, {"reference": "PH1"}),
        *({"amount": 999}, {"amount": 50_000_001, "original_amount": 60_000_000}),
    ],
)
def test_a_refund_momo_cannot_express_is_refused_by_the_fields_name(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        Momo().refund(ACCOUNT, replace(BACK, **changes))


@pytest.mark.parametrize("code", [*PUBLISHED, 88])
def test_each_published_code_of_a_refund_and_of_its_row(code):
    expected = GIVEN_BACK.get(code, RefundOutcome.UNKNOWN)
    notice = refunded(TAKEN | {"resultCode": code})
    assert (notice.outcome, notice.raw_code, notice.transaction) == (expected, str(code), "2820099999")
    found = refund_queried(LISTED | {"refundTrans": [ROW | {"resultCode": code}, ROW | {"orderId": "R2"}, 7]})
    assert (found.outcome, found.raw_code, found.amount) == (expected, f"0/{code}", 50_000)
    silent = refund_queried(LISTED | {"resultCode": code, "refundTrans": [ROW | {"orderId": "R2"}]})
    assert (silent.outcome, silent.raw_code, silent.amount) == (RefundOutcome.UNKNOWN, f"{code}/", None)
    if code:
        assert refund_queried(LISTED | {"resultCode": code}).outcome is RefundOutcome.UNKNOWN


def test_another_amount_decides_nothing_and_is_told():
    for notice in (refunded(TAKEN | {"amount": 49_999}), refund_queried(LISTED | {"refundTrans": [ROW | {"amount": 49_999}]})):
        assert (notice.outcome, notice.amount) == (RefundOutcome.UNKNOWN, 49_999)
    assert refunded(TAKEN | {"amount": None}).outcome is RefundOutcome.UNKNOWN
    assert refunded(TAKEN | {"amount": 0, "resultCode": 1088}).outcome is RefundOutcome.REFUSED
    assert refunded(TAKEN | {"amount": 150_000, "resultCode": 1088}).outcome is RefundOutcome.UNKNOWN
    assert refunded(TAKEN | {"transId": 2820086739}).transaction is None, "the payment's number is not the refund's"


def test_a_refund_answered_for_another_or_in_two_ways_is_malformed():
    for changes in ({"requestId": "R2"}, {"requestId": None}, {"orderId": "PH1"}, {"partnerCode": "PARTNER2"}):
        for read, fields in ((refunded, TAKEN), (refund_queried, LISTED)):
            with pytest.raises(Malformed):
                read(fields | changes)
    assert refund_queried(LISTED | {"refundTrans": [ROW, ROW]}).outcome is RefundOutcome.ACCEPTED
    with pytest.raises(Malformed, match="contradicts"):
        refund_queried(LISTED | {"refundTrans": [ROW, ROW | {"resultCode": 1080}]})


def test_the_answer_momo_printed_is_read():
    vectors = json.loads(Path(__file__).with_name("momo_vectors.json").read_text("utf-8"))
    (told,) = (each["answer"] for each in vectors if each["operation"] == "refund_answer")
    account, order = replace(ACCOUNT, terminal=told["partnerCode"]), replace(BACK, reference=told["orderId"], amount=told["amount"])
    with pytest.raises(Malformed, match="requestId"):  # it has another requestId than orderId, ours are the same
        refunded(told, order, account)
    notice = refunded(told | {"requestId": told["orderId"]}, order, account)
    assert (notice.outcome, notice.transaction) == (RefundOutcome.ACCEPTED, str(told["transId"]))


values = st.recursive(st.none() | st.booleans() | st.text() | st.integers() | st.floats(), st.lists)


@given(values)
def test_rows_of_any_form_prove_nothing_of_this_try(rows):
    assert refund_queried(LISTED | {"refundTrans": rows}).outcome is RefundOutcome.UNKNOWN
