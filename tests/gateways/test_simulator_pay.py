"""The pay page: what is shown, what is refused."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateways.base import Account, Outcome
from gateways.signing import mac
from gateways.vnpay import Vnpay, signed_text

PAY = {
    "vnp_Version": "2.1.0",
    "vnp_Command": "pay",
    "vnp_TmnCode": "PAYHUB01",
    "vnp_Amount": "15000000",
    "vnp_CreateDate": "20261121083000",
    "vnp_ExpireDate": "20991121084500",
    "vnp_CurrCode": "VND",
    "vnp_IpAddr": "203.0.113.9",
    "vnp_Locale": "vn",
    "vnp_OrderInfo": "Le phi 1",
    "vnp_OrderType": "other",
    "vnp_ReturnUrl": "https://hub.example/return",
    "vnp_TxnRef": "PH1",
}


def page(driver, **changes):
    text = signed_text(PAY | changes)
    signature = mac("sha512", driver.account.secrets[0], text.encode())
    return driver.http.get(f"{driver.account.endpoints['pay']}?{text}&vnp_SecureHash={signature}", allow_redirects=False)


def test_the_page_shows_the_order_and_its_buttons(simulator):
    driver = simulator()
    shown = driver.http.get(driver.pay_url(driver.order("PH1", amount=1_234_567, description="Lệ phí <b> & 1")))
    assert shown.status_code == 200
    assert shown.headers["Cache-Control"] == "no-store"
    for part in ("1.234.567 VND", "Le phi b 1", "PH1", 'value="pay"', 'value="cancel"', 'value="fail"'):
        assert part in shown.text
    assert driver.books("PH1")["amount"] == 1_234_567


def test_the_forms_own_fields_pay_and_send_the_browser_back_with_its_parameters(simulator):
    driver = simulator()
    order = driver.order("PH1")
    back = driver.http.post(driver.pay_url(order), data={"code": "", "decision": "pay"}, allow_redirects=False)
    assert back.headers["Location"].startswith("https://hub.example/return?a=1&vnp_Amount=15000000&")
    notice = driver.returned(back)
    assert (notice.outcome, notice.method, notice.transaction) == (Outcome.SUCCEEDED, "NCB", driver.books("PH1")["transaction"])


def test_a_wrong_signature_is_refused_and_books_nothing(simulator):
    driver = simulator()
    stranger = Account(driver.account.terminal, ("another secret",), driver.account.endpoints)
    url = Vnpay().start(stranger, driver.order("PH1")).url
    assert driver.http.get(url).status_code == 403
    assert driver.http.post(url, data={"decision": "pay"}).status_code == 403
    assert driver.http.get(driver.pay_url(driver.order("PH2")) + "&vnp_Amount=100").status_code == 403
    assert driver.http.get(f"{driver.base}/simulator/books").json()["orders"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"vnp_Version": "2.0.0"},
        {"vnp_Amount": "15000050"},
        {"vnp_Amount": "0"},
        {"vnp_CurrCode": "USD"},
        {"vnp_OrderInfo": "Lệ phí"},
        {"vnp_ReturnUrl": "javascript:alert(1)"},
        {"vnp_TxnRef": ""},
        {"vnp_CreateDate": "2026-11-21"},
        {"vnp_Locale": "fr"},
    ],
)
def test_a_signed_order_of_another_form_is_refused_by_name(simulator, changes):
    refused = page(simulator(), **changes)
    assert refused.status_code == 400
    assert next(iter(changes)) in refused.text


def test_an_unknown_terminal_is_refused(simulator):
    assert page(simulator(), vnp_TmnCode="PAYHUB02").status_code == 404


def test_an_order_without_expiry_is_shown(simulator):
    assert page(simulator(), vnp_ExpireDate="").status_code == 200


def test_a_reference_is_used_once_a_day(simulator):
    driver = simulator()
    assert page(driver).status_code == 200
    assert page(driver).status_code == 200, "the same order again is the same order"
    assert page(driver, vnp_Amount="15000100").status_code == 409
    assert page(driver, vnp_CreateDate="20261121083001").status_code == 409
    assert page(driver, vnp_CreateDate="20261122083000").status_code == 200


@pytest.mark.parametrize("form", [{"decision": "steal"}, {"decision": "fail", "code": "00"}, {"scenario": "miracle"}])
def test_a_decision_nobody_knows_is_refused(simulator, form):
    driver = simulator()
    order = driver.order("PH1")
    assert driver.http.post(driver.pay_url(order), data=form).status_code == 400
    assert driver.books("PH1")["decision"] == ""


def test_an_answered_question_carries_the_order_as_it_was_booked(simulator):
    driver = simulator()
    order = driver.order("PH1")
    driver.decide(order)
    moved = replace(order, created_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert driver.ask(order).outcome is Outcome.SUCCEEDED
    assert driver.ask(moved).outcome is Outcome.NOT_FOUND, "TransactionDate is the order's own vnp_CreateDate"
