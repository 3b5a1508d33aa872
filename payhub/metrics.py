"""Health and figures for machines that watch."""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from payhub.accounts.health import Condition
from payhub.counting import REGISTRY, counter
from payhub.discrepancies import service
from payhub.discrepancies.models import KINDS
from payhub.http import json_response, the_hub
from payhub.hub import Hub

__all__ = ["bp", "counter", "observe", "observe_call"]

bp = Blueprint("metrics", __name__)
_seconds = Histogram(
    "payhub_http_request_seconds",
    "Time to answer, by route",
    ["method", "route"],
    registry=REGISTRY,
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_answers = counter("payhub_http_answers", "Answers by route and status", ["method", "route", "status"])
_calls = Histogram(
    "payhub_gateway_call_seconds",
    "Time a gateway took to answer, by account and whether the call counts as good",
    ["account", "good"],
    registry=REGISTRY,
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_conditions = Gauge(
    "payhub_gateway_condition", "1 for the condition each account is in", ["account", "condition"], registry=REGISTRY
)

_discrepancies = Gauge(
    "payhub_discrepancies", "Discrepancies that are not resolved, and those of them that are overdue, by kind",
    ["kind", "standing"], registry=REGISTRY,
)  # fmt: skip


@cache
def _figures(method: str, route: str, status: int) -> tuple[Histogram, Counter]:
    return _seconds.labels(method, route), _answers.labels(method, route, str(status))


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answer. All three labels come from our own routes and codes, so there are few of them."""
    took, answers = _figures(method, route, status)
    took.observe(seconds)
    answers.inc()


def observe_call(account: str, *, good: bool, seconds: float) -> None:
    """Count one call to a gateway."""
    _calls.labels(account, str(good).lower()).observe(seconds)


@bp.get("/metrics")
def metrics() -> Response:
    """Figures of this process, and how the gateway accounts stand for all of them, in the Prometheus text format."""
    hub = the_hub()
    for account in hub.registers.gateway_accounts.values():
        stands = "held" if account.id in hub.registers.held else hub.health.standing(account.id).condition
        for condition in (*Condition, "held"):
            _conditions.labels(account.code, condition).set(condition == stands)
    _count_discrepancies(hub)
    return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _count_discrepancies(hub: Hub) -> None:
    """Count what is not resolved. Without a database the figures are left out, and the others stay."""
    _discrepancies.clear()
    try:
        with hub.db.session() as session:
            counted = service.count(session, hub.clock.now())
    except (SQLAlchemyError, OSError):
        return
    for kind in KINDS:
        for standing, figure in zip(("open", "overdue"), counted.get(kind, (0, 0)), strict=True):
            _discrepancies.labels(kind, standing).set(figure)


@bp.get("/healthz")
def healthz() -> Response:
    """Say that the process runs."""
    return json_response({"status": "ok"})


@bp.get("/readyz")
def readyz() -> Response:
    """Say whether the stores answer; without PostgreSQL the hub is not ready, without Valkey it only waits with its jobs."""
    hub = the_hub()
    found = {"database": True, "redis": True}
    try:
        with hub.db.autocommit() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        found["database"] = False
    try:
        hub.redis.ping()
    except RedisError:
        found["redis"] = False
    return json_response(found, 200 if found["database"] else 503)
