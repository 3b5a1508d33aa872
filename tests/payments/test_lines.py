"""Lines of one payment beside each other, and the dossier they are claimed for."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest


def line(**changes: Any) -> dict[str, Any]:
    return {"fee": "P-CHUNGTHUC", "agency": "000.00.00.H29", "amount": 8_000, "quantity": 4, **changes}


OTHER = {"fee": "LP-GPXD", "agency": "000.00.00.H29", "amount": 75_000}


@pytest.mark.parametrize("agency", ["000.00.00.H29", "000.00.00.H48"])
@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_fee_repeated_in_one_dossier_is_named_at_every_line_but_the_first(ask, order, rows, agency, language) -> None:
    order["lines"] = [line(), OTHER, line(agency=agency), line(amount=2_000, quantity=1)]
    answer = ask(order, portal="mot-cua-hcm", **{"Accept-Language": language})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_input")
    assert [(each["pointer"], each["code"]) for each in answer.json["errors"]] == [
        ("/lines/2/fee", "fee_repeated"),
        ("/lines/3/fee", "fee_repeated"),
    ]
    assert all("quantity" in each["detail"] and "additional" in each["detail"] for each in answer.json["errors"])
    assert rows("SELECT count(*) FROM payment") == [(0,)]


def test_a_repeated_fee_is_named_beside_every_other_mistake(ask, order) -> None:
    order["lines"] = [line(), line(quantity=3), line(fee="NOPE"), line(fee="NOPE")]
    answer = ask(order, portal="mot-cua-hcm")
    assert {(each["pointer"], each["code"]) for each in answer.json["errors"]} == {
        ("/lines/1/amount", "amount_not_in_schedule"),
        ("/lines/1/fee", "fee_repeated"),
        ("/lines/2/fee", "unknown_fee"),
        ("/lines/3/fee", "unknown_fee"),
    }


@pytest.mark.parametrize("change", [{"additional": True}, {"dossier": None}])
def test_lines_that_claim_nothing_may_repeat_a_fee(ask, order, change) -> None:
    body = {name: value for name, value in {**order, "lines": [line(), line()], **change}.items() if value is not None}
    answer = ask(body, portal="mot-cua-hcm")
    assert answer.status_code == 201, answer.json
    assert answer.json["total"] == 16_000


def test_a_dossier_is_one_however_its_letters_are_composed(ask, order) -> None:
    composed, taken_apart = (unicodedata.normalize(form, "HỒ SƠ ĐẤT 1") for form in ("NFC", "NFD"))
    assert composed != taken_apart
    first = ask({**order, "dossier": taken_apart})
    assert first.status_code == 201
    assert first.json["dossier"] == taken_apart
    again = ask({**order, "dossier": composed, "portal_reference": "again"})
    assert (again.status_code, again.json["code"]) == (409, "dossier_already_asked")
