"""A code of this moment, accepted once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from payhub.crypto import CryptoError
from payhub.staff import people, service, totp
from payhub.staff.errors import ApprovalsLocked, TotpUsed, TotpWrong


@pytest.fixture
def spend(hub, minh):
    def spend_(code: str | None = None) -> None:
        totp.spend(hub, minh.id, code or minh.code(), hub.clock.now())

    return spend_


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(at, code) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert pyotp.TOTP(secret, digits=8).generate_otp(at // 30) == code
    assert totp._steps(secret, code[-6:], datetime.fromtimestamp(at, UTC)) == [at // 30]


def test_a_code_is_accepted_once(spend, clock, minh) -> None:
    code = minh.code()
    spend(code)
    for seconds in (0, 1, 29):
        clock.pass_(seconds=seconds)
        with pytest.raises(TotpUsed):
            spend(code)


def test_a_code_stays_spent_when_what_it_was_for_is_undone(propose, minh, executed, monkeypatch) -> None:
    from payhub.staff.executors import EXECUTORS

    def fail(*_):
        raise RuntimeError("the executor's own fault")

    monkeypatch.setitem(EXECUTORS, "test_act", fail)
    proposal_id, code = propose("test_act"), minh.code()
    with pytest.raises(RuntimeError):
        minh.approve(proposal_id, code)
    with pytest.raises(TotpUsed):
        minh.approve(proposal_id, code)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_clock_may_be_a_step_off(spend, minh, clock, steps) -> None:
    spend(minh.code(clock.now() + timedelta(seconds=30 * steps)))


@pytest.mark.parametrize("steps", [-2, 2, -40, 40])
def test_a_clock_may_not_be_two_steps_off(spend, minh, clock, steps) -> None:
    with pytest.raises(TotpWrong):
        spend(minh.code(clock.now() + timedelta(seconds=30 * steps)))


def test_a_code_older_than_one_accepted_is_not_accepted(spend, minh, clock) -> None:
    before, after = clock.now(), clock.now() + timedelta(seconds=30)
    spend(minh.code(after))
    with pytest.raises(TotpUsed):
        spend(minh.code(before))
    clock.pass_(seconds=60)
    spend(minh.code())


def test_one_code_at_once_from_many_is_accepted_once(spend, minh, hub, blocked) -> None:
    code, outcomes = minh.code(), []

    def try_() -> None:
        try:
            spend(code)
            outcomes.append("accepted")
        except TotpUsed:
            outcomes.append("used")

    with ThreadPoolExecutor(3) as pool:
        with hub.db.session() as session:
            session.get_one(totp.StaffTotp, minh.id, with_for_update=True)
            tries = [pool.submit(try_) for _ in range(3)]
            blocked(3)
        for future in tries:
            future.result(timeout=30)
    assert sorted(outcomes) == ["accepted", "used", "used"]


def test_five_wrong_codes_lock_for_fifteen_minutes(spend, minh, clock, rows) -> None:
    for _ in range(4):
        with pytest.raises(TotpWrong):
            spend(minh.wrong())
    with pytest.raises(ApprovalsLocked) as locked:
        spend(minh.wrong())
    assert locked.value.headers["Retry-After"] == "900"
    clock.pass_(minutes=14, seconds=59)
    with pytest.raises(ApprovalsLocked) as locked:
        spend()
    assert locked.value.headers["Retry-After"] == "1"
    clock.pass_(seconds=1)
    spend()
    acts = [act for (act,) in rows("SELECT act FROM audit_entry WHERE act LIKE 'totp%' OR act LIKE 'approvals%' ORDER BY seq")]
    assert acts == ["totp.wrong"] * 4 + ["approvals.locked"]


def test_a_lock_is_one_persons_and_any_process_knows_it(spend, minh, hoa, hub, settings, clock) -> None:
    from gateways.registry import GATEWAYS
    from payhub.hub import build

    for _ in range(5):
        with pytest.raises((TotpWrong, ApprovalsLocked)):
            spend(minh.wrong())
    totp.spend(hub, hoa.id, hoa.code(), clock.now())
    other = build(settings, GATEWAYS, clock)
    with pytest.raises(ApprovalsLocked):
        totp.spend(other, minh.id, minh.code(), clock.now())
    other.db.close()
    other.redis.close()


def test_a_code_refused_while_locked_is_not_spent(spend, minh, hub, clock) -> None:
    for _ in range(5):
        with pytest.raises((TotpWrong, ApprovalsLocked)):
            spend(minh.wrong())
    with hub.db.session() as session:
        assert session.get_one(totp.StaffTotp, minh.id).last_step == 0


def test_wrong_codes_far_apart_do_not_lock(spend, minh, clock) -> None:
    for _ in range(8):
        with pytest.raises(TotpWrong):
            spend(minh.wrong())
        clock.pass_(minutes=4)


def test_a_right_code_forgives_the_wrong_ones(spend, minh, clock) -> None:
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(TotpWrong):
                spend(minh.wrong())
        spend()
        clock.pass_(seconds=30)


def test_a_new_authenticator_ends_the_old_one(hub, minh, clock) -> None:
    with hub.db.session() as session:
        uri = people.new_authenticator(hub, session, "minh")
    with pytest.raises(TotpWrong):
        totp.spend(hub, minh.id, minh.code(), clock.now())
    totp.spend(hub, minh.id, pyotp.parse_uri(uri).at(clock.now()), clock.now())


def test_who_has_no_authenticator_has_no_right_code(hub, run, minh) -> None:
    run("DELETE FROM staff_totp")
    with pytest.raises(TotpWrong):
        totp.spend(hub, minh.id, minh.code(), hub.clock.now())


def test_a_secret_moved_to_another_person_does_not_open(hub, run, minh, hoa) -> None:
    run(
        "UPDATE staff_totp SET (sealed_key, sealed) = (SELECT sealed_key, sealed FROM staff_totp WHERE principal_id = :from) WHERE principal_id = :to",
        **{"from": hoa.id, "to": minh.id},
    )
    with pytest.raises(CryptoError):
        totp.spend(hub, minh.id, hoa.code(), hub.clock.now())


def test_raw_sql_cannot_make_a_spent_code_fresh(spend, run) -> None:
    spend()
    with pytest.raises(IntegrityError):
        run("UPDATE staff_totp SET last_step = 0")
    with pytest.raises(IntegrityError):
        run("UPDATE staff_totp SET last_step = last_step")


@pytest.mark.parametrize("code", ["", "12345", "1234567", "१२३४५६", "abcdef", " 123456"])
def test_what_is_no_code_is_wrong(spend, code) -> None:
    with pytest.raises(TotpWrong):
        spend(code or " ")


def test_the_lock_survives_a_rollback_of_whoever_asked(hub, minh, propose) -> None:
    proposal_id = propose()
    with pytest.raises(TotpWrong), hub.db.session() as session:
        service.approve(hub, session, proposal_id, minh.person, minh.wrong(), hub.clock.now())
    with hub.db.session() as session:
        assert session.scalar(text("SELECT cardinality(wrong_at) FROM staff_totp WHERE principal_id = :id"), {"id": minh.id}) == 1
