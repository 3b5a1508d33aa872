"""A flood of messages nobody signed for."""

from __future__ import annotations

import dataclasses

from redis import Redis

from payhub.app import create_app
from webhooks import unverified

URL = "/callbacks/vnpay/vnpay-main?vnp_TxnRef=1&vnp_SecureHash=00"


def test_a_flood_is_answered_and_not_kept(client, rows, clock) -> None:
    answers = {client.get(URL).json["RspCode"] for _ in range(unverified.PER_MINUTE + 20)}
    assert answers == {"97"} or answers == {"99"}
    assert rows("SELECT count(*) FROM callback") == [(unverified.PER_MINUTE,)]
    clock.pass_(minutes=1)
    client.get(URL)
    assert rows("SELECT count(*) FROM callback") == [(unverified.PER_MINUTE + 1,)]


def test_without_valkey_all_are_kept_and_answered(hub, rows) -> None:
    alone = create_app(hub=dataclasses.replace(hub, redis=Redis(host="127.0.0.1", port=9))).test_client()
    assert alone.get(URL).status_code == 200
    assert rows("SELECT count(*) FROM callback") == [(1,)]


def test_they_are_forgotten_after_thirty_days_and_verified_ones_are_not(hub, paid, client, rows, clock) -> None:
    client.get(URL)
    clock.pass_(days=31)
    with hub.db.session() as session:
        assert unverified.sweep(session, clock.now()) == 1
    assert rows("SELECT verdict FROM callback") == [("recorded",)]
