"""A gateway's hand: signs callbacks as VNPAY prescribes, with nothing of the hub's own code."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from payhub.demo.seed import DEVELOPMENT_SECRET
from payhub.hub import Hub
from payhub.ids import read_public_id
from payhub.payments import attempts


def signed(secret: str = DEVELOPMENT_SECRET, **fields: str) -> str:
    query = urlencode(sorted((f"vnp_{name}", value) for name, value in fields.items() if value))
    return f"{query}&vnp_SecureHash={hmac.new(secret.encode(), query.encode(), hashlib.sha512).hexdigest()}"


@pytest.fixture
def sign() -> Callable[..., str]:
    return signed


class Citizen:
    """One payment asked for, and a citizen who tries to pay it."""

    def __init__(self, hub: Hub, client: FlaskClient, payment: dict[str, Any]) -> None:
        self.hub, self.client, self.payment = hub, client, payment
        self.id = read_public_id("pay", payment["id"], "test")

    def try_(self) -> str:
        """Start an attempt; return the gateway's reference of it."""
        redirect = attempts.start(self.hub, self.id, "vnpay-main", uuid.uuid4(), "203.0.113.5")
        assert redirect is not None
        return parse_qs(urlsplit(redirect.url).query)["vnp_TxnRef"][0]

    def message(self, reference: str, *, amount: int | None = None, code: str = "00", status: str = "00", number: str | None = None, on: str = "20261120100500", **more: str) -> str:
        return signed(
            Amount=str((amount if amount is not None else self.payment["total"]) * 100), BankCode="NCB", OrderInfo="Thu phi", PayDate=on,
            ResponseCode=code, TransactionStatus=status, TmnCode="PAYHUB01", TransactionNo=number or str(int(hashlib.sha256(reference.encode()).hexdigest()[:7], 16) + 10**7),
            TxnRef=reference, **more,
        )  # fmt: skip

    def call_back(self, query: str) -> str:
        """Send a callback; return the RspCode answered."""
        answer = self.client.get(f"/callbacks/vnpay/vnpay-main?{query}")
        assert answer.status_code == 200
        return answer.json["RspCode"]

    def says(self, reference: str, **changes: Any) -> str:
        return self.call_back(self.message(reference, **changes))


@pytest.fixture
def citizen(hub: Hub, client: FlaskClient, ask: Callable[..., Any], order: dict[str, Any]) -> Citizen:
    return Citizen(hub, client, ask(order).json)


@pytest.fixture
def citizen_of(hub: Hub, client: FlaskClient) -> Callable[[Any], Citizen]:
    """A citizen for the payment of an answer."""
    return lambda answer: Citizen(hub, client, answer.json)


@pytest.fixture
def rows(hub: Hub) -> Callable[[str], list[tuple[Any, ...]]]:
    """Read rows with a connection of its own."""
    from sqlalchemy import text

    def read(statement: str) -> list[tuple[Any, ...]]:
        with hub.db.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    return read
