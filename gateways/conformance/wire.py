"""A message taken apart and put together: JSON or a form, whichever it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

from gateways.base import Incoming
from gateways.conformance.given import Sent

Fields = list[tuple[str, Any]]
"""Names and values: JSON values, or the decoded bytes of a form."""


def raw(sent: Sent) -> bytes:
    """Return the bytes that the message is made of: the query string where there is no body."""
    return sent.query if isinstance(sent, Incoming) and not sent.body else sent.body


def sent_as(sent: Sent, content: bytes) -> Sent:
    """Return the message made of these bytes instead."""
    if isinstance(sent, Incoming) and not sent.body:
        return replace(sent, query=content)
    return replace(sent, body=content)


def is_json(sent: Sent) -> bool:
    """Whether the message is JSON and no form."""
    return raw(sent).lstrip().startswith(b"{")


def fields(sent: Sent) -> Fields:
    """Take a message apart."""
    if is_json(sent):
        read: Fields = json.loads(raw(sent), object_pairs_hook=list)
        return [(name, value) for name, value in read]
    pairs = parse_qsl(raw(sent).decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    return [(name, value.encode("latin-1")) for name, value in pairs]


def made_of(sent: Sent, told: Iterable[tuple[str, Any]]) -> Sent:
    """Put a message together again."""
    return sent_as(sent, _json(told) if is_json(sent) else _form(told))


def with_value(sent: Sent, name: str, value: Any) -> Sent:
    """Return the message with another value of one field."""
    return made_of(sent, [(each, value if each == name else told) for each, told in fields(sent)])


def encodings(sent: Sent) -> Iterator[Sent]:
    """Write the same fields in every other way that means the same."""
    told = fields(sent)
    if is_json(sent):
        for ascii_only in (True, False):
            yield sent_as(sent, _json(told, ascii_only=ascii_only))
            yield sent_as(sent, _json(told, ascii_only=ascii_only, between=" ,\r\n\t"))
        return
    escaped = [(name, "".join(f"%{byte:02X}" for byte in value)) for name, value in told]
    for pairs in (
        [(name, quote(value, safe="")) for name, value in told],
        [(name, quote_plus(value, safe="~*()!'")) for name, value in told],
        escaped,
        [(name, value.lower()) for name, value in escaped],
        [("".join(f"%{byte:02x}" for byte in name.encode()), value) for name, value in escaped],
    ):
        yield sent_as(sent, "&".join(f"{name}={value}" for name, value in pairs).encode())


def _json(told: Iterable[tuple[str, Any]], *, ascii_only: bool = True, between: str = ",") -> bytes:
    written = (f"{json.dumps(name)}:{_value(value, ascii_only=ascii_only)}" for name, value in told)
    return ("{" + between.join(written) + "}").encode("utf-8", "surrogatepass")


def _value(value: Any, *, ascii_only: bool) -> str:
    # Objects were read as lists of pairs, so that a name can be there twice.
    if isinstance(value, list) and value and all(isinstance(each, tuple) for each in value):
        return "{" + ",".join(f"{json.dumps(name)}:{_value(each, ascii_only=ascii_only)}" for name, each in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_value(each, ascii_only=ascii_only) for each in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def _form(told: Iterable[tuple[str, Any]]) -> bytes:
    pairs = ((name, value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")) for name, value in told)
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode()
