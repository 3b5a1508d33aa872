"""HTTP as the protocols use it: raw parameters, flat JSON. Nothing here sends."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from gateways.base import Answer, Request, Response
from gateways.errors import Malformed

_NAME_QUOTED = 40


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query string: its decoded name, its decoded bytes, and the `name=value` it was written as."""

    name: str
    value: bytes = field(repr=False)
    raw: bytes = field(repr=False)


def parameters(query: bytes) -> list[Parameter]:
    """Split a raw query string, in order; a name that is not text counts as a strange name, not as an error."""
    read = []
    for pair in filter(None, query.split(b"&")):
        name, _, value = (unquote_to_bytes(part.replace(b"+", b" ")) for part in pair.partition(b"="))
        read.append(Parameter(name.decode("utf-8", "backslashreplace"), value, pair))
    return read


def text(name: str, value: bytes) -> str:
    """Read the value as UTF-8 without NUL, which no database keeps. Raises Malformed."""
    try:
        return _storable(name, value.decode())
    except UnicodeDecodeError:
        raise Malformed(f"{name} is not UTF-8") from None


def json_object(body: bytes) -> dict[str, object]:
    """Read a JSON object in UTF-8; numbers stay the text they were sent as. Raises Malformed, also for a name given twice."""
    read = _json(body)
    if not isinstance(read, dict):
        raise Malformed("the body is not a JSON object")
    return read


def json_list(body: bytes) -> list[object]:
    """Read a JSON array in the same way."""
    read = _json(body)
    if not isinstance(read, list):
        raise Malformed("the body is not a JSON array")
    return read


def plain(read: Mapping[str, object], wanted: Collection[str] | None = None) -> dict[str, str]:
    """Return the values, or those of the wanted names, each as the characters it was sent with: signatures are made over those.

    Null is empty. Raises Malformed for one that is nested, and for what no database keeps; what is not wanted does not count.
    """
    return {name: _plain(name, value) for name, value in read.items() if wanted is None or name in wanted}


def flat_json(body: bytes, wanted: Collection[str] | None = None) -> dict[str, str]:
    """Read the plain values of a JSON object (`json_object`, `plain`)."""
    return plain(json_object(body), wanted)


def answered_json(response: Response, wanted: Collection[str] | None = None) -> dict[str, str]:
    """Read a flat JSON answer (`flat_json`). Raises Malformed when its status is not 200."""
    return flat_json(answered(response), wanted)


def answered(response: Response) -> bytes:
    """Return the body of an answer. Raises Malformed when its status is not 200."""
    if response.status != 200:
        raise Malformed(f"the answer's status is {response.status}")
    return response.body


def post_json(url: str, document: Mapping[str, str]) -> Request:
    """Build a POST of JSON, ASCII only."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    return Request("POST", url, headers, json.dumps(document, separators=(",", ":")).encode())


def json_answer(document: Mapping[str, str]) -> Answer:
    """Answer 200 with JSON, ASCII only."""
    return Answer(200, "application/json", json.dumps(document, separators=(",", ":")).encode())


def _json(body: bytes) -> object:
    try:
        return json.loads(body.decode(), parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None


def _once(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    read: dict[str, object] = {}
    for name, value in pairs:
        if name in read:
            raise Malformed(f"{name[:_NAME_QUOTED]!a} is given twice")
        read[name] = value
    return read


def _plain(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _storable(name, value)
    raise Malformed(f"{name[:_NAME_QUOTED]!a} is not a plain value")


def _storable(name: str, value: str) -> str:
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise Malformed(f"{name[:_NAME_QUOTED]!a} holds what is no character")
    return value
