"""The published contract."""

from __future__ import annotations

import pytest
from openapi_spec_validator import validate

from payhub.http import PROBLEM


@pytest.fixture
def document(client) -> dict:
    return client.get("/openapi.json").json


def test_the_contract_is_valid_openapi(document) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_route_under_v1_is_published_with_its_scope_and_refusals(document, app) -> None:
    routes = {rule.rule.replace("<", "{").replace(">", "}") for rule in app.url_map.iter_rules() if rule.rule.startswith("/v1/")}
    assert routes <= set(document["paths"])
    for path in routes:
        for operation in document["paths"][path].values():
            assert operation["security"] == [{"key": []}]
            assert {"401", "403", "503"} <= set(operation["responses"])
            assert PROBLEM in operation["responses"]["401"]["content"]
            assert operation["summary"]


def test_every_post_under_v1_demands_an_idempotency_key(document) -> None:
    posts = [
        operations["post"] for path, operations in document["paths"].items() if path.startswith("/v1/") and "post" in operations
    ]
    assert posts
    for operation in posts:
        assert any(parameter["name"] == "Idempotency-Key" and parameter["required"] for parameter in operation["parameters"])


def test_what_the_contract_says_of_a_payment_is_what_is_answered(document, ask, order) -> None:
    body = ask(order).json
    described = document["components"]["schemas"]["Payment"]["properties"]
    assert set(described) == set(body)
    assert set(document["components"]["schemas"]["Line"]["properties"]) == set(body["lines"][0])


def test_unknown_addresses_and_methods_are_problems(client) -> None:
    for answer, status in ((client.get("/v1/nope"), 404), (client.delete("/v1/payments"), 405)):
        assert answer.status_code == status
        assert answer.content_type == PROBLEM
        assert answer.json["status"] == status
