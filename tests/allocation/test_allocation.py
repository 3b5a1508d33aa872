"""Held money that pays a payment after all: proposed by one person, agreed on by another, whole or not at all."""

from __future__ import annotations

import uuid
from datetime import date

import pytest

from payhub.ids import public_id, read_public_id
from payhub.ledger import days

CAR = {"portal": "dvc-tay-ninh", "lines": [{"fee": "LP-TBOTO", "agency": "G12.18", "amount": 30_000_000}]}
"""A fee that money which comes late does not pay by itself."""
NOTARY = {"fee": "P-CONGCHUNG", "agency": "000.00.00.G15", "amount": 100_003}
"""A phí of which the agency keeps 75 %."""
EVENTS = "SELECT type, data ->> 'state', data ->> 'unapplied', data ->> 'attempt' IS NOT NULL FROM event WHERE payment_id = '{}' ORDER BY seq"


def events(rows, payment) -> list:
    return rows(EVENTS.format(read_public_id("pay", payment["id"], "test")))


def test_money_that_came_twice_pays_another_payment_whole(paid_twice, treasury, new, seen, owed, rows, discrepancies, minh) -> None:
    payment, receipt = paid_twice
    target = new()
    proposal = treasury.proposed(receipt, target)
    assert (proposal["kind"], proposal["state"], proposal["content"]["amount"]) == ("allocation", "proposed", 200_000)
    assert (seen(target)["state"], seen(payment)["unapplied"][0]["remaining"]) == ("open", 200_000)
    assert treasury.approve(proposal).json["state"] == "executed"
    assert (seen(target)["state"], seen(target)["paid_at"] is not None, seen(target)["unapplied"]) == ("paid", True, [])
    assert seen(payment)["unapplied"][0]["remaining"] == 0
    assert owed() == {"owed": 400_000, "receivable": -400_000, "unapplied": 0}
    assert discrepancies() == [("paid_twice", 200_000, "resolved")]
    assert rows("SELECT act, actor FROM discrepancy_act ORDER BY id")[-1] == ("allocated", str(minh.id))
    held = str(read_public_id("uap", receipt, "test"))
    assert events(rows, target) == [("payment.created", "open", None, False), ("payment.paid", "paid", held, False)]
    assert events(rows, payment)[-1] == ("receipt.allocated", None, held, False)
    journal = "SELECT j.payment_id = al.payment_id, j.attempt_id = al.attempt_id FROM journal j, allocation al WHERE fact = 'allocated'"
    assert rows(journal) == [(True, True)]


def test_what_was_overpaid_pays_its_own_payment_and_the_rest_stays_held(overpaid, treasury, seen, owed, rows, discrepancies) -> None:
    payment, receipt = overpaid
    treasury.allocate(receipt, payment)
    view = seen(payment)
    assert (view["state"], view["unapplied"][0]["remaining"]) == ("paid", 100_000)
    assert owed() == {"owed": 200_000, "receivable": -300_000, "unapplied": 100_000}
    assert discrepancies() == [("overpaid", 300_000, "open")]
    assert [type_ for type_, *_ in events(rows, payment)][-2:] == ["attempt.unapplied", "payment.paid"]
    assert rows("SELECT data ->> 'attempt_state' FROM event WHERE type = 'payment.paid'") == [("conflicted",)]


def test_the_rest_of_a_receipt_pays_another(overpaid, treasury, new, seen, owed, discrepancies) -> None:
    payment, receipt = overpaid
    small = new(lines=[{**NOTARY, "amount": 100_000}])
    for target in (small, payment):
        treasury.allocate(receipt, target)
        assert seen(target)["state"] == "paid"
    assert owed() == {"owed": 300_000, "receivable": -300_000, "unapplied": 0}
    assert discrepancies() == [("overpaid", 300_000, "resolved")]
    kept = treasury.look(receipt)
    assert [(each["payment"], each["amount"]) for each in kept["allocations"]] == [(small["id"], 100_000), (payment["id"], 200_000)]


def test_late_money_that_was_held_pays_its_own_expired_payment(new, citizen_of, client, clock, treasury, receipt_of, seen, rows) -> None:
    payment = new(**CAR)
    citizen = citizen_of(type("Answer", (), {"json": payment}))
    reference = citizen.try_()
    clock.pass_(days=2)
    assert citizen.says(reference) == "00"
    assert seen(payment, "dvc-tay-ninh")["state"] == "expired"
    treasury.allocate(receipt_of(payment, "dvc-tay-ninh"), payment)
    assert seen(payment, "dvc-tay-ninh")["state"] == "paid"
    assert [type_ for type_, *_ in events(rows, payment)][-3:] == ["payment.expired", "attempt.unapplied", "payment.paid"]


