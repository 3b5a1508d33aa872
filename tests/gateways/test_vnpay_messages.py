"""The laws of VNPAY's messages: what verifies, what never does, what is refused."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.base import Account, Incoming, Order, Outcome, Query, Response
from gateways.errors import Malformed
from gateways.signing import FORMS, mac
from gateways.simulator.vnpay_messages import url_signature_fits
from gateways.vnpay import Vnpay, order_info, signed_text

SECRETS = ("today's secret", "yesterday's secret")
ACCOUNT = Account("PAYHUB01", SECRETS, {"pay": "https://vnpay.example/pay", "api": "https://vnpay.example/api"})
AT = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
PAID = {
    "vnp_Amount": "15000000",
    "vnp_BankCode": "NCB",
    "vnp_OrderInfo": "Le phi (a) * ~ 1",
    "vnp_PayDate": "20261121083145",
    "vnp_ResponseCode": "00",
    "vnp_TmnCode": "PAYHUB01",
    "vnp_TransactionNo": "14900001",
    "vnp_TransactionStatus": "00",
    "vnp_TxnRef": "PH1",
}
writable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.text(writable, min_size=1, max_size=40)
forms = st.sampled_from(FORMS)
references = st.from_regex(r"[0-9A-Za-z._-]{1,100}", fullmatch=True)
amounts = st.integers(1, 9_999_999_999)
statements = st.fixed_dictionaries(
    {"vnp_OrderInfo": texts, "vnp_BankCode": texts, "vnp_TxnRef": texts, "vnp_Amount": amounts.map(lambda dong: f"{dong}00")}
).map(lambda fields: PAID | fields)
orders = st.builds(
    Order,
    reference=references,
    amount=amounts,
    currency=st.just("VND"),
    description=st.text(max_size=300),
    created_at=st.integers(1_577_836_800, 4_070_908_800).map(lambda unix: datetime.fromtimestamp(unix, UTC)),
    expires_at=st.just(AT),
    return_url=texts.map(lambda tail: f"https://hub.example/return?{tail}"),
    language=st.sampled_from(["vi", "en"]),
    client_ip=st.ip_addresses().map(str),
)


def signature(text, secret=SECRETS[0]):
    return mac("sha512", secret, text.encode())


def read(query):
    return Vnpay().read_callback(ACCOUNT, Incoming("GET", query if isinstance(query, bytes) else query.encode(), {}, b""))


def sent(fields, **changed):
    text = signed_text(fields)
    return f"{signed_text(fields | changed)}&vnp_SecureHash={signature(text)}"


@given(orders)
def test_any_order_is_signed_as_a_java_gateway_checks_it(order):
    pairs = parse_qsl(urlsplit(Vnpay().start(ACCOUNT, order).url).query)
    fields = dict(pairs)
    assert len(fields) == len(pairs)
    assert url_signature_fits(SECRETS[0], fields)
    assert (fields["vnp_Amount"], fields["vnp_TxnRef"]) == (f"{order.amount}00", order.reference)
    assert not set(fields["vnp_ReturnUrl"]) & set("*~()!'")


@given(statements, st.sampled_from(SECRETS), forms, forms, st.randoms(use_true_random=False), st.booleans())
def test_a_signed_statement_verifies_in_any_order_encoding_and_case(fields, secret, signed_as, sent_as, chance, upper):
    claimed = signature(signed_text(fields, signed_as), secret)
    pairs = [*signed_text(fields, sent_as).split("&"), "vnp_SecureHash=" + (claimed.upper() if upper else claimed)]
    pairs += ["vnp_SecureHashType=HMACSHA512", "vnp_BankTranNo=", "account=7", "account=8", ""]
    chance.shuffle(pairs)
    notice = read("&".join(pairs))
    assert (notice.reference, notice.outcome) == (fields["vnp_TxnRef"], Outcome.SUCCEEDED)
    assert f"{notice.amount}00" == fields["vnp_Amount"]
    assert notice.method == fields["vnp_BankCode"]


def test_a_parameter_given_twice_in_two_spellings_is_malformed():
    with pytest.raises(Malformed, match="twice"):
        read(f"vnp%5FAmount=100&{sent(PAID)}")


@pytest.mark.parametrize(
    "changes",
    [
        {"vnp_Amount": "15000050"},
        {"vnp_Amount": "1500.00"},
        {"vnp_Amount": "-100"},
        {"vnp_Amount": "1234567890100"},
        {"vnp_Amount": "\u0661\u0660\u0660"},
        {"vnp_Amount": ""},
        {"vnp_TmnCode": "PAYHUB02"},
        {"vnp_TmnCode": ""},
        {"vnp_TxnRef": ""},
        {"vnp_TxnRef": b"PH\xff"},
        {"vnp_TxnRef": "PH\0"},
        {"vnp_ResponseCode": ""},
        {"vnp_PayDate": "20261341083145"},
        {"vnp_PayDate": "2026112108314"},
        {"vnp_CurrCode": "USD"},
    ],
)
def test_a_signed_statement_of_another_form_is_malformed(changes):
    fields = PAID | changes
    with pytest.raises(Malformed) as refusal:
        read(f"{signed_text(fields)}&vnp_SecureHash={signature(signed_text(fields))}")
    assert not [value for value in changes.values() if value and str(value) in str(refusal.value)]


def test_no_transaction_number_and_no_time_are_none():
    notice = read(sent(PAID | {"vnp_TransactionNo": "0", "vnp_PayDate": "", "vnp_BankCode": ""}))
    assert (notice.transaction, notice.paid_at, notice.paid_at_text, notice.method) == (None, None, "", "")


QUESTION = Query("PH1", AT, "Q1", AT + timedelta(minutes=20), "203.0.113.9")
ANSWERED = {"vnp_ResponseId": "S1", "vnp_Command": "querydr", "vnp_Message": "QueryDR Success", "vnp_TransactionType": "01", **PAID}
NAMES = (
    "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo TransactionType TransactionStatus "
    "OrderInfo PromotionCode PromotionAmount"
)


def answered(fields, secret=SECRETS[1]):
    line = "|".join("" if fields.get(f"vnp_{name}") is None else str(fields[f"vnp_{name}"]) for name in NAMES.split())
    return Response(200, {}, json.dumps(fields | {"vnp_SecureHash": signature(line, secret)}).encode())


def test_an_answer_is_read_with_numbers_and_nulls_as_they_were_sent():
    told = Vnpay().queried(ACCOUNT, QUESTION, answered(ANSWERED | {"vnp_Amount": 15000000, "vnp_PromotionCode": None}))
    assert (told.outcome, told.amount, told.reference) == (Outcome.SUCCEEDED, 150_000, "PH1")


@pytest.mark.parametrize("changes", [{"vnp_Command": "refund"}, {"vnp_Amount": "15000050"}])
def test_an_answer_about_something_else_is_malformed(changes):
    with pytest.raises(Malformed):
        Vnpay().queried(ACCOUNT, QUESTION, answered(ANSWERED | changes))


def test_an_answer_that_says_nothing_of_the_order_is_malformed():
    silent = {"vnp_ResponseId": "S1", "vnp_Command": "querydr", "vnp_ResponseCode": "91", "vnp_Message": "not found"}
    with pytest.raises(Malformed, match="vnp_TxnRef"):
        Vnpay().queried(ACCOUNT, QUESTION, answered(silent))


def test_a_bar_cannot_move_a_value_into_another_field():
    """The signed text is joined by bars: without this, one signature would fit several sets of values."""
    genuine = ANSWERED | {"vnp_Message": "no|00", "vnp_ResponseCode": "91"}
    moved = ANSWERED | {"vnp_Message": "00", "vnp_ResponseCode": "91|no"}
    assert json.loads(answered(genuine).body)["vnp_SecureHash"] == json.loads(answered(moved).body)["vnp_SecureHash"]
    for fields in (genuine, moved):
        with pytest.raises(Malformed, match="bar"):
            Vnpay().queried(ACCOUNT, QUESTION, answered(fields))


@given(orders)
def test_our_own_signed_pay_url_is_no_callback(order):
    with pytest.raises(Malformed, match="vnp_ResponseCode"):
        read(urlsplit(Vnpay().start(ACCOUNT, order).url).query)


def test_an_error_page_is_malformed():
    with pytest.raises(Malformed, match="502"):
        Vnpay().queried(ACCOUNT, QUESTION, Response(502, {}, b"Bad gateway"))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Phí đăng ký kết hôn; số 1/2026 (Đợt 2)", "Phi dang ky ket hon so 1 2026 Dot 2"),
        ("  Lệ_phí: 000.00.01.H53-261121-0001 ", "Le_phi: 000.00.01.H53-261121-0001"),
        ("日本 ~*'", ""),
    ],
)
def test_order_info_is_plain(written, kept):
    assert order_info(written) == kept


@given(st.text())
def test_order_info_is_the_same_to_every_encoder(description):
    info = order_info(description)
    assert len({signed_text({"vnp_OrderInfo": info}, form) for form in FORMS}) == 1
    assert order_info(info) == info
    assert len(info) <= 255


def test_the_reference_is_the_attempts_code():
    assert Vnpay().reference("PHB3C4D5F6G712", AT) == "PHB3C4D5F6G712"
