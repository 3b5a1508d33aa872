"""What the commands read from a terminal."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import click

from payhub import ids
from payhub.hub import Hub

GetHub = Callable[[], Hub]


class Id(click.ParamType[uuid.UUID]):
    """An id as the hub shows it, or the bare UUID."""

    def __init__(self, kind: str, name: str) -> None:
        self._kind, self.name = kind, name

    def convert(self, value: str | uuid.UUID, param: click.Parameter | None, ctx: click.Context | None) -> uuid.UUID:
        """Read it."""
        if isinstance(value, uuid.UUID):
            return value
        known = next((found for mode in ("live", "test") if (found := ids.read_public_id(self._kind, value, mode))), None)
        try:
            return known or uuid.UUID(value)
        except ValueError:
            self.fail(f"{value!r} is no id of this kind", param, ctx)


ENDPOINT, DELIVERY = Id("whe", "endpoint"), Id("msg", "delivery")
