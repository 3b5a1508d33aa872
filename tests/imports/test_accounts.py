"""A new account is two people's, waits, is announced, and can be stopped; until it takes effect money goes where it went."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from payhub.cli.registers import key as keys_command
from payhub.imports import announcing
from payhub.imports.errors import ImportOutdated, NothingCools
from payhub.staff.errors import RoleMissing

AGENCY = "000.00.00.G15"
OLD = "7111.0.0000014"
NEW = "7111.0.0000099"
ASKED = "SELECT DISTINCT a.number FROM payment_line l JOIN collecting_account a ON a.id = l.collecting_account_id JOIN payment p ON p.id = l.payment_id WHERE portal_reference = '{}'"


@pytest.fixture
def old(rows) -> str:
    [(number,)] = rows(f"SELECT number FROM collecting_account c JOIN agency a ON a.id = c.agency_id WHERE code = '{AGENCY}' AND purpose = 'le_phi'")
    return number


@pytest.fixture
def changed(exported):
    """The register's file with another account for lệ phí of the Ministry of Justice, asked for from a day on."""

    def write(day: str, number: str = NEW) -> bytes:
        lines = exported("collecting_accounts").decode().splitlines()
        kept = [line + day if line.startswith(f"{AGENCY},le_phi") and line.endswith(",") else line for line in lines]
        return "\n".join([*kept, f"{AGENCY},le_phi,970436,{number},Bộ Tư pháp,{day},", ""]).encode()

    return write


@pytest.fixture
def paid_into(ask, order, rows):
    """Ask for a payment now; return the account it is for."""

    def number() -> str:
        reference = uuid.uuid4().hex
        answer = ask({**order, "portal_reference": reference, "dossier": reference})
        assert answer.status_code == 201, answer.json
        [(found,)] = rows(ASKED.format(reference))
        return found

    return number


def test_money_goes_to_the_old_account_until_the_new_one_takes_effect(changed, agree, paid_into, old, clock, rows) -> None:
    assert paid_into() == old
    # Friday; Monday, Tuesday and Wednesday pass.
    agree("collecting_accounts", changed("2026-11-21"))
    assert paid_into() == old
    clock.set(datetime(2026, 11, 24, 16, 59, tzinfo=UTC))
    assert paid_into() == old
    clock.set(datetime(2026, 11, 24, 17, 0, tzinfo=UTC))
    assert paid_into() == NEW
    spans = rows(f"SELECT number, valid_from::text, valid_to::text FROM collecting_account WHERE number IN ('{old}', '{NEW}') ORDER BY valid_from")
    assert spans == [(old, "2020-01-01", "2026-11-25"), (NEW, "2026-11-25", None)]


def test_a_later_day_than_the_cooling_time_is_kept(changed, agree, rows) -> None:
    agree("collecting_accounts", changed("2027-03-01"))
    assert rows(f"SELECT valid_from::text FROM collecting_account WHERE number = '{NEW}'") == [("2027-03-01",)]


def test_the_cooling_time_counts_from_the_approval_and_skips_days_off(changed, propose, minh, edited, agree, clock, rows) -> None:
    agree("days_off", edited("days_off", {"calendar": "kbnn", "on": "2026-11-24", "kind": "off", "name": "Bão"}, {"calendar": "kbnn", "on": "2026-11-28", "kind": "working", "name": "Làm bù"}))
    made = propose("collecting_accounts", changed("2026-11-26"))
    clock.set(datetime(2026, 11, 25, 3, 0, tzinfo=UTC))
    minh.approve(made.proposal_id)
    # Wednesday; Thursday, Friday and a Saturday that is worked.
    assert rows(f"SELECT valid_from::text FROM collecting_account WHERE number = '{NEW}'") == [("2026-11-28",)]


def test_a_first_account_waits_too(edited, agree, rows) -> None:
    row = {"agency": "000.00.00.H01", "purpose": "fine", "bank_bin": "970436", "number": "1234567890", "holder": "An Giang", "valid_from": "2026-11-20"}
    agree("collecting_accounts", edited("collecting_accounts", row))
    assert rows("SELECT valid_from::text FROM collecting_account WHERE number = '1234567890'") == [("2026-11-25",)]


