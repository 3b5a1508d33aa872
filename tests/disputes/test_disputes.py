"""Disputes as the treasury and portals see them: recorded by a clerk, reserved, won, or lost when two people agree."""

from __future__ import annotations

import uuid
from datetime import date

import pytest

from payhub.ledger import days

RECORD = {"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000}
NOTARY = {"fee": "P-CONGCHUNG", "agency": "000.00.00.G15", "amount": 100_003}
"""A phí of which the agency keeps 75 %."""


def beside(desk, payment) -> tuple[str, int, int, int]:
    seen = desk.look(f"/payments/{payment['id']}").json
    return seen["state"], seen["refunded"], seen["disputed"], seen["charged_back"]


def test_what_a_bank_wants_back_is_reserved_until_it_is_won(pay, desk, bank, owed) -> None:
    payment = pay()
    dispute = bank.opened(payment, 150_000, case="NCB/2026-77")
    assert (dispute["state"], dispute["amount"], dispute["gateway_case"], dispute["gateway_account"]) == ("opened", 150_000, "NCB/2026-77", "vnpay-main")
    assert dispute["lines"] == [{"number": 1, "amount": 150_000, "charged_back": 0}]
    assert dispute["opened_by"] == {"kind": "person", "name": "lan"}
    assert beside(desk, payment) == ("paid", 0, 150_000, 0)
    refused = desk.ask(payment, 50_001)
    assert (refused.json["code"], refused.json["lines"]) == ("not_refundable", [{"line": 1, "refundable": 50_000}])
    won = bank.won(dispute)
    assert (won.status_code, won.json["state"]) == (200, "won")
    assert beside(desk, payment) == ("paid", 0, 0, 0)
    assert desk.refund(payment)["state"] == "succeeded"
    assert set(owed().values()) == {0}


def test_a_part_that_is_lost_is_no_longer_owed_and_the_payment_stays_paid(pay, desk, bank, rows, owed, twice) -> None:
    payment = pay(NOTARY)
    lost = bank.lost(bank.opened(payment, 33_334))
    assert (lost["state"], lost["lines"]) == ("lost", [{"number": 1, "amount": 33_334, "charged_back": 33_334}])
    assert beside(desk, payment) == ("paid", 0, 0, 33_334)
    assert owed() == {"owed": 66_669, "receivable": -66_669}
    shares = dict(rows("SELECT share, -sum(amount)::int FROM posting WHERE account = 'owed' GROUP BY 1"))
    assert shares == {"retained": 66_669 * 75 // 100, "budget": 66_669 - 66_669 * 75 // 100}
    assert twice() == []
    [(payment_named, attempt_named)] = rows("SELECT payment_id IS NOT NULL, attempt_id = (SELECT id FROM attempt) FROM journal WHERE fact = 'charged_back'")
    assert (payment_named, attempt_named) == (True, True)
    assert desk.ask(payment, 66_670).json["lines"] == [{"line": 1, "refundable": 66_669}]


def test_a_payment_that_is_lost_whole_is_reversed_and_its_dossier_may_be_asked_again(pay, desk, bank, ask, order, rows, owed) -> None:
    payment = pay(RECORD, NOTARY)
    again = {**order, "portal_reference": "again", "dossier": payment["dossier"]}
    assert bank.lost(bank.opened(payment, 200_000))["state"] == "lost"
    assert beside(desk, payment) == ("paid", 0, 0, 200_000)
    assert ask({**again, "lines": [NOTARY]}).json["code"] == "dossier_already_asked"
    bank.lost(bank.opened(payment, 0, 100_003))
    assert beside(desk, payment) == ("reversed", 0, 0, 300_003)
    assert set(owed().values()) == {0}
    assert rows("SELECT type, data ->> 'state' FROM event ORDER BY seq DESC LIMIT 2") == [("payment.reversed", "reversed"), ("dispute.lost", None)]
    assert ask({**again, "lines": [RECORD, NOTARY]}).status_code == 201


def test_a_line_that_was_lost_whole_may_be_asked_again_alone(pay, bank, ask, order) -> None:
    payment = pay(RECORD, NOTARY)
    again = {**order, "portal_reference": "again", "dossier": payment["dossier"], "lines": [RECORD]}
    bank.lost(bank.opened(payment, 199_999))
    assert ask(again).json["code"] == "dossier_already_asked"
    bank.lost(bank.opened(payment, 1))
    assert ask(again).status_code == 201


def test_nothing_is_lost_by_the_word_of_one_person(pay, desk, bank, lan, client, owed) -> None:
    payment = pay()
    dispute = bank.proposed_lost(bank.opened(payment)).json
    assert (dispute["state"], dispute["proposal"][:4]) == ("opened", "prp_")
    refused = lan.post(client, f"/v1/proposals/{dispute['proposal']}/approve", {"totp": lan.code()})
    assert (refused.status_code, refused.json["code"]) == (403, "not_two_people")
    assert beside(desk, payment) == ("paid", 0, 200_000, 0)
    assert owed() == {"owed": 200_000, "receivable": -200_000}


def test_the_second_person_sees_what_is_lost(pay, bank, minh, client) -> None:
    dispute = bank.proposed_lost(bank.opened(pay(), 150_000, case="NCB-12")).json
    seen = minh.get(client, f"/v1/proposals/{dispute['proposal']}").json
    assert (seen["kind"], seen["content"]["gateway_case"], seen["content"]["amount"]) == ("dispute_lost", "NCB-12", 150_000)
    assert [line["amount"] for line in seen["content"]["lines"]] == [150_000]


def test_what_was_declined_may_be_proposed_again(pay, bank, minh, client) -> None:
    dispute = bank.opened(pay())
    proposed = bank.proposed_lost(dispute).json
    again = bank.proposed_lost(dispute)
    assert (again.status_code, again.json["code"]) == (409, "already_proposed")
    assert minh.post(client, f"/v1/proposals/{proposed['proposal']}/decline", {"reason": "chưa có công văn"}).status_code == 200
    assert bank.seen(dispute)["state"] == "opened"
    assert bank.lost(dispute)["state"] == "lost"


def test_a_dispute_that_was_won_meanwhile_is_not_lost(pay, desk, bank) -> None:
    payment = pay()
    proposed = bank.proposed_lost(bank.opened(payment)).json
    assert bank.won(proposed).json["state"] == "won"
    void = bank.approved(proposed)
    assert (void.status_code, void.json["code"]) == (409, "proposal_void")
    assert beside(desk, payment) == ("paid", 0, 0, 0)


def test_a_dispute_ends_once(pay, bank) -> None:
    payment = pay()
    won = bank.opened(payment, 1)
    assert [bank.won(won).status_code for _ in range(2)] == [200, 200]
    assert bank.proposed_lost(won).json["code"] == "dispute_ended"
    lost = bank.opened(payment, 2)
    bank.lost(lost)
    assert [answer.json["code"] for answer in (bank.won(lost), bank.proposed_lost(lost))] == ["dispute_ended"] * 2


def test_a_case_is_known_once(pay, bank) -> None:
    payment, other = pay(), pay()
    dispute = bank.opened(payment, 1, case="NCB-1")
    for each in (payment, other):
        refused = bank.asks(each, case="NCB-1")
        assert (refused.status_code, refused.json["code"], refused.json["dispute"]) == (409, "dispute_known", dispute["id"])
    assert bank.asks(other, case="ncb-1").status_code == 201


def test_one_key_records_once_and_hears_its_first_answer(pay, bank, lan, client, rows) -> None:
    path, key = f"/v1/staff/payments/{pay()['id']}/disputes", uuid.uuid4().hex
    body = {"gateway_case": "NCB-1", "lines": [{"number": 1, "amount": 5}]}
    first, again = lan.post(client, path, body, key), lan.post(client, path, body, key)
    assert (again.status_code, again.data, again.headers["Idempotency-Replayed"]) == (201, first.data, "true")
    assert rows("SELECT count(*) FROM dispute") == [(1,)]


def test_no_more_is_disputed_than_was_paid(pay, bank) -> None:
    payment = pay(RECORD, NOTARY)
    over = bank.asks(payment, 200_001, 100_004)
    assert (over.status_code, over.json["code"]) == (409, "not_disputable")
    assert over.json["lines"] == [{"line": 1, "disputable": 200_000}, {"line": 2, "disputable": 100_003}]
    first, second = bank.opened(payment, 150_000), bank.opened(payment, 20_000)
    assert bank.asks(payment, 30_001).json["lines"] == [{"line": 1, "disputable": 30_000}]
    bank.lost(first)
    assert bank.asks(payment, 30_001).json["lines"] == [{"line": 1, "disputable": 30_000}]
    bank.won(second)
    assert bank.asks(payment, 50_000).status_code == 201


def test_an_unpaid_payment_is_not_disputed(ask, order, bank) -> None:
    refused = bank.asks(ask(order).json)
    assert (refused.status_code, refused.json["lines"]) == (409, [{"line": 1, "disputable": 0}])


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/gateway_case", "/lines"]),
        ({"gateway_case": "NCB-1", "lines": []}, ["/lines"]),
        ({"gateway_case": "NCB-1", "lines": [{"number": 2, "amount": 5}]}, ["/lines/0/number"]),
        ({"gateway_case": "NCB-1", "lines": [{"number": 1, "amount": 5}, {"number": 1, "amount": 6}]}, ["/lines/1/number"]),
        ({"gateway_case": "NCB-1", "lines": [{"number": 1, "amount": 0}]}, ["/lines/0/amount"]),
        ({"gateway_case": "NCB-1", "lines": [{"number": 1, "amount": 5.0}]}, ["/lines/0/amount"]),
        ({"gateway_case": " NCB-1", "lines": [{"number": 1, "amount": 5}]}, ["/gateway_case"]),
        ({"gateway_case": "NCB\u200b1", "lines": [{"number": 1, "amount": 5}]}, ["/gateway_case"]),
        ({"gateway_case": "Nguyễn Văn A", "lines": [{"number": 1, "amount": 5}]}, ["/gateway_case"]),
        ({"gateway_case": "N" * 65, "lines": [{"number": 1, "amount": 5}]}, ["/gateway_case"]),
        ({"gateway_case": "NCB-1", "lines": [{"number": 1, "amount": 5}], "amount": 5}, ["/amount"]),
    ],
)
def test_bad_input_names_its_field_and_stores_nothing(pay, lan, client, rows, body, pointers) -> None:
    answer = lan.post(client, f"/v1/staff/payments/{pay()['id']}/disputes", body)
    assert answer.status_code == 422, answer.json
    assert [error["pointer"] for error in answer.json["errors"]] == pointers
    assert rows("SELECT count(*) FROM dispute") == [(0,)]


