"""A gateway that hangs: it gets some of the threads, and those who pay elsewhere the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import requests

from gateways.simulator import Delays, SimulatorConfig, serving
from payhub.demo.simulator import merchants

MOMO = "momo-main/captureWallet"


@pytest.fixture
def gateway(hub, clock, gateway) -> Iterator[Any]:
    """The gateways' side, where whoever hangs is let go after a few seconds."""
    config = SimulatorConfig(**merchants("http://127.0.0.1:9"), mode="test", port=0, clock=clock.now, delays=Delays(hang_s=3))
    with serving(config) as url:
        gateway.url = url
        gateway.reach()
        yield gateway


@pytest.fixture
def trouble(gateway) -> Callable[..., None]:
    def tell(trouble: str) -> None:
        told = [{"gateway": "momo", "trouble": trouble}]
        requests.post(f"{gateway.url}/simulator/troubles", json=told, timeout=10).raise_for_status()

    return tell


@pytest.fixture
def hanging(hub, app, asked, see, trouble, eventually) -> Iterator[list[Future[Any]]]:
    """As many citizens at MoMo as a process has places, and none of them is answered."""
    trouble("hang")
    forms = [see(asked()).forms[0] for _ in range(hub.bulkhead.most)]
    account = hub.registers.gateway_accounts["momo-main"]
    with ThreadPoolExecutor(len(forms)) as threads:
        pressed = [
            threads.submit(lambda form=form: app.test_client().post(form.action, data={**form.fields, "way": MOMO})) for form in forms
        ]
        eventually(lambda: hub.bulkhead.full(account.id), "a place stays free")
        yield pressed


def turned_away(client) -> float:
    lines = client.get("/metrics").text.splitlines()
    name = 'payhub_gateway_orders_turned_away_total{account="momo-main"}'
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0.0)


def test_the_next_is_not_made_to_wait_and_is_offered_the_others(hub, client, hanging, asked, see, press, attempts) -> None:
    assert hub.bulkhead.most < hub.settings.web.threads
    path, before = asked(), turned_away(client)
    answer = press(see(path).forms[0], way=MOMO)
    assert not any(pressed.done() for pressed in hanging), "the gateway had let go before"
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, path)
    assert (attempts()[-1].state, attempts()[-1].reason) == ("failed", "not_reached")
    assert turned_away(client) == before + 1
    page = see(path)
    assert "MoMo hiện không kết nối được. Chưa có khoản tiền nào được thu" in page.words
    ways = {given["value"]: given for tag, given in page.elements if tag == "input" and given["type"] == "radio"}
    assert ("disabled" in ways[MOMO], "checked" in ways["vnpay-main"]) == (True, True)
    assert press(page.forms[0]).location.startswith("http")
    assert press(see(asked()).forms[0], way="zalopay-main").location.startswith("http"), "one that is asked too"


def test_those_who_wait_are_answered_when_the_gateway_lets_go_and_the_places_are_free_again(hub, hanging, asked, see, press, trouble, attempts) -> None:
    assert [pressed.result().status_code for pressed in hanging] == [303] * len(hanging)
    assert {attempt.state for attempt in attempts()} == {"created"}, "nobody knows what became of them: they are asked about"
    trouble("none")
    assert "test-payment" not in press(see(asked()).forms[0], way=MOMO).location
    assert attempts()[-1].state == "started"


def test_where_there_is_nothing_else_the_full_way_is_offered_all_the_same(hub, hanging, asked, see, rewrite) -> None:
    rewrite("UPDATE gateway_account SET closed_at = opened_at WHERE gateway <> 'momo'")
    radios = [given for tag, given in see(asked()).elements if tag == "input" and given["type"] == "radio"]
    assert [("disabled" in given) for given in radios] == [False, False]
