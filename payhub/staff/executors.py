"""What a decided proposal does: each feature says it for its own kinds, once, when it is imported."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from payhub.hub import Hub
from payhub.staff.models import Proposal

Executor = Callable[[Hub, Session, Proposal], None]
EXECUTORS: dict[str, Executor] = {}
DROPPERS: dict[str, Executor] = {}
Listener = Callable[[Session, Proposal, datetime], None]
LISTENERS: list[Listener] = []


def executes(kind: str) -> Callable[[Executor], Executor]:
    """Make a function what approved proposals of this kind do, in the transaction of the approval.

    It calls `void_if_changed` first and does nothing where that says so; whatever it raises undoes the approval.
    """
    return _registers(EXECUTORS, kind)


def dropped(kind: str) -> Callable[[Executor], Executor]:
    """Make a function what happens where a proposal of this kind is declined or withdrawn, in that very transaction."""
    return _registers(DROPPERS, kind)


def comes_to_nothing(listener: Listener) -> Listener:
    """Make a function what happens where a proposal of any kind is declined, withdrawn or void, in that very transaction."""
    if listener not in LISTENERS:
        LISTENERS.append(listener)
    return listener


def _registers(known: dict[str, Executor], kind: str) -> Callable[[Executor], Executor]:
    def decorate(executor: Executor) -> Executor:
        first = known.setdefault(kind, executor)
        if (first.__module__, first.__qualname__) != (executor.__module__, executor.__qualname__):
            raise ValueError(f"{kind} is executed by {first.__module__}.{first.__qualname__} already")
        return executor

    return decorate