def test_what_is_not_there_is_not_found(client, lan) -> None:
    body = {"gateway_case": "NCB-1", "lines": [{"number": 1, "amount": 5}]}
    for nobody in ("pay_test_0", f"pay_test_{uuid.uuid4().hex}"):
        assert lan.post(client, f"/v1/staff/payments/{nobody}/disputes", body).status_code == 404
        assert lan.get(client, f"/v1/staff/payments/{nobody}/disputes").status_code == 404
    for nobody in ("dsp_test_0", f"dsp_test_{uuid.uuid4().hex}"):
        assert lan.get(client, f"/v1/staff/disputes/{nobody}").status_code == 404
        assert [lan.post(client, f"/v1/staff/disputes/{nobody}/{end}").status_code for end in ("won", "lost")] == [404, 404]


def test_only_clerks_write_and_portals_only_look(pay, bank, desk, hoa, client) -> None:
    payment = pay()
    dispute = bank.opened(payment)
    path = f"/v1/staff/payments/{payment['id']}/disputes"
    for act in (path, f"/v1/staff/disputes/{dispute['id']}/won", f"/v1/staff/disputes/{dispute['id']}/lost"):
        refused = hoa.post(client, act, {"gateway_case": "2", "lines": [{"number": 1, "amount": 5}]})
        assert (refused.status_code, refused.json["code"]) == (403, "role_missing")
        assert desk.portal(act.removeprefix("/v1")).status_code == 401
    assert hoa.get(client, path).json["data"] == [bank.seen(dispute)]
    [seen] = desk.look(f"/payments/{payment['id']}/disputes").json["data"]
    assert seen == {name: value for name, value in bank.seen(dispute).items() if name not in {"opened_by", "proposal"}}
    assert desk.look(f"/payments/{payment['id']}/disputes", portal="dvc-tay-ninh").status_code == 404


