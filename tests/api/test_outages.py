"""A store that does not answer: nothing is done, and everybody hears it in words they understand."""

from __future__ import annotations

import dataclasses

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from payhub.app import create_app
from payhub.hub import build


@pytest.fixture
def cut_off(hub, settings):
    """The same hub, whose database has gone after the registers were read."""
    gone = dataclasses.replace(
        settings, database=dataclasses.replace(settings.database, url="postgresql+psycopg://x@127.0.0.1:9/x")
    )
    broken = build(gone, hub.gateways, hub.clock)
    broken = dataclasses.replace(broken, cache=hub.cache, redis=Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 1)))
    hub.cache.fresh()
    yield create_app(hub=broken).test_client()
    broken.db.close()


def test_without_the_database_a_portal_hears_503_and_when_to_come_again(cut_off, keys, order) -> None:
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": "k"}
    answer = cut_off.post("/v1/payments", json=order, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]


def test_without_the_database_a_gateway_hears_99_and_comes_again(cut_off, citizen) -> None:
    message = citizen.message(citizen.try_())
    answer = cut_off.get(f"/callbacks/vnpay/vnpay-main?{message}")
    assert (answer.status_code, answer.json["RspCode"]) == (200, "99")
    assert citizen.call_back(message) == "00"


def test_readiness_tells_the_truth(cut_off, client) -> None:
    assert client.get("/readyz").json == {"database": True, "redis": True}
    answer = cut_off.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"database": False, "redis": False})
    assert cut_off.get("/healthz").status_code == 200


def test_figures_are_counted_by_route_and_hold_no_ids(client, ask, order) -> None:
    made = ask(order).json
    client.get(f"/v1/payments/{made['id']}", headers={"Authorization": "Bearer x"})
    figures = client.get("/metrics").text
    assert 'route="/v1/payments"' in figures
    assert made["id"] not in figures
