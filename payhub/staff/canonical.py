"""One spelling for one value, so that equal things have equal hashes: RFC 8785, for values without fractions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def canonical(value: Any) -> str:
    """Return the canonical JSON of a value made of objects, lists, texts, integers, booleans and null."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_of(text: str) -> bytes:
    """Return the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).digest()


def instant(at: datetime) -> str:
    """Return the one spelling of an instant: UTC, microseconds, Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and key.isascii() for key in value):
            raise ValueError("keys must be ASCII texts")
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a text must not hold NUL, which jsonb cannot keep")
        return str(value)
    if value is None or isinstance(value, bool | int):
        return value
    # A fraction has more than one spelling, and money has none.
    raise ValueError(f"{type(value).__name__} has no canonical form: write it as a text or an integer")
