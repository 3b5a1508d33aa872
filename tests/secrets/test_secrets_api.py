"""Secrets over HTTP: in one body coming in, in one going out, and nowhere else."""

from __future__ import annotations

import uuid

import pytest
from openapi_schema_validator import OAS31Validator
from sqlalchemy import text

from payhub.http import PROBLEM
from payhub.ids import read_public_id

NEW_SECRET = "SECRETOFTHEGATEWAYFORTOMORROW0001"


def stored(hub) -> str:
    """Everything the database holds, as text: bytes as they are and in hexadecimal."""
    found = []
    with hub.db.engine.connect() as connection:
        for table in connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all():
            found += [str(row) for row in connection.execute(text(f'SELECT CAST("{table}" AS text) FROM "{table}"'))]
    return "\n".join(found)


@pytest.mark.parametrize("role", ["clerk", "approver", "auditor"])
def test_only_who_keeps_the_registers_sees_them(client, hire, role) -> None:
    person = hire("someone", role)
    for answer in (
        person.get(client, "/v1/staff/secrets"),
        person.post(client, "/v1/staff/secrets", {"kind": "gateway", "owner": "vnpay-main"}),
    ):
        assert (answer.status_code, answer.json["code"], answer.content_type) == (403, "role_missing", PROBLEM)


def test_a_portals_key_is_nobody(client, keys) -> None:
    assert client.get("/v1/staff/secrets", headers={"Authorization": f"Bearer {keys['kbnn']}"}).status_code == 401


def test_a_secret_we_made_is_shown_in_one_answer_only(hub, client, keeping) -> None:
    key, body = uuid.uuid4().hex, {"kind": "portal", "owner": "kbnn", "use": "inbound"}
    first = keeping.hanh.post(client, "/v1/staff/secrets", body, key)
    again = keeping.hanh.post(client, "/v1/staff/secrets", body, key)
    secret = first.json["secret"]
    assert len(secret) == 64
    assert first.headers["Cache-Control"] == "no-store"
    assert (again.status_code, again.headers["Idempotency-Replayed"], again.json["secret"]) == (201, "true", None)
    assert {**again.json, "secret": secret} == first.json
    seen = [keeping.hanh.get(client, "/v1/staff/secrets").text, keeping.minh.get(client, "/v1/proposals").text]
    assert keeping.approve(first.json).json["state"] == "executed"
    seen += [keeping.retire(first.json["id"], last=True).text, stored(hub)]
    assert [text for text in seen if secret in text or secret.encode().hex() in text] == []


def test_a_secret_given_stands_nowhere_but_sealed(hub, client, keeping) -> None:
    shown = keeping.given()
    keeping.approve(shown)
    everything = stored(hub)
    for spelling in (NEW_SECRET, NEW_SECRET.encode().hex(), NEW_SECRET[:20], NEW_SECRET.encode()[:20].hex()):
        assert spelling not in everything


def test_the_same_request_is_known_again_and_another_is_not(hub, client, keeping) -> None:
    key = uuid.uuid4().hex
    first = keeping.add(key=key, secret=NEW_SECRET)
    assert keeping.add(key=key, secret=NEW_SECRET).json == first.json
    assert keeping.add(key=key, secret="another-secret-0001").json["code"] == "idempotency_key_reused"


def test_pages_go_through_every_kind_in_order(hub, client, keeping) -> None:
    for number in range(5):
        keeping.decline(keeping.given(f"secret-number-{number}"))
    keeping.add("portal", "kbnn", use="inbound")
    listed, cursor = [], ""
    while True:
        page = keeping.hanh.get(client, f"/v1/staff/secrets?limit=2{cursor}").json
        listed += page["data"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    ids = [read_public_id("sec", shown["id"], "test") for shown in listed]
    assert ids == sorted(ids, reverse=True)
    live = 5 + 1
    assert len(set(ids)) == len(ids) == 5 + 1 + live, "those of the sample's gateway accounts and national portal are among them"
    assert [shown["kind"] for shown in keeping.listed("?kind=portal")] == ["portal"] * 2
    assert {shown["state"] for shown in keeping.listed("?state=dropped")} == {"dropped"}


@pytest.mark.parametrize("query", ["kind=bank", "state=lost", "limit=0", "cursor=x", "colour=red"])
def test_a_query_is_read_strictly(client, hanh, query) -> None:
    answer = hanh.get(client, f"/v1/staff/secrets?{query}")
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, f"/{query.split('=')[0]}")


def test_what_nobody_has_is_not_found(client, hanh) -> None:
    for secret_id in (f"sec_test_{uuid.uuid4().hex}", "sec_x", "prp_test_" + uuid.uuid4().hex):
        assert hanh.post(client, f"/v1/staff/secrets/{secret_id}/retire", {}).status_code == 404


def test_what_is_answered_holds_to_the_published_contract(client, keeping) -> None:
    components = client.get("/openapi.json").json["components"]
    made = keeping.add("portal", "kbnn", use="outbound").json
    keeping.approve(made)
    answers = {"MadeSecret": made, "SecretPage": keeping.hanh.get(client, "/v1/staff/secrets").json}
    answers["Secret"] = keeping.retire(made["id"], last=True).json
    for name, answer in answers.items():
        OAS31Validator({"$ref": f"#/components/schemas/{name}", "components": components}).validate(answer)


def test_an_endpoints_secret_is_one_persons_act_and_in_the_audit(hub, client, keeping, rows) -> None:
    from payhub.secrets.kinds import PORTAL
    from webhooks import endpoints

    with hub.db.session() as session:
        endpoint, first = endpoints.add(hub, session, PORTAL.find(session, "kbnn"), "https://portal.example/told", ["payment.paid"])

    def signing() -> tuple[str, ...]:
        with hub.db.session() as session:
            return endpoints.target(hub, session, endpoint.id).secrets

    made = keeping.add("webhook", str(endpoint.id)).json
    assert (made["state"], made["secret"][:6], made["waits_for"], made["use"]) == ("live", "whsec_", None, "outbound")
    assert signing() == (made["secret"], first)
    assert keeping.add("webhook", str(endpoint.id)).json["code"] == "two_secrets_live"
    assert keeping.add("webhook", str(endpoint.id), secret="theirs-theirs").json["errors"][0]["pointer"] == "/secret"
    [old] = [shown for shown in keeping.of(str(endpoint.id)) if shown["id"] != made["id"]]
    assert keeping.retire(old["id"]).json["state"] == "retired"
    assert signing() == (made["secret"],)
    assert keeping.retire(made["id"]).json["code"] == "last_secret"
    acts = rows("SELECT act, actor FROM audit_entry WHERE target LIKE 'webhook_secret/%' ORDER BY seq")
    assert [act for act, _ in acts] == ["secret.added", "secret.added", "secret.retired"]
    assert {actor for _, actor in acts[1:]} == {keeping.hanh.id}
