"""Asking for a payment through the API."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select, text

from payhub.hub import Hub
from payhub.ids import is_reference
from payhub.payments.models import Payment, PaymentLine
from payhub.people.models import Payer
from payhub.people.sealing import opened


def count(hub: Hub) -> int:
    with hub.db.session() as session:
        return session.scalar(select(func.count()).select_from(Payment)) or 0


def test_answer_says_what_is_owed_and_where_to_pay(ask, order) -> None:
    answer = ask(order)
    assert answer.status_code == 201
    body = answer.json
    assert body["state"] == "open"
    assert body["total"] == 200_000
    assert body["id"].startswith("pay_test_")
    assert is_reference(body["reference"])
    assert "/pay/" in body["checkout_url"]
    assert body["lines"][0] == {
        "number": 1, "fee": "LP-LLTP", "kind": "le_phi", "agency": "000.00.00.G15", "asked_agency": "000.00.00.G15",
        "description": "Lệ phí cấp phiếu lý lịch tư pháp", "quantity": None, "declared_value": None,
        "full_amount": 200_000, "relief": None, "ground": None, "reason": None, "amount": 200_000,
    }  # fmt: skip


def test_several_agencies_in_one_payment_and_an_abolished_code_resolves(ask, order, hub) -> None:
    order["lines"] = [
        {"fee": "P-CHUNGTHUC", "agency": "000.00.00.H29", "amount": 8_000, "quantity": 4},
        {"fee": "LP-GPXD", "agency": "000.00.00.G04", "amount": 75_000},
    ]
    answer = ask(order, portal="mot-cua-hcm")
    assert answer.status_code == 201, answer.json
    assert [line["agency"] for line in answer.json["lines"]] == ["000.00.00.H29", "000.00.00.G17"]
    assert answer.json["lines"][1]["asked_agency"] == "000.00.00.G04"
    with hub.db.session() as session:
        phi, le_phi = session.scalars(select(PaymentLine).order_by(PaymentLine.number)).all()
    assert (phi.retained, le_phi.retained) == (4_000, 0)


def test_same_key_twice_is_one_payment_and_the_same_bytes(ask, order, hub) -> None:
    first, second = ask(order, key="k"), ask(order, key="k")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.data == second.data
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert count(hub) == 1


def test_a_replay_is_the_first_answer_even_when_the_fee_is_closed_since(ask, order, hub, clock, rewrite) -> None:
    first = ask(order, key="k")
    rewrite("UPDATE fee SET valid_to = '2026-11-20' WHERE code = 'LP-LLTP'")
    assert ask(order, key="k").data == first.data
    refused = ask({**order, "portal_reference": "new"})
    assert refused.json["errors"][0]["code"] == "unknown_fee"


def test_same_key_with_another_body_is_refused(ask, order, hub) -> None:
    ask(order, key="k")
    answer = ask({**order, "language": "en"}, key="k")
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")
    assert count(hub) == 1


def test_twenty_at_once_with_one_key_make_one_payment(app, keys, order, hub) -> None:
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": "k"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: app.test_client().post("/v1/payments", json=order, headers=headers), range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.data for answer in answers if answer.status_code == 201}) == 1
    assert all(
        answer.json["code"] == "request_in_flight" and answer.headers["Retry-After"]
        for answer in answers
        if answer.status_code == 409
    )
    assert count(hub) == 1


def test_a_portal_reference_is_used_once_for_ever(ask, order, hub) -> None:
    ask(order)
    answer = ask({**order, "dossier": "another"})
    assert (answer.status_code, answer.json["code"]) == (409, "portal_reference_taken")
    assert count(hub) == 1


def test_the_same_fee_of_a_dossier_is_asked_twice_only_when_said_so(ask, order) -> None:
    ask(order)
    again = {**order, "portal_reference": "second"}
    assert ask(again).json["code"] == "dossier_already_asked"
    assert ask({**again, "additional": True}).status_code == 201


def test_a_fee_that_changed_after_it_was_read_does_not_price_a_payment(ask, order, hub) -> None:
    hub.cache.fresh()
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET LOCAL payhub.today = '1900-01-01'"))
        connection.execute(text("UPDATE fee SET amount = 300000 WHERE code = 'LP-LLTP'"))
    answer = ask(order)
    assert answer.json["errors"][0]["code"] == "amount_not_in_schedule"
    assert count(hub) == 0


def line(**changes: Any) -> dict[str, Any]:
    return {"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000, **changes}


BAD = [
    ({"lines": [line(fee="NOPE")]}, "/lines/0/fee", "unknown_fee"),
    ({"lines": [line(agency="NOPE")]}, "/lines/0/agency", "unknown_agency"),
    ({"lines": [line(amount=200_001)]}, "/lines/0/amount", "amount_not_in_schedule"),
    ({"lines": [line(amount=-1)]}, "/lines/0/amount", "invalid"),
    ({"lines": [line(amount=0)]}, "/lines/0/amount", "amount_not_in_schedule"),
    ({"lines": [line(amount=200_000.5)]}, "/lines/0/amount", "invalid"),
    ({"lines": [line(amount="200000")]}, "/lines/0/amount", "invalid"),
    ({"lines": [line(amount=10**18)]}, "/lines/0/amount", "invalid"),
    ({"lines": [line(quantity=2)]}, "/lines/0/quantity", "quantity_not_used"),
    ({"lines": [line(fee="P-CHUNGTHUC", amount=2000)]}, "/lines/0/quantity", "quantity_missing"),
    ({"lines": []}, "/lines", "invalid"),
    ({"lines": [line(tip=1)]}, "/lines/0/tip", "unknown_field"),
    ({"colour": "red"}, "/colour", "unknown_field"),
    ({"currency": "USD"}, "/currency", "invalid"),
    ({"portal_reference": "a\u0000b"}, "/portal_reference", "invalid"),
    ({"return_url": "https://evil.example/x"}, "/return_url", "origin_not_registered"),
    ({"return_url": "javascript:alert(1)"}, "/return_url", "invalid"),
    ({"expires_at": "2026-11-21T10:00:00"}, "/expires_at", "invalid"),
    ({"expires_at": "2020-01-01T10:00:00+07:00"}, "/expires_at", "expiry_out_of_range"),
    ({"metadata": {"a": 1}}, "/metadata", "invalid"),
]


@pytest.mark.parametrize(("change", "pointer", "code"), BAD)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_bad_input_names_the_field_and_stores_nothing(ask, order, hub, change, pointer, code, language) -> None:
    portal = "mot-cua-hcm" if "P-CHUNGTHUC" in str(change) else "dvc-bo-tu-phap"
    if portal == "mot-cua-hcm":
        change = {"lines": [{**change["lines"][0], "agency": "000.00.00.H29"}]}
    answer = ask({**order, **change}, portal=portal, **{"Accept-Language": language})
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Content-Language"] == language
    assert (answer.json["errors"][0]["pointer"], answer.json["errors"][0]["code"]) == (pointer, code)
    assert answer.json["errors"][0]["detail"]
    with hub.db.session() as session:
        assert [session.scalar(text(f"SELECT count(*) FROM {table}")) for table in ("payment", "event", "idempotency")] == [0, 0, 0]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a": "\xff"}', b"null"])
def test_a_body_that_is_not_a_json_object_is_malformed(client, keys, body, hub) -> None:
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": "k"}
    answer = client.post("/v1/payments", data=body, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (400, "malformed")


def test_a_closed_agency_without_successor_takes_nothing(ask, order, hub) -> None:
    order["lines"] = [{"fee": "LP-DIACHINH", "agency": "000.00.00.G13", "amount": 28_000}]
    answer = ask(order, portal="dvc-tay-ninh")
    assert answer.json["errors"][0]["code"] == "agency_closed"
    assert count(hub) == 0


def test_a_foreign_agency_is_not_granted(ask, order, hub) -> None:
    order["lines"] = [{"fee": "LP-GPXD", "agency": "000.00.00.H29", "amount": 75_000}]
    answer = ask(order)
    assert (answer.status_code, answer.json["code"]) == (403, "agency_not_granted")
    assert count(hub) == 0


@pytest.mark.parametrize(
    "broken", ["", "Bearer ", "Bearer x", "Basic abc", "Bearer phk_test_00000000_" + "0" * 38, "Bearer phk_live_é"]
)
def test_without_a_good_key_nothing_opens(client, order, broken, hub) -> None:
    answer = client.post("/v1/payments", json=order, headers={"Authorization": broken, "Idempotency-Key": "k"})
    assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("change", ["expires_at = now() - interval '1 year'", "revoked_at = '2026-01-01'"])
def test_an_expired_or_revoked_key_opens_nothing(ask, order, hub, change) -> None:
    with hub.db.engine.begin() as connection:
        connection.execute(text(f"UPDATE api_key SET {change}"))
    hub.cache.fresh()
    assert ask(order).status_code == 401
    assert count(hub) == 0


def test_a_key_without_the_scope_is_refused(ask, order) -> None:
    answer = ask(order, portal="kbnn")
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")


def test_a_key_shows_one_mistyped_character(keys) -> None:
    from payhub.portals.keys import prefix_of

    good = keys["kbnn"]
    assert prefix_of(good, "test")
    for place in range(9, len(good)):
        for other in "0z":
            if good[place] not in ("_", other):
                assert prefix_of(good[:place] + other + good[place + 1 :], "test") is None


def test_idempotency_key_is_demanded_and_bounded(client, keys, order, hub) -> None:
    bearer = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}
    missing = client.post("/v1/payments", json=order, headers=bearer)
    assert (missing.status_code, missing.json["code"]) == (400, "idempotency_key_missing")
    for bad in ("x" * 129, "with space", "x" * 10_000):
        answer = client.post("/v1/payments", json=order, headers={**bearer, "Idempotency-Key": bad})
        assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_invalid")
    assert count(hub) == 0


def test_payer_is_sealed_and_never_given_back(ask, order, hub) -> None:
    marker = f"Nguyễn Văn {uuid.uuid4().hex}"
    answer = ask({**order, "payer": {"name": marker, "id_number": "001099012345"}})
    assert marker not in answer.text
    with hub.db.session() as session:
        payer = session.scalars(select(Payer)).one()
        rows = session.execute(
            text(
                "SELECT string_agg(p::text, '') || (SELECT string_agg(i::text, '') FROM idempotency i) "
                "|| (SELECT string_agg(r::text, '') FROM payer r) FROM payment p"
            )
        ).scalar()
    assert marker.encode().hex() not in rows
    assert marker not in rows
    assert opened(hub.keyring, payer) == {"name": marker, "id_number": "001099012345"}


def test_a_portal_sees_its_own_payments_only(ask, order, client, keys) -> None:
    made = ask(order).json
    mine = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}
    theirs = {"Authorization": f"Bearer {keys['dvc-tay-ninh']}"}
    assert client.get(f"/v1/payments/{made['id']}", headers=mine).json == made
    assert client.get(f"/v1/payments/{made['id']}", headers=theirs).status_code == 404
    assert client.get("/v1/payments", headers=theirs).json == {"data": [], "next": None}


def test_a_list_is_paged_newest_first_without_gap_or_repeat(ask, order, client, keys) -> None:
    made = [ask({**order, "portal_reference": str(i), "dossier": str(i)}).json["id"] for i in range(7)]
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/v1/payments?limit=3{cursor and '&cursor=' + cursor}", headers=headers).json
        seen += [payment["id"] for payment in page["data"]]
        cursor = page["next"]
    assert seen == made[::-1]
    assert client.get("/v1/payments?limit=0", headers=headers).status_code == 422
    assert client.get("/v1/payments?cursor=x", headers=headers).json["errors"][0]["code"] == "cursor_invalid"
