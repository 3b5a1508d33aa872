"""Figures of the inbox."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter

from payhub import metrics

_verdicts = metrics.counter("payhub_callbacks", "Callbacks by gateway account and verdict", ["account", "verdict"])
_not_kept = metrics.counter("payhub_callbacks_not_kept", "Unverified callbacks answered and not kept, by what was full", ["quota"])
_tried = metrics.counter("payhub_callbacks_tried_again", "Kept callbacks tried again, by what became of them", ["standing"])


@cache
def _of(account: str, verdict: str) -> Counter:
    return _verdicts.labels(account, verdict)


def answered(account: str, verdict: str) -> None:
    """Count one message by what became of it."""
    _of(account, verdict).inc()


def not_kept(quota: str) -> None:
    """Count one message of which nothing is left but this."""
    _not_kept.labels(quota).inc()


def tried_again(standing: str) -> None:
    """Count one more try of a message that waited."""
    _tried.labels(standing).inc()
