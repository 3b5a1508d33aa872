"""The demo's portals believe only what is signed for them."""

import json
import time

import pytest
import requests
from standardwebhooks.webhooks import Webhook

from payhub.demo.portal import STUMBLES, Portal
from webhooks import signing

BODY = json.dumps({"type": "payment.paid", "data": {"payment": "pay_test_1", "sequence": 3}}).encode()


@pytest.fixture
def portal():
    with Portal("dvc-tay-ninh", "http://127.0.0.1:9") as opened:
        opened.secret = signing.new_secret("hmac")
        yield opened


def send(portal, message_id, body=BODY, secret=None):
    headers = signing.headers([signing.signer(secret or portal.secret)], message_id, int(time.time()), body)
    return requests.post(portal.webhook_url, data=body, headers=headers, timeout=10).status_code


def test_a_signed_message_is_heard(portal):
    assert send(portal, "msg_1") == 204
    assert portal.heard["msg_1"]["data"]["sequence"] == 3


def test_a_message_signed_with_another_secret_is_refused(portal):
    assert send(portal, "msg_1", secret=signing.new_secret("hmac")) == 401
    assert not portal.heard
    assert portal.counts["refused"] == 1


def test_a_changed_message_is_refused(portal):
    headers = signing.headers([signing.signer(portal.secret)], "msg_1", int(time.time()), BODY)
    assert requests.post(portal.webhook_url, data=BODY + b" ", headers=headers, timeout=10).status_code == 401


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
