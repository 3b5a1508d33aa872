"""What a proposal may become. The database's trigger says the same."""

from __future__ import annotations

from enum import StrEnum


class ProposalState(StrEnum):
    """Where a proposal stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    EXECUTED = "executed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    VOID = "void"


PROPOSAL: dict[str, frozenset[str]] = {
    ProposalState.PROPOSED: frozenset(
        {ProposalState.APPROVED, ProposalState.DECLINED, ProposalState.WITHDRAWN, ProposalState.VOID}
    ),
    ProposalState.APPROVED: frozenset({ProposalState.EXECUTED, ProposalState.VOID}),
    ProposalState.EXECUTED: frozenset(),
    ProposalState.DECLINED: frozenset(),
    ProposalState.WITHDRAWN: frozenset(),
    ProposalState.VOID: frozenset(),
}
