"""Lists of banks: asked for once an hour, kept for a day, and missed by nobody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import requests
from redis import Redis
from sqlalchemy import text

from gateways.base import Bank
from payhub import jobs
from payhub.accounts.banks import Banks
from payhub.accounts.jobs import fetch, fetch_banks
from payhub.hub import brief_redis

NCB = Bank("NCB", "Ngân hàng NCB", "VNBANK")
NOWHERE = "unix:///nowhere/valkey.sock"


@pytest.fixture
def account(hub) -> Any:
    return hub.registers.gateway_accounts["vnpay-main"]


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The addresses that were asked over HTTP."""
    seen: list[str] = []
    send = requests.Session.send

    def noted(session: Any, request: Any, **options: Any) -> Any:
        seen.append(request.url)
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", noted)
    return seen


@pytest.fixture
def hour_later(hub, clock) -> Callable[[], None]:
    """An hour passes for us and for Valkey, whose clock is real."""

    def pass_() -> None:
        clock.pass_(hours=1)
        for key in hub.redis.keys("payhub:banks:*:asked"):
            hub.redis.delete(key)

    return pass_


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def connections(listening: socket.socket) -> int:
    """Count who came since the last time."""
    listening.setblocking(False)
    came = 0
    with suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()
            came += 1
    return came


def test_only_gateways_that_list_banks_are_asked_and_each_once_an_hour(hub, gateway, account, asked, hour_later) -> None:
    assert [fetch(hub), fetch(hub)] == [1, 0]
    assert [url.partition("/qrpay")[1] for url in asked] == ["/qrpay"]
    assert "NCB" in {bank.code for bank in hub.banks.of(account.id)}
    hour_later()
    assert fetch(hub) == 1


def test_every_process_sees_what_one_has_asked_for(hub, gateway, account, clock) -> None:
    fetch(hub)
    assert Banks(hub.redis, clock).of(account.id) == hub.banks.of(account.id) != ()


def test_what_is_kept_ends_within_a_day_and_the_claim_within_an_hour(hub, gateway) -> None:
    fetch(hub)
    lives = {key.endswith(b":asked"): hub.redis.ttl(key) for key in hub.redis.keys("payhub:banks:*")}
    assert (lives[True] in range(3_500, 3_601), lives[False] in range(86_300, 86_401)) == (True, True)


def test_an_account_that_is_held_or_closed_is_not_asked(hub, gateway, rewrite, asked, minh, client) -> None:
    minh.post(client, "/v1/staff/gateways/vnpay-main/hold", {"reason": "maintenance"})
    assert (fetch(hub), asked) == (0, [])
    minh.post(client, "/v1/staff/gateways/vnpay-main/release", {"reason": "maintenance"})
    rewrite("UPDATE gateway_account SET closed_at = opened_at WHERE gateway = 'vnpay'")
    assert (fetch(hub), asked) == (0, [])


@pytest.mark.parametrize("answer", [b"HTTP/1.0 500 no\r\n\r\n", b"HTTP/1.0 200 ok\r\n\r\n<html>", b"", b"HTTP/1.0 200 ok\r\n\r\n" + b"[" * 10**5])
def test_an_answer_that_is_no_list_leaves_what_was_kept_and_is_not_asked_for_again_at_once(
    hub, gateway, account, hour_later, answering, answer
) -> None:
    hub.banks.keep(account.id, [NCB])
    gateway.reach_pay(answering(answer))
    assert [fetch(hub), fetch(hub)] == [0, 0]
    assert hub.banks.of(account.id) == (NCB,)
    assert hub.health.standing(account.id).calls == 0, "no reason to keep anybody from paying"


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], str]]:
    """A server that says the same bytes to whoever comes."""
    with ExitStack() as stack:

        def serve(answer: bytes) -> str:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def work() -> None:
                with suppress(OSError):
                    while True:
                        with listening.accept()[0] as heard:
                            heard.recv(65_536)
                            heard.sendall(answer)

            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            stack.callback(lambda: listening.shutdown(socket.SHUT_RDWR))
            return f"http://127.0.0.1:{listening.getsockname()[1]}"

        yield serve


@pytest.fixture
def gateway(gateway, hub) -> Any:
    """The gateways' side, and a way to move the pay page elsewhere."""

    def reach_pay(url: str) -> None:
        with hub.db.engine.begin() as connection:
            moved = "UPDATE gateway_account SET endpoints = endpoints || jsonb_build_object('pay', :url ::text) WHERE gateway = 'vnpay'"
            connection.execute(text(moved), {"url": f"{url}/pay"})
        hub.cache.fresh()

    gateway.reach_pay = reach_pay
    return gateway


def test_an_empty_list_is_the_gateways_word_too(hub, account, clock) -> None:
    hub.banks.keep(account.id, [NCB])
    hub.banks.keep(account.id, [])
    assert Banks(hub.redis, clock).of(account.id) == ()


def test_without_valkey_there_are_no_banks_and_nobody_is_asked(hub, gateway, account, asked, monkeypatch) -> None:
    monkeypatch.setattr(hub.banks, "_redis", Redis.from_url(NOWHERE))
    hub.banks.keep(account.id, [NCB])
    assert (fetch(hub), hub.banks.of(account.id), asked) == (0, (), [])


def test_a_list_that_was_lost_is_gone_within_a_minute_and_comes_back_with_the_next(hub, gateway, account, clock) -> None:
    fetch(hub)
    hub.redis.flushdb()
    clock.pass_(minutes=1)
    assert hub.banks.of(account.id) == ()
    assert fetch(hub) == 1
    assert hub.banks.of(account.id) != ()


def test_a_valkey_that_hangs_is_waited_for_briefly_and_once_in_a_while(mute, hub, account, clock) -> None:
    redis = brief_redis(f"redis://127.0.0.1:{mute.getsockname()[1]}")
    waits = redis.connection_pool.connection_kwargs
    assert (waits["socket_connect_timeout"], waits["socket_timeout"]) == (0.2, 0.2)
    banks = Banks(redis, clock)
    for _ in range(2):
        for _ in range(50):
            assert banks.of(account.id) == ()
        clock.pass_(seconds=10)
    assert connections(mute) == 2


@pytest.mark.parametrize("kept", [b"[[1]]", b"{}", b"5", b"null", b'["ab"]', b"\xff", b"[", b'[["NCB"]]'])
def test_what_another_release_kept_in_another_form_is_no_list(hub, account, kept) -> None:
    hub.redis.set(f"payhub:banks:{account.id.hex}", kept)
    assert hub.banks.of(account.id) == ()


def test_gateways_are_not_asked_where_the_settings_say_so(hub, gateway, asked) -> None:
    jobs.bind(hub)
    assert hub.settings.gateways.banks is False
    fetch_banks()
    assert asked == []
