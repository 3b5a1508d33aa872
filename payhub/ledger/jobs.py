"""The ledger's periodic work."""

from __future__ import annotations

from payhub import jobs
from payhub.ledger import rollups


def fold() -> None:
    """Add what was committed to the rollups; what is too much for once is left for the next time."""
    rollups.fold(jobs.hub())
