"""Looking at who pays: masked, whole for a reason, and found again."""

from __future__ import annotations

import uuid

import pytest

from payhub.crypto import Keyring
from payhub.people import rekeying
from payhub.people.indexing import normalised
from payhub.people.masking import masked
from payhub.sealed import Moved


def test_staff_sees_a_masked_payer(asked, office) -> None:
    shown = office.look(asked()["id"]).json
    assert {name: shown[name] for name in ("name", "id_number", "phone", "email", "address")} == {
        "name": "N***** V** A", "id_number": "*********345", "phone": "*********678", "email": "N*******@t**.example",
        "address": "***, Hà Nội",
    }  # fmt: skip
    assert (shown["state"], shown["erased_at"], shown["contact_until"]) == ("kept", None, "2028-11-19")


def test_a_payment_without_a_payer_has_none_and_seals_nothing(ask, order, office, rows) -> None:
    made = ask(order).json
    assert office.look(made["id"]).json["state"] == "none"
    assert office.reveal(made["id"]).json["code"] == "payer_unknown"
    assert rows("SELECT count(*) FROM payer") == [(0,)]
    assert rows("SELECT num_nonnulls(words_key, words, basis_key, basis, destroy_after) FROM payment") == [(0,)]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"name": "A"}, {"name": "A"}),
        ({"name": "  Trần   Thị Bé "}, {"name": "T*** T** B*"}),
        ({"id_number": "123456"}, {"id_number": "******"}),
        ({"phone": "0912345678"}, {"phone": "*******678"}),
        ({"email": "an@x.vn"}, {"email": "a*@x.vn"}),
        ({"email": "khong phai"}, {"email": "k*********"}),
        ({"address": "Hà Nội"}, {"address": "***"}),
    ],
)
def test_a_mask_leaves_too_little_to_use(value, shown) -> None:
    assert masked({name: each.strip() for name, each in value.items()}) == shown


def test_revealing_takes_a_reason_and_is_written_down(asked, office, auditor, payer, rows) -> None:
    made = asked(metadata={"form": "TP-01"})
    revealed = office.reveal(made["id"], auditor, "authority_asks").json
    assert {name: revealed[name] for name in payer} == payer
    assert revealed["metadata"] == {"form": "TP-01"}
    [(actor, target, data)] = rows("SELECT actor, target, data FROM audit_entry WHERE act = 'payer.revealed'")
    assert (actor, data) == (auditor.id, {"reason": "authority_asks"})
    assert target == f"payment/{uuid.UUID(made['id'].removeprefix('pay_test_'))}"
    assert office.reveal(made["id"], reason="curious").status_code == 422
    assert office.reveal(made["id"], office.approver).json["code"] == "role_missing"
    assert office.reveal("pay_test_0").status_code == 404


def test_no_answer_to_looking_is_kept(asked, office, rows) -> None:
    made = asked()
    office.reveal(made["id"])
    office.search("name", "Nguyễn Văn A")
    assert rows("SELECT count(*) FROM idempotency WHERE created_at IS NOT NULL") == [(1,)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "nguyễn văn  A"), ("name", "NGUYỄN VĂN A"), ("name", "Nguye\u0302\u0303n Va\u0306n A"), ("id_number", "001099012345"),
        ("phone", "0912345678"), ("phone", "0084912345678"), ("phone", "(091) 234-5678"), ("email", "nguyen.a@THU.example"),
    ],
)  # fmt: skip
def test_a_person_is_found_however_it_is_written(asked, office, field, value) -> None:
    made = asked()
    assert office.found(field, value) == [made["id"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Nguyen Van A"), ("name", "Nguyễn Văn"), ("id_number", "0912345678"), ("phone", "912345678"), ("email", "nguyen.a@thu")],
)
def test_nothing_but_the_very_value_finds(asked, office, field, value) -> None:
    asked()
    assert office.found(field, value) == []


def test_a_passport_is_found_by_its_letters_too() -> None:
    assert normalised("id_number", "C 123-4567") == normalised("id_number", "c1234567") != normalised("id_number", "1234567")


def test_a_search_is_paged_and_the_audit_learns_who_asked_and_not_for_whom(asked, office, rows, auditor) -> None:
    made = [asked()["id"] for _ in range(3)][::-1]
    first = office.search("phone", "0912345678", auditor, limit=2).json
    second = office.search("phone", "0912345678", auditor, limit=2, cursor=first["next"]).json
    assert [each["payment"] for each in (*first["data"], *second["data"])] == made
    assert second["next"] is None
    assert {each["name"] for each in first["data"]} == {"N***** V** A"}
    entries = rows("SELECT actor, data FROM audit_entry WHERE act = 'payer.searched' ORDER BY seq")
    assert entries == [
        (auditor.id, {"field": "phone", "found": 2, "more": True}),
        (auditor.id, {"field": "phone", "found": 1, "more": False}),
    ]
    assert not any("912345678" in str(row) for row in rows("SELECT audit_entry::text FROM audit_entry"))
    assert office.search("phone", "0912345678", cursor="x").json["errors"][0]["code"] == "cursor_invalid"


def test_only_those_who_need_it_search(asked, office, client, keys) -> None:
    asked()
    assert office.search("name", "Nguyễn Văn A", office.approver).json["code"] == "role_missing"
    portal = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": "k"}
    assert client.post("/v1/staff/payers/search", json={"field": "name", "value": "A"}, headers=portal).status_code == 401


def test_a_portal_never_gets_the_payer_back(asked, client, keys, payer) -> None:
    made = asked()
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}
    for address in (f"/v1/payments/{made['id']}", "/v1/payments"):
        assert not any(value in client.get(address, headers=headers).text for value in payer.values())


