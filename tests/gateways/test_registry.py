"""What every gateway keeps, whatever its protocol."""

import json

import pytest

from gateways.base import Account, Incoming, Verdict
from gateways.errors import GatewayError
from gateways.registry import GATEWAYS

SOME = Account("T1", ("a secret",), {})


def test_a_gateway_is_found_by_its_own_name():
    assert all(gateway.name == name for name, gateway in GATEWAYS.items())
    assert "vnpay" in GATEWAYS


@pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=GATEWAYS)
def test_every_verdict_has_an_answer(gateway):
    for verdict in Verdict:
        assert gateway.answer(verdict).status < 500


@pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=GATEWAYS)
@pytest.mark.parametrize("body", [b"", b"{}", json.dumps({"a": [1]}).encode(), b"\xff\x00"])
def test_a_strangers_message_raises_a_gateway_error(gateway, body):
    for read in (gateway.read_callback, gateway.read_return):
        with pytest.raises(GatewayError):
            read(SOME, Incoming("POST", body, {}, body))


def test_an_account_shows_no_secret():
    assert "a secret" not in repr(SOME)
