"""Asking the gateway again, and applying its word."""

from __future__ import annotations

import uuid


def test_the_gateways_word_is_asked_for_and_applied(bench, hub, ask, order, gateway, clock) -> None:
    import requests

    from payhub.ids import read_public_id
    from payhub.payments import attempts, checks

    payment = ask(order).json
    redirect = attempts.start(hub, read_public_id("pay", payment["id"], "test"), "vnpay-main", uuid.uuid4(), "203.0.113.5")
    requests.post(redirect.url, data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
    gateway.reach("http://127.0.0.1:9")
    for step in hub.settings.payments.ladder_s:
        clock.pass_(seconds=step)
        with hub.db.session() as session:
            due = checks.due(session, clock.now())
        for attempt_id in due:
            checks.check(hub, attempt_id)
    clock.pass_(days=4)
    with hub.db.session() as session:
        for attempt_id in checks.due(session, clock.now()):
            checks.check(hub, attempt_id)
    case = bench.one("unknown_outcome")
    shown = bench.done(case, "ask")
    assert (shown["state"], shown["history"][-1]["data"]["answer"]) == ("open", None), "nobody answers"
    gateway.reach()
    shown = bench.done(case, "ask")
    assert (shown["ours"]["attempt"]["state"], shown["state"]) == ("succeeded", "resolved")
    assert bench.acts(shown)[-2:] == ["closed by outcome", "asked"]
    assert shown["history"][-1]["data"] == {
        "about": "attempt", "attempt": shown["ours"]["attempt"]["id"], "answer": "succeeded", "raw_code": "00/00", "amount": 200_000,
    }  # fmt: skip


def test_what_names_nothing_of_ours_cannot_be_asked_about(bench, stranger) -> None:
    assert bench.refused(stranger, "ask") == "act_impossible"


def test_a_refund_is_asked_about_without_losing_a_step_of_its_own_questions(bench, desk, pay, gateway, hub, clock, rows) -> None:
    from payhub.payments.refunds import sending

    pay(pay_twice=True)
    gateway.will("unknown_done")
    proposed = bench.done(bench.one("paid_twice"), "refund", {"reason": "paid_twice"})
    bench.decide(proposed["proposal"])
    clock.pass_(seconds=1)
    with hub.db.session() as session:
        [due] = sending.due(session, clock.now())
    sending.step(hub, due)
    gateway.reach("http://127.0.0.1:9")
    desk.grace(0)
    for _ in range(len(hub.settings.payments.ladder_s) + 1):
        clock.pass_(days=4)
        sending.step(hub, due)
    case, before = bench.one("refund_unknown"), rows("SELECT checks FROM refund_try")
    shown = bench.done(case, "ask")
    assert (shown["state"], bench.acts(shown), rows("SELECT checks FROM refund_try")) == ("open", ["opened", "asked"], before)
    gateway.reach()
    shown = bench.done(case, "ask")
    assert (shown["state"], shown["ours"]["refund"]["state"]) == ("resolved", "succeeded")
    assert bench.acts(shown) == ["opened", "asked", "closed by the gateway", "asked"]
