"""Gateway accounts and file sources as registers: what may change, what is given once, and which cells belong together."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payhub.accounts import filenames

NEW = {
    "code": "vnpay-moi", "gateway": "vnpay", "terminal": "PAYHUB02", "name_vi": "VNPAY mới", "name_en": "New VNPAY", "settlement": "pooled",
    "currency": "VND", "minimum": "5000", "maximum": "500000000", "rank": "9", "methods": "- VNBANK", "cost_bp": "80", "mapping": "vnpay-example",
    "opened_at": "2026-01-01T00:00:00+07:00",
}  # fmt: skip
ENDPOINTS = "api=https://vnpay.example/api pay=https://vnpay.example/pay"


def test_a_gateway_account_comes_by_its_file_and_is_given_the_account_it_is_paid_into_once(agree, edited, wrong, rows, exported) -> None:
    assert wrong("gateway_accounts", edited("gateway_accounts", NEW)) == [(5, "endpoints", "needed")]
    agree("gateway_accounts", edited("gateway_accounts", {**NEW, "endpoints": ENDPOINTS}))
    agree("gateway_accounts", edited("gateway_accounts", **{"vnpay-moi": {"bank_account": "thu-ho", "rank": "7"}}))
    found = rows(
        "SELECT b.code, g.rank, g.methods, g.endpoints ->> 'pay' FROM gateway_account g JOIN bank_account b ON b.id = g.bank_account_id "
        "WHERE g.code = 'vnpay-moi'"
    )
    assert found == [("thu-ho", 7, ["", "VNBANK"], "https://vnpay.example/pay")]
    changed = edited("gateway_accounts", **{"vnpay-moi": {"bank_account": ""}})
    assert wrong("gateway_accounts", changed) == [(4, "bank_account", "fixed")]
    assert ENDPOINTS in exported("gateway_accounts").decode()


def test_what_others_hang_on_never_changes_in_a_gateway_account(edited, wrong, agree) -> None:
    for name, value in (("gateway", "momo"), ("terminal", "X"), ("settlement", "direct"), ("currency", "USD"), ("opened_at", "2021-01-01T00:00:00+07:00")):
        found = wrong("gateway_accounts", edited("gateway_accounts", **{"vnpay-main": {name: value}}))
        assert ("fixed" in {code for _, column, code in found if column == name}) or name == "settlement", name
    assert wrong("gateway_accounts", edited("gateway_accounts", **{"vnpay-main": {"bank_account": "nowhere"}}))
    agree("gateway_accounts", edited("gateway_accounts", **{"vnpay-main": {"maximum": "400000000", "closed_at": "2027-01-01T00:00:00+07:00"}}))
    closed = edited("gateway_accounts", **{"vnpay-main": {"closed_at": "2028-01-01T00:00:00+07:00"}})
    assert wrong("gateway_accounts", closed) == [(3, "closed_at", "fixed")]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"endpoints": "pay=ftp://x"}, ("endpoints", "form")),
        ({"endpoints": ENDPOINTS, "opened_at": "2027-01-01"}, ("opened_at", "form")),
        ({"endpoints": ENDPOINTS, "settlement": "direct"}, ("owner", "needed")),
        ({"endpoints": ENDPOINTS, "currency": "USD", "bank_account": "thu-ho"}, ("bank_account", "other_currency")),
        ({"endpoints": ENDPOINTS, "minimum": "600000000"}, ("minimum", "least_above_most")),
    ],
)
def test_a_gateway_account_that_makes_no_sense_is_named_by_its_cell(wrong, file, change, found) -> None:
    assert wrong("gateway_accounts", file("gateway_accounts", {**NEW, **change})) == [(2, *found)]


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1u4B0zYvWmVbqZl0Yw3mYx9kQf0bq8c2l5o7n1pQrs"
SFTP = {
    "code": "bank-sftp", "files": "statement", "bank_account": "thu-ho", "way": "sftp", "names": "STM_{yyyyMMdd}.sta", "late_days": "1", "look_back_days": "7",
    "host": "sftp.bank.example", "user": "payhub", "host_key": KEY, "valid_from": "2027-01-01",
}  # fmt: skip


def test_a_source_is_kept_by_its_file_and_two_people(agree, edited, rows) -> None:
    agree("file_sources", edited("file_sources", SFTP))
    assert rows("SELECT host, port, user_name, host_key, folder FROM file_source WHERE way = 'sftp'") == [("sftp.bank.example", None, "payhub", KEY, None)]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"host_key": ""}, [("host_key", "needed")]),
        ({"host_key": "any"}, [("host_key", "form")]),
        ({"host": ""}, [("host", "needed")]),
        ({"names": "STM_{yyyy}.sta"}, [("names", "form")]),
        ({"bank_account": "", "gateway_account": "vnpay-main"}, [("bank_account", "needed"), ("gateway_account", "not_used")]),
        ({"way": "folder"}, [("host", "not_used"), ("host_key", "not_used"), ("user", "not_used")]),
        ({"files": "settlement", "bank_account": "", "gateway_account": "vnpay-main", "names": "*.csv"}, [("names", "needed")]),
        ({"bank_account": "nowhere"}, [("bank_account", "unknown")]),
        ({"look_back_days": "0"}, [("look_back_days", "out_of_range")]),
    ],
)
def test_a_source_says_what_its_way_needs_and_nothing_else(wrong, file, change, found) -> None:
    assert sorted(wrong("file_sources", file("file_sources", {**SFTP, **change}))) == [(2, *each) for each in sorted(found)]


DATES = st.dates(date(2000, 1, 1), date(2099, 12, 31))
PICTURES = {"yyyyMMdd": "%Y%m%d", "yyyy-MM-dd": "%Y-%m-%d", "ddMMyyyy": "%d%m%Y", "yyMMdd": "%y%m%d", "dd.MM.yyyy": "%d.%m.%Y"}


@given(DATES, st.integers(0, 400), st.sampled_from(sorted(PICTURES)), st.text("ABCabc_-. ", max_size=10))
def test_a_name_written_by_a_pattern_says_its_days(first, length, picture, text) -> None:
    last = min(first + timedelta(days=length), date(2099, 12, 31))
    form = PICTURES[picture]
    one = filenames.read(f"{text}{{{picture}}}.csv")
    assert one.days(f"{text}{first.strftime(form)}.csv") == filenames.Days(first, first)
    both = filenames.read(f"*{{{picture}}}~{{until:{picture}}}*")
    assert both.days(f"x{text}{first.strftime(form)}~{last.strftime(form)}.csv") == filenames.Days(first, last)
    if first < last:
        assert both.days(f"{last.strftime(form)}~{first.strftime(form)}") is None


@given(st.text(max_size=60))
def test_any_text_is_a_pattern_or_none_and_a_name_without_figures_says_no_day(text) -> None:
    try:
        names = filenames.read(text)
    except filenames.PatternWrong:
        return
    assert names.days("no figures here") in {None, filenames.Days(None, None)}


@pytest.mark.parametrize("wrong", ["", "{}", "{yyyyMM}", "{until:yyyyMMdd}", "a/{yyyyMMdd}", "{yyyyMMdd}{yyyyMMdd}", "{yyyyMMddHH}", "{yyyyMMdd", "a}", "{yyyyyyMMdd}", "x" * 201])
def test_a_pattern_that_says_no_day_rightly_is_refused(wrong) -> None:
    with pytest.raises(filenames.PatternWrong):
        filenames.read(wrong)


@pytest.mark.parametrize("name", ["A20261320.csv", "A20260230.csv", "A2026112.csv", "B20261120.csv", "A20261120.csv.txt", "A\uff12\uff10\uff12\uff161120.csv"])
def test_a_name_that_is_not_of_the_pattern_or_says_no_real_day_is_none(name) -> None:
    assert filenames.read("A{yyyyMMdd}.csv").days(name) is None
