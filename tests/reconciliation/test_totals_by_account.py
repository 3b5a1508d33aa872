"""A day's totals of one gateway account: the parts make the whole."""

from __future__ import annotations

import pytest


@pytest.fixture
def totals(client, keys):
    def ask(**query):
        headers = {"Authorization": f"Bearer {keys['kbnn']}"}
        return client.get("/v1/reports/agency-totals", query_string={"date": "2026-11-20", **query}, headers=headers)

    return ask


@pytest.mark.usefixtures("paid")
def test_what_came_by_one_account_is_in_its_totals_and_in_no_others(totals) -> None:
    whole = totals().json
    assert whole["sum"][0]["collected"] == 200_000
    assert totals(gateway_account="vnpay-main").json == whole
    other = totals(gateway_account="momo-main").json
    assert (other["totals"], other["sum"]) == ([], [])


def test_an_account_nobody_has_is_refused(totals) -> None:
    answer = totals(gateway_account="nobody")
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/gateway_account")
