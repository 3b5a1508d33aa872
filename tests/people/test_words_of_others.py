"""What the staff writes about a payment in other places than the payment itself goes with who pays it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from payhub.ledger.prove import prove
from payhub.people.laws import LAWS

SAID = {"reason": "Bà Nguyễn Thị A gọi điện"}


@pytest.fixture
def paid_twice(asked, citizen_of, client, keys) -> tuple[dict[str, Any], str]:
    """A payment of the person that two attempts have paid, and what came too much."""

    class Answer:
        json = asked()

    citizen = citizen_of(Answer)
    first, second = citizen.try_(), citizen.try_()
    assert citizen.says(first) == "00"
    citizen.says(second)
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}
    [receipt] = client.get(f"/v1/payments/{Answer.json['id']}", headers=headers).json["unapplied"]
    return Answer.json, receipt["id"]


@pytest.fixture
def written(rows) -> Callable[[], int]:
    return lambda: rows("SELECT count(*) FROM proposal WHERE num_nonnulls(words_key, reason_key) > 0")[0][0]


@pytest.fixture
def decline(office) -> Callable[[str], None]:
    def say(proposal: str) -> None:
        answer = office.approver.post(office.client, f"/v1/proposals/{proposal}/decline", SAID)
        assert answer.status_code == 200, answer.text

    return say


@pytest.fixture
def disputed(office) -> Callable[[str], str]:
    """Have a clerk propose to book a chargeback of a payment; return the proposal."""

    def propose(payment: str) -> str:
        case = {"gateway_case": "NCB-1", "lines": [{"number": 1, "amount": 1_000}]}
        dispute = office.clerk.post(office.client, f"/v1/staff/payments/{payment}/disputes", case).json
        return office.clerk.post(office.client, f"/v1/staff/disputes/{dispute['id']}/lost").json["proposal"]

    return propose


@pytest.mark.parametrize("erased", ["the one it came for", "the one it was to pay"])
def test_why_an_allocation_was_declined_goes_with_either_payment(paid_twice, asked, office, decline, written, erased) -> None:
    own, receipt = paid_twice
    other = asked()
    proposal = office.clerk.post(office.client, f"/v1/staff/unapplied/{receipt}/allocate", {"payment": other["id"]}).json
    decline(proposal["id"])
    assert written() == 1
    office.erase(own["id"] if erased == "the one it came for" else other["id"])
    assert written() == 0


def test_why_a_dispute_was_not_booked_goes_too(paid_twice, office, decline, written, disputed) -> None:
    payment, _ = paid_twice
    decline(disputed(payment["id"]))
    assert written() == 1
    office.erase(payment["id"])
    assert written() == 0


def test_what_is_written_of_an_erased_payment_later_goes_with_the_next_run(
    paid_twice, office, client, keys, decline, written, destroy, hub, clock
) -> None:
    payment, _ = paid_twice
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": "r"}
    body = {"lines": [{"number": 1, "amount": 1_000}], "reason": "other"}
    refund = client.post(f"/v1/payments/{payment['id']}/refunds", json=body, headers=headers).json
    clock.pass_(hours=1)
    office.erase(payment["id"])
    clock.pass_(hours=1)
    decline(refund["proposal"])
    assert written() == 1
    assert [proven.law for proven in prove(hub.db.engine, LAWS) if not proven.holds] == []
    assert destroy()["proposal_words"] == 1
    assert written() == 0


def test_why_an_erasure_of_many_was_declined_goes_when_one_of_them_is_erased_by_another(asked, office, decline, written, destroy) -> None:
    first, second = asked()["id"], asked()["id"]
    both = office.propose(first, second).json["proposal"]
    office.erase(first)
    decline(both)
    assert written() == 1
    destroy()
    assert written() == 0


@pytest.mark.breaks_laws
@pytest.mark.parametrize("kind", ["allocation", "refund"])
def test_prove_notices_words_that_stayed(paid_twice, asked, office, decline, hub, clock, client, keys, kind, monkeypatch) -> None:
    own, receipt = paid_twice
    if kind == "allocation":
        made = office.clerk.post(office.client, f"/v1/staff/unapplied/{receipt}/allocate", {"payment": asked()["id"]}).json["id"]
    else:
        headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": "r"}
        body = {"lines": [{"number": 1, "amount": 1_000}], "reason": "other"}
        made = client.post(f"/v1/payments/{own['id']}/refunds", json=body, headers=headers).json["proposal"]
    decline(made)
    clock.pass_(hours=1)
    # A hub that forgets these words when it erases: what prove is there to notice.
    monkeypatch.setattr("payhub.people.destruction.around", lambda *_: {})
    office.erase(own["id"])
    assert not next(iter(prove(hub.db.engine, LAWS))).holds


def test_erasing_waits_for_whoever_decides_and_never_the_other_way_round(paid_twice, office, decline, hub, disputed, blocked) -> None:
    """Who decides holds the proposal and then wants the payment."""
    own, _ = paid_twice
    declined = disputed(own["id"])
    decline(declined)
    proposal_id = uuid.UUID(declined.removeprefix("prp_test_"))
    with ThreadPoolExecutor(1) as pool:
        with hub.db.engine.begin() as connection:
            connection.execute(text("SELECT FROM proposal WHERE id = :id FOR UPDATE"), {"id": proposal_id})
            erasing = pool.submit(office.erase, own["id"])
            blocked()
            connection.execute(text("SET LOCAL lock_timeout = '300ms'"))
            connection.execute(text("SELECT FROM payment FOR NO KEY UPDATE"))
        erasing.result(10)


def test_a_repeated_message_waits_for_the_payment_before_it_holds_what_was_kept(asked, citizen_of, hub, blocked) -> None:
    """Erasing holds the payment and then wants what gateways said of it."""

    class Answer:
        json = asked()

    citizen = citizen_of(Answer)
    reference = citizen.try_()
    assert citizen.says(reference) == "00"
    with ThreadPoolExecutor(1) as pool:
        with hub.db.engine.begin() as connection:
            connection.execute(text("SELECT FROM payment FOR NO KEY UPDATE"))
            again = pool.submit(citizen.says, reference)
            blocked()
            connection.execute(text("SELECT FROM callback FOR NO KEY UPDATE NOWAIT"))
        assert again.result(10) == "02"
