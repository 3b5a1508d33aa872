"""The published contract, written from what the decorators left on the views: it cannot differ from the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, Response, current_app
from marshmallow import INCLUDE, Schema, fields

from payhub.errors import (
    BodyTooLarge,
    Forbidden,
    InvalidInput,
    Malformed,
    NotFound,
    PayHubError,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from payhub.http import PROBLEM, json_response, the_hub

bp = Blueprint("openapi", __name__)


class FieldProblemView(Schema):
    """One field that cannot be used."""

    pointer = fields.String(required=True, metadata={"description": "JSON pointer (RFC 6901) into the input"})
    code = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemView(Schema):
    """RFC 9457. `code` is stable; texts follow Accept-Language, Vietnamese first; some problems carry more members."""

    class Meta:
        """Extension members are allowed, as the RFC demands."""

        unknown = INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    detail = fields.String()
    errors = fields.List(fields.Nested(FieldProblemView))


@bp.get("/openapi.json")
def document() -> Response:
    """Publish the contract."""
    return json_response(describe(current_app, the_hub().settings.web.base_url))


def describe(app: Flask, base_url: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of every described view."""
    spec = APISpec(
        title="PayHub",
        version="1",
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin(schema_name_resolver=_name)],
        info={"description": "Ask for public fees to be paid, and prove that they were. Amounts are integers in minor units."},
        servers=[{"url": base_url}],
    )
    spec.components.security_scheme("key", {"type": "http", "scheme": "bearer", "description": "An API key, `phk_…`"})
    spec.components.schema("Problem", schema=ProblemView)
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation = getattr(view, "operation", None)
        # What stands elsewhere speaks the national contract, which is not ours to publish.
        if operation is None or not rule.rule.startswith("/v1/"):
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        described = _operation(rule.endpoint, view, operation, sorted(rule.arguments))
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        spec.path(path, operations={method.lower(): described for method in sorted(methods)})
    document: dict[str, Any] = spec.to_dict()
    _promise_every_field(document)
    return document


def _promise_every_field(document: dict[str, Any]) -> None:
    """Require all fields of what is answered: a dump leaves none out. A schema that says itself what it always has is believed."""
    schemas = document["components"]["schemas"]
    waiting = [operation["responses"] for operations in document["paths"].values() for operation in operations.values()]
    answered = set[str]()
    while waiting:
        found = set(_references(waiting.pop())) - answered
        answered |= found
        waiting += [schemas[name] for name in found]
    for name in answered:
        schemas[name].setdefault("required", sorted(schemas[name]["properties"]))


def _references(value: Any) -> Iterator[str]:
    """Name the schemas that a part of the document refers to."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rsplit("/", 1)[-1]
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from _references(inner)


def _name(schema: Any) -> str:
    """Name a schema as the outside knows it."""
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("View")


def _operation(endpoint: str, view: Any, operation: dict[str, Any], arguments: list[str]) -> dict[str, Any]:
    schema, status = operation.get("returns", (None, 200))
    described: dict[str, Any] = {
        "operationId": endpoint.replace(".", "_"),
        "summary": (view.__doc__ or "").strip().split("\n")[0],
        "tags": [endpoint.split(".", 1)[0]],
        "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in arguments],
        "responses": {**_successes(schema, status, operation), **_refusals(operation, arguments)},
    }
    described["description"] = "Needs no key."
    if "scope" in operation:
        described["security"] = [{"key": []}]
        described["description"] = f"Needs the scope `{operation['scope']}`."
    if "accepts" in operation:
        accepted, place = operation["accepts"]
        if place == "json":
            described["requestBody"] = {"required": True, "content": {"application/json": {"schema": accepted}}}
        else:
            described["parameters"].append({"in": "query", "schema": accepted})
    if "carries" in operation:
        body = {"schema": {"type": "string", "format": "binary"}}
        described["requestBody"] = {"required": True, "content": {operation["carries"]: body}}
    if operation.get("idempotent"):
        key = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}
        described["parameters"].append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": key})
    return described


def _successes(schema: Any, status: int, operation: dict[str, Any]) -> dict[str, Any]:
    found = {str(status): _success(schema, operation)}
    if "also_returns" in operation:
        other, also = operation["also_returns"]
        found[str(also)] = _success(other, operation)
    return found


def _success(schema: Any, operation: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done"}
    if schema is not None:
        answer["content"] = {"application/json": {"schema": schema}}
    if "also_as" in operation:
        answer.setdefault("content", {})[operation["also_as"]] = {"schema": {"type": "string"}}
    if operation.get("idempotent"):
        answer["headers"] = {
            "Idempotency-Replayed": {"schema": {"type": "string"}, "description": "Present when this is the first answer again"}
        }
    return answer


def _refusals(operation: dict[str, Any], arguments: list[str]) -> dict[str, Any]:
    errors: list[type[PayHubError]] = [Unavailable, *operation.get("raises", ())]
    if "scope" in operation:
        errors += [Unauthenticated, Forbidden]
    if "accepts" in operation:
        errors.append(InvalidInput)
        if operation["accepts"][1] == "json":
            errors += [Malformed, BodyTooLarge, UnsupportedMediaType]
    if arguments:
        errors.append(NotFound)
    codes: dict[str, list[str]] = {}
    for error in errors:
        codes.setdefault(str(error.status), []).append(error.code)
    content = {PROBLEM: {"schema": "Problem"}}
    return {status: {"description": ", ".join(sorted(set(names))), "content": content} for status, names in sorted(codes.items())}