def test_what_would_be_over_before_it_could_begin_is_refused(edited, hub) -> None:
    from payhub.imports import service
    from payhub.imports.tables import ACCOUNTS

    row = {"agency": "000.00.00.H01", "purpose": "fine", "bank_bin": "970436", "number": "1234567890", "holder": "An Giang", "valid_from": "2026-11-21", "valid_to": "2026-11-24"}
    with hub.db.session() as session:
        checked = service.check(hub, session, ACCOUNTS, edited("collecting_accounts", row))
    assert [each.code for each in checked.plan.problems] == ["account_over"]
    assert checked.earliest_on == date(2026, 11, 25)


def test_a_new_account_is_announced_with_its_number_masked(changed, agree, client, keys, payhub, hub) -> None:
    agree("collecting_accounts", changed("2026-11-21"))
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}
    [told] = client.get(f"/v1/agencies/{AGENCY}/announcements", headers=headers).json["data"]
    assert (told["agency"], told["kind"], told["effective_on"]) == (AGENCY, "account", "2026-11-25")
    assert "****.*.***0099" in told["text_vi"]
    assert "Từ ngày 25/11/2026, lệ phí của" in told["text_vi"]
    assert NEW not in told["text_vi"] + told["text_en"]
    assert told["text_en"] in payhub("announcements", "--agency", AGENCY).output
    other = client.get(f"/v1/agencies/{AGENCY}/announcements", headers={"Authorization": f"Bearer {keys['kbnn']}"})
    assert other.status_code == 403


def test_announcements_are_for_portals_granted_for_the_agency(client, keys) -> None:
    def asked(portal: str, agency: str):
        answer = client.get(f"/v1/agencies/{agency}/announcements", headers={"Authorization": f"Bearer {keys[portal]}"})
        return answer.status_code, answer.json.get("code")

    assert asked("dvc-tay-ninh", "000.00.00.H53") == (200, None)
    assert asked("dvc-tay-ninh", "000.00.00.H29") == (403, "agency_not_granted")
    assert asked("dvc-tay-ninh", "nobody") == (404, "not_found")


