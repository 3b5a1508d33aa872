"""People and machines at work on one discrepancy in the same instant: real threads, real locks."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from payhub.ids import public_id
from reconciliation import runs
from reconciliation.models import Settlement

CASE = "/v1/staff/discrepancies"
ROUNDS = 5


@pytest.fixture
def at_once() -> Callable[..., list[Any]]:
    """Do all of these in the same instant, each in a thread of its own; return what each came to."""

    def do(*acts: Callable[[], Any]) -> list[Any]:
        barrier = Barrier(len(acts))

        def one(act: Callable[[], Any]) -> Any:
            barrier.wait(10)
            return act()

        with ThreadPoolExecutor(len(acts)) as pool:
            return [each.result(30) for each in [pool.submit(one, act) for act in acts]]

    return do


@pytest.fixture
def post(app) -> Callable[..., Any]:
    """Each request from a client of its own."""

    def send(who: Any, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = who.post(app.test_client(), path, body or {})
        assert answer.status_code < 500, answer.text
        return answer

    return send


@pytest.fixture
def look(app, lan) -> Callable[[str], Any]:
    return lambda case: lan.get(app.test_client(), f"{CASE}/{case}").json


@pytest.fixture
def case(app, lan) -> Callable[[str], str]:
    return lambda kind: lan.get(app.test_client(), f"{CASE}?kind={kind}&state=open").json["data"][0]["id"]


@pytest.fixture
def held(hub, client, ask, order, citizen_of, case) -> Callable[[], tuple[str, Any, str]]:
    """Money that came twice; return its discrepancy, its citizen, and the reference of the second attempt."""

    def make() -> tuple[str, Any, str]:
        citizen = citizen_of(ask({**order, "portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex}))
        first, second = citizen.try_(), citizen.try_()
        assert [citizen.says(first), citizen.says(second)] == ["00", "00"]
        return case("paid_twice"), citizen, second

    return make


def test_of_two_who_assign_at_once_the_last_has_it_and_both_are_in_the_history(held, at_once, post, look, lan, minh) -> None:
    found, _, _ = held()
    for _ in range(ROUNDS):
        at_once(*(lambda who=who: post(who, f"{CASE}/{found}/assign") for who in (lan, minh)))
        shown = look(found)
        last = [each["data"]["owner"] for each in shown["history"] if each["act"] == "assigned"][-2:]
        assert sorted(last) == ["lan", "minh"]
        assert (shown["owner"]["name"], shown["state"]) == (last[-1], "assigned")


def test_of_two_who_propose_at_once_one_does(held, at_once, post, look, lan, hire, ask, order, rows) -> None:
    other = hire("hai", "clerk")
    for number in range(ROUNDS):
        found, _, _ = held()
        target = ask({**order, "portal_reference": f"t{number}", "dossier": f"t{number}"}).json["id"]
        answers = at_once(
            lambda found=found: post(lan, f"{CASE}/{found}/refund", {"reason": "paid_twice"}),
            lambda found=found, target=target: post(other, f"{CASE}/{found}/allocate", {"payment": target}),
            lambda found=found: post(other, f"{CASE}/{found}/accept", {"reason": "explained"}),
        )
        assert sorted(each.status_code for each in answers) == [201, 409, 409], [each.text for each in answers]
        assert {each.json.get("code") for each in answers} == {None, "discrepancy_proposed"}
        assert look(found)["state"] == "proposed"
    # What was refused has left nothing: no refund, no proposal, no reserve.
    assert rows("SELECT count(*) FROM proposal") == [(ROUNDS,)]
    assert rows("SELECT (SELECT count(*) FROM refund) = (SELECT count(*) FROM proposal WHERE kind = 'refund')") == [(True,)]


def test_who_proposes_while_the_gateway_takes_the_money_back_neither_waits_for_ever_nor_gives_it_twice(
    held, at_once, post, look, lan, rows, app
) -> None:
    for _ in range(ROUNDS):
        found, citizen, reference = held()
        query = citizen.message(reference, status="04")
        at_once(
            lambda found=found: post(lan, f"{CASE}/{found}/refund", {"reason": "paid_twice"}),
            lambda query=query: app.test_client().get(f"/callbacks/vnpay/vnpay-main?{query}"),
            lambda found=found: post(lan, f"{CASE}/{found}/assign"),
        )
        shown = look(found)
        assert shown["ours"]["unapplied"]["remaining"] == 0
        assert shown["state"] in {"open", "assigned", "resolved"}, "nothing waits for a refund that was withdrawn"
    assert rows("SELECT count(*) FROM refund WHERE state NOT IN ('withdrawn')") == [(0,)]


def test_an_approval_and_new_evidence_in_the_same_instant_never_settle_what_nobody_saw(
    desk, at_once, post, look, lan, minh, case, hub, clock
) -> None:
    desk.settle([desk.row("X", 1_000)])
    found = case("missing_at_hub")
    for amount in range(2_000, 2_000 + ROUNDS):
        proposal = post(lan, f"{CASE}/{found}/accept", {"reason": "explained"}).json["proposal"]
        clock.pass_(seconds=30)
        code = minh.code()
        desk.take([desk.row("X", amount)])
        with hub.db.session() as session:
            [run_id] = runs.to_start(session, clock.now())
        answer, _ = at_once(
            lambda proposal=proposal, code=code: post(minh, f"/v1/proposals/{proposal}/approve", {"totp": code}),
            lambda run_id=run_id: runs.execute(hub, run_id),
        )
        shown = look(found)
        assert (shown["state"], shown["amount"]) == ("open", amount), answer.text
        assert shown["history"][-1]["act"] == ("opened again" if answer.status_code == 200 else "new evidence")


def test_a_row_is_corrected_once_however_many_approve_and_a_run_sees_it_whole(
    desk, at_once, post, look, lan, minh, hoa, case, hub, clock, rows
) -> None:
    desk.settle(desk.write([desk.row("A", 1_000), desk.row("B", "?")], total=3_000))
    found = case("count_or_sum_differs")
    row = {"row": 3, "type": "payment", "reference": "B", "amount": 2_000, "happened_at": "2026-11-20T09:30:00+07:00"}
    proposal = post(lan, f"{CASE}/{found}/correct", {"rows": [row]}).json["proposal"]
    with hub.db.session() as session:
        settlement = session.scalars(select(Settlement)).one()
        run_id = runs.ask_run(session, settlement, clock.now())
    clock.pass_(seconds=30)
    codes = [(who, who.code()) for who in (minh, hoa)]
    approvals = [lambda who=who, code=code: post(who, f"/v1/proposals/{proposal}/approve", {"totp": code}) for who, code in codes]
    answers = at_once(*approvals, lambda: runs.execute(hub, run_id))
    assert sorted(each.status_code for each in answers[:2]) == [200, 409]
    desk.carry_out()
    assert look(found)["state"] == "resolved"
    assert rows("SELECT count(*) FROM settlement_line") == [(2,)]
    assert set(desk.disputes()) == {"missing_at_hub payment/A", "missing_at_hub payment/B"}
    assert rows("SELECT max(corrections) FROM run") == [(1,)]
    assert public_id("stl", settlement.id, "test") == look(found)["history"][-1]["data"]["settlement"]
