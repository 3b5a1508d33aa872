"""Files that a gateway lists by day: asked for when they are due, taken once, and again where another stands behind the name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateways.base import Response
from gateways.errors import Malformed
from gateways.napas_files import NapasFiles
from gateways.registry import GATEWAYS
from gateways.simulator import SimulatorConfig, serving
from gateways.vnpay import Vnpay
from payhub import ids
from payhub.accounts.models import GatewaySecret
from payhub.demo.simulator import merchants
from payhub.secrets import sealing
from reconciliation.receiving import looking


class Lister(NapasFiles, Vnpay):
    """A gateway of VNPAY's protocol whose contract gives out files as NAPAS does."""

    secret_names = (*Vnpay.secret_names, *NapasFiles.file_secrets)
    endpoints = (*Vnpay.endpoints, "files")


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def gateway(clock, key) -> Iterator[str]:
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    config = SimulatorConfig(
        **merchants("http://127.0.0.1:9"), mode="test", port=0, clock=clock.now, file_keys={"PAYHUB01": ("token-of-files", public)}
    )
    with serving(config) as url:
        yield url


@pytest.fixture
def lister(hub, gateway, key, rewrite, source) -> Any:
    """The hub, to whose gateway account the gateway gives files."""
    made = type(hub)(**{name: getattr(hub, name) for name in hub.__slots__} | {"gateways": {**GATEWAYS, "vnpay": Lister()}})
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    account, now = hub.registers.gateway_accounts["vnpay-main"], hub.clock.now()
    with hub.db.session() as session:
        for name, secret in (("files_token", "token-of-files"), ("files_key", private)):
            held = sealing.seal(hub.keyring, "gateway_secret", ids.new_id(), secret)
            live = {"state": "live", "origin": "given", "created_at": now, "live_at": now}
            session.add(GatewaySecret(**held, gateway_account_id=account.id, name=name, **live))
    rewrite(f"UPDATE gateway_account SET endpoints = endpoints || '{{\"files\": \"{gateway}/napas\"}}' WHERE code = 'vnpay-main'")
    source(code="vnpay-list", files="settlement", way="gateway", gateway_account="vnpay-main", names="PAYHUB01_{yyyyMMdd}.csv", look_back_days=2)
    return made


def told(gateway: str, *facts: dict[str, Any]) -> None:
    requests.post(f"{gateway}/simulator/disagreements", json=list(facts), timeout=10).raise_for_status()


def test_a_day_that_is_over_is_listed_fetched_and_taken_and_a_corrected_file_takes_its_place(lister, gateway, clock, take_from, came, rows, desk) -> None:
    [source_id] = [each.id for each in looking.asked(lister)]
    line = {"kind": "extra", "terminal": "PAYHUB01", "date": "2026-11-20", "amount": 5_000}
    told(gateway, line)
    assert looking.poll(lister, source_id)
    assert came() == [], "the day is not over"
    clock.pass_(days=1)
    for _ in range(2):
        assert looking.poll(lister, source_id)
        take_from(lister)
    assert came() == [("PAYHUB01_20261120.csv", "taken", None)]
    told(gateway, line)
    assert looking.poll(lister, source_id)
    take_from(lister)
    assert len(came()) == 1, "looked at a moment ago"
    clock.pass_(hours=13)
    assert looking.poll(lister, source_id)
    take_from(lister)
    assert [state for _, state, _ in came()] == ["taken", "taken"]
    assert rows("SELECT line_sum FROM settlement WHERE superseded_by_id IS NULL") == [(10_000,)]
    desk.carry_out()


def test_a_gateway_that_lists_none_or_refuses_is_not_reached(hub, lister, gateway, rewrite, rows) -> None:
    [source_id] = [each.id for each in looking.asked(hub)]
    assert not looking.poll(hub, source_id)
    assert rows("SELECT error FROM file_source_contact") == [("lists_no_files",)]
    for address, said in ((f"{gateway}/nowhere", "answer_unreadable"), ("http://127.0.0.1:9", "unreachable")):
        rewrite(f"UPDATE gateway_account SET endpoints = endpoints || '{{\"files\": \"{address}\"}}' WHERE code = 'vnpay-main'")
        assert not looking.poll(lister, source_id)
        assert rows("SELECT error FROM file_source_contact") == [(said,)]
    assert rows("SELECT failures FROM file_source_contact") == [(3,)]


def test_the_simulator_admits_only_whose_token_and_key_fit(lister, gateway, clock) -> None:
    account = lister.registers.protocol_accounts[lister.registers.gateway_accounts["vnpay-main"].id]
    request = Lister().file_request(account, "PAYHUB01_20261120.csv")
    assert requests.post(request.url, data=request.body, headers=request.headers, timeout=10).status_code == 200
    for headers, body in (({}, request.body), (request.headers, request.body.replace(b"20261120", b"20261119"))):
        answer = requests.post(request.url, data=body, headers={"Content-Type": "application/json", **headers}, timeout=10)
        assert answer.status_code == 401


def test_names_and_contents_that_are_none_are_refused(lister) -> None:
    read = Lister()
    assert read.files(Response(200, {}, b'{"FileNames": ["A_1.csv", "A_1.csv", "../x", "a b", 7, ""]}')) == ("A_1.csv", "7")
    for body in (b"", b"[]", b"{}", b'{"FileNames": {}}', b'{"FileNames": "A"}'):
        with pytest.raises(Malformed):
            read.files(Response(200, {}, body))
    assert read.file(Response(200, {}, b'{"Content": "QQ=="}')) == b"A"
    for body in (b"", b"{}", b'{"Content": 1}', b'{"Content": "?"}', b'{"Content": "QQ"}'):
        with pytest.raises(Malformed):
            read.file(Response(200, {}, body))
    with pytest.raises(Malformed):
        read.file(Response(500, {}, b'{"Content": "QQ=="}'))
