"""Events by pull: the portal's own, each once, in order, and none left out that commits late."""

from __future__ import annotations

import json
import uuid
from datetime import datetime

import pytest
from sqlalchemy import text

from webhooks import pulling


def pull(portal, **query) -> list[dict]:
    """Go on until nothing is left, as docs/reference/webhooks.md tells portals to."""
    found, after, more = [], 0, True
    while more:
        page = portal.get("/events", after=after, **query).json
        assert page["next"] >= after
        found += page["data"]
        after, more = page["next"], page["more"]
    return found


def test_a_portal_that_asks_reads_what_a_portal_that_is_told_hears(api, stranger, receiver, told, ask) -> None:
    portal = receiver()
    told.endpoint(portal.url)
    for name in "ABC":
        told.happens(told.payment(name), "attempt.created")
    lines = [{"fee": "LP-TBOTO", "agency": "G12.18", "amount": 1_000_000}]
    assert ask({"portal_reference": "X", "lines": lines}, portal="dvc-tay-ninh").status_code == 201
    told.relay()
    told.deliver()
    read = pull(api, limit=2)
    assert [each["position"] for each in read] == sorted(each["position"] for each in read)
    heard = {(said["data"]["payment"], said["data"]["sequence"]): said for said in map(json.loads, [message.body for message in portal.received])}
    assert len(read) == len(heard) == 6
    for each in read:
        said = heard[each["data"]["payment"], each["data"]["sequence"]]
        assert datetime.fromisoformat(each.pop("timestamp")) == datetime.fromisoformat(said.pop("timestamp"))
        assert {name: each[name] for name in ("type", "data", "version")} == said
    assert [each["data"]["portal_reference"] for each in pull(stranger)] == ["X"]
    assert len({each["id"] for each in read}) == 6


def test_what_is_not_numbered_yet_is_not_shown_and_comes_later(api, told, hub) -> None:
    slow, quick = told.payment("slow"), told.payment("quick")
    told.relay()
    last = api.get("/events").json["next"]
    with hub.db.session() as session:
        session.execute(text("SELECT 1 FROM payment WHERE id = :id FOR UPDATE"), {"id": slow})
        told.happens(quick, "attempt.created")
        assert api.get("/events", after=last).json == {"data": [], "next": last, "more": False}
        told.relay()
        page = api.get("/events", after=last).json
        assert [each["data"]["portal_reference"] for each in page["data"]] == ["quick"]
    told.happens(slow, "attempt.created")
    told.relay()
    assert [each["data"]["portal_reference"] for each in api.get("/events", after=page["next"]).json["data"]] == ["slow"]


def test_a_rare_type_is_found_however_much_lies_before_it(api, told, monkeypatch) -> None:
    # In truth thousands of events are walked before a page ends early.
    monkeypatch.setattr(pulling, "WALKED", 3)
    for _ in range(4):
        told.happens(told.payment(), "attempt.created")
    told.happens(told.payment("rare"), "attempt.failed")
    told.relay()
    assert api.get("/events", types="attempt.failed", limit=1).json == {"data": [], "next": 3, "more": True}
    assert [each["data"]["portal_reference"] for each in pull(api, types="attempt.failed", limit=1)] == ["rare"]
    assert {each["type"] for each in pull(api, types="attempt.failed,attempt.created", limit=2)} == {"attempt.failed", "attempt.created"}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [({"types": "payment.payed"}, "/types"), ({"after": "-1"}, "/after"), ({"after": "x"}, "/after"), ({"version": "9"}, "/version")],
)
def test_a_question_that_cannot_be_answered_is_refused_by_its_field(api, query, pointer) -> None:
    answer = api.get("/events", **query)
    assert (answer.status_code, [each["pointer"] for each in answer.json["errors"]]) == (422, [pointer])


def test_a_portals_events_are_found_by_an_index_and_not_by_looking_at_all(told, hub) -> None:
    for _ in range(3):
        told.payment()
    told.relay()
    binds = {"portal_id": uuid.uuid4(), "after": 0, "walked": 2000, "types": ["payment.created"], "limit": 50}
    with hub.db.session() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(session.scalars(text(f"EXPLAIN {pulling._OWN.text}"), binds))
    assert "ix_event_of_portal" in plan
