"""Choosing a bank before being sent away: a comfort, and never more."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from redis import Redis
from sqlalchemy import event, text

from gateways.base import Bank, Outcome
from payhub.accounts.jobs import fetch
from payhub.checkout.assets import FOLDER

BANKS = (
    Bank("VNPAYQR", "Ứng dụng ngân hàng (VNPAY-QR)", "VNPAYQR"),
    Bank("NCB", "Ngân hàng Quốc Dân (NCB)", "VNBANK"),
    Bank("ACB", "Á Châu & <ACB>", "VNBANK"),
    Bank("JCB", "Thẻ quốc tế JCB", ""),
)


@pytest.fixture
def account(hub) -> Any:
    return hub.registers.gateway_accounts["vnpay-main"]


@pytest.fixture
def kept(hub, account) -> None:
    hub.banks.keep(account.id, BANKS)


def offered(page: Any) -> dict[str, list[str]]:
    """The codes that each select offers, by its name."""
    found: dict[str, list[str]] = {}
    for tag, given in page.elements:
        if tag == "select":
            found[given["name"]] = []
        elif tag == "option":
            [*_, last] = found.values()
            last.append(given["value"])
    return found


def bank_of(answer: Any) -> str:
    [code] = parse_qs(urlsplit(answer.location).query).get("vnp_BankCode", [""])
    return code


def test_without_a_list_nothing_is_asked_and_the_gateway_asks_itself(asked, see, press) -> None:
    page = see(asked())
    assert offered(page) == {}
    assert bank_of(press(page.forms[0])) == ""


def test_a_way_with_a_list_offers_it_in_the_gateways_order_and_demands_nothing(kept, asked, see, press) -> None:
    path = asked()
    page, english = see(path), see(f"{path}?lang=en")
    assert offered(page) == {"bank/vnpay-main": ["", "VNPAYQR", "NCB", "ACB", "JCB"]}
    assert (page.faults, english.faults) == ([], [])
    assert "Chọn ngân hàng (không bắt buộc) Chọn tại VNPAY" in page.words
    assert "Choose your bank (optional) Choose at VNPAY" in english.words
    [select] = [given for tag, given in page.elements if tag == "select"]
    assert ("required" in select, "multiple" in select, "form" in select["within"].split()) == (False, False, True)
    assert "label" not in select["within"].split(), "a label is of one field"
    assert bank_of(press(page.forms[0], **{"bank/vnpay-main": ""})) == ""


def test_a_name_is_text_and_nothing_is_loaded_from_elsewhere(kept, asked, see) -> None:
    page = see(asked())
    assert "<ACB>" not in page.html
    assert "Á Châu &amp; &lt;ACB&gt;" in page.html
    assert [given for tag, given in page.elements if tag in {"img", "script", "iframe"}] == []
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; img-src 'self'")


def test_the_bank_that_was_chosen_goes_with_the_order_and_is_kept(kept, asked, see, press, attempts, rows) -> None:
    answer = press(see(asked()).forms[0], **{"bank/vnpay-main": "NCB"})
    assert (answer.status_code, bank_of(answer)) == (303, "NCB")
    assert attempts()[0].method == "NCB"
    assert rows("SELECT data->>'bank', data->'choice'->>'place' FROM event WHERE type = 'attempt.created'") == [("NCB", "1")]


def test_the_same_form_again_and_going_back_into_the_order_keep_the_bank(kept, hub, account, asked, see, press, attempts) -> None:
    path = asked()
    form = see(path).forms[0]
    first = press(form, **{"bank/vnpay-main": "NCB"})
    assert press(form, **{"bank/vnpay-main": "ACB"}).location == first.location
    hub.banks.keep(account.id, [])
    assert press(see(path).forms[0]).location == first.location
    assert len(attempts()) == 1


@pytest.mark.parametrize("posted", ["XYZ", "ncb", " NCB", "N" * 3_000, "NCB&vnp_Amount=1", "Ω", "VNBANK", "INTCARD"])
def test_a_bank_that_is_not_on_the_list_counts_as_none_and_stops_nobody(kept, asked, see, press, attempts, rows, posted) -> None:
    answer = press(see(asked()).forms[0], **{"bank/vnpay-main": posted})
    assert (answer.status_code, bank_of(answer), attempts()[0].method) == (303, "", None)
    assert rows("SELECT data ? 'bank' FROM event WHERE type = 'attempt.created'") == [(False,)]


def test_a_list_that_went_away_meanwhile_costs_the_choice_and_not_the_payment(kept, hub, account, asked, see, press) -> None:
    form = see(asked()).forms[0]
    hub.banks.keep(account.id, [])
    assert bank_of(press(form, **{"bank/vnpay-main": "NCB"})) == ""


def test_the_bank_of_one_way_is_none_of_another(kept, asked, see, press, attempts) -> None:
    form = see(asked()).forms[0]
    press(form, way="nobody", **{"bank/nobody": "NCB", "bank/vnpay-main": "NCB"})
    assert attempts() == []


def test_each_method_offers_its_own_banks_and_none_that_is_the_method_itself(kept, hub, asked, see, press) -> None:
    with hub.db.session() as session:
        session.execute(text("UPDATE gateway_account SET methods = '{VNPAYQR,VNBANK,INTCARD}' WHERE code = 'vnpay-main'"))
    hub.cache.fresh()
    page = see(asked())
    assert offered(page) == {"bank/vnpay-main/VNBANK": ["", "NCB", "ACB"]}
    chosen = {"way": "vnpay-main/VNBANK", "bank/vnpay-main/VNBANK": "ACB"}
    assert bank_of(press(page.forms[0], **chosen)) == "ACB"
    assert bank_of(press(see(asked()).forms[0], **{**chosen, "way": "vnpay-main/INTCARD"})) == "INTCARD"


def test_a_way_that_cannot_be_chosen_asks_for_no_bank(kept, hub, asked, see) -> None:
    path = asked()
    with hub.db.session() as session:
        session.execute(text("UPDATE gateway_account SET minimum = 1000000 WHERE code = 'vnpay-main'"))
    hub.cache.fresh()
    assert offered(see(path)) == {}


def test_what_the_gateway_says_paid_it_stands_at_the_end(kept, asked, see, press, tell, attempts) -> None:
    press(see(asked()).forms[0], **{"bank/vnpay-main": "ACB"})
    tell(Outcome.SUCCEEDED)
    assert attempts()[0].method == "NCB"


def test_the_list_of_the_gateways_own_side_fits_on_a_small_page_at_no_query_more(hub, gateway, asked, see) -> None:
    path, queries = asked(), []
    assert fetch(hub) == 1

    @event.listens_for(hub.db.resting, "before_cursor_execute")
    def note(_connection, _cursor, statement, *_) -> None:
        if "register_version" not in statement:
            queries.append(statement)

    page = see(path)
    assert len(offered(page)["bank/vnpay-main"]) > 15
    assert len(queries) == 2
    assert len(page.html.encode()) + sum(file.stat().st_size for file in FOLDER.iterdir()) < 15_000


def test_with_valkey_away_the_page_is_there_as_ever(kept, hub, clock, asked, see, press, monkeypatch) -> None:
    path = asked()
    monkeypatch.setattr(hub.banks, "_redis", Redis.from_url("unix:///nowhere/valkey.sock"))
    clock.pass_(minutes=1)
    page = see(path)
    assert (page.status, offered(page)) == (200, {})
    assert press(page.forms[0], form_token=str(uuid.uuid4())).status_code == 303
