"""What every published code of MoMo means, who says it, and what no code may mean."""

import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from gateways.base import Account, Incoming, Notice, Order, Outcome, Query, Response
from gateways.momo import Momo
from gateways.momo_fields import TOLD, signed_text
from gateways.signing import mac

ACCOUNT = Account("P1", (), {"api": "https://momo.example"}, {"access_key": ("an access",), "secret_key": ("a secret",)})
AT = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
ORDER = Order("PH1", 150_000, "VND", "", AT, AT, "https://hub.example/r", "vi", "203.0.113.9", "https://hub.example/c")
QUESTION = Query("PH1", AT, "q1", AT, "203.0.113.9")
TOLD_OF = {"partnerCode": "P1", "orderId": "PH1", "requestId": "PH1", "amount": 150000, "responseTime": 1795224645123, "transId": 9}

S, F, C, P, V, N, U = (
    *(Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED, Outcome.PENDING, Outcome.REVERSED, Outcome.NOT_FOUND),
    Outcome.UNKNOWN,
)
FAULTS = (10, 11, 12, 13, 20, 21, 22, 40, 41, 42, 43, 45, 47)
FINAL = (98, 99, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1017, 1026, 1080, 1081, 1088, 2019, 4001, 4002, 4100)
PUBLISHED = (0, *FAULTS, *FINAL, 1000, 7000, 7002, 9000)
SAID_IN_BOTH = {0: S, 9000: S, 1000: P, 7000: P, 7002: P, 1003: V, 1006: C} | dict.fromkeys(
    (98, 1001, 1002, 1004, 1005, 1007, 1017, 1026, 2019, 4001, 4002, 4100), F
)
CALLED_BACK = dict.fromkeys(PUBLISHED, U) | SAID_IN_BOTH | {99: F}
QUERIED = dict.fromkeys(PUBLISHED, U) | SAID_IN_BOTH | {42: N}
TURNED_AWAY = dict.fromkeys(PUBLISHED, U) | SAID_IN_BOTH | dict.fromkeys((10, 11, 12, 13, 20, 21, 22, 42, 45, 47), F) | {9000: U}


def told(code):
    fields = TOLD_OF | {"resultCode": code}
    return fields | {"signature": mac("sha256", "a secret", signed_text(TOLD, fields | {"accessKey": "an access"}).encode())}


def called_back(code):
    return Momo().read_callback(ACCOUNT, Incoming("POST", b"", {}, json.dumps(told(code)).encode()))


def queried(code):
    body = json.dumps(TOLD_OF | {"requestId": "q1", "resultCode": code, "refundTrans": []}).encode()
    return Momo().queried(ACCOUNT, QUESTION, Response(400, {}, body))


@pytest.mark.parametrize("code", [code for code in PUBLISHED if code])
def test_each_published_code_in_an_answer_to_create(code):
    for fields in ({"resultCode": code, "message": "x", "responseTime": 1}, TOLD_OF | {"resultCode": code, "payUrl": None}):
        notice = Momo().started(ACCOUNT, ORDER, Response(422, {}, json.dumps(fields).encode()))
        assert isinstance(notice, Notice)
        assert (notice.reference, notice.outcome, notice.raw_code) == ("PH1", TURNED_AWAY[code], str(code))


@pytest.mark.parametrize("code", [*PUBLISHED, 88, -1])
def test_each_published_code_in_an_ipn_a_return_and_an_answer_to_query(code):
    notice = called_back(code)
    assert (notice.outcome, notice.raw_code) == (CALLED_BACK.get(code, U), str(code))
    assert Momo().read_return(ACCOUNT, Incoming("GET", urlencode(told(code)).encode(), {}, b"")) == notice
    found = queried(code)
    assert (found.outcome, found.raw_code) == (QUERIED.get(code, U), str(code))
    assert found.not_paid is (QUERIED.get(code) in {F, C, V, N}), "only what is final proves that no money will come"


def test_the_tables_have_every_published_code_and_words_for_what_the_citizen_can_do():
    assert len(PUBLISHED) == len(set(PUBLISHED)) == 36
    for said_by in ("callback", "query", "create"):
        absent = {code for code in PUBLISHED if Momo.codes.read(said_by, str(code)) is None}
        assert absent == ({0, 9000} if said_by == "create" else set())
    for code in PUBLISHED:
        words = Momo.codes.explain(str(code))
        assert words is not None or code in {0, 9000, 40, 41, 43, 1080, 1081, 1088}
        assert words is None or (words.vi and words.en)


def test_only_0_and_9000_are_paid_and_only_what_is_final_ends_an_order():
    numbers = range(-1, 10_001)
    assert [code for code in PUBLISHED if called_back(code).outcome is S] == [0, 9000]
    assert {Momo.codes.read("callback", str(code)) for code in numbers if code not in PUBLISHED} == {None}
    ended = {code for code in PUBLISHED if called_back(code).outcome in {F, C, V} or queried(code).outcome in {F, C, V}}
    assert ended == set(FINAL) - {1080, 1081, 1088}
    assert not [code for code in (1000, 7000, 7002) if called_back(code).not_paid or queried(code).not_paid]