def test_a_payment_whose_time_is_over_expires_before_it_is_paid(paid_twice, treasury, new, clock, seen, rows) -> None:
    _, receipt = paid_twice
    target = new()
    proposal = treasury.proposed(receipt, target)
    clock.pass_(days=2)
    assert treasury.approve(proposal).status_code == 200
    assert [type_ for type_, *_ in events(rows, target)] == ["payment.created", "payment.closing", "payment.expired", "payment.paid"]
    assert seen(target)["state"] == "paid"


def test_agencies_and_the_budget_get_their_shares_of_allocated_money(overpaid, treasury, new, rows) -> None:
    _, receipt = overpaid
    treasury.allocate(receipt, new(lines=[NOTARY]))
    assert dict(rows("SELECT share, -sum(amount)::int FROM posting WHERE account = 'owed' GROUP BY 1")) == {"retained": 75_002, "budget": 25_001}


def test_one_person_allocates_nothing(paid_twice, treasury, new, lan, client, seen) -> None:
    _, receipt = paid_twice
    target = new()
    proposal = treasury.proposed(receipt, target)
    refused = lan.post(client, f"/v1/proposals/{proposal['id']}/approve", {"totp": lan.code()})
    assert (refused.status_code, refused.json["code"]) == (403, "not_two_people")
    assert seen(target)["state"] == "open"


def test_the_same_waits_once_and_may_be_proposed_again_when_it_was_declined(paid_twice, treasury, new, minh, client) -> None:
    _, receipt = paid_twice
    target = new()
    proposal = treasury.proposed(receipt, target)
    assert treasury.propose(receipt, target).json["code"] == "already_proposed"
    minh.post(client, f"/v1/proposals/{proposal['id']}/decline", {"reason": "nhầm hồ sơ"})
    treasury.allocate(receipt, target)


def test_one_key_proposes_once_and_hears_its_first_answer(paid_twice, treasury, new, rows) -> None:
    (_, receipt), target, key = paid_twice, new(), uuid.uuid4().hex
    first, again = treasury.propose(receipt, target, key), treasury.propose(receipt, target, key)
    assert (again.status_code, again.data, again.headers["Idempotency-Replayed"]) == (201, first.data, "true")
    assert rows("SELECT count(*) FROM proposal") == [(1,)]


def refusal(answer) -> tuple:
    return answer.status_code, answer.json["code"], answer.json.get("why")


def test_only_an_open_or_expired_payment_of_the_same_portal_is_paid(paid_twice, treasury, new, desk, ask, order, clock) -> None:
    payment, receipt = paid_twice
    cancelled, old = new(), new()
    desk.portal(f"/payments/{cancelled['id']}/cancel")
    ask({**order, "portal_reference": "new", "dossier": "new", "replaces": old["id"]})
    for target, why in ((payment, "not_open"), (cancelled, "not_open"), (old, "replaced")):
        assert refusal(treasury.propose(receipt, target)) == (409, "not_allocatable", why)
    other = new("dvc-tay-ninh", lines=[{"fee": "LP-CANCUOC", "agency": "000.00.00.G01", "amount": 50_000}])
    assert refusal(treasury.propose(receipt, other)) == (409, "not_allocatable", "other_portal")


def test_a_payment_that_is_being_cancelled_is_not_paid_by_allocation(paid_twice, treasury, new, citizen_of, desk) -> None:
    _, receipt = paid_twice
    target = new()
    citizen_of(type("Answer", (), {"json": target})).try_()
    assert desk.portal(f"/payments/{target['id']}/cancel").status_code == 202
    assert refusal(treasury.propose(receipt, target)) == (409, "not_allocatable", "not_open")


def test_a_payment_is_paid_whole_or_not_at_all(paid_twice, treasury, new, desk) -> None:
    payment, receipt = paid_twice
    larger = new(lines=[{**NOTARY, "amount": 200_001}])
    refused = treasury.propose(receipt, larger)
    assert refusal(refused) == (409, "not_allocatable", "too_little")
    assert (refused.json["available"], refused.json["total"]) == (200_000, 200_001)
    waits = desk.ask(payment, lines=None, unapplied=receipt, amount=1).json
    assert (treasury.look(receipt)["remaining"], treasury.look(receipt)["available"]) == (200_000, 199_999)
    assert refusal(treasury.propose(receipt, new())) == (409, "not_allocatable", "too_little")
    desk.decline(waits)
    treasury.allocate(receipt, new())


