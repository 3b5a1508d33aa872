"""Who holds something about the person behind a payment, apart from it. A room says it for itself where it is wired in."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from payhub.people.terms import People


@dataclass(frozen=True, slots=True)
class Holder:
    """One kind of thing that is held apart from its payment, and how it is destroyed. Each call returns how many were."""

    name: str
    forget: Callable[[Session, Sequence[uuid.UUID]], int]
    """Destroy all that is held about these payments."""
    sweep: Callable[[Session, People, datetime, int], int]
    """Destroy at most so many of those whose own term is over now, whatever they are about."""
    left: Callable[[Session, int], Sequence[uuid.UUID]]
    """Return at most so many erased payments about which something came after they were erased."""


HOLDERS: dict[str, Holder] = {}
"""The rooms'; what the hub itself holds is in `holdings`."""


def holds(holder: Holder) -> None:
    """Make a holder known."""
    HOLDERS[holder.name] = holder
