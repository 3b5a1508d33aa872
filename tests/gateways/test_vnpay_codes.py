"""What every documented code means, and what no code may mean."""

import itertools
import json
from datetime import datetime

import pytest

from gateways.base import Account, Incoming, Outcome, Query, Response
from gateways.signing import mac
from gateways.vnpay import Vnpay, signed_text
from gateways.vnpay_fields import GMT7

ACCOUNT = Account("T1", ("a secret",), {})
AT = datetime(2026, 11, 21, 8, 30, tzinfo=GMT7)
RESPONSE_CODES = {
    "00": Outcome.UNKNOWN,  # with the status "02" below it contradicts itself
    "07": Outcome.UNKNOWN,
    "09": Outcome.FAILED,
    "10": Outcome.FAILED,
    "11": Outcome.FAILED,
    "12": Outcome.FAILED,
    "13": Outcome.FAILED,
    "24": Outcome.CANCELLED,
    "51": Outcome.FAILED,
    "65": Outcome.FAILED,
    "75": Outcome.FAILED,
    "79": Outcome.FAILED,
    "99": Outcome.FAILED,
}
STATUSES_OF_A_CALLBACK = {
    "00": Outcome.SUCCEEDED,
    "01": Outcome.PENDING,
    "02": Outcome.UNKNOWN,
    "04": Outcome.REVERSED,
    "05": Outcome.UNKNOWN,
    "06": Outcome.UNKNOWN,
    "07": Outcome.UNKNOWN,
    "09": Outcome.UNKNOWN,
}
STATUSES_OF_A_QUERY = STATUSES_OF_A_CALLBACK | {"02": Outcome.FAILED}
QUERY_CODES = {
    "02": Outcome.UNKNOWN,
    "03": Outcome.UNKNOWN,
    "91": Outcome.NOT_FOUND,
    "94": Outcome.UNKNOWN,
    "97": Outcome.UNKNOWN,
    "99": Outcome.UNKNOWN,
}
ALL = [f"{number:02}" for number in range(100)]


def called_back(response, status):
    fields = {"vnp_Amount": "100", "vnp_TmnCode": "T1", "vnp_TxnRef": "R1", "vnp_ResponseCode": response}
    text = signed_text(fields | {"vnp_TransactionStatus": status})
    query = f"{text}&vnp_SecureHash={mac('sha512', 'a secret', text.encode())}"
    return Vnpay().read_callback(ACCOUNT, Incoming("GET", query.encode(), {}, b""))


def queried(response, status="", kind=""):
    given = {"ResponseCode": response, "TransactionStatus": status, "TransactionType": kind, "Command": "querydr"}
    given |= {"TmnCode": "T1", "TxnRef": "R1"}
    order = "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo TransactionType"
    names = f"{order} TransactionStatus OrderInfo PromotionCode PromotionAmount".split()
    signature = mac("sha512", "a secret", "|".join(given.get(name, "") for name in names).encode())
    body = json.dumps({f"vnp_{name}": value for name, value in given.items()} | {"vnp_SecureHash": signature}).encode()
    return Vnpay().queried(ACCOUNT, Query("R1", AT, "Q1", AT, "203.0.113.9"), Response(200, {}, body))


@pytest.mark.parametrize(("code", "outcome"), RESPONSE_CODES.items())
def test_each_response_code_of_a_failed_payment(code, outcome):
    notice = called_back(code, "02")
    assert (notice.outcome, notice.raw_code) == (outcome, f"{code}/02")


@pytest.mark.parametrize(("status", "outcome"), STATUSES_OF_A_CALLBACK.items())
def test_each_transaction_status_beside_response_code_00(status, outcome):
    assert called_back("00", status).outcome is outcome


@pytest.mark.parametrize(("status", "outcome"), STATUSES_OF_A_QUERY.items())
def test_each_transaction_status_of_a_query(status, outcome):
    notice = queried("00", status, "01")
    assert (notice.outcome, notice.raw_code, notice.amount) == (outcome, f"00/{status}", None)


@pytest.mark.parametrize(("code", "outcome"), QUERY_CODES.items())
def test_each_response_code_of_a_query(code, outcome):
    assert queried(code).outcome is outcome


def test_only_00_and_00_is_paid():
    pairs = list(itertools.product(ALL, [*ALL, ""]))
    assert [pair for pair in pairs if called_back(*pair).outcome is Outcome.SUCCEEDED] == [("00", "00")]


def test_only_00_and_00_of_a_payment_is_paid_by_query():
    assert [code for code in ALL if queried(code, "00").outcome is Outcome.SUCCEEDED] == ["00"]
    assert [status for status in ALL if queried("00", status).outcome is Outcome.SUCCEEDED] == ["00"]
    refunded = queried("00", "00", "02")
    assert (refunded.outcome, refunded.raw_code) == (Outcome.UNKNOWN, "00/00/02"), "what happened to a refund is not the payment"


def test_money_that_may_have_left_the_bank_is_never_called_failed():
    for response, status in itertools.product(ALL, ["00", "04", "05", "06", "07", "09"]):
        assert called_back(response, status).outcome not in {Outcome.FAILED, Outcome.CANCELLED, Outcome.NOT_FOUND, Outcome.PENDING}
        assert queried(response, status).outcome not in {Outcome.FAILED, Outcome.CANCELLED, Outcome.NOT_FOUND, Outcome.PENDING}
    for status in ALL:
        assert called_back("07", status).outcome in {Outcome.UNKNOWN, Outcome.REVERSED}