@pytest.mark.parametrize("payment", ["pay_test_0", f"pay_test_{uuid.UUID(int=7).hex}"])
def test_an_unknown_payment_names_its_field(paid_twice, treasury, payment) -> None:
    answer = treasury.propose(paid_twice[1], {"id": payment})
    assert (answer.status_code, [(each["pointer"], each["code"]) for each in answer.json["errors"]]) == (422, [("/payment", "unknown_payment")])


def test_an_unknown_receipt_is_not_found(treasury, new, lan, client) -> None:
    target = new()
    for nothing in ("uap_test_0", f"uap_test_{uuid.uuid4().hex}"):
        assert treasury.propose(nothing, target).status_code == 404
        assert lan.get(client, f"/v1/staff/unapplied/{nothing}").status_code == 404


@pytest.mark.parametrize("meanwhile", ["paid", "cancelled", "replaced", "reversed", "refund waits"])
def test_what_no_longer_fits_at_the_approval_undoes_it(
    paid_twice, treasury, new, citizen_of, desk, ask, order, reverse, rows, meanwhile
) -> None:
    payment, receipt = paid_twice
    target = new()
    proposal = treasury.proposed(receipt, target)
    if meanwhile == "paid":
        citizen = citizen_of(type("Answer", (), {"json": target}))
        assert citizen.says(citizen.try_()) == "00"
    elif meanwhile == "cancelled":
        desk.portal(f"/payments/{target['id']}/cancel")
    elif meanwhile == "replaced":
        ask({**order, "portal_reference": "new", "dossier": "new", "replaces": target["id"]})
    elif meanwhile == "reversed":
        reverse(rows("SELECT reference FROM attempt WHERE NOT applied")[0][0])
    else:
        desk.ask(payment, lines=None, unapplied=receipt, amount=1)
    refused = treasury.approve(proposal)
    why = {"paid": "not_open", "cancelled": "not_open", "replaced": "replaced"}.get(meanwhile, "too_little")
    assert refusal(refused) == (409, "not_allocatable", why)
    assert rows("SELECT state FROM proposal WHERE kind = 'allocation'") == [("proposed",)]
    assert rows("SELECT count(*) FROM allocation") == [(0,)]


def test_one_receipt_promised_to_two_payments_pays_the_first_that_is_approved(paid_twice, treasury, new, seen) -> None:
    _, receipt = paid_twice
    first, second = new(), new()
    proposals = [treasury.proposed(receipt, target) for target in (first, second)]
    assert treasury.approve(proposals[1]).status_code == 200
    assert refusal(treasury.approve(proposals[0])) == (409, "not_allocatable", "too_little")
    assert [seen(target)["state"] for target in (first, second)] == ["open", "paid"]


def test_an_attempt_of_the_paid_payment_that_succeeds_later_is_money_paid_twice(paid_twice, treasury, new, citizen_of, seen, rows) -> None:
    _, receipt = paid_twice
    target = new()
    citizen = citizen_of(type("Answer", (), {"json": target}))
    reference = citizen.try_()
    treasury.allocate(receipt, target)
    assert rows(f"SELECT state FROM attempt WHERE reference = '{reference}'") == [("created",)]
    assert citizen.says(reference) == "00"
    assert [(each["reason"], each["remaining"]) for each in seen(target)["unapplied"]] == [("paid_twice", 200_000)]


def test_money_of_a_day_that_was_shut_is_allocated_on_a_later_one(paid_twice, treasury, new, clock, hub, rows) -> None:
    _, receipt = paid_twice
    clock.pass_(days=4)
    target = new()
    with hub.db.session() as session:
        days.shut(session, date(2026, 11, 20), "test", clock.now())
    treasury.allocate(receipt, target)
    assert rows("SELECT business_on FROM journal WHERE fact = 'allocated'") == [(date(2026, 11, 24),)]


