"""Money that goes back, does not, or nobody knows: by each way to pay of the sample registers, to its gateway's side over HTTP."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.parametrize("way", ["vnpay-main", "momo-main/captureWallet", "momo-main/payWithATM", "zalopay-main"])
STATES = "SELECT state FROM refund_try ORDER BY number"
WHOLE = 200_000


@pytest.fixture
def settled(desk, gateway):
    """Look at a refund until it has come to rest; a gateway may have it in process first."""

    def look(refund):
        gateway.rest()
        for _ in range(5):
            if desk.seen(refund)["state"] in {"succeeded", "failed"}:
                break
            desk.work(minutes=5)
        return desk.seen(refund)

    return look


def test_it_goes_back_whole(pay, desk, gateway, settled, owed) -> None:
    refund = settled(desk.refund(pay()))
    assert refund["state"] == "succeeded"
    [given] = gateway.refunds()
    assert (given["taken"], given["amount"]) == (True, WHOLE)
    assert owed() == {"owed": 0, "receivable": 0, "refunds_due": 0}


def test_it_goes_back_in_parts_that_add_up(pay, desk, gateway, settled, owed) -> None:
    payment = pay()
    for part in (150_000, 50_000):
        assert settled(desk.refund(payment, part))["state"] == "succeeded"
    assert [given["amount"] for given in gateway.refunds()] == [150_000, 50_000]
    assert owed() == {"owed": 0, "receivable": 0, "refunds_due": 0}


def test_refused_it_is_owed_again_and_may_be_sent_again(pay, desk, gateway, settled, rows, owed) -> None:
    gateway.will("refused")
    refund = desk.refund(pay())
    assert (refund["state"], refund["end_reason"]) == ("failed", "refused")
    assert owed() == {"owed": WHOLE, "receivable": -WHOLE, "refunds_due": 0}
    gateway.will("accepted")
    assert desk.portal(f"/refunds/{refund['id']}/retry").status_code == 200
    desk.work()
    assert settled(refund)["state"] == "succeeded"
    assert rows(STATES) == [("refused",), ("accepted",)]


@pytest.mark.parametrize("scenario", ["lost", "unknown_done"])
def test_unanswered_it_is_asked_about_and_never_sent_twice(pay, desk, gateway, settled, rows, owed, scenario) -> None:
    gateway.will(scenario)
    refund = desk.refund(pay())
    assert refund["state"] in {"submitted", "processing", "unknown"}
    assert settled(refund)["state"] == "succeeded"
    assert len(gateway.refunds()) == 1
    assert rows(STATES) == [("accepted",)]
    assert owed() == {"owed": 0, "receivable": 0, "refunds_due": 0}
