"""HTTP for programs: who calls, what comes in, what goes out, and every error as an RFC 9457 problem.

A view is a sentence made of `@requires`, `@accepts`, `@returns`; the decorators also leave on the function what `openapi.py` writes
into the published document, so that the document cannot differ from the code.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar

import orjson
from flask import Blueprint, Flask, Response, current_app, g, request
from marshmallow import Schema, ValidationError
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from payhub import log
from payhub.errors import (
    BodyTooLarge,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    PayHubError,
    Text,
    Unavailable,
    Unexpected,
)
from payhub.hub import Hub
from payhub.input import BETWEEN, json_body, query, refused
from payhub.portals import entering
from payhub.portals.errors import REFUSALS

P = ParamSpec("P")
R = TypeVar("R")
View = Callable[..., Any]
PROBLEM = "application/problem+json"
_log = log.get(__name__)


def the_hub() -> Hub:
    """Return the hub this application serves."""
    hub: Hub = current_app.extensions["payhub"]
    return hub


def api_blueprint(name: str, import_name: str) -> Blueprint:
    """Return a blueprint under `/v1`."""
    return Blueprint(name, import_name, url_prefix="/v1")


def language() -> str:
    """Return the caller's language, `vi` unless English is preferred."""
    return request.accept_languages.best_match(["vi", "en"], default="vi") or "vi"


def requires(scope: str) -> Callable[[View], View]:
    """Let in only callers whose key has this scope and calls no faster than it may; `g.caller` is then set."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(**arguments: Any) -> Any:
            hub = the_hub()
            try:
                caller = entering.enter(hub, request.headers.get("Authorization", ""), request.remote_addr)
                g.caller, g.owner_id = caller, caller.portal.id
                g.allowance = entering.allow(hub, caller)
                entering.demand(caller, g.allowance, scope)
            except PayHubError as error:
                entering.count(error)
                raise
            return view(**arguments)

        return _describe(guarded, scope=scope, raises=REFUSALS)

    return decorate


def accepts(schema: type[Schema], *, place: str = "json") -> Callable[[View], View]:
    """Load the body (`json`) or the query string (`query`) through a strict schema and pass it as `data`."""
    loader = schema()

    def decorate(view: View) -> View:
        @wraps(view)
        def loaded(**arguments: Any) -> Any:
            raw = json_body() if place == "json" else query()
            try:
                data = loader.load(raw)
            except ValidationError as error:
                raise refused(error) from None
            return view(**arguments, data=data)

        return _describe(loaded, accepts=(schema, place))

    return decorate


def also_as(media_type: str) -> Callable[[View], View]:
    """Say that the answer can be had in another media type too."""

    def decorate(view: View) -> View:
        return _describe(view, also_as=media_type)

    return decorate


def carries(media_type: str) -> Callable[[View], View]:
    """Say that the body is of this media type; the view reads it from the request itself."""

    def decorate(view: View) -> View:
        return _describe(view, carries=media_type)

    return decorate


def returns(schema: type[Schema], status: int = 200) -> Callable[[View], View]:
    """Dump what the view returns through a schema; a view may also return a finished `Response`."""
    dumper = schema()

    def decorate(view: View) -> View:
        @wraps(view)
        def dumped(**arguments: Any) -> Response:
            result = view(**arguments)
            return result if isinstance(result, Response) else json_response(dumper.dump(result), status)

        return _describe(dumped, returns=(schema, status))

    return decorate


def also_returns(schema: type[Schema], status: int) -> Callable[[View], View]:
    """Say that a view may answer with another status too."""

    def decorate(view: View) -> View:
        return _describe(view, also_returns=(schema, status))

    return decorate


def raises(*errors: type[PayHubError]) -> Callable[[View], View]:
    """Say which refusals of its own a view can answer with."""

    def decorate(view: View) -> View:
        return _describe(view, raises=errors)

    return decorate


def bilingual(vi: str, en: str) -> str:
    """Write both languages into the one string a schema's validator takes; `payhub.input` takes them apart."""
    return f"{vi}{BETWEEN}{en}"


def json_response(value: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(orjson.dumps(value), status, mimetype="application/json")


def _describe(view: View, *, raises: Sequence[type[PayHubError]] = (), **facts: Any) -> View:
    known: dict[str, Any] = getattr(view, "operation", {})
    view.operation = {**known, **facts, "raises": (*known.get("raises", ()), *raises)}  # type: ignore[attr-defined] # it is kept on the view
    return view


def problem(error: PayHubError) -> Response:
    """Write an error as `application/problem+json` in the caller's language."""
    spoken = language()
    body: dict[str, Any] = {
        "type": f"urn:payhub:problem:{error.code}",
        "title": error.title.in_language(spoken),
        "status": error.status,
        "code": error.code,
        **error.facts,
    }
    if error.detail:
        body["detail"] = error.detail.in_language(spoken)
    if isinstance(error, InvalidInput):
        body["errors"] = [{"pointer": p.pointer, "code": p.code, "detail": p.text.in_language(spoken)} for p in error.problems]
    response = Response(orjson.dumps(body), error.status, error.headers, content_type=PROBLEM)
    response.headers["Content-Language"] = spoken
    return response


def answer_errors(app: Flask) -> None:
    """Turn the error tree into problems, once for the whole application."""
    app.register_error_handler(PayHubError, problem)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OperationalError, _unavailable)
    app.register_error_handler(PoolTimeout, _unavailable)
    app.register_error_handler(RedisError, _unavailable)
    app.register_error_handler(Exception, _unexpected)


_HTTP_ERRORS = {
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: MethodNotAllowed,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: BodyTooLarge,
}


def _http_error(error: HTTPException) -> Response:
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return Response(error.get_response().get_data(), error.code or 500, dict(error.get_headers()))
    headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
    known = _HTTP_ERRORS.get(HTTPStatus(error.code))
    if known is not None:
        return problem(known(headers=headers))
    phrase = HTTPStatus(error.code).phrase
    named = {"code": phrase.lower().replace(" ", "_"), "status": error.code, "title": Text(phrase, phrase)}
    return problem(type("HttpError", (PayHubError,), named)(headers=headers))


def _unavailable(error: Exception) -> Response:
    _log.error("store.unavailable", kind=type(error).__name__)
    return problem(Unavailable(headers={"Retry-After": "5"}))


def frames(error: Exception) -> list[str]:
    """Return where an error came from: lines of code. The values in its traceback may be a person's and stay out of the log."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]


def _unexpected(error: Exception) -> Response:
    _log.error("request.failed", kind=type(error).__name__, path=request.path.split("/")[1:2], frames=frames(error))
    return problem(Unexpected())
