"""What the database itself refuses of registers, whoever asks."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

COPY = "INSERT INTO {table} SELECT (jsonb_populate_record(o, jsonb_build_object({changes}))).* FROM {table} o WHERE {where} LIMIT 1"
LLTP = "WHERE code = 'LP-LLTP'"


def copied(table: str, where: str, **changes: str) -> str:
    given = ", ".join(f"'{name}', {value}" for name, value in changes.items())
    return COPY.format(table=table, where=where, changes=given)


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE fee SET amount = 1 {LLTP}",
        f"UPDATE fee SET name_vi = 'x' {LLTP}",
        f"UPDATE fee SET valid_from = '2021-01-01' {LLTP}",
        f"UPDATE fee SET valid_to = '2021-01-01' {LLTP}",
        f"DELETE FROM fee {LLTP}",
        "UPDATE fee SET valid_to = NULL WHERE valid_to = '2026-01-01'",
        "UPDATE fee SET valid_to = '2099-01-01' WHERE valid_to = '2026-01-01'",
        "UPDATE agency SET name_vi = 'x' WHERE code = '000.00.00.G15'",
        "UPDATE agency SET code = 'X1' WHERE code = '000.00.00.G15'",
        "UPDATE agency SET valid_to = NULL, successor_id = NULL WHERE code = '000.00.00.G04'",
        "UPDATE agency SET successor_id = (SELECT id FROM agency WHERE code = 'G12.18') WHERE code = '000.00.00.G04'",
        "UPDATE portal SET return_origins = '{https://evil.example}'",
        "UPDATE portal_grant SET fee_code = NULL",
        "UPDATE portal_grant SET agency_id = NULL",
        "UPDATE retention SET basis_points = 10000",
        "UPDATE relief SET basis_points = 5, kind = 'reduction'",
        "UPDATE gateway_terms SET cut_off = '23:59'",
        "UPDATE fee_tier SET amount = 1",
        "DELETE FROM fee_tier",
        "UPDATE day_off SET works = true WHERE \"on\" = '2026-01-01'",
        "DELETE FROM day_off WHERE \"on\" = '2026-01-01'",
        "UPDATE collecting_account SET number = '666666'",
        "DELETE FROM collecting_account",
        "TRUNCATE fee CASCADE",
        "TRUNCATE collecting_account CASCADE",
    ],
)
def test_what_has_begun_is_not_rewritten_by_raw_sql(run, statement) -> None:
    with pytest.raises(IntegrityError):
        run(statement)


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE fee SET valid_to = '2099-01-01' {LLTP}",
        "UPDATE agency SET valid_to = '2099-01-01', successor_id = (SELECT id FROM agency WHERE code = 'G12.18') WHERE code = '000.00.00.H48'",
        "UPDATE agency SET successor_id = (SELECT id FROM agency WHERE code = 'G12.18') WHERE code = '000.00.00.G13'",
        copied("fee", "code = 'LP-LLTP'", id="gen_random_uuid()", code="'LP-MOI'", valid_from="'2099-01-01'"),
    ],
)
def test_ends_successors_and_what_is_to_come_are_written(run, statement) -> None:
    run(statement)


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ("fee", "code = 'LP-LLTP'"),
        ("agency", "code = '000.00.00.G15'"),
        ("portal", "code = 'kbnn'"),
        ("portal_grant", "fee_code IS NULL"),
        ("retention", "fee_code = 'P-CO'"),
        ("relief", "code = 'TRE-EM' AND fee_code = 'LP-CANCUOC'"),
    ],
)
def test_two_rows_about_one_thing_never_hold_at_once(run, table, where) -> None:
    later = copied(table, where, id="gen_random_uuid()", valid_from="'2099-01-01'")
    with pytest.raises(IntegrityError, match="overlap"):
        run(later)
    run(f"UPDATE {table} SET valid_to = '2099-01-01' WHERE {where}", later)
    with pytest.raises(IntegrityError, match="overlap"):
        run(f"UPDATE {table} SET valid_to = '2099-06-01' WHERE valid_to = '2099-01-01'")


def test_a_known_code_is_given_no_past(run) -> None:
    run(f"UPDATE fee SET valid_to = '2099-01-01' {LLTP}")
    with pytest.raises(IntegrityError, match="past"):
        run(copied("fee", "code = 'LP-LLTP'", id="gen_random_uuid()", valid_from="'2019-01-01'", valid_to="'2019-06-01'"))
    with pytest.raises(IntegrityError, match="past"):
        run(copied("gateway_terms", "true", valid_from="'2021-01-01'", cut_off="'23:00'"))


def test_what_is_to_come_does_not_move_into_the_past(run) -> None:
    run(copied("fee", "code = 'LP-LLTP'", id="gen_random_uuid()", code="'LP-MOI'", valid_from="'2099-01-01'"))
    run("UPDATE fee SET amount = 5 WHERE code = 'LP-MOI'")
    with pytest.raises(IntegrityError, match="past"):
        run("UPDATE fee SET valid_from = '2021-01-01' WHERE code = 'LP-MOI'")


def test_successors_never_lead_back(run) -> None:
    step = "UPDATE agency SET valid_to = '2099-01-01', successor_id = (SELECT id FROM agency WHERE code = '{1}') WHERE code = '{0}'"
    run(step.format("000.00.00.H48", "000.00.00.H53"), step.format("000.00.00.H53", "000.00.00.H41"))
    with pytest.raises(IntegrityError, match="lead back"):
        run(step.format("000.00.00.H41", "000.00.00.H48"))
    with pytest.raises(IntegrityError, match="lead back"):
        run(step.format("000.00.00.H29", "000.00.00.H29"))


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@A1", "\uff1d1"])
def test_what_a_spreadsheet_would_run_is_stored_nowhere(run, formula) -> None:
    with pytest.raises(IntegrityError, match="formula"):
        run(copied("fee", "code = 'LP-LLTP'", id="gen_random_uuid()", code="'LP-MOI'", name_vi=f"'{formula}'"))
    with pytest.raises(IntegrityError, match="formula"):
        run(f"INSERT INTO day_off (calendar, \"on\", name) VALUES ('kbnn', '2099-01-01', '{formula}')")


def test_what_belongs_to_an_agency_stays_with_its_first_row(run) -> None:
    run(
        "UPDATE agency SET valid_to = '2099-01-01' WHERE code = '000.00.00.G15'",
        copied("agency", "code = '000.00.00.G15'", id="gen_random_uuid()", valid_from="'2099-01-01'", valid_to="NULL"),
    )
    later = "(SELECT id FROM agency WHERE code = '000.00.00.G15' AND valid_from = '2099-01-01')"
    with pytest.raises(IntegrityError, match="later row"):
        run(copied("retention", "true", id="gen_random_uuid()", agency_id=later))


def test_two_who_change_one_code_at_once_do_not_both_succeed(hub, run) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def add(number: int) -> bool:
        try:
            run(copied("fee", "code = 'LP-LLTP'", id="gen_random_uuid()", code="'LP-MOI'", valid_from=f"'2099-01-0{number}'"))
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(1, 9))) == 1


def test_another_day_may_be_named_only_where_no_money_is_real(run, rows) -> None:
    day = "SELECT set_config('payhub.today', '1900-01-01', true)"
    run(day, f"UPDATE fee SET amount = 200001 {LLTP}")
    run("INSERT INTO deployment VALUES (1, 'live', now())")
    with pytest.raises(IntegrityError):
        run(day, f"UPDATE fee SET amount = 200002 {LLTP}")
    assert rows(f"SELECT amount FROM fee {LLTP}") == [(200_001,)]


@pytest.mark.parametrize("table", ["register_import", "register_change", "announcement"])
def test_what_was_imported_and_announced_stays(agree, edited, new_fee, run, table) -> None:
    agree("fees", edited("fees", new_fee))
    account = {"agency": "000.00.00.H01", "purpose": "fine", "bank_bin": "970436", "number": "1234567890", "holder": "An Giang", "valid_from": "2027-01-01"}
    agree("collecting_accounts", edited("collecting_accounts", account))
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE", f"UPDATE {table} SET {'entry' if table == 'register_change' else 'id'} = NULL"):
        with pytest.raises(IntegrityError):
            run(statement)
    with pytest.raises(IntegrityError, match="decided"):
        run("INSERT INTO register_change SELECT id, 99, '{}' FROM register_import")


@pytest.mark.breaks_laws
def test_prove_notices_an_import_that_is_not_what_was_agreed(agree, edited, new_fee, hub) -> None:
    from sqlalchemy import text

    from payhub.app import registry
    from payhub.ledger.prove import prove

    agree("fees", edited("fees", new_fee))
    with hub.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE register_change DISABLE TRIGGER ALL"))
        connection.execute(text("UPDATE register_change SET entry = replace(entry, '120000', '1')"))
    broken = [proven.law for proven in prove(hub.db.engine, registry().laws) if not proven.holds]
    assert broken == ["an import's changes are those that its proposal was made of"]
