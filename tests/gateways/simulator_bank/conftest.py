"""A simulator in this thread, for what its bank shows."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from gateways.simulator import SimulatorConfig, create_app

ACCOUNT, FIRST = "19001234567890", "2026-11-20"
TERMINALS = ("PAYHUB01", "PAYHUBMOMO", "2553")


class World:
    """A simulator in this thread, told of days by fees and adjustments alone: an adjustment is as good as a payment here."""

    def __init__(self, http):
        self.http = http

    def tell(self, what, *told, status=201):
        answer = self.http.post(f"/simulator/{what}", json=list(told))
        assert answer.status_code == status, answer.json
        return answer.json

    def day(self, on, amount, terminal="PAYHUB01"):
        kind = "adjust_in" if amount > 0 else "adjust_out"
        self.tell("lines", {"kind": kind, "terminal": terminal, "date": on, "amount": abs(amount)})

    def differ(self, **told):
        usual = {"account": ACCOUNT} if told["kind"] in {"foreign", "charge", "gap"} else {"terminal": "PAYHUB01"}
        self.tell("bank-disagreements", usual | told)

    def get(self, on, form="json", account=ACCOUNT, **asked):
        answer = self.http.get(f"/simulator/bank-accounts/{account}/{on}.{form}", query_string=asked)
        assert answer.status_code == 200, answer.json
        return answer.json if form == "json" else answer.data

    def entries(self, *days):
        return [(on, entry["amount"]) for on in days for entry in self.get(on)["entries"]]

    def payouts(self, **asked):
        return self.http.get("/simulator/payouts", query_string=asked).json["payouts"]

    def reference(self, on, terminal="PAYHUB01"):
        (payout,) = self.payouts(day=on, terminal=terminal)
        return payout["reference"]


@contextmanager
def _opened(opening=1_000_000, **changes):
    settings = {
        "mode": "test",
        "terminals": {"PAYHUB01": ("secret", "http://127.0.0.1:9/")},
        "momo": {"PAYHUBMOMO": ("a", "b")},
        "zalopay": {"2553": ("a", "b")},
        "clock": lambda: datetime(2026, 11, 23, 5, 0, tzinfo=UTC),
    }
    app = create_app(SimulatorConfig(**settings | changes))
    try:
        with app.test_client() as http:
            world = World(http)
            if opening is not None:
                world.tell("bank-accounts", {"account": ACCOUNT, "opening": opening, "from": FIRST, "terminals": list(TERMINALS)})
            yield world
    finally:
        app.extensions["simulation"].close()


@pytest.fixture(scope="session")
def opened():
    """Open a world of its own, where one for each test is too few."""
    return _opened


@pytest.fixture
def world():
    with _opened() as world:
        yield world
