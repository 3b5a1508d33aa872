"""Refunds: what is asked, what every code proves, and what it must never be taken to prove."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.base import Account, Query, RefundOrder, RefundOutcome, Response
from gateways.errors import Forged, Malformed
from gateways.simulator.vnpay_messages import REFUND, REFUNDED, line_signature_fits, signed_line
from gateways.vnpay import Vnpay
from gateways.vnpay_fields import GMT7

A, R, P, N, U = (
    *(RefundOutcome.ACCEPTED, RefundOutcome.REFUSED, RefundOutcome.PROCESSING),
    *(RefundOutcome.NOT_FOUND, RefundOutcome.UNKNOWN),
)
SECRETS = ("today's secret", "yesterday's secret")
ACCOUNT = Account("PAYHUB01", SECRETS, {"api": "https://vnpay.example/api"})
ASKED_AT = datetime(2026, 11, 21, 10, 0, tzinfo=GMT7)
FULL = RefundOrder(
    reference="R2611210002",
    original_reference="PH2611210000001",
    original_transaction="14900001",
    original_created_at=datetime(2026, 11, 21, 8, 30, tzinfo=GMT7),
    amount=150_000,
    original_amount=150_000,
    currency="VND",
    asked_by="ketoan01",
    asked_at=ASKED_AT,
    client_ip="203.162.0.10",
)
PART = replace(FULL, amount=50_000)
QUESTION = Query(FULL.reference, ASKED_AT, "Q1", ASKED_AT + timedelta(minutes=20), "203.0.113.9")
TOLD = {
    "ResponseId": "S2611210002",
    "ResponseCode": "00",
    "Message": "Refund success",
    "TmnCode": "PAYHUB01",
    "TxnRef": "PH2611210000001",
    "Amount": "15000000",
    "BankCode": "NCB",
    "PayDate": "20261121100003",
    "TransactionNo": "14900002",
    "TransactionType": "02",
    "TransactionStatus": "05",
    "OrderInfo": "Hoan phi PH2611210000001",
}
SILENT = dict.fromkeys(("Amount", "BankCode", "PayDate", "TransactionNo", "TransactionType", "TransactionStatus"), "")
QUERIED = REFUNDED.replace("OrderInfo", "OrderInfo PromotionCode PromotionAmount")
CODES = [f"{number:02}" for number in range(100)]
instants = st.integers(1_577_836_800, 4_070_908_800).map(lambda unix: datetime.fromtimestamp(unix, UTC))
refunds = st.builds(
    RefundOrder,
    reference=st.from_regex("[0-9A-Za-z]{1,32}", fullmatch=True),
    original_reference=st.from_regex("[0-9A-Za-z._-]{1,100}", fullmatch=True),
    original_transaction=st.none() | st.from_regex("[1-9][0-9]{0,14}", fullmatch=True),
    original_created_at=instants,
    amount=st.integers(1, 9_999_999_999),
    original_amount=st.just(9_999_999_999),
    currency=st.just("VND"),
    asked_by=st.from_regex("[0-9A-Za-z._-]{1,40}", fullmatch=True),
    asked_at=instants,
    client_ip=st.ip_addresses().map(str),
) | st.integers(1, 9_999_999_999).map(lambda dong: replace(FULL, amount=dong, original_amount=dong))


def answered(changes, secret=SECRETS[0], order=FULL):
    body = json.dumps(signed_line(secret, REFUNDED, TOLD | {"Command": "refund"} | changes)).encode()
    return Vnpay().refunded(ACCOUNT, order, Response(200, {}, body))


def found(changes, order=FULL):
    body = json.dumps(signed_line(SECRETS[0], QUERIED, TOLD | {"Command": "querydr"} | changes)).encode()
    return Vnpay().refund_queried(ACCOUNT, order, QUESTION, Response(200, {}, body))


def test_a_refund_is_the_vectors(vectors):
    (each,) = vectors["refund_request"]
    request = Vnpay().refund(Account("PAYHUB01", (each["secret"],), ACCOUNT.endpoints), FULL)
    assert (request.method, request.url) == ("POST", "https://vnpay.example/api")
    assert json.loads(request.body) == each["fields"] | {"vnp_SecureHash": each["expected"]}


def test_the_answer_of_the_vector_is_read(vectors):
    (each,) = vectors["refund_response"]
    account = Account("PAYHUB01", ("another", each["secret"]), {})
    body = json.dumps(each["fields"] | {"vnp_SecureHash": each["expected"].upper()}).encode()
    notice = Vnpay().refunded(account, FULL, Response(200, {}, body))
    assert (notice.outcome, notice.raw_code, notice.amount) == (A, "00/05/02", 150_000)
    assert (notice.reference, notice.original_reference) == ("R2611210002", "PH2611210000001")
    assert (notice.terminal, notice.currency, notice.transaction) == ("PAYHUB01", "VND", "14900002")


def test_a_hash_over_the_amount_divided_is_forged():
    genuine = signed_line(SECRETS[0], REFUNDED, TOLD | {"Command": "refund", "Amount": "150000"})
    body = json.dumps(genuine | {"vnp_Amount": "15000000"}).encode()
    with pytest.raises(Forged):
        Vnpay().refunded(ACCOUNT, FULL, Response(200, {}, body))


@given(refunds)
def test_any_refund_is_signed_as_the_gateway_checks_it(order):
    request = Vnpay().refund(ACCOUNT, order)
    fields = json.loads(request.body)
    assert line_signature_fits(SECRETS[0], REFUND, fields)
    assert set(fields) == {f"vnp_{name}" for name in REFUND.split()} | {"vnp_SecureHash"}
    assert (fields["vnp_RequestId"], fields["vnp_TxnRef"]) == (order.reference, order.original_reference)
    assert fields["vnp_Amount"] == f"{order.amount}00"
    assert fields["vnp_TransactionType"] == ("02" if order.amount == order.original_amount else "03")
    assert fields["vnp_TransactionNo"] == (order.original_transaction or "0")
    assert datetime.strptime(fields["vnp_CreateDate"] + "+0700", "%Y%m%d%H%M%S%z") == order.asked_at
    assert datetime.strptime(fields["vnp_TransactionDate"] + "+0700", "%Y%m%d%H%M%S%z") == order.original_created_at


@given(refunds, st.sampled_from(SECRETS))
def test_any_refund_is_answered_and_read_back(order, secret):
    asked = json.loads(Vnpay().refund(ACCOUNT, order).body)
    told = {name: asked[f"vnp_{name}"] for name in ("TmnCode", "TxnRef", "Amount", "TransactionType", "OrderInfo")}
    notice = answered(told, secret, order)
    assert (notice.outcome, notice.amount, notice.reference) == (A, order.amount, order.reference)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 10_000_000_000, "original_amount": 10_000_000_000},
        {"reference": "R-1"},
        {"reference": "R" * 33},
        {"asked_by": ""},
    ],
)
def test_a_refund_vnpay_cannot_express_is_refused(changes):
    with pytest.raises(ValueError, match=r".+"):
        Vnpay().refund(ACCOUNT, replace(FULL, **changes))


STATUSES = {"00": A, "01": U, "02": U, "04": U, "05": A, "06": A, "07": U, "09": R, "": U, "88": U}


@pytest.mark.parametrize(("status", "outcome"), STATUSES.items())
def test_each_status_beside_response_code_00(status, outcome):
    for read in (answered, found):
        notice = read({"TransactionStatus": status})
        assert (notice.outcome, notice.raw_code) == (outcome, f"00/{status}/02")


@pytest.mark.parametrize(
    ("code", "outcome"), {"02": R, "03": R, "91": N, "94": P, "95": R, "97": R, "99": U, "98": U, "10": U}.items()
)
def test_each_response_code_that_turns_a_refund_away(code, outcome):
    notice = answered(SILENT | {"ResponseCode": code})
    assert (notice.outcome, notice.raw_code, notice.amount, notice.transaction) == (outcome, f"{code}//", None, None)


@pytest.mark.parametrize(("code", "outcome"), {"02": U, "03": U, "91": N, "94": U, "95": U, "97": U, "99": U}.items())
def test_each_response_code_of_a_query_speaks_of_the_query(code, outcome):
    assert found(SILENT | {"ResponseCode": code}).outcome is outcome


def test_only_a_taken_refund_is_accepted_and_only_a_refused_one_refused():
    pairs = list(itertools.product(CODES, [*CODES, ""]))
    told = {pair: answered({"ResponseCode": pair[0], "TransactionStatus": pair[1]}).outcome for pair in pairs}
    assert {pair for pair in pairs if told[pair] is A} == {("00", "00"), ("00", "05"), ("00", "06")}
    refused = {pair for pair in pairs if told[pair] is R}
    assert refused == {("00", "09"), *(("95", status) for status in ("", "01", "02", "09")), ("02", ""), ("03", ""), ("97", "")}
    queried = {pair: found({"ResponseCode": pair[0], "TransactionStatus": pair[1]}).outcome for pair in pairs}
    assert {pair for pair in pairs if queried[pair] is A} == {("00", "00"), ("00", "05"), ("00", "06")}
    assert {pair for pair in pairs if queried[pair] is R} == {("00", "09")}
    assert {queried[pair] for pair in pairs} == {A, R, N, U}


@pytest.mark.parametrize("status", ["00", "05", "06", "07", "04"])
@pytest.mark.parametrize("code", ["02", "03", "91", "95", "97"])
def test_no_refusal_stands_beside_a_status_that_may_mean_money(code, status):
    assert answered({"ResponseCode": code, "TransactionStatus": status}).outcome is U


@pytest.mark.parametrize("status", ["00", "05", "06", "09"])
@pytest.mark.parametrize("kind", ["", "01", "03", "04"])
def test_an_answer_about_another_kind_of_transaction_decides_nothing(kind, status):
    for read in (answered, found):
        notice = read({"TransactionType": kind, "TransactionStatus": status})
        assert (notice.outcome, notice.raw_code) == (U, f"00/{status}/{kind}")


@pytest.mark.parametrize("code", ["00", "91", "94", "95", "97"])
def test_an_answer_about_another_amount_decides_nothing_and_tells_it(code):
    for read in (answered, found):
        notice = read({"ResponseCode": code, "TransactionStatus": "05" if code == "00" else "", "Amount": "14900000"})
        assert (notice.outcome, notice.amount) == (U, 149_000)
    assert answered({"Amount": ""}).outcome is U


def test_what_is_said_of_the_payment_is_no_amount_of_a_refund():
    notice = found({"TransactionType": "01", "TransactionStatus": "00", "Amount": "15000000"}, order=PART)
    assert (notice.outcome, notice.amount) == (U, None)


def test_a_part_is_a_part():
    part = {"TransactionType": "03", "Amount": "5000000"}
    assert (answered(part, order=PART).outcome, found(part, order=PART).outcome) == (A, A)
    assert (answered({}, order=PART).outcome, found({}, order=PART).outcome) == (U, U)


def test_a_query_is_about_the_order_and_has_its_own_id():
    asked = json.loads(Vnpay().query_refund(ACCOUNT, FULL, QUESTION).body)
    assert (asked["vnp_Command"], asked["vnp_TxnRef"], asked["vnp_RequestId"]) == ("querydr", "PH2611210000001", "Q1")
    assert (asked["vnp_TransactionDate"], asked["vnp_CreateDate"]) == ("20261121083000", "20261121102000")


@pytest.mark.parametrize(
    ("status", "pay_date", "outcome"),
    [
        ("09", "20261121100000", R),
        ("09", "20261121095959", U),
        ("09", "", U),
        ("06", "20261121100000", A),
        ("06", "20261121095901", A),
        ("06", "20261121095859", U),
        ("06", "", A),
    ],
)
def test_the_state_of_an_earlier_try_is_not_taken_for_this_ones(status, pay_date, outcome):
    notice = found({"TransactionStatus": status, "PayDate": pay_date})
    assert (notice.outcome, notice.names_try) == (outcome, False)


def test_the_payments_own_number_is_not_the_refunds():
    assert answered({"TransactionNo": "14900001"}).transaction is None
    assert answered({"TransactionNo": "0"}).transaction is None
    assert answered({"TransactionNo": "14900001"}, order=replace(FULL, original_transaction=None)).transaction == "14900001"


@pytest.mark.parametrize(
    "changes",
    [
        {"TxnRef": "PH2"},
        {"TxnRef": ""},
        {"TmnCode": "PAYHUB02"},
        {"TmnCode": ""},
        {"Command": "pay"},
        {"Amount": "15000050"},
        {"Amount": "-1"},
        {"ResponseCode": ""},
        {"Message": "a|b"},
    ],
)
def test_an_answer_about_something_else_is_malformed(changes):
    for read in (answered, found):
        with pytest.raises(Malformed):
            read(changes)


def test_an_answer_to_one_command_is_none_to_another():
    with pytest.raises(Malformed, match="vnp_Command"):
        answered({"Command": "querydr"})
    with pytest.raises(Malformed, match="vnp_Command"):
        found({"Command": "refund"})


def test_an_error_page_is_malformed():
    with pytest.raises(Malformed, match="504"):
        Vnpay().refunded(ACCOUNT, FULL, Response(504, {}, b""))
