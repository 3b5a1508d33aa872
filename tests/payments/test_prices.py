"""Lines that the hub prices: by value, by tiers, with a relief; and quotes, which price the same and store nothing."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import text

H53, TAX = "000.00.00.H53", "G12.18"
TRUCK = {"fee": "LP-TBXETAI", "agency": TAX, "declared_value": 350_024_999}


@pytest.fixture
def quote(client, keys):
    def post(body: dict[str, Any], portal: str = "dvc-tay-ninh", key: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {keys[portal]}", "Idempotency-Key": key or uuid.uuid4().hex}
        return client.post("/v1/quotes", json=body, headers=headers)

    return post


@pytest.fixture
def change(hub):
    """Have another amount for a building permit from a day on."""

    def begin(on: str, amount: int) -> None:
        with hub.db.engine.begin() as connection:
            connection.execute(text("SET LOCAL payhub.today = '2026-11-20'"))
            connection.execute(text("UPDATE fee SET valid_to = :on WHERE code = 'LP-GPXD'"), {"on": on})
            connection.execute(
                text(
                    "INSERT INTO fee (id, code, kind, name_vi, name_en, budget_line, rule, amount, late_money, source, valid_from) "
                    "SELECT gen_random_uuid(), code, kind, name_vi, name_en, budget_line, rule, :amount, late_money, source, :on "
                    "FROM fee WHERE code = 'LP-GPXD'"
                ),
                {"on": on, "amount": amount},
            )

    return begin


@pytest.fixture
def both(ask, order, quote):
    """Ask for a payment and for a quote of the same lines; both must say the same."""

    def post(*lines: dict[str, Any], portal: str = "dvc-tay-ninh") -> Any:
        quoted = quote({"lines": list(lines)}, portal)
        answer = ask({**order, "portal_reference": uuid.uuid4().hex, "additional": True, "lines": list(lines)}, portal=portal)
        if answer.status_code != 201:
            assert (quoted.status_code, quoted.json) == (answer.status_code, answer.json)
            return answer
        assert quoted.status_code == 200, quoted.json
        assert quoted.json["total"] == answer.json["total"]
        for one, other in zip(quoted.json["lines"], answer.json["lines"], strict=True):
            assert {name: one[name] for name in other} == other
        return answer

    return post


@pytest.mark.parametrize(
    ("line", "amount"),
    [
        (TRUCK, 7_000_000),
        ({**TRUCK, "declared_value": 10**12}, 500_000_000),
        ({"fee": "P-BANSAO", "agency": H53, "quantity": 3}, 5_000),
        ({"fee": "P-BANSAO", "agency": H53, "quantity": 1_000}, 200_000),
        ({"fee": "LP-GPXD", "agency": H53}, 75_000),
        ({"fee": "P-DUONGBO", "agency": "000.00.00.G04", "quantity": 6}, 780_000),
    ],
)
def test_an_amount_left_out_is_worked_out_and_one_that_is_sent_is_checked(both, line, amount) -> None:
    answer = both(line)
    assert answer.json["total"] == amount
    shown = answer.json["lines"][0]
    assert (shown["amount"], shown["full_amount"], shown["relief"], shown["ground"]) == (amount, amount, None, None)
    assert shown["declared_value"] == line.get("declared_value")
    assert both({**line, "amount": amount}).status_code == 201
    wrong = both({**line, "amount": amount + 1})
    assert [(each["pointer"], each["code"]) for each in wrong.json["errors"]] == [("/lines/0/amount", "amount_not_in_schedule")]


@pytest.mark.parametrize(
    ("value", "amount"), [(10**9, 1_000_000), (2 * 10**9, 1_600_000), (5 * 10**9, 3_200_000), (10**6, 50_000), (10**15, 70_000_000)]
)
def test_a_notary_takes_each_tiers_rate_on_its_part_between_floor_and_cap(both, value, amount) -> None:
    line = {"fee": "P-CONGCHUNG-HD", "agency": "000.00.00.G15", "declared_value": value}
    assert both(line, portal="dvc-bo-tu-phap").json["total"] == amount


def test_a_reduction_is_taken_off_and_the_line_says_by_which_ground(both, rows) -> None:
    answer = both({"fee": "LP-GPXD", "agency": H53, "relief": "TRUC-TUYEN", "amount": 37_500})
    [shown] = answer.json["lines"]
    assert (shown["full_amount"], shown["amount"], shown["relief"]) == (75_000, 37_500, "TRUC-TUYEN")
    assert shown["ground"] == "Nộp hồ sơ trực tuyến (ví dụ)"
    assert rows("SELECT relief_kind, ground FROM payment_line") == [("reduction", "Nộp hồ sơ trực tuyến (ví dụ)")]


def test_what_an_agency_retains_is_of_what_is_paid(both, rows) -> None:
    line = {"fee": "P-TTDN", "agency": "000.00.00.G12", "relief": "TRUC-TUYEN"}
    assert both(line, portal="mot-cua-hcm").json["total"] == 20_000
    assert rows("SELECT full_amount, amount, retention_bp, retained FROM payment_line") == [(40_000, 20_000, 8_500, 17_000)]


@pytest.mark.parametrize(("year", "amount"), [(2025, 60_000), (2026, 37_500)])
def test_a_relief_is_the_one_of_the_day(both, clock, year, amount) -> None:
    clock.set(clock.now().replace(year=year))
    assert both({"fee": "LP-GPXD", "agency": H53, "relief": "TRUC-TUYEN"}).json["total"] == amount


def test_a_relief_that_has_not_begun_is_unknown(both, clock) -> None:
    clock.set(clock.now().replace(year=2023))
    answer = both({"fee": "LP-GPXD", "agency": H53, "relief": "TRUC-TUYEN"})
    assert answer.json["errors"][0]["code"] == "unknown_relief"


def test_an_amount_that_the_schedule_leaves_open_is_reduced_from_what_it_would_be(both) -> None:
    line = {"fee": "LP-HOTICH", "agency": H53, "relief": "HO-NGHEO"}
    missing = both(line)
    assert [(each["pointer"], each["code"]) for each in missing.json["errors"]] == [("/lines/0/full_amount", "full_amount_missing")]
    assert both({**line, "full_amount": 8_000}).json["total"] == 0


def test_a_free_amount_says_what_sets_it(both) -> None:
    line = {"fee": "P-CGCN", "agency": "000.00.00.G06", "amount": 5_000_000}
    refused = both(line, portal="mot-cua-hcm")
    assert [(each["pointer"], each["code"]) for each in refused.json["errors"]] == [("/lines/0/reason", "reason_missing")]
    answer = both({**line, "reason": "Thông báo số 12/TB-SHTT"}, portal="mot-cua-hcm")
    assert answer.json["lines"][0]["reason"] == "Thông báo số 12/TB-SHTT"


def test_every_line_that_cannot_be_priced_is_named(both) -> None:
    answer = both(
        {**TRUCK, "quantity": 2},
        {"fee": "LP-GPXD", "agency": H53, "relief": "NOPE"},
        {"fee": "LP-GPXD", "agency": H53, "relief": "TRE-EM"},
        {"fee": "LP-TBXETAI", "agency": TAX},
        {"fee": "LP-GPXD", "agency": "000.00.00.G13"},
    )
    assert [(each["pointer"], each["code"]) for each in answer.json["errors"]] == [
        ("/lines/0/quantity", "quantity_not_used"),
        ("/lines/1/relief", "unknown_relief"),
        ("/lines/2/relief", "unknown_relief"),
        ("/lines/3/declared_value", "declared_value_missing"),
        ("/lines/4/agency", "agency_closed"),
    ]


def test_a_quote_names_fee_and_agency_after_the_merger_and_stores_no_payment(quote, rows) -> None:
    answer = quote({"lines": [{"fee": "LP-GPXD", "agency": "000.00.00.G04", "relief": "TRUC-TUYEN"}], "language": "en"})
    assert answer.json["on"] == "2026-11-20"
    [line] = answer.json["lines"]
    assert (line["fee_name"], line["agency_name"]) == ("Building permit fee", "Ministry of Construction")
    assert (line["agency"], line["asked_agency"]) == ("000.00.00.G17", "000.00.00.G04")
    assert line["ground"] == "Dossier filed online (example)"
    assert rows("SELECT (SELECT count(*) FROM payment) + (SELECT count(*) FROM event)") == [(0,)]


def test_a_quote_repeats_a_fee_of_a_dossier_no_more_than_a_payment(quote, order) -> None:
    lines = [{"fee": "LP-GPXD", "agency": H53}] * 2
    assert quote({"lines": lines}).json["total"] == 150_000
    assert quote({"lines": lines, "dossier": order["dossier"], "additional": True}).json["total"] == 150_000
    refused = quote({"lines": lines, "dossier": order["dossier"]})
    assert [(each["pointer"], each["code"]) for each in refused.json["errors"]] == [("/lines/1/fee", "fee_repeated")]


def test_the_same_key_has_the_same_quote_though_the_fee_has_changed(quote, hub, change) -> None:
    body = {"lines": [{"fee": "LP-GPXD", "agency": H53}]}
    first = quote(body, key="q")
    change("2026-11-20", 80_000)
    hub.cache.fresh()
    again = quote(body, key="q")
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    assert quote(body).json["total"] == 80_000
    assert quote({**body, "language": "en"}, key="q").json["code"] == "idempotency_key_reused"


def test_a_quote_is_for_who_may_ask_for_payments_of_what_is_granted(quote, client, keys) -> None:
    body = {"lines": [{"fee": "LP-GPXD", "agency": "000.00.00.H29"}]}
    assert quote(body).json["code"] == "agency_not_granted"
    assert quote(body, portal="kbnn").json["code"] == "forbidden"
    headers = {"Authorization": f"Bearer {keys['dvc-tay-ninh']}"}
    assert client.post("/v1/quotes", json=body, headers=headers).json["code"] == "idempotency_key_missing"


def test_a_fee_is_the_one_of_the_day_on_which_the_payment_is_asked_for(ask, order, hub, change) -> None:
    change("2026-11-21", 90_000)
    line = {"fee": "LP-GPXD", "agency": H53}
    asked = [ask({**order, "portal_reference": "today", "lines": [line]}, portal="dvc-tay-ninh").json]
    hub.clock.pass_(hours=14)
    asked.append(ask({**order, "portal_reference": "at midnight", "additional": True, "lines": [line]}, portal="dvc-tay-ninh").json)
    assert [payment["total"] for payment in asked] == [75_000, 90_000]


def test_a_dossier_under_an_abolished_code_is_paid_to_the_successor_and_keeps_its_name(ask, citizen_of, order, rows) -> None:
    order |= {"dossier": "000.00.00.G04-250228-0001", "lines": [{"fee": "P-DUONGBO", "agency": "000.00.00.G04", "quantity": 6}]}
    payer = citizen_of(ask(order, portal="dvc-tay-ninh"))
    assert (payer.payment["dossier"], payer.payment["lines"][0]["asked_agency"]) == (order["dossier"], "000.00.00.G04")
    assert payer.says(payer.try_()) == "00"
    assert rows(
        "SELECT asked.code, agency.code, sum(-o.amount)::int FROM payment_line l JOIN agency asked ON asked.id = l.asked_agency_id "
        "JOIN posting o ON o.payment_line_id = l.id AND o.account = 'owed' JOIN agency ON agency.id = o.agency_id GROUP BY 1, 2"
    ) == [("000.00.00.G04", "000.00.00.G17", 780_000)]
    assert rows("SELECT sum(-amount)::int FROM posting WHERE share = 'retained'") == [(780_000 * 1_333 // 10_000,)]
