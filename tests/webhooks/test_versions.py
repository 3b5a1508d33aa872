"""How bodies are built has versions: an endpoint is told in its own, whatever comes after it."""

from __future__ import annotations

import json

import pytest

from payhub.errors import InvalidInput
from webhooks import messages


@pytest.fixture
def second(monkeypatch) -> None:
    """A second version, as somebody would write it: one function, one entry."""

    def build(message: messages.Message, mode: str) -> dict[str, object]:
        return {"type": message.event_type, "subject": message.reference}

    monkeypatch.setitem(messages.VERSIONS, 2, build)


def test_each_endpoint_is_told_in_the_version_it_was_added_with(told, receiver, second) -> None:
    old, new = receiver(), receiver()
    told.endpoint(old.url)
    told.endpoint(new.url, version=2)
    told.payment("A")
    told.relay()
    told.deliver()
    (first,), (latest,) = old.received, new.received
    assert (json.loads(first.body)["version"], first.data["portal_reference"]) == (1, "A")
    assert json.loads(latest.body) == {"version": 2, "type": "payment.created", "subject": first.data["reference"]}


def test_a_version_that_there_is_not_is_refused(told) -> None:
    with pytest.raises(InvalidInput) as refused:
        told.endpoint("https://example.org/hooks", version=messages.CURRENT + 1)
    assert [problem.pointer for problem in refused.value.problems] == ["/version"]
