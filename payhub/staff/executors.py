"""What an approved proposal does: each feature says it for its own kinds, once, when it is imported."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from payhub.hub import Hub
from payhub.staff.models import Proposal

Executor = Callable[[Hub, Session, Proposal], None]
EXECUTORS: dict[str, Executor] = {}


def executes(kind: str) -> Callable[[Executor], Executor]:
    """Make a function what approved proposals of this kind do, in the transaction of the approval.

    It calls `void_if_changed` first and does nothing where that says so; whatever it raises undoes the approval.
    """

    def decorate(executor: Executor) -> Executor:
        known = EXECUTORS.setdefault(kind, executor)
        if (known.__module__, known.__qualname__) != (executor.__module__, executor.__qualname__):
            raise ValueError(f"{kind} is executed by {known.__module__}.{known.__qualname__} already")
        return executor

    return decorate
