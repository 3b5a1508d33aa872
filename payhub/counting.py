"""Counters for machines that watch; `metrics.py` publishes them."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter

REGISTRY = CollectorRegistry()


def counter(name: str, says: str, labels: Sequence[str]) -> Counter:
    """Return a counter of a feature's own. What its labels may be is a list of ours, so that there are few of them."""
    return Counter(name, says, labels, registry=REGISTRY)
