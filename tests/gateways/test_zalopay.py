"""ZaloPay: published and computed signatures, what every code means, and what is never believed."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.base import Account, Incoming, Notice, Order, Outcome, Query, Redirect, RefundOrder, RefundOutcome, Response, Verdict
from gateways.conformance import Contract
from gateways.errors import Forged, Malformed
from gateways.signing import mac
from gateways.zalopay import APP_USER, Zalopay
from gateways.zalopay_codes import CODES, PREFERRED
from gateways.zalopay_fields import GMT7, RETURN, SIGNED

VECTORS = json.loads(Path(__file__).with_name("zalopay_vectors.json").read_text("utf-8"))
KEY1, KEY2 = "PcY4iZIKFCIdgZvA6ueMcMHHUbRLYjPL", "kLtgPl8HHhfvMuDHPwKfgfsY4Ydm9eIz"  # of ZaloPay's public sandbox app 2553
API = {"api": "https://zalopay.example/"}
ACCOUNT = Account("2553", (), API, {"key1": (KEY1, "an older key1"), "key2": ("a newer key2", KEY2)})
Z = Zalopay()
AT = datetime(2026, 11, 21, 8, 50, tzinfo=GMT7)
ORDER = Order(
    reference="261121_PH0000001",
    amount=150_000,
    currency="VND",
    description="Thanh toán lệ phí\0 hồ sơ",
    created_at=AT,
    expires_at=AT + timedelta(minutes=15),
    return_url="https://payhub.example.gov.vn/return/zalopay",
    language="vi",
    client_ip="203.0.113.9",
    callback_url="https://payhub.example.gov.vn/callbacks/zalopay/a?b=1&c=2",
)
QUESTION = Query(ORDER.reference, AT, "Q1", AT + timedelta(hours=1), "203.0.113.9")
REFUND = RefundOrder(
    reference="261121_2553_0000000001",
    original_reference="PH0000001",
    original_transaction="261121000000389",
    original_created_at=AT,
    amount=150_000,
    original_amount=150_000,
    currency="VND",
    asked_by="ketoan01",
    asked_at=AT + timedelta(hours=1),
    client_ip="203.0.113.9",
)
REFUND_QUESTION = Query(REFUND.reference, REFUND.asked_at, "Q2", REFUND.asked_at + timedelta(minutes=1), "203.0.113.9")
PAID = {"app_id": 2553, "app_trans_id": ORDER.reference, "amount": 150_000, "zp_trans_id": 261121000000389}
PAID |= {"server_time": 1795225861000, "channel": 36, "merchant_user_id": "abc", "embed_data": "{}", "item": "[]"}
RETURNED = dict(zip(RETURN, ("2553", ORDER.reference, "38", "", "150000", "0", "1"), strict=True))
S, F, C = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED
P, N, U = Outcome.PENDING, Outcome.NOT_FOUND, Outcome.UNKNOWN
BAD_REFERENCES = ("PH0000001", "261120_PH0000001", "261121_" + "9" * 34, "261121_a|b", "261121_a\n", "261121_")
BAD_PAGES = (
    *("http://a.example/p", "javascript:alert(1)", "//a.example", "", "https://a@b.example/", "https://a.example/ b"),
    *("https://a.example/\r\nSet-Cookie:a", "https://[", 5, ["a"]),
)
SUBS = (*range(-1400, 100), None)


def vectors(operation):
    return [each for each in VECTORS if each["operation"] == operation]


def form(request):
    return {name: value for name, (value,) in parse_qs(request.body.decode(), keep_blank_values=True, strict_parsing=True).items()}


def posted(told, key=KEY2, **outer):
    written = told if isinstance(told, str) else json.dumps(told)
    return json.dumps({"data": written, "mac": mac("sha256", key, written.encode()), "type": 1} | outer).encode()


def heard(body, account=ACCOUNT):
    return Z.read_callback(account, Incoming("POST", b"", {}, body))


def way_back(fields, key=KEY2):
    line = "|".join(fields.get(name, "") for name in RETURN)
    return urlencode(fields | {"checksum": mac("sha256", key, line.encode())}).encode()


def returned(fields, key=KEY2):
    return Z.read_return(ACCOUNT, Incoming("GET", way_back(fields, key), {}, b""))


def says(code, sub=None, **more):
    return Response(200, {}, json.dumps({"return_code": code, "return_message": "", "sub_return_code": sub} | more).encode())


def queried(code, sub=None, question=QUESTION, **more):
    return Z.queried(ACCOUNT, question, says(code, sub, **({"amount": 150_000} | more)))


class TestContract(Contract):
    gateway = Z
    account = ACCOUNT
    other_account = Account("2554", (), API, {"key1": ("their key1", "an old key1"), "key2": ("their key2", "an old key2")})
    order = ORDER
    refund_order = replace(REFUND, amount=50_000)
    answers = {
        Verdict.RECORDED: (200, {"return_code": 1, "return_message": "success"}),
        Verdict.REPEATED: (200, {"return_code": 1, "return_message": "success"}),
        Verdict.UNKNOWN_REFERENCE: (200, {"return_code": 2, "return_message": "order not found"}),
        Verdict.WRONG_AMOUNT: (200, {"return_code": 2, "return_message": "invalid amount"}),
        Verdict.FORGED: (200, {"return_code": 2, "return_message": "invalid mac"}),
        Verdict.MALFORMED: (200, {"return_code": 2, "return_message": "invalid data"}),
        Verdict.OUR_FAULT: (200, {"return_code": 0, "return_message": "try again"}),
    }
    tomorrow = {
        "read_callback": ("7",), "read_return": ("-7777",), "started": ("2", "-7777"), "queried": ("2", "-7777", "false"),
        "refunded": ("2", "-7777"), "refund_queried": ("2", "-7777"),
    }  # fmt: skip
    tells = {"start": {"description"}}
    opened = ("1", "1")
    unsigned = ("started", "queried", "refunded", "refund_queried")

    def write_callback(self, account, said):
        at = int(said.at.timestamp() * 1000)
        told = PAID | {"app_id": int(account.terminal), "app_trans_id": said.reference, "amount": said.amount, "server_time": at}
        body = posted(told | {"zp_trans_id": said.transaction}, account.named_secrets["key2"][0], type=number(said.codes[0]))
        return Incoming("POST", b"", {}, body)

    def write_return(self, account, said):
        fields = RETURNED | {"appid": account.terminal, "apptransid": said.reference, "amount": str(said.amount)}
        return Incoming("GET", way_back(fields | {"status": said.codes[0]}, account.named_secrets["key2"][0]), {}, b"")

    def write_started(self, account, said):
        return says(*map(number, said.codes), order_url="https://zalopay.example/pay?order=1")

    def write_queried(self, account, said):
        code, sub, processing = said.codes
        more = {"is_processing": {"true": True, "false": False}.get(processing, processing or None)}
        more |= {"amount": said.amount, "zp_trans_id": said.transaction, "server_time": int(said.at.timestamp() * 1000)}
        return says(number(code), number(sub), **more)

    def write_refunded(self, account, said):
        return says(*map(number, said.codes), refund_id=said.transaction)

    write_refund_queried = write_refunded


def number(text):
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 20 and str(int(text)) == text else text


def test_every_published_and_computed_signature_comes_out():
    assert [each["expected"][:8] for each in VECTORS if each["source"] == "published"] == ["d8d33baf"]
    for each in VECTORS:
        (key,) = each["keys"].values()
        assert mac("sha256", key, each["canonical_string"].encode()) == each["expected"]
        if each["operation"] in SIGNED:
            assert "|".join(each["fields"][name] for name in SIGNED[each["operation"]]) == each["canonical_string"]


def test_requests_are_the_vectors():
    question = replace(REFUND_QUESTION, asked_at=datetime.fromtimestamp(1795229460, UTC))
    refund = replace(REFUND, asked_at=datetime.fromtimestamp(1795229400, UTC))
    requests = {
        "create": Z.start(ACCOUNT, replace(ORDER, created_at=datetime.fromtimestamp(1795225800, UTC))),
        "query": Z.query(ACCOUNT, QUESTION),
        "refund": Z.refund(ACCOUNT, refund),
        "query_refund": Z.query_refund(ACCOUNT, refund, question),
    }
    for call, request in requests.items():
        vector, sent = vectors(call)[-1], form(request)
        assert (request.method, request.url) == ("POST", f"https://zalopay.example/v2/{call}")
        assert sent["mac"] == vector["expected"]
        assert sent.items() >= {name: value for name, value in vector["fields"].items() if name != "key1"}.items()
        assert "key1" not in sent
        assert request.repeatable is call.startswith("query")


def test_the_rest_of_an_order():
    sent = form(Z.start(ACCOUNT, ORDER))
    assert (sent["app_user"], sent["description"]) == (APP_USER, "Thanh toán lệ phí hồ sơ")
    assert (sent["expire_duration_seconds"], sent["callback_url"], sent["bank_code"]) == ("900", ORDER.callback_url, "")
    assert "callback_url" not in form(Z.start(ACCOUNT, replace(ORDER, callback_url="")))
    assert "203.0.113.9" not in str(sent)
    for method in Z.methods:
        embedded = json.loads(form(Z.start(ACCOUNT, replace(ORDER, method=method.name)))["embed_data"])
        assert embedded.pop("redirecturl") == ORDER.return_url
        assert embedded.get("preferred_payment_method", []) == list(PREFERRED[method.name])
    assert {method.name for method in Z.methods} == set(PREFERRED)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("return_url", "https://a.example/" + "a" * 1024),
        *[("reference", each) for each in BAD_REFERENCES],
        *[("expires_at", AT + timedelta(seconds=299)), ("expires_at", AT + timedelta(seconds=2_592_001))],
    ],
)
def test_an_order_that_cannot_be_expressed_names_its_field(field, value):
    with pytest.raises(ValueError, match=field):
        Z.start(ACCOUNT, replace(ORDER, **{field: value}))


def test_other_terminals_and_missing_keys_are_refused():
    with pytest.raises(ValueError, match="terminal"):
        Z.start(replace(ACCOUNT, terminal="app"), ORDER)
    with pytest.raises(ValueError, match="key1"):
        Z.start(replace(ACCOUNT, named_secrets={"key2": (KEY2,)}), ORDER)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 11, 21, 16, 59, 59, 999_999, tzinfo=UTC), "261121"),
        (datetime(2026, 11, 21, 17, 0, tzinfo=UTC), "261122"),
        (datetime(2026, 12, 31, 17, 0, tzinfo=UTC), "270101"),
    ],
)
def test_references_begin_with_the_day_in_gmt7(at, day):
    assert Z.reference("PHB0C1D2F3G497", at) == f"{day}_PHB0C1D2F3G497"
    assert Z.refund_reference(ACCOUNT, "PHB0C1D2F3G497", at) == f"{day}_2553_PHB0C1D2F3G497"
    assert form(Z.start(ACCOUNT, replace(ORDER, reference=f"{day}_1", created_at=at, expires_at=at + timedelta(hours=1))))
    for too_long in (lambda: Z.reference("9" * 34, at), lambda: Z.refund_reference(ACCOUNT, "9" * 34, at)):
        with pytest.raises(ValueError, match="code"):
            too_long()


@pytest.mark.parametrize(
    ("url", "api", "taken"),
    [
        ("https://qcgateway.zalopay.vn/openinapp?order=eyJ9==", "https://a.example", True),
        ("https://a.example", "https://a.example", True),
        ("http://127.0.0.1:8090/pay?o=1", "http://127.0.0.1:8090", True),
        *[(url, "https://a.example", False) for url in BAD_PAGES],
    ],
)
def test_a_citizen_is_sent_to_an_address_that_is_safe_only(url, api, taken):
    account, response = replace(ACCOUNT, endpoints={"api": api}), says(1, 1, order_url=url, zp_trans_token="t")
    if taken:
        assert Z.started(account, ORDER, response) == Redirect(url)
    else:
        with pytest.raises(Malformed):
            Z.started(account, ORDER, response)


def test_each_code_of_create():
    failed = {-33, -401, -402, -403, -405, -429, -500, -999}
    for sub in SUBS:
        notice = Z.started(ACCOUNT, ORDER, says(2, sub))
        assert isinstance(notice, Notice)
        assert (notice.outcome, notice.not_paid) == ((F, True) if sub in failed else (U, False)), sub
        assert (notice.reference, notice.amount, notice.raw_code) == (ORDER.reference, None, f"2/{'' if sub is None else sub}")
    for code in range(-1400, 100):
        if code != 1:
            assert Z.started(ACCOUNT, ORDER, says(code)).outcome is (F if code in failed else U), "beside return_code 2 or as it"
    assert CODES.explain("2/-68").outcome is U
    assert CODES.explain("2/-63/false").retry
    assert "ZaloPay" in CODES.explain("2/-329/false").en


QUERY_CODES = {-54: F, -322: F, -329: C, -63: P, -332: P, -333: P, -49: P, -101: N}
QUERY_CODES |= dict.fromkeys((*range(-1333, -1329), *range(-1343, -1339)), P)


def test_each_code_of_a_query():
    for sub in SUBS:
        notice = queried(2, sub, is_processing=False, amount=0, zp_trans_id=0, server_time=0)
        assert (notice.outcome, notice.not_paid) == (QUERY_CODES.get(sub, U), sub in QUERY_CODES), sub
        assert (notice.amount, notice.transaction, notice.paid_at, notice.paid_at_text) == (None, None, None, "")
        assert queried(1, sub).outcome is (S if sub == 1 else U)
        assert (queried(3, sub).outcome, queried(3, sub).not_paid) == (P, False)
        assert queried(2, sub, is_processing=True).outcome is U
    for code in range(-1400, 100):
        assert (queried(code).outcome, queried(code).not_paid) == (P if code == 3 else U, False)
    assert queried(1, 1, is_processing=True).outcome is U
    assert queried(3, -54, is_processing=True).raw_code == "3/-54/true"


def test_a_paid_order_is_read_as_published_and_never_without_its_amount():
    notice = queried(1, 1, amount=5000, is_processing=False, zp_trans_id=230512000007041, server_time=1795225861000)
    assert (notice.outcome, notice.amount, notice.transaction) == (S, 5000, "230512000007041")
    assert (notice.paid_at, notice.reference) == (datetime.fromtimestamp(1795225861, UTC), ORDER.reference)
    for amount in (None, 0, "", -5, 1.5, True, 10**15, 10**400, [5000], "\u0665\u0660", float("nan")):
        with pytest.raises(Malformed, match="amount"):
            queried(1, 1, amount=amount)


def test_after_48_hours_no_answer_proves_that_an_order_was_not_paid():
    late = replace(QUESTION, asked_at=AT + timedelta(hours=48))
    assert queried(1, 1, late).outcome is S
    for sub in QUERY_CODES:
        assert queried(2, sub, replace(late, asked_at=late.asked_at - timedelta(seconds=1))).not_paid
        assert (queried(2, sub, late).outcome, queried(2, sub, late).not_paid) == (U, False)


def test_callbacks_of_the_vectors_are_read():
    for each, channel, amount in zip(vectors("callback"), ("38", "36"), (10_000, 150_000), strict=True):
        body = json.dumps({"data": each["canonical_string"], "mac": each["expected"], "type": 1}).encode()
        notice, fields = heard(body), each["fields"]
        assert (notice.outcome, notice.amount, notice.reference) == (S, amount, fields["app_trans_id"])
        assert (notice.transaction, notice.method, notice.raw_code) == (str(fields["zp_trans_id"]), channel, "1")
        assert notice.paid_at == datetime.fromtimestamp(fields["server_time"] / 1000, UTC)
        assert fields["merchant_user_id"] not in repr(notice)


@pytest.mark.parametrize(
    "changes",
    [
        *[{"app_id": each} for each in (2554, "", None, 2553.0, True)],
        *[
            {"amount": each}
            for each in (0, -1, 1.5, 1e5, True, "1e5", 10**15, 10**4000, [150000], {"a": 1}, "150000 ", float("inf"))
        ],
        *[{"app_trans_id": each} for each in ("", None, "PH\0", "\ud800", ["a"])],
        *[{"zp_trans_id": each} for each in ("9" * 65, "a b", -1, 1.0, {})],
        *[{"server_time": each} for each in (10**13, -1, 1.5, "now", [1])],
        *[{"embed_data": {}}, {"item": []}, {"channel": [38]}],
    ],
)
def test_a_signed_callback_of_another_form_is_malformed(changes):
    with pytest.raises(Malformed) as refusal:
        heard(posted(PAID | changes))
    assert not [value for value in changes.values() if isinstance(value, str) and len(value) > 2 and value in str(refusal.value)]


@given(st.permutations(sorted(PAID)), st.booleans())
def test_the_order_of_the_fields_in_data_does_not_matter_and_what_is_missing_does(names, missing):
    data = {name: PAID[name] for name in names[missing:]} | {"new": {"nested": [True]}}
    if missing and names[0] in {"app_id", "app_trans_id", "amount"}:
        with pytest.raises(Malformed):
            heard(posted(data))
    else:
        assert heard(posted(data)).outcome is S
    assert missing or heard(posted(data)) == heard(posted(PAID))


def test_data_of_another_form_is_malformed_though_it_is_signed():
    twice = '{"app_id":2553,"amount":1,"amount":2,"app_trans_id":"261121_1"}'
    for data in (twice, "", "null", "[]", "5", "{", '{"a":' * 100_000, "\ufeff{}", "\0"):
        with pytest.raises(Malformed):
            heard(posted(data))
    for kind in (2, 0, None, True, 1.0, "01", [1]):
        with pytest.raises(Malformed):
            heard(posted(PAID, type=kind))


@given(st.text() | st.dictionaries(st.sampled_from(sorted(PAID)), st.none() | st.floats() | st.integers() | st.text()))
def test_signed_noise_breaks_nothing(noise):
    with pytest.raises((Forged, Malformed)):
        heard(posted(noise))


def test_the_way_back_shows_and_never_decides():
    notice = returned(RETURNED)
    assert (notice.outcome, notice.not_paid, notice.amount, notice.method) == (P, False, 150_000, "38")
    assert vectors("redirect_checksum")[0]["expected"] == mac("sha256", KEY2, "|".join(RETURNED.values()).encode())
    assert {returned(RETURNED | {"status": str(code)}).outcome for code in range(-1400, 100)} == {P, U}
    for fields in (
        {"appid": "2554"},
        {"status": ""},
        {"status": "ok"},
        {"amount": "1.5"},
        {"apptransid": "a|b"},
        {"apptransid": ""},
    ):
        with pytest.raises(Malformed):
            returned(RETURNED | fields)
    with pytest.raises(Forged):
        returned(RETURNED, KEY1)
    signed = urlencode(RETURNED | {"checksum": vectors("redirect_checksum")[0]["expected"]})
    for query in (f"status=1&{signed}", f"checksum=&{signed}"):
        with pytest.raises(Malformed, match="twice"):
            Z.read_return(ACCOUNT, Incoming("GET", query.encode(), {}, b""))
    assert Z.read_return(ACCOUNT, Incoming("GET", f"lang=vi&lang=en&{signed}".encode(), {}, b"")) == notice


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("original_transaction", each) for each in (None, "")],
        *[
            ("reference", each)
            for each in ("PHB0C1D2F3G497", "261120_2553_1", "261121_2554_1", "261121_2553_" + "9" * 34, "261121_2553_")
        ],
        ("asked_at", AT + timedelta(days=1)),
    ],
)
def test_a_refund_that_cannot_be_expressed_names_its_field(field, value):
    with pytest.raises(ValueError, match=field):
        Z.refund(ACCOUNT, replace(REFUND, **{field: value}))


def test_each_code_of_a_refund_and_of_asking_about_it():
    refused, faults = {-13, -14}, {-401, -402, -403, -405, -429}
    for sub in SUBS:
        first = Z.refunded(ACCOUNT, REFUND, says(2, sub)).outcome
        later = Z.refund_queried(ACCOUNT, REFUND, REFUND_QUESTION, says(2, sub)).outcome
        assert first is (RefundOutcome.REFUSED if sub in refused | faults else RefundOutcome.UNKNOWN), sub
        assert later is (RefundOutcome.REFUSED if sub in refused | {0} else RefundOutcome.UNKNOWN), sub
        for read in (
            lambda told: Z.refunded(ACCOUNT, REFUND, told),
            lambda told: Z.refund_queried(ACCOUNT, REFUND, REFUND_QUESTION, told),
        ):
            assert read(says(3, sub)).outcome is RefundOutcome.PROCESSING
            assert read(says(1, sub)).outcome is (RefundOutcome.ACCEPTED if sub == 1 else RefundOutcome.UNKNOWN)
        assert Z.refunded(ACCOUNT, REFUND, says(sub or 0)).outcome is not RefundOutcome.ACCEPTED
    notice = Z.refunded(ACCOUNT, REFUND, says(1, 1, refund_id=123456789))
    assert (notice.reference, notice.original_reference, notice.transaction) == (REFUND.reference, "PH0000001", "123456789")
    assert (notice.amount, notice.raw_code) == (None, "1/1")
    assert Z.refunded(ACCOUNT, REFUND, says(1, 1, refund_id=261121000000389)).transaction is None, (
        "the payment's number is no refund's"
    )


@pytest.mark.parametrize(
    "response", [says("a"), says(None), says(1.0, 1), says(1, [1]), says(True), says(2, "x" * 9), says(1, 1, is_processing="no")]
)
def test_an_answer_of_another_form_is_malformed(response):
    for answer in (response, replace(response, status=500)):
        with pytest.raises(Malformed):
            Z.queried(ACCOUNT, QUESTION, answer)
