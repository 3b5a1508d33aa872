"""Fields of any protocol by their form: what we write is refused with a ValueError, what we are told with Malformed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from gateways.errors import Malformed

GMT7 = timezone(timedelta(hours=7))
"""Viet Nam, where no clock is ever changed."""


def checked(form: re.Pattern[str], name: str, value: str) -> str:
    """Give what we are about to write back if it is of the form. Raises ValueError."""
    if not form.fullmatch(value):
        raise ValueError(f"{name} is not of the form the gateway takes")
    return value


def formed(form: re.Pattern[str], name: str, value: str) -> str:
    """Give what we were told back if it is of the form. Raises Malformed."""
    if not form.fullmatch(value):
        raise Malformed(f"{name} is not of its form")
    return value


def required(told: Mapping[str, str], name: str) -> str:
    """Read a field that must be there. Raises Malformed."""
    if not told.get(name):
        raise Malformed(f"{name} is missing")
    return told[name]


def zoned(name: str, at: datetime) -> datetime:
    """Give an instant back if it says its zone. Raises ValueError."""
    if at.tzinfo is None:
        raise ValueError(f"{name}: a time without its zone")
    return at
