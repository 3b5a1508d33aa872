"""Calling a gateway account: sent, timed, and counted for its health."""

from __future__ import annotations

from time import perf_counter

from gateways.base import Request, Response
from payhub import metrics
from payhub.accounts.models import GatewayAccount
from payhub.exchange import send
from payhub.hub import Hub

_ERRORS_FROM = 500


def call(hub: Hub, account: GatewayAccount, request: Request) -> Response:
    """Send a request of an account and return its answer, whatever its status; raise `NotReached` or `OutcomeUnknown`."""
    started, good = perf_counter(), False
    try:
        response = send(request)
        good = response.status < _ERRORS_FROM
    finally:
        took = perf_counter() - started
        hub.health.heard(account.id, good=good, seconds=took)
        metrics.observe_call(account.code, good=good, seconds=took)
    return response
