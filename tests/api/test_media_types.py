"""What a body says it is: JSON in UTF-8, or nothing at all."""

from __future__ import annotations

import json

import pytest

from payhub.http import PROBLEM


@pytest.fixture
def send(client, keys, order):
    """Send a good request under a Content-Type, or under none; return the answer."""

    def post(content_type: str | None, body: bytes | None = None, **headers: str):
        sent = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": "k", **headers}
        data = json.dumps(order).encode() if body is None else body
        return client.post("/v1/payments", data=data, headers=sent, content_type=content_type)

    return post


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/json", "Application/JSON", "application/json;charset=utf-8", 'application/json ; Charset="UTF-8"'],
)
def test_json_is_read_whether_it_is_said_or_not(send, content_type) -> None:
    assert send(content_type).status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "application/problem+json",
        "application/json; charset=utf-16", "application/json; charset=latin-1", "application/json; profile=x", "application/json, text/plain",
        "json", "*/*", ";", "application/xml", "é",
    ],
)  # fmt: skip
@pytest.mark.parametrize("language", ["vi", "en"])
def test_anything_else_is_refused_before_it_is_read(send, content_type, language, rows) -> None:
    for body in (None, b"", b"{"):
        answer = send(content_type.encode().decode("latin-1"), body, **{"Accept-Language": language})
        assert (answer.status_code, answer.content_type) == (415, PROBLEM)
        assert (answer.json["code"], answer.headers["Accept"]) == ("unsupported_media_type", "application/json")
        assert answer.json["title"].startswith({"vi": "Nội dung phải là JSON", "en": "The body must be JSON"}[language])
    assert rows("SELECT (SELECT count(*) FROM payment), (SELECT count(*) FROM idempotency)") == [(0, 0)]


def test_a_post_without_a_body_needs_no_media_type(client, ask, order, keys) -> None:
    made = ask(order).json["id"]
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": "c", "Content-Type": "text/plain"}
    assert client.post(f"/v1/payments/{made}/cancel", headers=headers).status_code == 200
