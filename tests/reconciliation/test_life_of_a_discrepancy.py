"""The whole life of a discrepancy, as those who work on it see it: over HTTP, from the file that opens it to the evidence that ends it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from payhub.ids import public_id
from payhub.payments.refunds import sending
from reconciliation import runs

CASE = "/v1/staff/discrepancies"


@pytest.fixture
def office(client, lan, minh, clock) -> Any:
    """Lan, a clerk, and Minh, who approves."""

    class Office:
        clerk, approver = lan, minh

        def get(self, path: str = "", who: Any = lan) -> Any:
            answer = who.get(client, f"{CASE}{path}")
            assert answer.status_code == 200, answer.text
            return answer.json

        def post(self, path: str, body: dict[str, Any] | None = None, who: Any = lan, status: int = 200) -> Any:
            answer = who.post(client, f"{CASE}{path}", body or {})
            assert answer.status_code == status, answer.text
            return answer.json

        def approve(self, proposal: str, who: Any = minh) -> Any:
            clock.pass_(seconds=30)
            answer = who.post(client, f"/v1/proposals/{proposal}/approve", {"totp": who.code()})
            assert answer.status_code == 200, answer.text
            return answer.json

        def one(self, kind: str) -> Any:
            [found] = self.get(f"?kind={kind}")["data"]
            return found

    return Office()


@pytest.fixture
def put(client, keys, hub):
    """Hand in a file for the day; return the answer. Nothing runs yet."""

    def send(body: bytes) -> Any:
        headers = {"Authorization": f"Bearer {keys['kbnn']}", "Content-Type": "text/csv"}
        answer = client.put("/v1/settlements/vnpay-main/2026-11-20?file_name=vnpay-20.csv", data=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.json

    return send


@pytest.fixture
def work(hub):
    """Carry out every run that waits, as the worker does."""

    def carry_out() -> list[str]:
        done = []
        while True:
            with hub.db.session() as session:
                waiting = runs.to_start(session, hub.clock.now())
            if not waiting:
                return done
            for run_id in waiting:
                runs.execute(hub, run_id)
                done.append(public_id("run", run_id, "test"))

    return carry_out


def acts(shown: Any) -> list[tuple[str, str]]:
    return [(each["act"], each["by"]["name"]) for each in shown["history"]]


def test_a_row_that_could_not_be_read_from_the_file_to_the_evidence_and_back(desk, office, put, work, clock) -> None:
    listed, left_out = desk.pay(), desk.pay()
    # The file has a row for the payment, and nobody can read its amount.
    file = [desk.row_of(listed), desk.row_of(left_out, amount="hai trăm nghìn")]
    taken = put(desk.write(file, total=400_000))
    [first_run] = work()

    # Open, and in the summary with its money.
    summary = office.get("/summary")
    assert (summary["count"], summary["overdue"]) == (2, 0)
    assert [(each["kind"], each["count"], each["amount"], each["open"], each["unowned"], each["days"]) for each in summary["data"]] == [
        ("count_or_sum_differs", 1, 200_000, 1, 1, 1), ("missing_at_gateway", 1, 200_000, 1, 1, 2),
    ]  # fmt: skip
    file_differs, missing = office.one("count_or_sum_differs"), office.one("missing_at_gateway")
    assert (missing["state"], missing["priority"], missing["owner"], missing["account"]) == ("open", "high", None, "vnpay-main")
    assert missing["due_at"] == "2026-11-22T03:00:00+00:00"

    # Somebody takes it, writes something down, and says that the two are one matter.
    assert office.post(f"/{missing['id']}/assign")["state"] == "assigned"
    office.post(f"/{missing['id']}/comment", {"text": "Đã gọi VNPAY, họ xác nhận có thu"})
    office.post(f"/{missing['id']}/link", {"discrepancy": file_differs["id"]})
    shown = office.get(f"/{missing['id']}")
    assert acts(shown) == [("opened", first_run), ("assigned", "lan"), ("commented", "lan"), ("linked", "lan")]
    assert [each["note"] for each in shown["history"]] == [None, None, "Đã gọi VNPAY, họ xác nhận có thu", None]
    assert [each["id"] for each in shown["linked"]] == [file_differs["id"]]
    assert (shown["ours"]["attempt"]["reference"], shown["theirs"]) == (left_out.reference, [])

    # What the file declares tells what the row must say.
    shown = office.get(f"/{file_differs['id']}")
    assert [each["id"] for each in shown["linked"]] == [missing["id"]]
    assert (shown["file"]["file_name"], shown["file"]["declared_sum"], shown["file"]["sum"]) == ("vnpay-20.csv", 400_000, 200_000)
    assert [(each["row"], each["field"]) for each in shown["file"]["rejects"]] == [(3, "SoTien")]
    [suggested] = [each for each in shown["suggestions"] if each["act"] == "correct"]
    assert suggested["with"] == {"row": 3, "amount": 200_000, "reference": left_out.reference}
    assert "correct" in shown["acts"]

    # Two people correct the row.
    row = {**suggested["with"], "type": "payment", "transaction": f"T{left_out.reference}", "happened_at": "2026-11-20T09:30:00+07:00"}
    proposed = office.post(f"/{file_differs['id']}/correct", {"rows": [row]}, status=201)
    assert (proposed["state"], proposed["acts"]) == ("proposed", ["assign", "comment", "link"])
    assert office.approve(proposed["proposal"])["state"] == "executed"

    # The file is what it declares, by the evidence of the file itself; and the run finds the payment.
    shown = office.get(f"/{file_differs['id']}")
    assert (shown["state"], shown["accepted"], acts(shown)[-1]) == ("resolved", False, ("closed by correction", "system"))
    assert shown["history"][-1]["data"]["settlement"] == taken["id"]
    [run] = work()
    shown = office.get(f"/{missing['id']}")
    assert (shown["state"], acts(shown)[-1]) == ("resolved", ("closed by run", run))
    assert shown["history"][-1]["data"] == {"run": run, "settlement": taken["id"]}
    assert [(each["row"], each["amount"], each["corrected_by"]) for each in shown["theirs"]] == [(3, 200_000, proposed["proposal"])]
    assert office.get("/summary")["data"] == []

    # Days later another file takes the place of the first, and does not have it.
    clock.pass_(days=3)
    put(desk.write([desk.row_of(listed)]))
    [other_run] = work()
    shown = office.get(f"/{missing['id']}")
    assert (shown["state"], shown["overdue"], shown["due_at"][:10]) == ("open", False, "2026-11-25")
    assert acts(shown)[-1] == ("opened again", other_run)
    assert shown["owner"]["name"] == "lan"
    assert [each["counts"] for each in shown["theirs"]] == [False]


def test_money_paid_twice_from_the_gateways_word_to_an_approved_refund(pay, office, hub, gateway, rows) -> None:
    pay(pay_twice=True)
    gateway.will("accepted")
    found = office.one("paid_twice")
    assert (found["amount"], found["state"], found["priority"]) == (200_000, "open", "high")
    office.post(f"/{found['id']}/assign")
    shown = office.get(f"/{found['id']}")
    assert shown["ours"]["unapplied"]["available"] == 200_000
    [suggested] = [each["with"] for each in shown["suggestions"] if each["act"] == "refund"]
    assert suggested == {"amount": 200_000, "reason": "paid_twice"}

    shown = office.post(f"/{found['id']}/refund", suggested, status=201)
    assert shown["state"] == "proposed"
    [(discrepancy,)] = rows("SELECT content ->> 'discrepancy' FROM proposal")
    assert public_id("dsc", uuid.UUID(discrepancy), "test") == found["id"]
    assert office.approve(shown["proposal"])["state"] == "executed"
    # Approved is not given back: it waits for the gateway.
    assert office.get(f"/{found['id']}")["state"] == "proposed"
    hub.clock.pass_(seconds=1)
    with hub.db.session() as session:
        due = sending.due(session, hub.clock.now())
    for refund_id in due:
        sending.step(hub, refund_id)

    shown = office.get(f"/{found['id']}")
    assert (shown["state"], shown["proposal"], shown["accepted"]) == ("resolved", None, False)
    assert acts(shown) == [("opened", "system"), ("assigned", "lan"), ("proposed", "lan"), ("refunded", "system")]
    assert shown["acts"] == []
