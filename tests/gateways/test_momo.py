"""MoMo's messages: what is asked, what verifies, what never does, what is refused."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.base import Account, Incoming, Order, Outcome, Query, Redirect, RefundOrder, Response, Verdict
from gateways.conformance import Contract
from gateways.errors import Forged, Malformed
from gateways.momo import Momo
from gateways.momo_fields import CREATE, CREATED, TOLD, order_info, signed_text

SECRETS = {"access_key": ("today's access", "yesterday's access"), "secret_key": ("today's secret", "yesterday's secret")}
API = "https://momo.example"
ACCOUNT = Account("PARTNER1", (), {"api": f"{API}/"}, SECRETS)
AT = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
ORDER = Order(
    "PH1", 150_000, "VND", "Lệ phí hồ sơ PH1", AT, AT + timedelta(minutes=15), "https://hub.example/return/momo", "vi", "203.0.113.9",
    "https://hub.example/callbacks/momo",
)  # fmt: skip
QUESTION = Query("PH1", AT, "q1", AT + timedelta(minutes=20), "203.0.113.9")
BACK = RefundOrder("R1", "PH1", "2820086739", AT, 50_000, 150_000, "VND", "ketoan01", AT + timedelta(days=1), "203.0.113.9")
PAID = {
    "partnerCode": "PARTNER1", "orderId": "PH1", "requestId": "PH1", "amount": 150000, "orderInfo": "Lệ phí hồ sơ PH1",
    "orderType": "momo_wallet", "transId": 2820086739, "resultCode": 0, "message": "Thành công.", "payType": "qr",
    "responseTime": 1795224645123, "extraData": "",
}  # fmt: skip
CREATED_WELL = {
    "partnerCode": "PARTNER1", "orderId": "PH1", "requestId": "PH1", "amount": 150000, "responseTime": 1795224600000,
    "message": "Successful.", "resultCode": 0, "payUrl": f"{API}/v2/gateway/pay?t=abc&s=d",
}  # fmt: skip
FOUND = PAID | {"requestId": "q1", "lastUpdated": 1795224645123, "responseTime": 1795225800000, "refundTrans": []}


def signature(names, fields, access=SECRETS["access_key"][0], secret=SECRETS["secret_key"][0]):
    given = fields | {"accessKey": access}
    joined = "&".join(f"{name}={'' if given.get(name) is None else given[name]}" for name in sorted(names))
    return hmac.new(secret.encode(), joined.encode(), hashlib.sha256).hexdigest()


def signed(fields, names=TOLD, **secrets):
    return fields | {"signature": signature(names, fields, **secrets)}


def ipn(fields, account=ACCOUNT):
    body = fields if isinstance(fields, bytes) else json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    return Momo().read_callback(account, Incoming("POST", b"", {}, body))


def returned(query):
    return Momo().read_return(ACCOUNT, Incoming("GET", query if isinstance(query, bytes) else query.encode(), {}, b""))


def answer(fields, status=200):
    return Response(status, {}, fields if isinstance(fields, bytes) else json.dumps(fields).encode())


def started(fields, status=200, account=ACCOUNT, order=ORDER):
    return Momo().started(account, order, answer(fields, status))


def queried(fields, status=200):
    return Momo().queried(ACCOUNT, QUESTION, answer(fields, status))


class TestContract(Contract):
    gateway = Momo()
    account = ACCOUNT
    other_account = Account(
        "PARTNER2",
        (),
        {"api": API},
        {"access_key": ("their access", "an old access"), "secret_key": ("their secret", "an old one")},
    )
    order = ORDER
    refund_order = BACK
    answers = {
        **dict.fromkeys((Verdict.RECORDED, Verdict.REPEATED, Verdict.WRONG_AMOUNT), (204, None)),
        **dict.fromkeys((Verdict.FORGED, Verdict.MALFORMED), (400, None)),
        Verdict.UNKNOWN_REFERENCE: (404, None),
        Verdict.OUR_FAULT: (429, None),
    }
    tomorrow = {"read_callback": ("88",), "refund_queried": ("0", "88")}
    tells = {"start": {"description"}}
    opened = ("0",)
    unsigned = ("queried", "refunded", "refund_queried")
    maybe_unsigned = ("started",)
    transaction = "2820086739"

    def write_callback(self, account, said):
        return Incoming("POST", b"", {}, json.dumps(self.told(account, said), ensure_ascii=False).encode())

    def write_return(self, account, said):
        return Incoming("GET", urlencode(self.told(account, said)).encode(), {}, b"")

    def write_started(self, account, said):
        fields = CREATED_WELL | {"orderId": said.reference, "requestId": said.reference, "amount": said.amount}
        fields |= {"partnerCode": account.terminal, "resultCode": number(said.codes[0])}
        return answer(self.sign(account, CREATED, fields))

    def write_queried(self, account, said):
        changed = {"requestId": said.request_id, "lastUpdated": milliseconds(said.at), "refundTrans": []}
        return answer(self.told(account, said) | changed)

    def write_refunded(self, account, said):
        return answer(self.told(account, said))

    def write_refund_queried(self, account, said):
        asked, code = map(number, said.codes)
        row = {"orderId": said.reference, "amount": said.amount, "resultCode": code, "transId": number(said.transaction)}
        told = {"partnerCode": account.terminal, "orderId": said.reference, "requestId": said.request_id, "resultCode": asked}
        return answer(told | {"refundTrans": [row]})

    def told(self, account, said):
        told = PAID | {"partnerCode": account.terminal, "orderId": said.reference, "amount": said.amount}
        told |= {"requestId": said.reference, "resultCode": number(said.codes[0])}
        told |= {"transId": number(said.transaction), "responseTime": milliseconds(said.at)}
        return self.sign(account, TOLD, told)

    def sign(self, account, names, fields):
        access, secret = (account.named_secrets[name][0] for name in ("access_key", "secret_key"))
        return signed(fields, names, access=access, secret=secret)


def number(text):
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 and str(int(text)) == text else text


def milliseconds(at):
    return int(at.timestamp() * 1000)


@pytest.mark.parametrize("way, amount", [("", 1000), ("captureWallet", 50_000_000), ("payWithATM", 10_000), ("payWithCC", 1000)])
def test_an_order_is_asked_for_with_the_newest_secrets_and_may_be_asked_for_again(way, amount):
    request = Momo().start(ACCOUNT, replace(ORDER, method=way, amount=amount, language="en"))
    asked = json.loads(request.body)
    assert (request.url, request.repeatable, request.timeout_s) == (f"{API}/v2/gateway/api/create", True, 30.0)
    assert asked.pop("signature") == signature(CREATE, asked)
    assert (asked["orderId"], asked["requestId"], asked["amount"], asked["autoCapture"]) == ("PH1", "PH1", amount, True)
    assert (asked["requestType"], asked["extraData"], asked["lang"]) == (way or "captureWallet", "", "en")
    assert (asked["ipnUrl"], asked["redirectUrl"]) == (ORDER.callback_url, ORDER.return_url)
    assert "accessKey" not in asked
    assert Momo().reference("PHB3C4", AT) == "PHB3C4"


@pytest.mark.parametrize(
    "changes",
    [
        *({"reference": "-a"}, {"reference": "a."}, {"reference": "a" * 51}, {"callback_url": "ftp://a/b"}, {"callback_url": ""}),
        *({"callback_url": "https://hub.example/ipn?a=1"}, {"callback_url": "https://hub.example/í"}),
        *({"return_url": "https://hub.example/r#a"}, {"return_url": "https://hub.example/a b"}, {"return_url": ""}),
    ],
)
def test_an_order_momo_cannot_express_is_refused_by_the_fields_name(changes):
    with pytest.raises(ValueError, match="|".join(changes)):
        Momo().start(ACCOUNT, replace(ORDER, **changes))


@given(st.from_regex(r"^[0-9a-zA-Z]([-_.]{0,3}[0-9a-zA-Z]{1,3}){0,8}\Z"), st.text(max_size=400))
def test_any_order_is_signed_over_what_is_sent(reference, description):
    asked = json.loads(Momo().start(ACCOUNT, replace(ORDER, reference=reference, description=description)).body)
    assert asked.pop("signature") == signature(CREATE, asked)
    assert 1 <= len(asked["orderInfo"]) <= 255
    assert not set(asked["orderInfo"]) & set("&=<>\"'\n")
    assert order_info(asked["orderInfo"]) == asked["orderInfo"]


def test_a_created_order_sends_the_citizen_to_momo_with_and_without_a_signature():
    for fields in (CREATED_WELL, signed(CREATED_WELL, CREATED), signed(CREATED_WELL | {"amount": "150000"}, CREATED)):
        assert started(fields, 201) == Redirect(CREATED_WELL["payUrl"])
    elsewhere = CREATED_WELL | {"payUrl": "https://pay.momo.example/x"}
    assert started(signed(elsewhere, CREATED, secret=SECRETS["secret_key"][1])) == Redirect("https://pay.momo.example/x")
    with pytest.raises(Forged):
        started(elsewhere)
    with pytest.raises(Forged):
        started(signed(CREATED_WELL, CREATED) | {"payUrl": f"{API}/other"})
    with pytest.raises(Forged):
        started(signed(CREATED_WELL, CREATED) | {"resultCode": 1006})


@pytest.mark.parametrize(
    "changes",
    [
        *({"partnerCode": "PARTNER2"}, {"orderId": "PH2"}, {"requestId": "PH2"}, {"amount": 150001}, {"amount": None}),
        *(
            {"orderId": ""},
            {"partnerCode": None},
            {"payUrl": ""},
            {"payUrl": "http://momo.example/pay"},
            {"payUrl": "javascript:1"},
        ),
        *({"payUrl": "https://momo.example/a b"}, {"payUrl": "https://[::1/"}, {"payUrl": "https://momo.example/\r\nA: b"}),
        *({"payUrl": ["https://momo.example"]}, {"resultCode": ""}, {"resultCode": "0.0"}, {"payUrl": "https:///pay"}),
    ],
)
def test_an_answer_to_create_about_anything_else_sends_nobody_anywhere(changes):
    for fields in (CREATED_WELL | changes, signed(CREATED_WELL | changes, CREATED)):
        with pytest.raises(Malformed):
            started(fields)


def test_a_test_gateway_may_speak_http_where_its_own_address_does():
    account = replace(ACCOUNT, endpoints={"api": "http://127.0.0.1:9000"})
    assert started(CREATED_WELL | {"payUrl": "http://127.0.0.1:9000/pay"}, account=account) == Redirect("http://127.0.0.1:9000/pay")


def test_an_ipn_is_read_whatever_is_sent_beside_the_signed_fields():
    more = {
        "promotionInfo": [{"amount": 1, "voucherId": "V"}],
        "partnerUserId": "x",
        "userFee": 0,
        "accessKey": "another",
        "a": True,
    }
    notice = ipn(signed(PAID) | more)
    assert (notice.reference, notice.terminal, notice.outcome, notice.amount) == ("PH1", "PARTNER1", Outcome.SUCCEEDED, 150_000)
    assert (notice.transaction, notice.method, notice.currency, notice.not_paid) == ("2820086739", "qr", "VND", False)
    assert (notice.paid_at, notice.paid_at_text) == (datetime(2026, 11, 21, 1, 30, 45, 123000, UTC), "1795224645123")
    assert ipn(signed(PAID | {"transId": 0})).transaction is None


@given(st.permutations(list(PAID)), st.sampled_from(SECRETS["access_key"]), st.sampled_from(SECRETS["secret_key"]), st.booleans())
def test_any_live_pair_of_secrets_verifies_in_any_order_and_case(names, access, secret, upper):
    told = signed(PAID, access=access, secret=secret)
    told["signature"] = told["signature"].upper() if upper else told["signature"]
    shuffled = {"signature": told["signature"], **{name: told[name] for name in names}}
    assert ipn(shuffled) == ipn(signed(PAID))
    for encode in (quote, quote_plus):
        assert returned("account=7&" + urlencode(shuffled, quote_via=encode)) == ipn(signed(PAID))


@pytest.mark.parametrize(
    "changes",
    [
        *({"amount": "150000.0"}, {"amount": "1e5"}, {"amount": -1}, {"amount": 10**30}, {"amount": ""}, {"amount": "\u0661"}),
        *({"orderId": ""}, {"resultCode": ""}, {"resultCode": "0x0"}, {"resultCode": "0/0"}, {"resultCode": 10**12}),
        *({"responseTime": ""}, {"responseTime": "yesterday"}, {"responseTime": 10**20}, {"transId": "-1"}, {"transId": 10**25}),
        *({"orderInfo": "a&orderType=momo_wallet"}, {"message": "x&orderId=PH2"}, {"orderInfo": "a\0"}),
    ],
)
def test_a_signed_ipn_of_another_form_is_malformed_and_not_quoted(changes):
    with pytest.raises(Malformed) as refusal:
        ipn(signed(PAID | changes))
    assert not [value for value in map(str, changes.values()) if len(value) > 2 and value in str(refusal.value)]


def test_a_name_cannot_move_a_value_into_another_field():
    genuine = signed(PAID | {"message": "x&orderId=PH2", "orderId": "PH1"})
    moved = genuine | {"message": "x", "orderId": "PH2&orderId=PH1"}
    assert signed_text(TOLD, genuine) == signed_text(TOLD, moved), "one signature, two orders"
    for fields in (genuine, moved):
        with pytest.raises(Malformed, match="name of a field"):
            ipn(fields)


def test_a_parameter_given_twice_in_two_spellings_is_malformed():
    with pytest.raises(Malformed, match="twice"):
        returned(f"order%49d=PH1&{urlencode(signed(PAID))}")


@pytest.mark.parametrize(
    "changes", [{"partnerCode": "PARTNER2"}, {"orderId": "PH2"}, {"requestId": "q9"}, {"requestId": None}, {"amount": None}]
)
def test_an_answer_to_another_question_is_malformed(changes):
    with pytest.raises(Malformed, match=next(iter(changes))):
        queried(FOUND | changes)


def test_after_a_refund_the_time_of_the_last_change_is_no_time_of_the_payment():
    assert queried(FOUND).paid_at == datetime(2026, 11, 21, 1, 30, 45, 123000, UTC)
    for changes in ({"refundTrans": [{"orderId": "R1"}]}, {"lastUpdated": None}, {"lastUpdated": "soon"}):
        told = queried(FOUND | changes)
        assert (told.outcome, told.paid_at, told.paid_at_text) == (Outcome.SUCCEEDED, None, "")
