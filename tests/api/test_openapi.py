"""The published contract."""

from __future__ import annotations

import pytest
from openapi_spec_validator import validate

from payhub.http import PROBLEM
from payhub.payments.states import DisputeState, PaymentState
from payhub.staff.states import ProposalState


@pytest.fixture
def document(client) -> dict:
    return client.get("/openapi.json").json


def test_the_contract_is_valid_openapi(document) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_route_under_v1_is_published_with_its_scope_and_refusals(document, app) -> None:
    routes = {rule.rule.replace("<", "{").replace(">", "}") for rule in app.url_map.iter_rules() if rule.rule.startswith("/v1/")}
    assert routes <= set(document["paths"])
    for path in routes - {"/v1/signing-keys"}:
        for operation in document["paths"][path].values():
            assert operation["security"] == [{"key": []}]
            assert {"401", "403", "503"} <= set(operation["responses"])
            assert PROBLEM in operation["responses"]["401"]["content"]
            assert operation["summary"]


def test_what_verifies_signatures_is_for_everybody(document, client) -> None:
    assert "security" not in document["paths"]["/v1/signing-keys"]["get"]
    assert client.get("/v1/signing-keys").status_code == 200


def test_whoever_calls_with_a_key_is_told_of_its_limits(document) -> None:
    with_key = [
        operation for path in document["paths"].values() for operation in path.values()
        if "security" in operation and "staff:" not in operation["description"]
    ]  # fmt: skip
    assert with_key
    for operation in with_key:
        assert "rate_limited" in operation["responses"]["429"]["description"]
        assert "address_not_allowed" in operation["responses"]["403"]["description"]


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


def test_an_answer_is_promised_whole(document) -> None:
    schemas = document["components"]["schemas"]
    answered = {"Payment", "Line", "PaymentPage", "Proposal", "Principal", "ProposalPage", "Settlement", "Reject", "Run", "Class"}
    answered |= {"Quote", "QuotedLine", "Fee", "FeePage", "Tier", "Relief", "Agency", "AgencyPage"}
    answered |= {"Discrepancy", "DiscrepancyPage", "Totals", "Total", "Sum", "AccountTotals", "AccountTotal", "Books", "Rows", "Row", "Refund", "RefundList", "StaffRefund", "Try"}
    answered |= {"Dispute", "DisputeLine", "DisputeList", "StaffDispute", "StaffDisputeList", "UnappliedReceipt", "Allocation", "Given"}
    answered |= {"UnappliedReceiptDetails", "UnappliedReceiptPage"}
    answered |= {"Endpoint", "EndpointSecret", "EndpointList", "Ping", "Delivery", "DeliveryDetails", "DeliveryPage", "DeliveryTry", "Resent", "Event", "EventPage"}
    for name in answered:
        assert schemas[name]["required"] == sorted(schemas[name]["properties"]), name


def test_what_may_be_left_out_of_a_request_or_a_problem_is_not_demanded(document) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["NewPayment"]["required"] == ["lines", "portal_reference"]
    assert "required" not in schemas["NewPayer"]
    assert schemas["Problem"]["required"] == ["code", "status", "title", "type"]


def test_states_are_listed(document) -> None:
    def states(name: str) -> set[str]:
        return set(document["components"]["schemas"][name]["properties"]["state"]["enum"])

    assert states("Payment") == {*PaymentState, "processing", "cancelling"}
    assert states("Proposal") == set(ProposalState)
    assert states("Dispute") == set(DisputeState)
    assert states("Run") == {"waiting", "running", "done", "failed", "cancelled"}
    assert states("Discrepancy") == {"open", "assigned", "proposed", "resolved"}


def test_every_json_body_says_that_no_other_media_type_is_taken(document) -> None:
    operations = [each for path in document["paths"].values() for each in path.values()]
    taking = [each for each in operations if "application/json" in each.get("requestBody", {}).get("content", {})]
    assert taking
    for operation in operations:
        refused = "unsupported_media_type" in operation["responses"].get("415", {}).get("description", "")
        assert refused == (operation in taking), operation["operationId"]


def test_unknown_addresses_and_methods_are_problems(client) -> None:
    for answer, status in ((client.get("/v1/nope"), 404), (client.delete("/v1/payments"), 405)):
        assert answer.status_code == status
        assert answer.content_type == PROBLEM
        assert answer.json["status"] == status
