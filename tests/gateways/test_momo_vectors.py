"""MoMo's signatures and answers that others published, and signatures computed from the rules."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateways.base import Account, Incoming, Order, Outcome, Query, Redirect, Response
from gateways.errors import Malformed
from gateways.momo import Momo
from gateways.momo_fields import CREATE, QUERY, REFUND, TOLD, signed_text
from gateways.signing import mac

VECTORS = json.loads(Path(__file__).with_name("momo_vectors.json").read_text("utf-8"))
SECRETS = ("access_key", "secret_key")
API = "https://test-payment.momo.vn"
AT = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)


def account_of(vector):
    return Account(vector["fields"]["partnerCode"], (), {"api": API}, {name: (vector[name],) for name in SECRETS})


@pytest.mark.parametrize("vector", [each for each in VECTORS if "expected" in each])
def test_every_vector_is_signed_as_published_or_computed(vector):
    names = {"create": CREATE, "ipn": TOLD, "query": QUERY, "refund": REFUND}[vector["operation"]]
    assert signed_text(names, vector["fields"] | {"accessKey": vector["access_key"]}) == vector["canonical_string"]
    assert mac("sha256", vector["secret_key"], vector["canonical_string"].encode()) == vector["expected"]


@pytest.mark.parametrize("vector", [each for each in VECTORS if each["operation"] == "ipn"])
@pytest.mark.parametrize("numbers", [True, False])
def test_the_published_and_the_computed_ipn_verify_and_read(vector, numbers):
    fields = {name: int(value) if numbers and value.isdigit() else value for name, value in vector["fields"].items()}
    body = json.dumps(fields | {"signature": vector["expected"]}).encode()
    notice = Momo().read_callback(account_of(vector), Incoming("POST", b"", {}, body))
    assert (notice.reference, notice.raw_code) == (vector["fields"]["orderId"], vector["fields"]["resultCode"])
    assert notice.outcome is {"0": Outcome.SUCCEEDED, "1006": Outcome.CANCELLED}[notice.raw_code]
    assert (notice.amount, notice.transaction) == (int(vector["fields"]["amount"]), vector["fields"]["transId"])
    assert notice.paid_at == (datetime(2025, 12, 31, 23, 2, 3, tzinfo=UTC) if notice.raw_code == "0" else None)


def test_a_query_is_the_vectors():
    (vector,) = (each for each in VECTORS if each["operation"] == "query")
    request = Momo().query(account_of(vector), Query(vector["fields"]["orderId"], AT, vector["fields"]["requestId"], AT, ""))
    assert (request.method, request.url) == ("POST", f"{API}/v2/gateway/api/query")
    assert json.loads(request.body) == vector["fields"] | {"lang": "vi", "signature": vector["expected"]}


@pytest.mark.parametrize("told", [each["answer"] for each in VECTORS if each["operation"] == "query_answer"])
def test_the_answers_to_query_that_momo_printed_are_read(told):
    account = Account(told["partnerCode"], (), {"api": API})
    query = Query(told["orderId"], AT, told["requestId"], AT, "")
    notice = Momo().queried(account, query, Response(200, {}, json.dumps(told).encode()))
    cancelled = told["resultCode"] == 1003
    assert notice.outcome is (Outcome.REVERSED if cancelled else Outcome.SUCCEEDED)
    assert (notice.amount, notice.transaction, notice.method) == (10_000, str(told["transId"]), told["payType"])
    assert notice.paid_at_text == ("" if cancelled else str(told["lastUpdated"]))


def test_the_answer_to_create_that_momo_printed_is_read():
    (told,) = (each["answer"] for each in VECTORS if each["operation"] == "create_answer")
    account = Account(told["partnerCode"], (), {"api": API})
    order = Order(told["requestId"], told["amount"], "VND", "", AT, AT, "", "vi", "")
    with pytest.raises(Malformed, match="orderId"):  # it has another requestId than orderId, ours are the same
        Momo().started(account, order, Response(200, {}, json.dumps(told).encode()))
    ours = json.dumps(told | {"orderId": told["requestId"]}).encode()
    assert Momo().started(account, order, Response(200, {}, ours)) == Redirect(told["payUrl"])
