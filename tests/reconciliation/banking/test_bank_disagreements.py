"""Against the simulator's bank, which shows payouts in every way a bank can: the hub finds out what it planned."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import text

from gateways.simulator import Delays, SimulatorConfig, serving
from gateways.simulator.terms import Tariff, Terms
from payhub.demo.simulator import merchants
from payhub.ids import new_code, read_public_id
from payhub.payments import attempts, checks
from reconciliation.settlements import import_settlement

DAYS = {
    date(2026, 11, 20): None, date(2026, 11, 23): "unpaid", date(2026, 11, 24): "late", date(2026, 11, 25): "short",
    date(2026, 11, 26): "split", date(2026, 11, 27): "merged", date(2026, 11, 30): "merged", date(2026, 12, 1): "unnamed",
    date(2026, 12, 2): "returned", date(2026, 12, 3): None,
}  # fmt: skip
STANDS = {
    None: "banked", "late": "banked", "unpaid": "missing", "unnamed": "missing", "short": "differs", "split": "differs",
    "merged": "differs", "returned": "differs",
}  # fmt: skip
LAST = date(2026, 12, 18)
CODE = new_code()


class Outside:
    """The gateway and the bank, over HTTP."""

    def __init__(self, hub: Any, url: str, clock: Any) -> None:
        self.hub, self.url, self.clock = hub, url, clock

    def tell(self, what: str, *told: dict[str, Any]) -> None:
        requests.post(f"{self.url}/simulator/{what}", json=list(told), timeout=10).raise_for_status()

    def get(self, path: str) -> Any:
        answer = requests.get(f"{self.url}/simulator/{path}", timeout=10)
        answer.raise_for_status()
        return answer

    def pay(self, payment: dict[str, Any]) -> None:
        payment_id = read_public_id("pay", payment["id"], "test")
        redirect = attempts.start(self.hub, payment_id, "vnpay-main", uuid.uuid4(), "203.0.113.5")
        requests.post(redirect.url, data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
        self.clock.pass_(seconds=61)
        with self.hub.db.session() as session:
            due = checks.due(session, self.clock.now())
        for attempt_id in due:
            checks.check(self.hub, attempt_id)


@pytest.fixture
def outside(hub: Any, clock: Any, treasury: Any, terms: Any) -> Iterator[Outside]:
    config = SimulatorConfig(
        **merchants("http://127.0.0.1:9"), mode="test", port=0, mix={"lost": 1}, clock=clock.now, delays=Delays(),
        terms={"PAYHUB01": Terms(payments=Tariff(basis_points=110))}, bank_account="1000000001",
    )  # fmt: skip
    terms(fee_bp=110)
    with serving(config) as url:
        type(treasury.gateway)(hub, url).reach()
        yield Outside(hub, url, clock)


@pytest.mark.parametrize(("form", "written"), [("camt053", "camt053.xml"), ("mt940", "mt940.txt")])
def test_the_hub_finds_out_what_the_bank_planned(
    hub, bank, desk, outside, ask, order, clock, rows, client, keys, reads, form, written
) -> None:
    reads(form)
    for day in DAYS:
        clock.set(datetime(day.year, day.month, day.day, 3, 0, tzinfo=UTC))
        names = {"portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex}
        outside.pay(ask({**order, **names}).json)
        # No two days are paid over with the same sum, so that only the unnamed one fits what is not named.
        outside.tell("lines", {"kind": "adjust_out", "terminal": "PAYHUB01", "date": str(day), "amount": day.day * 100})
    for day, kind in DAYS.items():
        more = {"late": {"days": 2}, "short": {"amount": 7_000}, "merged": {"with": "2026-11-30"}}.get(kind, {})
        if kind and (kind, day) != ("merged", date(2026, 11, 30)):
            outside.tell("bank-disagreements", {"kind": kind, "terminal": "PAYHUB01", "date": str(day), **more})
    for told in (
        {"kind": "foreign", "date": "2026-11-24", "amount": 200_000, "text": f"NGUYEN VAN A nop {CODE}"},
        {"kind": "charge", "date": "2026-11-25", "amount": 11_000},
        {"kind": "gap", "date": "2026-12-10", "amount": 5_000},
    ):
        outside.tell("bank-disagreements", {"account": "1000000001", **told})
    clock.set(datetime(LAST.year, LAST.month, LAST.day, 20, 0, tzinfo=UTC))

    for day in reversed(DAYS):
        import_settlement(hub, "vnpay-main", day, f"{day}.csv", outside.get(f"settlements/PAYHUB01/{day}.csv").content)
        desk.carry_out()
    for step in range((LAST - date(2026, 11, 20)).days + 1):
        day = date(2026, 11, 20) + timedelta(days=step)
        bank.take(outside.get(f"bank-accounts/1000000001/{day}.{written}").content)

    headers = {"Authorization": f"Bearer {keys['kbnn']}", "Accept-Language": "en"}
    found = {row["reference"]: row for row in client.get("/v1/payouts?limit=200", headers=headers).json["data"]}
    planned = {row["reference"]: row for row in outside.get("payouts?terminal=PAYHUB01").json()["payouts"]}
    assert found.keys() == planned.keys()
    for reference, truth in planned.items():
        kind, seen = DAYS[date.fromisoformat(truth["day"])], found[reference]
        figures = ("lines", "gross", "refunds", "reversals", "fees", "adjustments", "net", "due_on")
        assert {name: seen[name] for name in figures} == {name: truth[name] for name in figures}
        assert (reference, seen["state"]) == (reference, STANDS[kind])
        assert (seen["suggested_entry"] is not None) == (kind == "unnamed")
        if seen["state"] == "banked":
            assert (seen["banked_on"], truth["credited"]) == (truth["paid_on"], seen["net"])

    open_ones = rows("SELECT kind, count(*) FROM discrepancy WHERE state <> 'resolved' GROUP BY 1 ORDER BY 1")
    assert open_ones == [("banked_differs", 5), ("payout_missing", 2), ("statement_gap", 1)]
    entries = client.get("/v1/bank-entries?state=open&limit=200", headers=headers).json["data"]
    [foreign] = [entry for entry in entries if entry["booked_on"] == "2026-11-24" and entry["amount"] == 200_000]
    assert foreign["suggestions"] == [{"reason": "attempt_code", "reference": CODE}]
    assert [entry["amount"] for entry in entries if not entry["suggestions"]] == [-11_000]
    banked = sum(found[reference]["net"] for reference in found if found[reference]["state"] == "banked")
    with hub.db.session() as session:
        assert session.scalar(text("SELECT sum(amount) FROM posting WHERE account = 'bank'")) == banked
