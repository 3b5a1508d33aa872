"""The gateways that are found, and what proves them."""

from pathlib import Path

import pytest

from gateways.registry import GATEWAYS


def test_a_gateway_is_found_by_its_own_name():
    assert all(gateway.name == name for name, gateway in GATEWAYS.items())
    assert {"vnpay", "momo", "zalopay"} <= set(GATEWAYS)


@pytest.mark.parametrize("name", GATEWAYS)
def test_every_gateway_is_under_the_contract(name):
    assert "class TestContract(Contract):" in Path(__file__).with_name(f"test_{name}.py").read_text("utf-8")
