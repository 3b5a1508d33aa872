"""The demo's portals believe only what is signed for them."""

import json
import time

import pytest
import requests
from standardwebhooks.webhooks import Webhook

from payhub.demo.listening import STUMBLES
from payhub.demo.national import NationalPortal
from payhub.demo.portal import Portal
from payhub.portals.national.hashing import digest
from webhooks import signing

BODY = json.dumps({"type": "payment.paid", "data": {"payment": "pay_test_1", "sequence": 3}}).encode()


@pytest.fixture
def portal():
    with Portal("dvc-tay-ninh", "http://127.0.0.1:9") as opened:
        opened.secret = signing.new_secret("hmac")
        yield opened


def send(portal, message_id, body=BODY, secret=None):
    headers = signing.headers([signing.signer(secret or portal.secret)], message_id, int(time.time()), body)
    return requests.post(portal.told_at, data=body, headers=headers, timeout=10).status_code


def test_a_signed_message_is_heard(portal):
    assert send(portal, "msg_1") == 204
    assert portal.heard["msg_1"]["data"]["sequence"] == 3


def test_a_message_signed_with_another_secret_is_refused(portal):
    assert send(portal, "msg_1", secret=signing.new_secret("hmac")) == 401
    assert not portal.heard
    assert portal.counts["refused"] == 1


def test_a_changed_message_is_refused(portal):
    headers = signing.headers([signing.signer(portal.secret)], "msg_1", int(time.time()), BODY)
    assert requests.post(portal.told_at, data=BODY + b" ", headers=headers, timeout=10).status_code == 401


def test_a_message_that_comes_again_is_the_same_message(portal):
    assert [send(portal, "msg_1"), send(portal, "msg_1")] == [204, 204]
    assert len(portal.heard) == 1
    assert portal.counts["again"] == 1


def test_a_portal_that_stumbles_takes_the_message_when_it_comes_again(portal):
    statuses = [send(portal, f"msg_{number}") for number in range(STUMBLES)]
    assert statuses == [204] * (STUMBLES - 1) + [503]
    assert send(portal, f"msg_{STUMBLES - 1}") == 204


def test_the_published_library_and_ours_agree(portal):
    headers = signing.headers([signing.signer(portal.secret)], "msg_1", int(time.time()), BODY)
    assert Webhook(portal.secret).verify(BODY, headers) == json.loads(BODY)


WORDS = {"LP-HOTICH": {"code": "1.001612", "type": "le_phi"}}
CONFIRM = {"LoaiBanTin": "CONFIRM", "MaLoi": "00", "MaDoiTac": "H38", "MaThamChieu": "R1", "SoTien": 5000, "MaTienTe": "VND", "MaGiaoDich": "1",
           "MaNganHang": "VNPAY", "ThoiGianGD": "20261120101500", "ThongTinGiaoDich": "x"}  # fmt: skip


@pytest.fixture
def national():
    with NationalPortal("dvc-lao-cai", "http://127.0.0.1:9", "H38", "bi-mat", WORDS) as opened:
        yield opened


def confirm(portal, secret="bi-mat", **changes):
    told = {**CONFIRM, **changes}
    body = json.dumps({**told, "MaXacThuc": digest(map(str, told.values()), secret)})
    return requests.post(portal.told_at, data=body, timeout=10).json()


def test_a_portal_of_the_national_contract_takes_what_its_secret_proves_in_the_words_of_real_ones(national):
    assert (confirm(national)["MaLoi"], confirm(national)["MaThamChieu"]) == ("00", "")
    assert confirm(national, secret="other")["MaLoi"] == "99"
    assert [told["SoTien"] for told in national.heard["R1"]] == [5000, 5000]
    assert national.counts["refused"] == 1


def test_whoever_comes_while_a_portal_is_away_is_hung_up_on(portal):
    portal.away.set()
    with pytest.raises(requests.ConnectionError):
        send(portal, "msg_1")
    assert (portal.counts["missed"], portal.heard) == (1, {})
    portal.away.clear()
    assert send(portal, "msg_1") == 204
