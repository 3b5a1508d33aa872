"""What a discrepancy may become. The database's trigger says the same."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from payhub.discrepancies.errors import DiscrepancyResolved


class State(StrEnum):
    """Where a discrepancy stands. `proposed`: one person has proposed what is to be done, and another has not decided yet."""

    OPEN = "open"
    ASSIGNED = "assigned"
    PROPOSED = "proposed"
    RESOLVED = "resolved"


O, A, P, R = State.OPEN, State.ASSIGNED, State.PROPOSED, State.RESOLVED  # noqa: E741 - the table is read by its columns

TRANSITIONS: Mapping[State, frozenset[State]] = {
    O: frozenset({A, P, R}),
    # Back to open: nobody's any more, or new evidence, which somebody must look at before it is theirs again.
    A: frozenset({O, P, R}),
    # Back to open or assigned: the proposal came to nothing, or new evidence.
    P: frozenset({O, A, R}),
    # By new evidence, or by a person with a reason.
    R: frozenset({O}),
}


def check(before: str, after: State) -> None:
    """Raise where a discrepancy that is `before` does not become `after`. To stay what it is, is no change."""
    if before != after and after not in TRANSITIONS[State(before)]:
        raise DiscrepancyResolved
