"""A drill with real processes: one gateway fails most of its calls for a while, and no citizen is lost."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from rich.console import Console
from sqlalchemy import text

from payhub.accounts.health import Condition
from payhub.app import registry
from payhub.demo.citizen import Citizen, Form, leads_away
from payhub.demo.quiet import Quiet, books
from payhub.demo.run import DELAYS, Scene, scene, surroundings_in
from payhub.ledger.prove import prove

pytestmark = pytest.mark.heavy

FAILING = ("momo-main/captureWallet", "momo-main/payWithATM")
TOLD = {"PAYHUB_GATEWAYS__OPEN_S": "4", "PAYHUB_GATEWAYS__FRESH_S": "0.2", "PAYHUB_JOBS__PROBES_S": "1"}
CITIZENS, AFTERWARDS, AT_ONCE = 60, 6, 4
PACE_S = 0.2
"""Between two citizens of one thread: some must still come after the breaker has opened."""
PATIENCE_S = 60


@dataclass
class Came:
    """What one citizen met on the way: the order that was paid, and whether the page had said that the gateway fails."""

    reference: str
    warned: bool
    tries: int


class Insisting(Citizen):
    """Somebody who wants to pay, by MoMo if possible, and does not give up before it is done."""

    def pay(self, url: str) -> Came:
        deadline, tries, warned = time.monotonic() + PATIENCE_S, 0, False
        while time.monotonic() < deadline:
            # What is undecided stays so for a while; somebody who was never debited pays anew.
            form = self.open(f"{url}?again=1")
            warned |= bool(form.refused)
            assert set(form.refused) <= set(FAILING)
            tries += 1
            came_to = self._pressed(form if tries == 1 else self._elsewhere(form))
            if came_to is not None and leads_away(came_to, url):
                reference = self.look(came_to)
                assert reference is not None
                self.decide(came_to, "pay", "paid", comes_back=True)
                return Came(reference, warned, tries)
        raise AssertionError(f"a citizen was lost after {tries} tries")

    def _elsewhere(self, form: Form) -> Form:
        """After a try that led nowhere somebody takes another way."""
        return form.choosing(next(way for way in form.ways if way not in FAILING))

    def _pressed(self, form: Form) -> str | None:
        answer = self._http.post(form.url, form.fields, allow_redirects=False, timeout=30)
        # Between page and press the breaker may have opened: the page then says so, and is opened again.
        return urljoin(form.url, answer.headers["Location"]) if answer.status_code == 303 else None


@pytest.fixture
def drill():
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ph-"))
        surroundings = stack.enter_context(surroundings_in(Path(folder) / "home", Console()))
        yield stack.enter_context(scene(surroundings, Console(), DELAYS, TOLD))


def come(drill: Scene, many: int, *, way: str) -> list[Came]:
    """Let citizens come and pay, several at a time."""
    portal = drill.portals["dvc-bo-tu-phap"]

    def one(_: int) -> Came:
        time.sleep(PACE_S)
        number = uuid.uuid4().hex[:12]
        line = {"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000}
        body = {"portal_reference": number, "dossier": f"000.00.00.G15-261120-{number}", "lines": [line]}
        with Insisting(way) as citizen:
            return citizen.pay(portal.ask(body)["checkout_url"])

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(one, range(many)))


def befall(drill: Scene, **trouble: object) -> None:
    url = f"{drill.surroundings.simulator_url}/simulator/troubles"
    requests.post(url, json=[{"gateway": "momo", **trouble}], timeout=10).raise_for_status()


def said(drill: Scene) -> str:
    """What the hub's processes logged; whoever counts the calls opens the breaker."""
    return "".join(drill.processes.log(name).read_text() for name in ("web", "worker", "scheduler"))


def condition(drill: Scene) -> Condition:
    return drill.hub.health.standing(drill.hub.registers.gateway_accounts["momo-main"].id).condition


def test_a_gateway_that_fails_for_a_while_loses_no_citizen_and_doubles_nothing(drill):
    befall(drill, trouble="errors", share=90)
    came = come(drill, CITIZENS, way=FAILING[0])
    assert "gateway.breaker_opened" in said(drill)
    assert any(each.warned for each in came)
    assert condition(drill) is not Condition.WELL

    befall(drill, trouble="none")
    drill.processes.wait_until(lambda: condition(drill) is Condition.WELL, lambda: "the probe", PATIENCE_S)
    afterwards = come(drill, AFTERWARDS, way=FAILING[0])
    assert [(each.tries, each.warned) for each in afterwards] == [(1, False)] * AFTERWARDS

    quiet = Quiet(drill.hub.db.engine, drill.surroundings.simulator_url)
    drill.processes.wait_until(quiet.reached, lambda: str(quiet), 180)
    orders = {order["reference"]: order for order in books(drill.surroundings.simulator_url)["orders"]}
    paid = {reference for reference, order in orders.items() if order["state"] == "paid"}
    assert paid == {each.reference for each in [*came, *afterwards]}
    carried = Counter(orders[each.reference]["gateway"] for each in came)
    assert carried["vnpay"] + carried["zalopay"] > carried["momo"]
    assert all(orders[each.reference]["gateway"] == "momo" for each in afterwards)

    with drill.hub.db.engine.connect() as connection:
        counted = connection.execute(text("SELECT state, count(*) AS payments FROM payment GROUP BY state"))
        states = {row.state: row.payments for row in counted}
        held = connection.scalar(text("SELECT count(*) FROM unapplied_receipt"))
        applied = connection.scalar(text("SELECT count(*) FROM attempt WHERE applied"))
    assert states == {"paid": CITIZENS + AFTERWARDS}
    assert (held, applied) == (0, CITIZENS + AFTERWARDS)
    assert not [law for law in prove(drill.hub.db.engine, registry().laws) if not law.holds]
