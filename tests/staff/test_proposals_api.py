"""Proposals over HTTP."""

from __future__ import annotations

import uuid

import pytest
from openapi_schema_validator import OAS31Validator

from payhub.http import PROBLEM


@pytest.fixture
def at(public):
    return lambda proposal_id, act="": f"/v1/proposals/{public(proposal_id)}{act}"


def test_a_proposal_is_seen_and_approved(client, propose, minh, executed, at) -> None:
    proposal_id = propose("test_act", "payout/1")
    seen = minh.get(client, at(proposal_id)).json
    assert (seen["state"], seen["decided_by"], seen["proposed_by"]) == ("proposed", None, {"kind": "person", "name": "lan"})
    answer = minh.post(client, at(proposal_id, "/approve"), {"totp": minh.code()})
    assert answer.status_code == 200
    assert answer.json["state"] == "executed"
    assert answer.json["decided_by"] == {"kind": "person", "name": "minh"}
    assert minh.get(client, at(proposal_id)).json == answer.json
    assert executed == [proposal_id]


def test_what_is_answered_holds_to_the_published_contract(client, propose, minh, executed, at) -> None:
    components = client.get("/openapi.json").json["components"]
    answers = {"Proposal": minh.post(client, at(propose("test_act"), "/approve"), {"totp": minh.code()})}
    answers["ProposalPage"] = minh.get(client, "/v1/proposals")
    for name, answer in answers.items():
        assert answer.status_code == 200
        OAS31Validator({"$ref": f"#/components/schemas/{name}", "components": components}).validate(answer.json)


@pytest.mark.parametrize("query", ["limit=1_0", "limit=%2B1", "limit=1&limit=1", "state=paid", "colour=red", "cursor=x"])
def test_a_query_is_read_strictly(client, minh, query) -> None:
    answer = minh.get(client, f"/v1/proposals?{query}")
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, f"/{query.split('=')[0]}")


