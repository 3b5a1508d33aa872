"""The states of payments and attempts, as data. A repeat is no error; there is no way round."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class PaymentState(StrEnum):
    """Where a payment stands."""

    OPEN = "open"
    PAID = "paid"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVERSED = "reversed"


class AttemptState(StrEnum):
    """Where one try stands. `created`: the citizen was sent; `started`: the gateway knows the order."""

    CREATED = "created"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    CONFLICTED = "conflicted"
    REVERSED = "reversed"


P, A = PaymentState, AttemptState
_ENDS = frozenset({A.SUCCEEDED, A.FAILED, A.CANCELLED, A.CONFLICTED})

PAYMENT: Mapping[PaymentState, frozenset[PaymentState]] = {
    P.OPEN: frozenset({P.PAID, P.CANCELLED, P.EXPIRED}),
    P.EXPIRED: frozenset({P.PAID, P.CANCELLED}),
    P.PAID: frozenset({P.REVERSED}),
    P.CANCELLED: frozenset(),
    P.REVERSED: frozenset(),
}

ATTEMPT: Mapping[AttemptState, frozenset[AttemptState]] = {
    A.CREATED: _ENDS | {A.STARTED, A.UNKNOWN},
    A.STARTED: _ENDS | {A.UNKNOWN},
    A.UNKNOWN: _ENDS,
    A.FAILED: frozenset({A.SUCCEEDED, A.CONFLICTED}),
    A.CANCELLED: frozenset({A.SUCCEEDED, A.CONFLICTED}),
    A.SUCCEEDED: frozenset({A.REVERSED}),
    A.CONFLICTED: frozenset(),
    A.REVERSED: frozenset(),
}

UNDECIDED = frozenset({A.CREATED, A.STARTED, A.UNKNOWN})
"""An attempt of which money may still come without anybody having said otherwise."""

GRAPHS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "payment": {state: frozenset(after) for state, after in PAYMENT.items()},
    "attempt": {state: frozenset(after) for state, after in ATTEMPT.items()},
}


class ImpossibleTransition(Exception):
    """A state was asked to become one it cannot become: a fault of ours, never of a caller."""


def check(graph: str, before: str, after: str) -> None:
    """Raise `ImpossibleTransition` unless the named graph has this step."""
    if after not in GRAPHS[graph][before]:
        raise ImpossibleTransition(f"{graph}: {before} cannot become {after}")


def dot() -> str:
    """Draw every graph in the DOT language."""
    lines = ["digraph states {", "  rankdir=LR;"]
    for name, graph in GRAPHS.items():
        lines.append(f"  subgraph cluster_{name} {{ label={name};")
        lines += [f'    "{name} {state}" [label={state}];' for state in graph]
        lines += [f'    "{name} {before}" -> "{name} {after}";' for before, afters in graph.items() for after in sorted(afters)]
        lines.append("  }")
    return "\n".join([*lines, "}", ""])