def test_a_person_is_found_across_the_keys_of_the_ring(asked, office, hub, rows, app) -> None:
    import os
    from dataclasses import replace

    from payhub.app import create_app

    first = asked()
    newer = Keyring({**hub.keyring.keys, 7: os.urandom(32)})
    turned = replace(hub, keyring=newer)
    office.client = create_app(hub=turned).test_client()
    assert office.found("phone", "0912345678") == [first["id"]]
    with turned.db.session() as session:
        assert rekeying.versions(session) == {0: 4}
        moved = rekeying.rekey(newer, session, None, 3)
        assert (moved.done, moved.passed_over, moved.unopened) == (4, 0, ())
        assert rekeying.rekey(newer, session, moved.last, 3) == Moved(None)
        assert rekeying.versions(session) == {7: 4}
    assert office.found("phone", "0912345678") == [first["id"]]
    office.client = app.test_client()
    assert office.found("phone", "0912345678") == []


def test_the_index_says_nothing_without_the_ring(asked, rows, hub) -> None:
    import hashlib

    asked()
    digests = {bytes(row[0]) for row in rows("SELECT digest FROM payer_index")}
    guesses = [normalised(field, value).encode() for field, value in (("phone", "0912345678"), ("id_number", "001099012345"))]
    plain = {hashlib.sha256(guess).digest()[:16] for guess in guesses} | {hashlib.md5(guess).digest() for guess in guesses}
    assert len(digests) == 4
    assert not digests & plain
    assert digests.isdisjoint({bytes(hub.keyring.mac("payer index", guess)[:16]) for guess in guesses})


def test_two_payments_of_one_person_share_no_sealed_byte(asked, rows) -> None:
    asked(), asked()
    [first, second] = rows("SELECT record, contact FROM payer")
    assert not set(first) & set(second)


@pytest.mark.parametrize("name", ["portal_reference", "dossier"])
@pytest.mark.parametrize(
    "value", ["HS-001099012345", "nop-0912345678", "HS.84912345678", "+84 912 345 678", "NGUYỄN-VĂN-A", "nguyen_van_a/1", "HS-NguyenVanA"]
)
def test_a_reference_made_of_the_payers_data_is_refused(ask, order, payer, name, value) -> None:
    payer["phone"] = "0912345678"
    answer = ask({**order, "payer": payer, name: value})
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "personal_data")
    assert answer.json["errors"][0]["pointer"] == f"/{name}"


@pytest.mark.parametrize(("name", "dossier"), [("Thái Bình", "THAIBINH-2026-1"), ("Đỗ Ba", "HS-1"), ("王", "HS-2"), ("Lê Thị Tư", "LTT-3")])
def test_a_reference_that_only_looks_like_a_name_is_taken(ask, order, name, dossier) -> None:
    assert ask({**order, "payer": {"name": name}, "dossier": dossier}).status_code == 201


def test_a_d_with_a_stroke_is_a_d_to_whoever_has_no_such_key(ask, order) -> None:
    answer = ask({**order, "payer": {"name": "Đặng Thị Đào"}, "dossier": "dang-thi-dao-7"})
    assert answer.json["errors"][0]["code"] == "personal_data"


def test_bytes_moved_to_another_payment_or_group_do_not_open(asked, hub, rows) -> None:
    from payhub.crypto import CryptoError, Sealed
    from payhub.people.sealing import context

    asked(), asked()
    [(first, key, data), (second, *_)] = rows("SELECT payment_id, record_key, record FROM payer")
    assert hub.keyring.open(Sealed(key, data), context("record", first))
    for place in (context("record", second), context("contact", first)):
        with pytest.raises(CryptoError):
            hub.keyring.open(Sealed(key, data), place)