def test_the_hash_is_what_anybody_can_compute_from_the_content(client, propose, minh, at) -> None:
    import hashlib
    import json

    seen = minh.get(client, at(propose(content={"b": 1, "a": ["Hồ sơ", None, True, 10**15]}))).json
    text = json.dumps(seen["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert seen["content_hash"] == hashlib.sha256(text.encode()).hexdigest()


def test_the_same_key_is_answered_alike_and_without_a_second_code(client, propose, minh, executed, at) -> None:
    path, body, key = at(propose("test_act"), "/approve"), {"totp": minh.code()}, uuid.uuid4().hex
    first = minh.post(client, path, body, key)
    again = minh.post(client, path, body, key)
    assert (again.status_code, again.json) == (200, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = minh.post(client, path, {"totp": minh.wrong()}, key)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert len(executed) == 1


def test_another_key_from_the_same_person_is_answered_with_what_is(client, propose, minh, executed, at) -> None:
    path, body = at(propose("test_act"), "/approve"), {"totp": minh.code()}
    assert [minh.post(client, path, body).json["state"] for _ in range(2)] == ["executed"] * 2
    assert len(executed) == 1


def test_the_key_of_one_person_says_nothing_of_anothers(client, propose, minh, hoa, at) -> None:
    key = uuid.uuid4().hex
    for who in (minh, hoa):
        answer = who.post(client, at(propose(), "/approve"), {"totp": who.code()}, key)
        assert answer.json["decided_by"]["name"] == who.person.principal.name


def test_refusals_are_problems_with_stable_codes(client, propose, lan, minh, hoa, hire, at) -> None:
    proposal_id = propose()
    thu = hire("thu", "auditor")

    def code(who, act, body=None) -> tuple[int, str]:
        answer = who.post(client, at(proposal_id, act), body)
        assert answer.content_type == PROBLEM
        return answer.status_code, answer.json["code"]

    assert code(lan, "/approve", {"totp": lan.code()}) == (403, "not_two_people")
    assert code(lan, "/decline", {"reason": "không"}) == (403, "not_two_people")
    assert code(thu, "/approve", {"totp": thu.code()}) == (403, "role_missing")
    assert code(minh, "/withdraw") == (403, "not_the_proposer")
    assert code(minh, "/approve", {"totp": minh.wrong()}) == (403, "totp_wrong")
    assert code(minh, "/approve", {"totp": "12345"}) == (422, "invalid_input")
    assert code(minh, "/approve", {"totp": "١٢٣٤٥٦"}) == (422, "invalid_input")
    assert code(minh, "/approve", {}) == (422, "invalid_input")
    assert code(minh, "/decline", {"reason": ""}) == (422, "invalid_input")
    assert minh.post(client, at(proposal_id, "/approve"), {"totp": minh.code()}).status_code == 200
    assert code(hoa, "/approve", {"totp": hoa.code()}) == (409, "proposal_decided")
    assert code(lan, "/withdraw") == (409, "proposal_decided")
    assert minh.post(client, at(uuid.uuid4(), "/approve"), {"totp": minh.code()}).status_code == 404
    assert minh.get(client, "/v1/proposals/nonsense").status_code == 404


def test_five_wrong_codes_are_told_when_to_come_back(client, propose, minh, at) -> None:
    path = at(propose(), "/approve")
    codes = [minh.post(client, path, {"totp": minh.wrong()}).json["code"] for _ in range(5)]
    assert codes == ["totp_wrong"] * 4 + ["approvals_locked"]
    answer = minh.post(client, path, {"totp": minh.code()})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")


def test_a_refused_key_may_come_again_with_the_next_code(client, propose, minh, at) -> None:
    path, key = at(propose(), "/approve"), uuid.uuid4().hex
    assert minh.post(client, path, {"totp": minh.wrong()}, key).status_code == 403
    assert minh.post(client, path, {"totp": minh.code()}, key).json["state"] == "approved"


def test_void_is_refused_now_and_again(client, propose, minh, executed, at) -> None:
    executed.seq = 8
    path, body, key = at(propose("test_act"), "/approve"), {"totp": minh.code()}, uuid.uuid4().hex
    for _ in range(2):
        answer = minh.post(client, path, body, key)
        assert (answer.status_code, answer.json["code"]) == (409, "proposal_void")
    assert minh.get(client, path.removesuffix("/approve")).json["state"] == "void"


def test_declining_and_withdrawing(client, propose, lan, minh, at) -> None:
    declined = minh.post(client, at(propose(), "/decline"), {"reason": "Sai tài khoản"}).json
    withdrawn = lan.post(client, at(propose(), "/withdraw")).json
    assert (declined["state"], declined["reason"]) == ("declined", "Sai tài khoản")
    assert (withdrawn["state"], withdrawn["decided_by"]["name"]) == ("withdrawn", "lan")


def test_pages_follow_each_other_newest_first(client, propose, minh, public) -> None:
    made = [public(propose(target=f"payout/{n}")) for n in range(5)]
    seen, cursor = [], ""
    while True:
        page = minh.get(client, f"/v1/proposals?limit=2&state=proposed{cursor}").json
        seen += [row["id"] for row in page["data"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == made[::-1]
    assert minh.get(client, "/v1/proposals?state=executed").json == {"data": [], "next": None}
    assert minh.get(client, "/v1/proposals?cursor=x").status_code == 422


def test_nobody_gets_in_without_a_token_or_after_it_ended(client, propose, minh, at, hub) -> None:
    from payhub.staff import people

    path = at(propose())
    for header in ({}, {"Authorization": "Basic x"}, {"Authorization": "Bearer phs_test_x"}, {"Authorization": minh.token}):
        answer = client.get(path, headers=header)
        assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")
    assert minh.get(client, path).status_code == 200
    with hub.db.session() as session:
        people.disable(hub, session, "minh")
    assert minh.get(client, path).status_code == 401


def test_a_post_without_a_key_is_refused(client, propose, minh, at) -> None:
    answer = client.post(at(propose(), "/approve"), json={"totp": minh.code()}, headers={"Authorization": f"Bearer {minh.token}"})
    assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_missing")


def test_problems_are_said_in_the_callers_language(client, propose, lan, at) -> None:
    path = at(propose(), "/approve")
    headers = {"Authorization": f"Bearer {lan.token}", "Idempotency-Key": "1"}
    titles = [
        client.post(path, json={"totp": "123456"}, headers={**headers, "Accept-Language": spoken}).json["title"]
        for spoken in ("vi", "en")
    ]
    assert titles[0].startswith("Người đề nghị")
    assert titles[1].startswith("Whoever proposed")
