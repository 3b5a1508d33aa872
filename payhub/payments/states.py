"""The states of payments, attempts, refunds and disputes, as data. A repeat is no error; there is no way round."""

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


class RefundState(StrEnum):
    """Where giving money back stands. `submitted`: a try was sent to the gateway, and the money is on its way out of the books."""

    REQUESTED = "requested"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class TryState(StrEnum):
    """Where one request to give back stands. `not_reached`: the gateway cannot have seen it."""

    CREATED = "created"
    PROCESSING = "processing"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_REACHED = "not_reached"


class DisputeState(StrEnum):
    """Where a chargeback stands: its money is reserved while it is `opened` and gone when it is `lost`."""

    OPENED = "opened"
    WON = "won"
    LOST = "lost"


P, A, R, T, D = PaymentState, AttemptState, RefundState, TryState, DisputeState
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
    A.CONFLICTED: frozenset({A.REVERSED}),
    A.REVERSED: frozenset(),
}

REFUND: Mapping[RefundState, frozenset[RefundState]] = {
    R.REQUESTED: frozenset({R.APPROVED, R.DECLINED, R.WITHDRAWN}),
    # What was approved may no longer be there to give back.
    R.APPROVED: frozenset({R.SUBMITTED, R.WITHDRAWN}),
    R.SUBMITTED: frozenset({R.SUCCEEDED, R.FAILED, R.UNKNOWN}),
    R.UNKNOWN: frozenset({R.SUCCEEDED, R.FAILED}),
    R.SUCCEEDED: frozenset({R.FAILED}),
    R.FAILED: frozenset({R.SUBMITTED}),
    R.DECLINED: frozenset(),
    R.WITHDRAWN: frozenset(),
}

REFUND_TRY: Mapping[TryState, frozenset[TryState]] = {
    T.CREATED: frozenset({T.ACCEPTED, T.REFUSED, T.PROCESSING, T.UNKNOWN, T.NOT_REACHED}),
    T.PROCESSING: frozenset({T.ACCEPTED, T.REFUSED, T.UNKNOWN}),
    T.UNKNOWN: frozenset({T.ACCEPTED, T.REFUSED}),
    T.ACCEPTED: frozenset({T.REFUSED}),
    T.REFUSED: frozenset(),
    T.NOT_REACHED: frozenset(),
}

DISPUTE: Mapping[DisputeState, frozenset[DisputeState]] = {
    D.OPENED: frozenset({D.WON, D.LOST}),
    D.WON: frozenset(),
    D.LOST: frozenset(),
}

UNDECIDED = frozenset({A.CREATED, A.STARTED, A.UNKNOWN})
"""An attempt of which money may still come without anybody having said otherwise."""

WAITING = frozenset({R.REQUESTED, R.APPROVED})
"""A refund that reserves money which nobody has been asked for yet."""

TAKEN = frozenset({R.SUBMITTED, R.UNKNOWN, R.SUCCEEDED})
"""A refund whose money has left what is owed or unapplied."""

UNANSWERED = frozenset({T.CREATED, T.PROCESSING, T.UNKNOWN})
"""A request to give back that may still be carried out without anybody having said so."""

GRAPHS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "payment": {state: frozenset(after) for state, after in PAYMENT.items()},
    "attempt": {state: frozenset(after) for state, after in ATTEMPT.items()},
    "refund": {state: frozenset(after) for state, after in REFUND.items()},
    "refund_try": {state: frozenset(after) for state, after in REFUND_TRY.items()},
    "dispute": {state: frozenset(after) for state, after in DISPUTE.items()},
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
