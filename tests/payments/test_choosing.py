"""Which ways a payment is offered, in which order, and what is kept of why."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import text

from gateways.base import Method, Redirect
from gateways.vnpay import Vnpay
from payhub.payments import attempts, probing
from payhub.payments.choosing import Because, Refusal, offers
from payhub.payments.errors import GatewayNotOffered


class Wallet(Vnpay):
    name = "wallet"
    methods = (Method("", "Ví", "Wallet", 1_000, 50_000_000), Method("card", "Thẻ", "Card", 10_000, 50_000_000))

    def start(self, account, order):
        return Redirect(f"https://wallet.example/{order.reference}")


@pytest.fixture
def hub(hub):
    """A hub whose only account is VNPAY's, at no cost: each test adds what it compares with it."""
    object.__setattr__(hub, "gateways", {**hub.gateways, "wallet": Wallet()})
    with hub.db.session() as session:
        session.execute(text("UPDATE gateway_account SET closed_at = opened_at WHERE code <> 'vnpay-main'"))
        session.execute(text("UPDATE gateway_account SET cost_bp = 0 WHERE code = 'vnpay-main'"))
    hub.cache.fresh()
    return hub


@pytest.fixture
def add(hub):
    """Add a gateway account like the first one, but for what is said."""

    def account(code: str, **changes: Any) -> uuid.UUID:
        values = {
            "code": code, "gateway": "wallet", "terminal": code, "rank": 2, "cost_bp": 0, "settlement": "pooled", "owner": None, "methods": [],
            "minimum": 1_000, "maximum": 500_000_000, **changes,
        }  # fmt: skip
        with hub.db.session() as session:
            session.execute(
                text(
                    "INSERT INTO gateway_account SELECT gen_random_uuid(), :code, :gateway, :terminal, :code, :code, endpoints, "
                    "(SELECT min(id::text)::uuid FROM agency WHERE code = :owner), :settlement, currency, :minimum, :maximum, :rank, mapping, opened_at, "
                    "closed_at, :methods ::text[], :cost_bp FROM gateway_account WHERE code = 'vnpay-main'"
                ),
                values,
            )
        return hub.cache.fresh().gateway_accounts[code].id

    return account


@pytest.fixture
def offered(hub):
    def of(amount: int = 200_000, *agencies: str) -> list[tuple[str, Refusal | None, Because]]:
        registers = hub.registers
        ids = {registers.agencies[code].id for code in agencies or ("000.00.00.G15",)}
        found = offers(hub, registers, amount, "VND", ids, hub.clock.now())
        return [(offer.way.code, offer.refusal, offer.because) for offer in found]

    return of


def fail(hub, account_id) -> None:
    for _ in range(10):
        hub.health.heard(account_id, good=False)
    hub.clock.pass_(seconds=2)


def test_the_registers_order_decides_where_nothing_else_does(add, offered) -> None:
    add("second")
    assert offered() == [("vnpay-main", None, Because.RANK), ("second", None, Because.LAST)]


def test_what_costs_less_comes_first_and_the_agencys_own_before_it(add, offered) -> None:
    add("cheap", rank=9)
    add("own", rank=9, cost_bp=50, owner="000.00.00.G15")
    add("dear", rank=0, cost_bp=90)
    assert [code for code, *_ in offered()] == ["own", "vnpay-main", "cheap", "dear"]
    assert [because for *_, because in offered()] == [Because.AGENCY, Because.RANK, Because.COST, Because.LAST]


def test_what_works_more_often_comes_first(hub, add, offered) -> None:
    second = add("second")
    for good in [True] * 15 + [False] * 5:
        hub.health.heard(hub.registers.gateway_accounts["vnpay-main"].id, good=good)
    for _ in range(20):
        hub.health.heard(second, good=True)
    assert offered() == [("second", None, Because.RATE), ("vnpay-main", None, Because.LAST)]


def test_a_direct_account_is_offered_where_every_line_is_its_agencys(add, offered) -> None:
    add("direct", settlement="direct", owner="000.00.00.G15")
    assert "direct" in [code for code, *_ in offered()]
    assert "direct" not in [code for code, *_ in offered(200_000, "000.00.00.G15", "000.00.00.G17")]
    assert "direct" not in [code for code, *_ in offered(200_000, "000.00.00.G17")]


def test_each_method_is_a_way_with_limits_of_its_own(add, offered) -> None:
    add("both", methods=["", "card"])
    assert [(code, refusal) for code, refusal, _ in offered(5_000)] == [("vnpay-main", None), ("both", None), ("both/card", Refusal.LIMITS)]
    assert [(code, refusal) for code, refusal, _ in offered(60_000_000)][1:] == [("both", Refusal.LIMITS), ("both/card", Refusal.LIMITS)]


def test_a_failing_account_is_spared_while_another_works_and_offered_where_none_does(hub, add, offered) -> None:
    second = add("second")
    fail(hub, hub.registers.gateway_accounts["vnpay-main"].id)
    assert [(code, refusal) for code, refusal, _ in offered()] == [("second", None), ("vnpay-main", Refusal.FAILING)]
    fail(hub, second)
    assert [(code, refusal) for code, refusal, _ in offered()] == [("vnpay-main", None), ("second", None)]


def test_an_old_page_cannot_start_what_is_spared_or_brings_lines_elsewhere(hub, add, citizen) -> None:
    add("second", gateway="wallet")
    add("direct", settlement="direct", owner="000.00.00.G17")

    def start(way: str) -> Redirect | None:
        return attempts.start(hub, citizen.id, way, uuid.uuid4(), "203.0.113.5")

    with pytest.raises(GatewayNotOffered):
        start("direct")
    fail(hub, hub.registers.gateway_accounts["vnpay-main"].id)
    with pytest.raises(GatewayNotOffered):
        start("vnpay-main")
    assert start("second") is not None


def test_a_failing_account_is_asked_whether_it_works_again(hub, gateway, pay, clock) -> None:
    pay()
    account = hub.registers.gateway_accounts["vnpay-main"]
    fail(hub, account.id)
    assert probing.probe(hub) == 0, "it is not due"
    clock.pass_(seconds=40)
    gateway.reach("http://127.0.0.1:9")
    assert (probing.probe(hub), hub.health.standing(account.id).condition) == (1, "failing")
    gateway.reach()
    clock.pass_(seconds=100)
    assert (probing.probe(hub), hub.health.standing(account.id).condition) == (1, "well")
    assert probing.probe(hub) == 0
