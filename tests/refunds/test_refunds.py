"""Refunds: asked for by one, approved by another, sent once, and known only by the gateway's word."""

from __future__ import annotations

import uuid

import pytest

PHI = {"fee": "PHI-TTLL", "agency": "000.00.00.G15", "amount": 50_000}


def test_money_goes_back_only_after_a_second_person_agreed(pay, desk, gateway, rows) -> None:
    payment = pay()
    asked = desk.ask(payment, 200_000)
    assert (asked.status_code, asked.json["state"], asked.json["requested_by"]["name"]) == (201, "requested", "portal/dvc-bo-tu-phap")
    assert desk.work(days=1) == 0
    assert gateway.refunds() == []
    assert desk.approve(asked.json).json["state"] == "executed"
    assert desk.seen(asked.json)["state"] == "approved"
    desk.work()
    done = desk.seen(asked.json)
    assert (done["state"], done["lines"], done["amount"]) == ("succeeded", [{"number": 1, "amount": 200_000}], 200_000)
    [sent] = gateway.refunds()
    assert (sent["amount"], sent["transaction"]) == (200_000, done["gateway_transaction"])
    assert rows("SELECT state FROM payment") == [("paid",)]
    assert desk.look(f"/payments/{payment['id']}").json["refunded"] == 200_000


def test_every_account_is_empty_when_everything_went_back(pay, desk, owed) -> None:
    payment = pay()
    assert owed() == {"owed": 200_000, "receivable": -200_000}
    desk.refund(payment)
    assert set(owed().values()) == {0}
