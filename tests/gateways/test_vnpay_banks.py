"""VNPAY's list of banks: entries as public code shows them, and what the simulator answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gateways.base import Account, Bank, Response
from gateways.errors import Malformed
from gateways.vnpay import Vnpay

PUBLIC: list[dict[str, Any]] = [
    {"bank_code": "VNPAYQR", "bank_name": "VNPAY QR", "logo_link": "~/images/bank/vnpayqr_logo.png", "bank_type": 5, "display_order": 22},
    {"bank_code": "NCB", "bank_name": "Ngân hàng NCB", "logo_link": "~/images/bank/ncb_logo.png", "bank_type": 1, "display_order": 12},
]
"""Two entries of the sandbox as a public repository has them."""


def read(*entries: Any) -> tuple[Bank, ...]:
    return Vnpay().banks(Response(200, {}, json.dumps(entries).encode()))


def entry(**changes: Any) -> dict[str, Any]:
    return PUBLIC[1] | changes


def test_the_list_is_asked_for_beside_the_pay_page_wherever_that_is() -> None:
    account = Account("PAYHUB01", ("secret",), {"pay": "https://pay.vnpay.vn/vpcpay.html", "api": "https://elsewhere.example/api"})
    request = Vnpay().banks_request(account)
    assert (request.method, request.url) == ("POST", "https://pay.vnpay.vn/qrpayauth/api/merchant/get_bank_list")
    assert (request.body, request.headers["Content-Type"]) == (b"tmn_code=PAYHUB01", "application/x-www-form-urlencoded")
    assert Vnpay().banks_request(replace(account, terminal="A&B=C")).body == b"tmn_code=A%26B%3DC"


def test_published_entries_are_read_in_vnpays_order() -> None:
    assert read(*PUBLIC) == (Bank("NCB", "Ngân hàng NCB", "VNBANK"), Bank("VNPAYQR", "VNPAY QR", "VNPAYQR"))


@pytest.mark.parametrize(("kind", "method"), [(1, "VNBANK"), (2, "VNBANK"), (5, "VNPAYQR"), (3, ""), (4, ""), (99, "")])
def test_a_type_of_which_nothing_is_public_is_for_the_citizens_free_choice(kind, method) -> None:
    assert [bank.method for bank in read(entry(bank_type=kind), entry(bank_code="ACB", bank_type=str(kind)))] == [method, method]


@pytest.mark.parametrize("name", ["bank_code", "bank_name", "bank_type", "display_order"])
@pytest.mark.parametrize("value", [None, True, [], {}, "", "\n", "a" * 81, "\u202eBCN", "-1"])
def test_an_entry_of_another_form_is_left_out(name, value) -> None:
    if (name, value) == ("bank_name", "-1"):
        return
    assert [bank.code for bank in read(entry(**{name: value}), entry(bank_code="ACB"))] == ["ACB"]


def test_a_name_is_one_line_of_composed_letters() -> None:
    assert read(entry(bank_name="  Ngân  ha\u0300ng\tNCB ")) == (Bank("NCB", "Ngân hàng NCB", "VNBANK"),)


def test_the_first_of_one_code_counts() -> None:
    assert read(entry(bank_name="Later", display_order=3), entry(bank_name="First", display_order=2)) == (Bank("NCB", "First", "VNBANK"),)


@pytest.mark.parametrize("body", [b"{}", b'{"data": []}', b"null", b"<html>", b""])
def test_what_is_no_array_is_malformed(body) -> None:
    with pytest.raises(Malformed):
        Vnpay().banks(Response(200, {}, body))


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_simulator_lists_banks_that_can_be_ordered_with(simulator, method) -> None:
    driver = simulator()
    asked = driver.gateway.banks_request(driver.account)
    if method == "GET":
        asked = replace(asked, method="GET", url=f"{asked.url}?{asked.body.decode()}", body=b"")
    banks = driver.gateway.banks(driver.send(asked))
    assert {bank.method for bank in banks} == {"", "VNBANK", "VNPAYQR"}
    order = driver.order("PH1", method="NCB")
    assert "vnp_BankCode=NCB" in driver.pay_url(order)
    assert driver.returned(driver.decide(order)).method == "NCB"


def test_the_simulator_knows_no_banks_of_a_stranger(simulator) -> None:
    driver = simulator()
    stranger = replace(driver.account, terminal="PAYHUB02")
    assert driver.gateway.banks(driver.send(driver.gateway.banks_request(stranger))) == ()
