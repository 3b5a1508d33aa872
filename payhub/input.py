"""What a request brings: a JSON body or a query string, read strictly, and what is wrong with it, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import orjson
from flask import request
from marshmallow import ValidationError

from payhub.errors import FieldProblem, InvalidInput, Malformed, Text, UnsupportedMediaType

BETWEEN = " ⁞ "
"""What stands between Vietnamese and English in a message of a schema."""
_MOST_PROBLEMS, _LONGEST_STEP, _LONGEST_QUERY = 100, 100, 8192
_JSON = "application/json"


def query() -> dict[str, str]:
    """Return the parameters of the query string; none may be given twice."""
    if len(request.query_string) > _LONGEST_QUERY:
        text = Text("Chuỗi truy vấn quá dài", "The query string is too long")
        raise InvalidInput([FieldProblem("", "query_too_long", text)])
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise InvalidInput([FieldProblem(f"/{_step(name)}", "parameter_repeated", _REPEATED) for name in twice[:_MOST_PROBLEMS]])
    return request.args.to_dict()


def json_body() -> dict[str, Any]:
    """Return the JSON object that is the body."""
    _demand_json()
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


def refused(error: ValidationError) -> InvalidInput:
    """Return what a schema found as the error that answers it."""
    return InvalidInput(list(islice(_problems(error.messages_dict), _MOST_PROBLEMS)))


def _demand_json() -> None:
    """Refuse a body that calls itself anything but JSON in UTF-8; one that does not say is tried (RFC 9110, 8.3)."""
    if request.content_type in {None, "", _JSON}:
        return
    parameters = {name: value.lower() for name, value in request.mimetype_params.items()}
    if request.mimetype != _JSON or parameters not in ({}, {"charset": "utf-8"}):
        raise UnsupportedMediaType(headers={"Accept": _JSON})


def _problems(messages: Any, pointer: str = "") -> Iterator[FieldProblem]:
    """Flatten marshmallow's nested messages into one problem per field, pointed at by RFC 6901."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from _problems(inner, pointer if key == "_schema" else f"{pointer}/{_step(str(key))}")
        return
    for message in messages if isinstance(messages, list) else [messages]:
        vi, _, en = str(message).partition(BETWEEN)
        text = _TRANSLATED.get(str(message)) or Text(vi, en or vi)
        yield FieldProblem(pointer, "unknown_field" if text is _UNKNOWN else "invalid", text)


def _step(name: str) -> str:
    return name[:_LONGEST_STEP].replace("~", "~0").replace("/", "~1")


_REPEATED = Text("Tham số chỉ được gửi một lần", "This parameter may be given only once")
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
