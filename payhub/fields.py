"""Fields of schemas: strict, bounded, and refusing what a person cannot see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, validate

from payhub.http import bilingual
from payhub.identifiers import HIDDEN

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DIGITS = re.compile(r"[0-9]{1,9}")


def plain(value: str) -> None:
    """Refuse hidden characters and texts of nothing but spaces."""
    if HIDDEN.search(value):
        raise ValidationError(bilingual("Có ký tự điều khiển hoặc ký tự ẩn", "Control and hidden characters are not allowed"))
    if not value.strip():
        raise ValidationError(bilingual("Không được để trống", "Must not be blank"))


def text(longest: int, *, required: bool = False, shortest: int = 1, **options: Any) -> fields.String:
    """Return a field of plain text between `shortest` and `longest` characters."""
    error = bilingual(f"Dài từ {shortest} đến {longest} ký tự", f"Must be {shortest} to {longest} characters")
    return fields.String(required=required, validate=[plain, validate.Length(shortest, longest, error=error)], **options)


def one_of(choices: tuple[str, ...], **options: Any) -> fields.String:
    """Return a field that takes one of these words."""
    words = ", ".join(choices)
    rule = validate.OneOf(choices, error=bilingual(f"Phải là một trong: {words}", f"Must be one of: {words}"))
    return fields.String(validate=rule, **options)


def one_day(value: str) -> date:
    """Read YYYY-MM-DD and no other spelling of a day; raise `ValueError` otherwise."""
    if not _DAY.fullmatch(value):
        raise ValueError
    return date.fromisoformat(value)


class Day(fields.Date):
    """A day as a query string writes it."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> date:
        try:
            return one_day(value)
        except (TypeError, ValueError):
            raise self.make_error("invalid", input=value) from None


class Count(fields.Integer):
    """A whole number as a query string writes it: digits alone, no sign, no spaces."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise ValidationError(bilingual("Phải là số nguyên từ 1 đến 9 chữ số", "Must be a whole number of 1 to 9 digits"))
        return int(value)


def page_limit() -> Count:
    """Return the field that says how many a page of a list holds."""
    rule = validate.Range(1, 200, error=bilingual("Từ 1 đến 200", "Must be 1 to 200"))
    return Count(load_default=50, validate=rule)


class Few(fields.List[Any]):
    """A list that is counted before anything in it is read: a million empty objects cost nothing."""

    def __init__(self, inner: Any, most: int, **options: Any) -> None:
        error = bilingual(f"Từ 1 đến {most} khoản", f"Must have 1 to {most} entries")
        self._rule = validate.Length(1, most, error=error)
        super().__init__(inner, validate=self._rule, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> list[Any]:
        if isinstance(value, list):
            self._rule(value)
        return super()._deserialize(value, attr, data, **options)


class Flag(fields.Boolean):
    """JSON's true or false and nothing that Python thinks is equal to them."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def address(value: str) -> None:
    """Refuse what is not a complete http(s) address, written without spaces or hidden characters."""
    try:
        url = urlsplit(value)
        complete = url.scheme in {"https", "http"} and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        complete = False
    if not complete or not value.isprintable() or " " in value:
        raise ValidationError(bilingual("Phải là địa chỉ https đầy đủ", "Must be a complete https address"))


def short_texts(value: Mapping[str, Any]) -> None:
    """Refuse metadata that is not at most 20 short texts: keys to 40, values to 500 characters."""
    short = all(
        isinstance(text, str) and len(text) <= 500 and len(key) <= 40 and not HIDDEN.search(key + text)
        for key, text in value.items()
    )
    if len(value) > 20 or not short:
        message = bilingual("Tối đa 20 mục, mỗi mục là chuỗi ngắn", "At most 20 entries: keys to 40, texts to 500 characters")
        raise ValidationError(message)