def test_an_account_is_stopped_while_it_waits_and_the_old_one_stays(changed, agree, paid_into, old, hub, hire, minh, client, keys, clock, rows) -> None:
    agree("collecting_accounts", changed("2026-11-21"))
    with hub.db.session() as session:
        [stopped] = announcing.stop(hub, session, AGENCY, "le_phi", "Ngân hàng báo số tài khoản lạ", minh.person)
    clock.pass_(days=30)
    assert paid_into() == old
    assert rows(f"SELECT valid_to FROM collecting_account WHERE number = '{old}'") == [(None,)]
    assert rows("SELECT actor, target, data ->> 'agency' FROM audit_entry WHERE act = 'account.stopped'") == [(minh.id, f"collecting_account/{stopped.id}", AGENCY)]
    [(key, reason)] = rows("SELECT reason_key, reason FROM account_stop")
    from payhub.crypto import Sealed

    assert hub.keyring.open(Sealed(key, reason), f"account_stop {stopped.id}").decode() == "Ngân hàng báo số tài khoản lạ"
    told = client.get(f"/v1/agencies/{AGENCY}/announcements", headers={"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}).json["data"]
    assert [each["kind"] for each in told] == ["account_stopped", "account"]


def test_only_approvers_and_admins_stop_and_only_what_waits(changed, agree, hub, hire, minh, clock) -> None:
    agree("collecting_accounts", changed("2026-11-21"))
    with hub.db.session() as session, pytest.raises(RoleMissing):
        announcing.stop(hub, session, AGENCY, "le_phi", "x", hire("an", "auditor", "clerk").person)
    with hub.db.session() as session, pytest.raises(NothingCools):
        announcing.stop(hub, session, AGENCY, "phi", "x", minh.person)
    clock.pass_(days=30)
    with hub.db.session() as session, pytest.raises(NothingCools):
        announcing.stop(hub, session, AGENCY, "le_phi", "x", minh.person)


def test_after_a_stop_the_account_is_proposed_anew_and_waits_again(changed, agree, hub, minh, clock, rows) -> None:
    agree("collecting_accounts", changed("2026-11-25"))
    with hub.db.session() as session:
        announcing.stop(hub, session, AGENCY, "le_phi", "x", minh.person)
    clock.pass_(days=3)
    agree("collecting_accounts", changed("2026-11-25", "7111.0.0000077"))
    assert rows("SELECT valid_from::text FROM collecting_account WHERE number = '7111.0.0000077'") == [("2026-11-26",)]


def test_an_account_that_waits_is_not_changed_by_a_file(changed, agree, exported, wrong) -> None:
    agree("collecting_accounts", changed("2026-11-25"))
    for change in ((NEW.encode(), b"7111.0.0000077"), (b"970436," + NEW.encode(), b"970418," + NEW.encode())):
        assert [code for *_, code in wrong("collecting_accounts", exported("collecting_accounts").replace(*change))] == ["planned_account"]


def test_what_two_people_agreed_on_too_late_is_not_done(changed, propose, minh, clock, rows) -> None:
    made = propose("collecting_accounts", changed("2026-11-21"))
    clock.pass_(days=10)
    with pytest.raises(ImportOutdated):
        minh.approve(made.proposal_id)
    assert rows(f"SELECT count(*) FROM collecting_account WHERE number = '{NEW}'") == [(0,)]


def test_an_approval_and_a_stop_wait_for_each_other_in_one_order(changed, agree, hub, minh, blocked) -> None:
    agree("collecting_accounts", changed("2026-11-25"))

    def stop() -> None:
        with hub.db.session() as session:
            announcing.stop(hub, session, AGENCY, "le_phi", "x", minh.person)

    with ThreadPoolExecutor(1) as pool, hub.db.engine.connect() as approval:
        approval.execute(text("SELECT version FROM register_version FOR UPDATE"))
        stopped = pool.submit(stop)
        blocked()
        # What the approval is about to end, nobody who waits for it holds.
        approval.execute(text("SELECT FROM collecting_account FOR UPDATE NOWAIT"))
        approval.rollback()
        stopped.result(timeout=30)


def test_the_cooling_time_goes_by_the_calendar_as_it_is_at_the_approval(changed, propose, minh, hub, run, rows) -> None:
    made = propose("collecting_accounts", changed("2026-11-21"))
    hub.cache._stale_s = 3600.0
    assert hub.registers
    run("INSERT INTO day_off (calendar, \"on\", name) VALUES ('kbnn', '2026-11-24', 'Bão')")
    minh.approve(made.proposal_id)
    assert rows(f"SELECT valid_from::text FROM collecting_account WHERE number = '{NEW}'") == [("2026-11-26",)]


def test_an_agency_hears_of_its_account_by_a_key_of_its_own_that_asks_for_nothing(changed, edited, agree, client, order, hub, clock) -> None:
    office = {"code": "van-phong-btp", "name_vi": "Văn phòng Bộ Tư pháp", "name_en": "Office of the Ministry of Justice", "valid_from": "2026-11-20"}
    agree("portals", edited("portals", office))
    agree("grants", edited("grants", {"portal": office["code"], "agency": AGENCY, "fee": "*", "valid_from": "2026-11-20"}))
    made = CliRunner().invoke(keys_command, ["new", office["code"], "--scope", "payments:read"], obj=lambda: hub)
    assert made.exit_code == 0, made.output
    headers = {"Authorization": f"Bearer {re.search('phk_[0-9a-z_]+', made.output)[0]}", "Idempotency-Key": "k"}
    agree("collecting_accounts", changed("2026-11-21"))
    [told] = client.get(f"/v1/agencies/{AGENCY}/announcements", headers=headers).json["data"]
    assert (told["kind"], told["effective_on"]) == ("account", "2026-11-25")
    assert client.post("/v1/payments", json=order, headers=headers).status_code == 403


INSERT = """
INSERT INTO collecting_account (id, agency_id, purpose, bank_bin, number, holder, valid_from, import_id)
SELECT gen_random_uuid(), agency_id, purpose, bank_bin, '{number}', holder, '{day}', {made} FROM collecting_account c
JOIN agency a ON a.id = c.agency_id WHERE code = '000.00.00.G15' AND purpose = 'le_phi' AND c.valid_from = '2020-01-01'
"""
END = "UPDATE collecting_account c SET valid_to = '{day}' FROM agency a WHERE a.id = c.agency_id AND code = '000.00.00.G15' AND purpose = 'le_phi' AND c.valid_to IS NULL"


@pytest.mark.parametrize("mode", ["live", "test"])
@pytest.mark.parametrize("day", ["2099-01-01", "2026-11-25", "2026-11-20"])
def test_raw_sql_brings_no_account_of_its_own(run, rows, mode, day) -> None:
    if mode == "live":
        run("INSERT INTO deployment VALUES (1, 'live', now())")
    end = END.format(day="2099-01-01")
    for made in ("NULL", "gen_random_uuid()"):
        for before in ((), (end,), ("SELECT set_config('payhub.today', '2021-01-01', true)", END.format(day=day))):
            with pytest.raises(IntegrityError):
                run(*before, INSERT.format(number="666666", day=day, made=made))
    assert rows("SELECT count(*) FROM collecting_account WHERE number = '666666'") == [(0,)]


def test_raw_sql_cannot_skip_the_cooling_time_of_what_was_agreed(hub, changed, propose, minh, run, rows) -> None:
    """Whoever holds the database's password takes an import that two people agree on just now, and hurries it."""
    made = propose("collecting_accounts", changed("2026-11-21"))
    approve = "UPDATE proposal SET state = 'approved', decided_by = :who, decided_at = '2026-11-20 03:00:00+00' WHERE id = :proposal"
    given = {"who": minh.id, "proposal": made.proposal_id}
    hurried = {"day": "2026-11-21", "made": f"'{made.id}'"}
    today = "SELECT set_config('payhub.today', '2026-11-20', true)"

    def attempt(*statements: str) -> None:
        with hub.db.engine.connect() as connection, connection.begin() as transaction:
            for statement in (approve, today, *statements):
                connection.execute(text(statement), given if ":who" in statement else {})
            transaction.rollback()

    end = END.format(day="2026-11-25")
    attempt(end, INSERT.format(number=NEW, day="2026-11-25", made=f"'{made.id}'").replace("bank_bin, '", "'970436', '").replace("', holder", "', 'Bộ Tư pháp'"))
    for statements in (
        (END.format(day="2026-11-21"), INSERT.format(number=NEW, **hurried).replace("bank_bin, '", "'970436', '").replace("', holder", "', 'Bộ Tư pháp'")),
        (end, INSERT.format(number="666666", day="2026-11-25", made=f"'{made.id}'")),
        ("UPDATE register_import SET cooling_days = 1",),
    ):
        with pytest.raises(IntegrityError):
            attempt(*statements)
    minh.approve(made.proposal_id)
    for statement in (
        f"UPDATE collecting_account SET valid_from = '2026-11-21' WHERE number = '{NEW}'",
        f"UPDATE collecting_account SET number = '666666' WHERE number = '{NEW}'",
    ):
        with pytest.raises(IntegrityError):
            run(today, statement)
    assert rows(f"SELECT valid_from::text FROM collecting_account WHERE number = '{NEW}'") == [("2026-11-25",)]


def test_an_account_that_was_stopped_stays_stopped(changed, agree, hub, minh, run) -> None:
    agree("collecting_accounts", changed("2099-01-01"))
    with hub.db.session() as session:
        announcing.stop(hub, session, AGENCY, "le_phi", "x", minh.person)
    with pytest.raises(IntegrityError):
        run(END.format(day="2098-01-01"), f"UPDATE collecting_account SET valid_to = NULL WHERE number = '{NEW}'")
