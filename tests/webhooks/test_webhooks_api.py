"""A portal keeps its own endpoints, sees what it was told, and asks for it again: over the API, and only its own."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from openapi_schema_validator import OAS31Validator
from sqlalchemy import text
from standardwebhooks import Webhook

from webhooks import endpoints, pinging

TYPES = ["payment.created", "attempt.created"]


@pytest.fixture
def add(api):
    """Add an endpoint as the portal; return the answer."""

    def post(url: str, key: str | None = None, **way) -> dict:
        answer = api.post("/webhooks/endpoints", {"url": url, "event_types": TYPES, **way}, key)
        assert answer.status_code == 201, answer.text
        return answer.json

    return post


def stored(hub) -> str:
    """Everything the database holds, as text."""
    found = []
    with hub.db.engine.connect() as connection:
        for table in connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all():
            found += [str(row) for row in connection.execute(text(f'SELECT CAST("{table}" AS text) FROM "{table}"'))]
    return "\n".join(found)


def test_a_secret_is_shown_in_the_first_answer_only_and_kept_nowhere_in_clear(api, add, receiver, hub, told, clock) -> None:
    clock.set(datetime.now(UTC))
    portal, key = receiver(), uuid.uuid4().hex
    first, again = add(portal.url, key), add(portal.url, key)
    secret = first.pop("secret")
    assert secret.startswith("whsec_")
    assert (again.pop("secret"), again) == (None, first)
    told.payment("A")
    told.relay()
    told.deliver()
    Webhook(secret).verify(portal.received[0].body, portal.received[0].headers)
    everything = stored(hub) + api.get(f"/webhooks/endpoints/{first['id']}").text + api.get("/webhooks/endpoints").text
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    for spelling in (secret, secret.removeprefix("whsec_"), raw.hex(), secret.encode().hex()):
        assert spelling not in everything


def test_a_portal_goes_over_to_a_key_pair_without_a_gap_and_can_fetch_its_public_key(api, add, receiver, told, clock) -> None:
    clock.set(datetime.now(UTC))
    portal = receiver()
    made = add(portal.url)
    turned = api.post(f"/webhooks/endpoints/{made['id']}/rotate", {"scheme": "ed25519"}).json
    public = turned["secret"]
    assert public.startswith("whpk_")
    assert [(each["scheme"], each["public_key"]) for each in turned["secrets"]] == [("ed25519", public), ("hmac", None)]

    def verify(message) -> None:
        signature = next(each for each in message.headers["webhook-signature"].split() if each.startswith("v1a,"))
        signed = f"{message.headers['webhook-id']}.{message.headers['webhook-timestamp']}.".encode() + message.body
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
        key.verify(base64.b64decode(signature.partition(",")[2]), signed)

    told.payment("A")
    told.relay()
    told.deliver()
    verify(portal.received[0])
    Webhook(made["secret"]).verify(portal.received[0].body, portal.received[0].headers)
    assert api.post(f"/webhooks/endpoints/{made['id']}/rotate", {}).json["code"] == "two_secrets_live"
    assert [each["public_key"] for each in api.post(f"/webhooks/endpoints/{made['id']}/retire").json["secrets"]] == [public]
    told.payment("B")
    told.relay()
    told.deliver()
    verify(portal.received[1])
    assert portal.received[1].headers["webhook-signature"].count(",") == 1
    assert api.get("/webhooks/endpoints").json["data"][0]["secrets"][0]["public_key"] == public


def test_a_portal_sees_its_deliveries_and_tries_and_has_them_sent_again(api, add, receiver, told, clock) -> None:
    portal = receiver()
    made = add(portal.url)
    portal.answer = lambda message: (500, {}, b"broken") if message.data["portal_reference"] == "A" else (204, {})
    for name in "ABC":
        told.payment(name)
        clock.pass_(hours=2)
    told.relay()
    told.deliver()
    path = f"/webhooks/endpoints/{made['id']}/deliveries"
    first = api.get(path, limit=2).json
    rest = api.get(path, limit=2, cursor=first["next"]).json
    assert [each["state"] for each in first["data"] + rest["data"]] == ["delivered", "delivered", "due"]
    assert rest["next"] is None
    since = (clock.now() - timedelta(hours=4)).isoformat()
    assert api.get(path, since=since).json["data"] == first["data"]
    (failed,) = api.get(path, state="due").json["data"]
    shown = api.get(f"/webhooks/deliveries/{failed['id']}").json
    assert [(each["status"], each["error"], each["reply"]) for each in shown["log"]] == [(500, "status_500", "broken")]
    assert {**shown, "log": None} == {**failed, "log": None}
    portal.answer = lambda _: (204, {})
    again = api.post(f"/webhooks/deliveries/{first['data'][0]['id']}/resend").json
    assert (again["state"], again["tries"], again["delivered_at"] is not None) == ("due", 0, True)
    assert api.post(f"/webhooks/endpoints/{made['id']}/resend", {"from": 1, "to": 2}).json == {"count": 1, "next": None}
    told.deliver()
    assert portal.told()[3:] == [("B", 1), ("C", 1)]
    assert api.post(f"/webhooks/endpoints/{made['id']}/resend", {"since": since, "dead": True}).json == {"count": 0, "next": None}


def test_a_disabled_endpoint_is_told_nothing_until_it_is_enabled(api, add, receiver, told, rows) -> None:
    portal = receiver()
    made = add(portal.url)
    path = f"/webhooks/endpoints/{made['id']}"
    assert api.post(f"{path}/disable").json["disabled_at"] is not None
    told.payment("A")
    told.relay()
    told.deliver()
    assert portal.received == []
    assert api.post(f"{path}/enable").json["disabled_at"] is None
    told.relay()
    told.deliver()
    assert portal.told() == [("A", 1)]
    acts = rows("SELECT act, name FROM audit_entry JOIN principal ON principal.id = actor WHERE act LIKE 'webhook.%' ORDER BY seq")
    assert acts == [(f"webhook.{act}", "portal/dvc-bo-tu-phap") for act in ("added", "disabled", "enabled")]


def test_another_portal_finds_nothing(stranger, add, receiver, told) -> None:
    made = add(receiver().url)
    told.payment()
    told.relay()
    delivery = f"/webhooks/deliveries/{told_id(told)}"
    endpoint = f"/webhooks/endpoints/{made['id']}"
    asked = [stranger.get(endpoint), stranger.get(f"{endpoint}/deliveries"), stranger.get(delivery), stranger.post(f"{delivery}/resend")]
    asked += [stranger.post(f"{endpoint}/{act}", {}) for act in ("disable", "enable", "rotate", "retire", "ping", "resend")]
    assert [(answer.status_code, answer.json["code"]) for answer in asked] == [(404, "not_found")] * 10
    assert stranger.get("/webhooks/endpoints").json == {"data": []}


def told_id(told) -> str:
    return f"msg_test_{told.rows()[0].id.hex}"


def test_a_ping_is_sent_now_and_its_result_shown_and_it_is_no_event(api, add, receiver, told, rows, clock) -> None:
    clock.set(datetime.now(UTC))
    portal, key = receiver(), uuid.uuid4().hex
    made = add(portal.url)
    portal.answer = lambda _: (500, {}, b"not yet")
    path = f"/webhooks/endpoints/{made['id']}/ping"
    failed, again = api.post(path, key=key), api.post(path, key=key)
    assert (failed.json["status"], failed.json["error"], failed.json["reply"]) == (500, "status_500", "not yet")
    assert again.json == failed.json
    (message,) = portal.received
    said = Webhook(made["secret"]).verify(message.body, message.headers)
    assert (said["type"], said["data"]) == ("endpoint.ping", {"endpoint": made["id"]})
    assert message.headers["webhook-id"] == failed.json["id"]
    portal.answer = lambda _: (200, {})
    api.post(f"/webhooks/endpoints/{made['id']}/disable")
    assert api.post(path).json["error"] is None
    assert rows("SELECT count(*) FROM event") == rows("SELECT count(*) FROM delivery") == [(0,)]


def test_a_second_ping_at_the_same_time_is_told_to_come_back(api, add, receiver, monkeypatch) -> None:
    made = add(receiver().url)
    assert pinging._ONE.acquire(blocking=False)
    try:
        busy = api.post(f"/webhooks/endpoints/{made['id']}/ping")
    finally:
        pinging._ONE.release()
    assert (busy.status_code, busy.json["code"], busy.headers["Retry-After"]) == (429, "ping_busy", "5")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "ftp://example.org/"}, "/url"),
        ({"event_types": ["payment.payed"]}, "/event_types"),
        ({"event_types": []}, "/event_types"),
        ({"scheme": "rsa"}, "/scheme"),
        ({"version": 99}, "/version"),
        ({"secret": "whsec_AAAA"}, "/secret"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_refused_by_the_name_of_the_field(api, body, pointer) -> None:
    answer = api.post("/webhooks/endpoints", {"url": "https://example.org/hooks", "event_types": TYPES, **body})
    assert (answer.status_code, [each["pointer"] for each in answer.json["errors"]]) == (422, [pointer])


def test_a_portal_has_so_many_endpoints_and_no_more(add, api, monkeypatch) -> None:
    # In truth twenty: the rule is the same.
    monkeypatch.setattr(endpoints, "MOST", 2)
    for number in range(2):
        add(f"https://example.org/{number}")
    answer = api.post("/webhooks/endpoints", {"url": "https://example.org/3", "event_types": TYPES})
    assert (answer.status_code, answer.json["code"]) == (409, "too_many_endpoints")


def test_a_key_without_the_scope_is_told_which_it_needs(client, keys) -> None:
    headers = {"Authorization": f"Bearer {keys['kbnn']}"}
    for path, scope in (("/webhooks/endpoints", "webhooks:read"), ("/events", "events:read")):
        answer = client.get(f"/v1{path}", headers={**headers, "Accept-Language": "en"})
        assert (answer.status_code, scope in answer.json["detail"]) == (403, True)


def test_what_is_answered_holds_to_the_published_contract(client, api, add, receiver, told) -> None:
    components = client.get("/openapi.json").json["components"]
    portal = receiver()
    portal.answer = lambda _: (500, {}, b"no")
    made = add(portal.url, scheme="ed25519")
    told.payment()
    told.relay()
    told.deliver()
    path = f"/webhooks/endpoints/{made['id']}"
    page = api.get(f"{path}/deliveries").json
    answers = {"Endpoint": made, "EndpointList": api.get("/webhooks/endpoints").json, "Ping": api.post(f"{path}/ping").json}
    answers |= {"DeliveryPage": page, "DeliveryDetails": api.get(f"/webhooks/deliveries/{page['data'][0]['id']}").json}
    answers |= {"Resent": api.post(f"{path}/resend", {}).json, "EventPage": api.get("/events").json}
    for name, answer in answers.items():
        OAS31Validator({"$ref": f"#/components/schemas/{name}", "components": components}).validate(answer)
        assert components["schemas"][name]["required"] == sorted(answer), name
