"""Signatures that others published, and ones computed from the rules."""

import json
from datetime import datetime
from urllib.parse import quote_plus

import pytest

from gateways.base import Account, Incoming, Order, Outcome, Query, Redirect, Response
from gateways.errors import Malformed
from gateways.signing import FORMS, mac
from gateways.vnpay import Vnpay, signed_text
from gateways.vnpay_fields import GMT7

AT = datetime(2026, 11, 21, 8, 30, tzinfo=GMT7)
ENDPOINTS = {"pay": "https://vnpay.example/pay", "api": "https://vnpay.example/api"}


def test_every_canonical_string_has_its_signature(vectors):
    for each in (vector for group in vectors.values() for vector in group):
        assert mac("sha512", each["secret"], each["canonical_string"].encode()) == each["expected"]


@pytest.mark.parametrize("operation", ["pay", "ipn_or_return", "hash_primitive", "encoding_probe_python"])
def test_fields_are_signed_as_published(vectors, operation):
    for each in vectors[operation]:
        assert signed_text(each["fields"]) == each["canonical_string"]


def test_the_other_form_is_java_and_javascripts(vectors):
    (each,) = vectors["encoding_probe_java_js_form"]
    assert signed_text(each["fields"], FORMS[1]) == each["canonical_string"]


def test_an_order_becomes_the_pay_url_of_the_vector(vectors):
    each = vectors["pay"][1]
    fields = each["fields"]
    order = Order(
        reference=fields["vnp_TxnRef"],
        amount=150_000,
        currency="VND",
        description="Thanh toán lệ phí hồ sơ 000.00.01.H53-261121-0001",
        created_at=AT,
        expires_at=AT.replace(minute=45),
        return_url=fields["vnp_ReturnUrl"],
        language="vi",
        client_ip=fields["vnp_IpAddr"],
    )
    expected = f"{ENDPOINTS['pay']}?{each['canonical_string']}&vnp_SecureHash={each['expected']}"
    assert Vnpay().start(Account(fields["vnp_TmnCode"], (each["secret"],), ENDPOINTS), order) == Redirect(expected)


def test_published_callbacks_verify_and_read(vectors):
    full, old = vectors["ipn_or_return"]
    notice = Vnpay().read_callback(account_of(full), callback(full["canonical_string"], full["expected"]))
    assert (notice.reference, notice.outcome, notice.amount) == ("1716257871703", Outcome.SUCCEEDED, 10_000)
    assert (notice.transaction, notice.method, notice.raw_code) == ("14422574", "NCB", "00/00")
    assert notice.paid_at == datetime(2024, 5, 21, 9, 18, 6, tzinfo=GMT7)
    assert notice.paid_at_text == "20240521091806"
    unfinished = Vnpay().read_callback(account_of(old), callback(old["canonical_string"], old["expected"]))
    assert (unfinished.outcome, unfinished.raw_code) == (Outcome.UNKNOWN, "00/"), "without a transaction status nobody paid"


@pytest.mark.parametrize("sent", FORMS)
@pytest.mark.parametrize("operation", ["encoding_probe_python", "encoding_probe_java_js_form"])
def test_both_encodings_verify_however_they_are_sent(vectors, operation, sent):
    (each,) = vectors[operation]
    query = "&".join(f"{name}={quote_plus(value, safe=sent)}" for name, value in each["fields"].items())
    with pytest.raises(Malformed, match="vnp_TmnCode"):  # verified, and only then found wanting
        Vnpay().read_callback(account_of(each), callback(query, each["expected"]))


def test_a_query_is_the_vectors(vectors):
    (each,) = vectors["querydr_request"]
    question = Query("PH2611210000001", AT, "R2611210001", AT.replace(hour=9, minute=0), "203.162.0.10")
    request = Vnpay().query(account_of(each), question)
    assert (request.method, request.url) == ("POST", ENDPOINTS["api"])
    assert json.loads(request.body) == each["fields"] | {"vnp_SecureHash": each["expected"]}


def test_an_answer_to_a_query_is_read_with_and_without_its_empty_fields(vectors):
    (each,) = vectors["querydr_response"]
    question = Query("PH2611210000001", AT, "R2611210001", AT, "203.162.0.10")
    for dropped in (set(), {"vnp_PromotionCode", "vnp_PromotionAmount"}):
        fields = {name: value for name, value in each["fields"].items() if name not in dropped}
        body = json.dumps(fields | {"vnp_SecureHash": each["expected"].upper()}).encode()
        notice = Vnpay().queried(account_of(each), question, Response(200, {}, body))
        assert (notice.outcome, notice.amount, notice.transaction) == (Outcome.SUCCEEDED, 150_000, "14900001")


def account_of(vector):
    return Account(vector["fields"].get("vnp_TmnCode", "PAYHUB01"), (vector["secret"],), ENDPOINTS)


def callback(query, signature):
    return Incoming("GET", f"{query}&vnp_SecureHash={signature}".encode(), {}, b"")