def test_held_money_is_listed_oldest_first_with_its_age(pay, treasury, new, receipt_of, clock, rows, desk) -> None:
    payments = [pay(pay_twice=True) for _ in range(3)]
    receipts = [receipt_of(payment) for payment in payments]
    clock.pass_(days=3)
    treasury.allocate(receipts[1], new())
    desk.ask(payments[0], lines=None, unapplied=receipts[0], amount=50_000)
    first, second = treasury.held()["data"]
    assert [first["id"], second["id"]] == [receipts[0], receipts[2]]
    [(reference, transaction)] = rows(f"SELECT reference, gateway_transaction FROM attempt WHERE id = (SELECT attempt_id FROM unapplied_receipt WHERE id = '{read_public_id('uap', receipts[0], 'test')}')")
    expected = {
        "payment": payments[0]["id"], "portal": "dvc-bo-tu-phap", "gateway_account": "vnpay-main", "reference": reference,
        "gateway_transaction": transaction, "reason": "paid_twice", "amount": 200_000, "remaining": 200_000, "available": 150_000,
        "currency": "VND", "age_days": 3,
    }  # fmt: skip
    assert expected.items() <= first.items()
    page = treasury.held("state=held&limit=1")
    assert ([each["id"] for each in page["data"]], page["next"]) == ([receipts[0]], receipts[0])
    rest = treasury.held(f"state=held&limit=1&cursor={page['next']}")
    assert ([each["id"] for each in rest["data"]], rest["next"]) == ([receipts[2]], None)
    assert [each["id"] for each in treasury.held("state=settled")["data"]] == [receipts[1]]
    assert [each["id"] for each in treasury.held("")["data"]] == receipts


def test_one_receipt_shows_where_its_money_went(overpaid, treasury, new, desk, rows) -> None:
    payment, receipt = overpaid
    target = new(lines=[{**NOTARY, "amount": 100_000}])
    proposal = treasury.allocate(receipt, target)
    refund = desk.ask(payment, lines=None, unapplied=receipt, amount=50_000).json
    kept = treasury.look(receipt)
    assert (kept["remaining"], kept["available"]) == (200_000, 150_000)
    assert [(each["payment"], each["amount"], each["proposal"]) for each in kept["allocations"]] == [(target["id"], 100_000, proposal["id"])]
    assert kept["refunds"] == [{"id": refund["id"], "amount": 50_000, "state": "requested"}]


def test_who_may_look_and_who_may_propose(paid_twice, new, hire, client, desk) -> None:
    (_, receipt), target = paid_twice, new()
    path, body = f"/v1/staff/unapplied/{receipt}", {"payment": target["id"]}
    auditor = hire("thu", "auditor")
    assert [auditor.get(client, each).status_code for each in (path, "/v1/staff/unapplied")] == [200, 200]
    assert auditor.post(client, f"{path}/allocate", body).json["code"] == "role_missing"
    assert desk.look(f"/staff/unapplied/{receipt}").status_code == 401


@pytest.mark.parametrize(("query", "pointer"), [("state=open", "/state"), ("cursor=x", "/cursor"), ("limit=0", "/limit"), ("age=1", "/age")])
def test_a_bad_query_names_its_field(lan, client, query, pointer) -> None:
    answer = lan.get(client, f"/v1/staff/unapplied?{query}")
    assert (answer.status_code, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])


def test_the_citizen_no_longer_reads_that_money_is_held(overpaid, treasury, client) -> None:
    payment, receipt = overpaid
    small = "Tiền được giữ riêng"
    page = payment["checkout_url"].split("://")[1].partition("/")[2]
    assert small in client.get(f"/{page}").text
    treasury.allocate(receipt, payment)
    assert small in client.get(f"/{page}").text


def test_a_citizen_whose_second_money_was_allocated_reads_that_all_is_paid(paid_twice, treasury, new, client) -> None:
    payment, receipt = paid_twice
    page = payment["checkout_url"].split("://")[1].partition("/")[2]
    assert "Tiền được giữ riêng" in client.get(f"/{page}").text
    treasury.allocate(receipt, new())
    assert "Tiền được giữ riêng" not in client.get(f"/{page}").text


def test_portals_are_told_in_outside_ids(paid_twice, treasury, new, hub) -> None:
    from sqlalchemy import select

    from payhub.events import Event
    from webhooks.messages import Message

    payment, receipt = paid_twice
    target = new()
    treasury.allocate(receipt, target)
    told = {}
    with hub.db.session() as session:
        for event in session.scalars(select(Event).where(Event.type.in_(["payment.paid", "receipt.allocated"]))):
            message = Message(event.id, 1, 0, event.type, event.seq, event.data, event.occurred_at, event.payment_id, "1", "2", "VND", 3)
            told[public_id("pay", event.payment_id, "test"), event.type] = message.body("test").decode()
    assert f'"unapplied":"{receipt}"' in told[target["id"], "payment.paid"]
    assert f'"allocated_to":"{target["id"]}"' in told[payment["id"], "receipt.allocated"]
    assert f'"unapplied":"{receipt}"' in told[payment["id"], "receipt.allocated"]
