"""A flood of messages nobody signed for."""

from __future__ import annotations

import dataclasses

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from payhub.app import create_app
from webhooks import unverified

URL = "/callbacks/vnpay/vnpay-main?vnp_TxnRef=1&vnp_SecureHash=00"
KEPT = "SELECT count(*) FROM callback"


@pytest.fixture
def limited(hub):
    """An application whose quotas are as said, with Valkey or without."""

    def make(*, valkey: bool = True, **quotas: int):
        redis = hub.redis if valkey else Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 1))
        settings = dataclasses.replace(hub.settings, callbacks=dataclasses.replace(hub.settings.callbacks, **quotas))
        return create_app(hub=dataclasses.replace(hub, redis=redis, settings=settings)).test_client()

    return make


def send(client, source: str, times: int = 1) -> None:
    for _ in range(times):
        answer = client.get(URL, environ_base={"REMOTE_ADDR": source})
        assert answer.status_code == 200
        assert answer.json["RspCode"] in {"97", "99"}


def not_kept(client, quota: str) -> float:
    told = client.get("/metrics").text.splitlines()
    found = [line for line in told if line.startswith(f'payhub_callbacks_not_kept_total{{quota="{quota}"}}')]
    return float(found[0].split()[-1]) if found else 0.0


def test_a_flood_is_answered_and_not_kept(hub, client, rows, clock) -> None:
    most, before = hub.settings.callbacks.source_minute, not_kept(client, "source_minute")
    send(client, "203.0.113.1", most + 20)
    assert rows(KEPT) == [(most,)]
    assert not_kept(client, "source_minute") == before + 20
    clock.pass_(minutes=1)
    send(client, "203.0.113.1")
    assert rows(KEPT) == [(most + 1,)]


@pytest.mark.parametrize("valkey", [True, False])
@pytest.mark.parametrize("quota", ["source_day", "account_day", "total_day"])
def test_each_quota_of_a_day_holds_with_valkey_and_without(limited, rows, clock, quota, valkey) -> None:
    client = limited(valkey=valkey, **{quota: 3})
    before = not_kept(client, quota)
    for _ in range(5):
        send(client, "203.0.113.1")
        clock.pass_(minutes=2)
    assert rows(KEPT) == [(3,)]
    assert not_kept(client, quota) == before + 2
    clock.pass_(days=1)
    send(client, "203.0.113.1")
    assert rows(KEPT) == [(4,)]


@pytest.mark.parametrize("valkey", [True, False])
def test_the_bytes_of_a_day_are_bounded(limited, rows, valkey) -> None:
    client = limited(valkey=valkey, total_day_bytes=3000)
    for _ in range(4):
        client.post("/callbacks/vnpay/vnpay-main", data=b"x" * 1200)
    assert rows(KEPT) == [(2,)]


def test_one_strangers_flood_takes_nothing_from_another(limited, rows) -> None:
    client = limited(source_minute=2, account_day=5)
    send(client, "203.0.113.1", 50)
    send(client, "198.51.100.7", 2)
    assert rows("SELECT source, count(*) FROM callback GROUP BY 1 ORDER BY 1") == [("198.51.100.7", 2), ("203.0.113.1", 2)]


def test_the_genuine_message_is_heard_when_every_quota_is_used_up(limited, hub, ask, order, citizen_of, rows) -> None:
    client = limited(total_day=1)
    send(client, "203.0.113.1", 5)
    citizen = citizen_of(ask(order))
    citizen.client = client
    assert citizen.says(citizen.try_()) == "00"
    assert rows("SELECT verdict FROM callback ORDER BY id")[-1] == ("recorded",)


def test_without_valkey_they_are_kept_and_answered(limited, rows) -> None:
    send(limited(valkey=False), "203.0.113.1")
    assert rows(KEPT) == [(1,)]


@pytest.mark.parametrize("how", ["body", "query"])
def test_more_than_64_kib_are_answered_in_the_protocols_words_and_not_kept(client, rows, how) -> None:
    before = not_kept(client, "size")
    url = "/callbacks/vnpay/vnpay-main"
    answer = client.post(url, data=b"x" * 65_537) if how == "body" else client.get(f"{url}?{'x' * 65_537}")
    assert (answer.status_code, answer.json["RspCode"]) == (200, "99")
    assert rows(KEPT) == [(0,)]
    assert not_kept(client, "size") == before + 1


def test_they_are_forgotten_after_thirty_days_and_verified_ones_are_not(hub, paid, client, rows, clock) -> None:
    client.get(URL)
    clock.pass_(days=31)
    with hub.db.session() as session:
        assert unverified.sweep(session, clock.now()) == 1
    assert rows("SELECT verdict FROM callback") == [("recorded",)]
