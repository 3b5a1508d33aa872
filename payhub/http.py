"""HTTP for programs: who calls, what comes in, what goes out, and every error as an RFC 9457 problem.

A view is a sentence made of `@requires`, `@accepts`, `@returns`; the decorators also leave on the function what `openapi.py` writes
into the published document, so that the document cannot differ from the code.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from http import HTTPStatus
from itertools import islice
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
    FieldProblem,
    Forbidden,
    InvalidInput,
    Malformed,
    MethodNotAllowed,
    NotFound,
    PayHubError,
    Text,
    Unauthenticated,
    Unavailable,
    Unexpected,
)
from payhub.hub import Hub
from payhub.portals.keys import authenticate

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
    """Let in only callers whose key has this scope; `g.caller` is then set."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(**arguments: Any) -> Any:
            hub = the_hub()
            kind, _, key = request.headers.get("Authorization", "").partition(" ")
            caller = (
                authenticate(hub.registers, key.strip(), hub.settings.mode, hub.clock.now()) if kind.lower() == "bearer" else None
            )
            if caller is None:
                raise Unauthenticated
            if not caller.may(scope):
                raise Forbidden(Text(f"Khóa API cần quyền {scope}", f"The API key needs the scope {scope}"))
            g.caller, g.owner_id = caller, caller.portal.id
            return view(**arguments)

        return _describe(guarded, scope=scope)

    return decorate


def accepts(schema: type[Schema], *, place: str = "json") -> Callable[[View], View]:
    """Load the body (`json`) or the query string (`query`) through a strict schema and pass it as `data`."""
    loader = schema()

    def decorate(view: View) -> View:
        @wraps(view)
        def loaded(**arguments: Any) -> Any:
            raw = _json_body() if place == "json" else _query()
            try:
                data = loader.load(raw)
            except ValidationError as error:
                raise InvalidInput(list(islice(_problems(error.messages_dict), _MOST_PROBLEMS))) from None
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


_BETWEEN = " ⁞ "


def bilingual(vi: str, en: str) -> str:
    """Write both languages into the one string a schema's validator takes; `_problems` takes them apart."""
    return f"{vi}{_BETWEEN}{en}"


def json_response(value: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(orjson.dumps(value), status, mimetype="application/json")


def _describe(view: View, **facts: Any) -> View:
    view.operation = {**getattr(view, "operation", {}), **facts}  # type: ignore[attr-defined]
    return view


def _query() -> dict[str, str]:
    if len(request.query_string) > _LONGEST_QUERY:
        text = Text("Chuỗi truy vấn quá dài", "The query string is too long")
        raise InvalidInput([FieldProblem("", "query_too_long", text)])
    return request.args.to_dict()


def _json_body() -> Any:
    body = request.get_data(cache=True)
    if not body:
        raise Malformed(Text("Thiếu nội dung JSON", "The body is empty; send a JSON object"))
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(Text(f"Nội dung không phải JSON UTF-8: {error}", f"The body is not JSON in UTF-8: {error}")) from None
    if not isinstance(value, dict):
        raise Malformed(Text("Nội dung phải là một đối tượng JSON", "The body must be a JSON object"))
    return value


def _problems(messages: Any, pointer: str = "") -> Iterator[FieldProblem]:
    """Flatten marshmallow's nested messages into one problem per field, pointed at by RFC 6901."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            step = str(key)[:_LONGEST_STEP].replace("~", "~0").replace("/", "~1")
            yield from _problems(inner, pointer if key == "_schema" else f"{pointer}/{step}")
        return
    for message in messages if isinstance(messages, list) else [messages]:
        vi, _, en = str(message).partition(_BETWEEN)
        text = _TRANSLATED.get(str(message)) or Text(vi, en or vi)
        yield FieldProblem(pointer, "unknown_field" if text is _UNKNOWN else "invalid", text)


_MOST_PROBLEMS, _LONGEST_STEP, _LONGEST_QUERY = 100, 100, 8192
_UNKNOWN = Text("Trường không được hỗ trợ; hãy bỏ đi", "This field is not known; leave it out")
_TRANSLATED = {
    "Unknown field.": _UNKNOWN,
    "Missing data for required field.": Text("Thiếu trường bắt buộc", "This field is required"),
    "Field may not be null.": Text("Không được để trống", "This field may not be null"),
    "Not a valid integer.": Text(
        "Phải là số nguyên, không dùng phần thập phân hay chuỗi", "Must be an integer: no fraction, no text"
    ),
    "Not a valid string.": Text("Phải là chuỗi ký tự", "Must be text"),
    "Not a valid boolean.": Text("Phải là true hoặc false", "Must be true or false"),
    "Not a valid list.": Text("Phải là danh sách", "Must be a list"),
    "Not a valid mapping type.": Text("Phải là đối tượng JSON", "Must be a JSON object"),
    "Invalid input type.": Text("Phải là đối tượng JSON", "Must be a JSON object"),
    "Not a valid aware datetime.": Text(
        "Phải là thời điểm ISO 8601 có múi giờ, ví dụ 2026-11-21T16:00:00+07:00",
        "Must be an ISO 8601 instant with its zone, such as 2026-11-21T16:00:00+07:00",
    ),
    "Not a valid datetime.": Text("Phải là thời điểm ISO 8601 có múi giờ", "Must be an ISO 8601 instant with its zone"),
    "Not a valid date.": Text("Phải là ngày dạng YYYY-MM-DD", "Must be a date such as 2026-11-21"),
}


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


def _unexpected(error: Exception) -> Response:
    # The traceback names lines of code; the values in it may be a person's and stay out of the log.
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]
    _log.error("request.failed", kind=type(error).__name__, path=request.path.split("/")[1:2], frames=frames)
    return problem(Unexpected())