def test_portals_are_told_of_every_step(pay, bank, rows) -> None:
    payment = pay()
    bank.won(bank.opened(payment, 1))
    bank.lost(bank.opened(payment, 2))
    told = "SELECT type, data ->> 'dispute_state', (data ->> 'number')::int, (data ->> 'amount')::int, data ->> 'gateway_account' FROM event WHERE type LIKE 'dispute.%' ORDER BY seq"
    assert rows(told) == [
        ("dispute.opened", "opened", 1, 1, "vnpay-main"),
        ("dispute.won", "won", 1, 1, "vnpay-main"),
        ("dispute.opened", "opened", 2, 2, "vnpay-main"),
        ("dispute.lost", "lost", 2, 2, "vnpay-main"),
    ]


def test_the_audit_remembers_who_recorded_and_who_ended_a_dispute(pay, bank, lan, rows) -> None:
    bank.won(bank.opened(pay()))
    acts = rows("SELECT act, actor FROM audit_entry WHERE target LIKE 'dispute/%' ORDER BY seq")
    assert acts == [("dispute.opened", lan.id), ("dispute.won", lan.id)]


def test_a_dispute_lost_after_the_payments_day_was_shut_counts_on_its_own(pay, bank, clock, hub, rows) -> None:
    dispute = bank.opened(pay())
    clock.pass_(days=4)
    with hub.db.session() as session:
        days.shut(session, date(2026, 11, 20), "test", clock.now())
    bank.lost(dispute)
    assert rows("SELECT fact, business_on FROM journal ORDER BY id") == [("applied", date(2026, 11, 20)), ("charged_back", date(2026, 11, 24))]
