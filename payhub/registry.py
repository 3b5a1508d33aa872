"""What each room brings to the front door: `init_app(registry)` of a room fills this in, `app.py` and `cli/` use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import click
from flask import Blueprint

from payhub.settings import Settings


@dataclass(frozen=True, slots=True)
class Periodic:
    """A job that the scheduler starts again and again: dotted path of a function without arguments, and how often."""

    path: str
    every_s: Callable[[Settings], int]


@dataclass(frozen=True, slots=True)
class Law:
    """Something that must hold of all rows. `checked` counts what it speaks of; `broken` selects what breaks it, ids first."""

    name: str
    checked: str
    broken: str


@dataclass(slots=True)
class Registry:
    """Everything the rooms offer."""

    blueprints: list[Blueprint] = field(default_factory=list)
    commands: list[click.Command] = field(default_factory=list)
    periodic: list[Periodic] = field(default_factory=list)
    laws: list[Law] = field(default_factory=list)
