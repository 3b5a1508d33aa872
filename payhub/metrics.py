"""Health and figures for machines that watch."""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from payhub.http import json_response, the_hub

bp = Blueprint("metrics", __name__)
_registry = CollectorRegistry()
_seconds = Histogram(
    "payhub_http_request_seconds",
    "Time to answer, by route",
    ["method", "route"],
    registry=_registry,
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_answers = Counter("payhub_http_answers", "Answers by route and status", ["method", "route", "status"], registry=_registry)


@cache
def _figures(method: str, route: str, status: int) -> tuple[Histogram, Counter]:
    return _seconds.labels(method, route), _answers.labels(method, route, str(status))


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answer. All three labels come from our own routes and codes, so there are few of them."""
    took, answers = _figures(method, route, status)
    took.observe(seconds)
    answers.inc()


@bp.get("/metrics")
def metrics() -> Response:
    """Figures of this process, in the Prometheus text format."""
    return Response(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)


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
