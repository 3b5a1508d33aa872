"""The application's database role: it can do everything the hub does, and nothing that would loosen a guard."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from payhub import deployment, idempotency, migrate, roles
from payhub.app import registry
from payhub.cli.days import day as day_command
from payhub.cli.registers import key as key_command
from payhub.ledger import days
from payhub.ledger.prove import prove
from payhub.payments import jobs as payment_jobs
from payhub.staff import people
from reconciliation import runs, settlements, totals
from reconciliation.dayfiles import asking
from reconciliation.dayfiles.commands import day_files as day_files_command
from reconciliation.settlements import import_settlement
from webhooks import deliveries, endpoints, relay, unverified

ROLE = f"application {os.getpid()}"
FRIDAY = date(2026, 11, 20)
HEADING = "STT,MaGiaoDich,MaThamChieu,LoaiGiaoDich,ThoiGian,SoTien,Phi,NganHang,TrangThai,MaThanhToan"


@pytest.fixture
def owner(servers, database) -> Iterator[Engine]:
    """The owner's own way into the test's database."""
    engine = create_engine(make_url(servers.database_url).set(database=database))
    yield engine
    engine.dispose()


@pytest.fixture
def settings(settings, owner):
    """Everything that asks for a hub in this file gets one that connects as the application's role."""
    roles.grant(owner, ROLE)
    url = make_url(settings.database.url).set(username=ROLE).render_as_string(hide_password=False)
    return replace(settings, database=replace(settings.database, url=url))


@pytest.fixture
def run(hub) -> Callable[[str], None]:
    """Run one statement as the application's role, in a transaction of its own."""

    def execute(statement: str) -> None:
        with hub.db.engine.begin() as connection:
            connection.execute(text(statement))

    return execute


def test_the_hub_of_this_file_is_the_application_role(rows) -> None:
    assert rows("SELECT current_user::text, session_user::text") == [(ROLE, ROLE)]


@pytest.mark.usefixtures("bound")
def test_the_whole_life_of_payments_works(hub, ask, order, citizen_of, clock, rows) -> None:
    with hub.db.session() as session:
        deployment.stamp(session, hub.settings.mode, clock.now())
    citizen = citizen_of(ask(order))
    first, second = citizen.try_(), citizen.try_()
    assert [citizen.says(first), citizen.says(first), citizen.says(second)] == ["00", "02", "00"]
    assert citizen.call_back("vnp_TxnRef=1&vnp_SecureHash=00") == "97"
    waiting = citizen_of(ask({**order, "portal_reference": "waits", "dossier": "waits"}))
    assert waiting.says(waiting.try_(), code="24", status="02", number="0") == "00"
    clock.pass_(days=4)
    payment_jobs.close_due()
    payment_jobs.sweep()
    assert rows("SELECT state, count(*) FROM payment GROUP BY state ORDER BY state") == [("expired", 1), ("paid", 1)]
    with hub.db.session() as session:
        assert days.shut(session, FRIDAY, "thu.ha", clock.now()).shut_by == "thu.ha"


@pytest.mark.parametrize("large", [1, 10**9], ids=["a table of its own", "the shared table"])
def test_reconciliation_works(hub, paid, rows, monkeypatch, large) -> None:
    # In truth a file of 16 MiB has a table of its own.
    monkeypatch.setattr(settlements, "LARGE", large)
    [(reference,)] = rows("SELECT reference FROM attempt")
    file = f"{HEADING}\n1,1,{reference},THANH_TOAN,20/11/2026 10:05:00,200000,0,NCB,THANH_CONG,\nTONG,1,200000,,,,,,,\n"
    imported = import_settlement(hub, "vnpay-main", FRIDAY, "day.csv", file.encode())
    assert runs.execute(hub, imported.run_id) == []
    assert rows("SELECT state FROM run") == [("done",)]
    assert rows("SELECT count(*) FROM proof") == [(1,)]
    with hub.db.session() as session:
        assert [total.difference for total in totals.agency_totals(session, FRIDAY)] == [0]


def test_telling_portals_works(hub, paid, rows, clock) -> None:
    with hub.db.session() as session:
        portal = session.scalar(text("SELECT portal_id FROM payment"))
        endpoint, _ = endpoints.add(hub, session, portal, "https://portal.example/told", ["payment.paid"])
    assert relay.run(hub.db, clock.now()) >= 0
    assert rows("SELECT count(*) FROM event WHERE position IS NULL") == [(0,)]
    with hub.db.session() as session:
        deliveries.waiting(session, clock.now())
        endpoints.disable(session, endpoint.id, clock.now())


def test_stating_a_day_to_a_portal_works(hub, paid, clock, rows) -> None:
    clock.pass_(days=1)
    done = CliRunner().invoke(day_files_command, ["make", "2026-11-20", "--portal", "dvc-bo-tu-phap"], obj=lambda: hub)
    assert done.exit_code == 0, done.output
    with hub.db.session() as session:
        asking.ask_for_yesterday(hub, session, clock.now())
    with hub.db.session() as session:
        waiting = asking.due(session)
    assert sum(asking.work(hub, portal_id) for portal_id in waiting) == len(waiting) > 0
    assert rows("SELECT count(*) FROM day_file WHERE count = 1") == [(1,)]


def test_sweeping_works(hub, paid, clock, rows) -> None:
    assert paid.call_back("vnp_TxnRef=1&vnp_SecureHash=00") == "97"
    later = clock.now() + timedelta(days=400)
    with hub.db.session() as session:
        assert idempotency.sweep(session, later, 1) == 1
        assert unverified.sweep(session, later) == 1


def test_proving_and_commands_work(hub, paid, clock) -> None:
    assert all(law.holds for law in prove(hub.db.engine, [*registry().laws, *days.LAWS]))
    made = CliRunner().invoke(key_command, ["new", "dvc-bo-tu-phap"], obj=lambda: hub)
    assert made.exit_code == 0, made.output
    clock.pass_(days=1)
    assert CliRunner().invoke(day_command, ["shut", "2026-11-20"], obj=lambda: hub).exit_code == 0
    assert migrate.current(hub.db.engine) == migrate.heads()


def test_a_role_of_a_person_is_taken_away(hub) -> None:
    with hub.db.session() as session:
        minh, _, _ = people.add_person(hub, session, "minh", ["clerk", "approver"])
        people.set_roles(hub, session, "minh", ["auditor"])
        assert people.roles_of(session, minh.id) == {"auditor"}


@pytest.mark.parametrize(
    "statement",
    [
        *(
            f"{statement} {table}{rest}"
            for table in ("journal", "posting", "proof_apart", "line_apart", "discrepancy_act", "settlement_line")
            for statement, rest in (("DELETE FROM", ""), ("TRUNCATE", " CASCADE"), ("LOCK TABLE", " IN ACCESS EXCLUSIVE MODE"))
            if (table, statement) != ("settlement_line", "LOCK TABLE")
        ),
        "UPDATE journal SET business_on = business_on + 1",
        "UPDATE posting SET amount = amount + 1",
        "UPDATE proof_apart SET amount = amount + 1",
        "UPDATE discrepancy_act SET actor = 'nobody'",
        "UPDATE settlement_line SET amount = 1",
        "UPDATE event SET data = '{}'",
        "UPDATE event SET occurred_at = now()",
        "DELETE FROM event",
        "TRUNCATE event CASCADE",
        "DELETE FROM payment",
        "DELETE FROM attempt",
        "DELETE FROM unapplied_receipt",
        "DELETE FROM discrepancy",
        "DELETE FROM business_day",
        "TRUNCATE business_day",
        "UPDATE alembic_version SET version_num = '0001'",
        "DELETE FROM alembic_version",
        "ALTER TABLE journal DISABLE TRIGGER ALL",
        "ALTER TABLE journal DISABLE TRIGGER open_day",
        "ALTER TABLE posting ADD COLUMN note text",
        "ALTER TABLE posting DROP CONSTRAINT ck_posting_amount",
        "ALTER TABLE posting OWNER TO CURRENT_USER",
        "ALTER FUNCTION refuse_change() RENAME TO allow_change",
        "ALTER SCHEMA public RENAME TO hidden",
        "DROP TRIGGER balanced ON posting",
        "DROP TABLE journal CASCADE",
        "DROP FUNCTION refuse_change() CASCADE",
        "DROP INDEX ix_posting_day",
        "CREATE TRIGGER mine BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE RULE mine AS ON INSERT TO journal DO INSTEAD NOTHING",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TABLE mine (id int)",
        "CREATE TABLE public.mine (payment_id uuid REFERENCES payment (id))",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "SET session_replication_role = 'replica'",
        "SET ROLE payhub",
        "SET SESSION AUTHORIZATION payhub",
        "COPY journal TO PROGRAM 'cat'",
        "COPY journal FROM '/dev/null'",
        "REINDEX TABLE journal",
    ],
)  # fmt: skip
def test_what_would_loosen_a_guard_is_refused(paid, run, statement) -> None:
    with pytest.raises(ProgrammingError) as refused:
        run(statement)
    assert refused.value.orig.sqlstate == "42501", refused.value


def test_no_table_can_be_altered_emptied_or_watched_and_only_four_forget_rows(hub, rows) -> None:
    found = set(rows(str(roles._PRIVILEGES).replace(":role", f"'{ROLE}'")))
    assert {privilege for _, privilege in found} <= {"INSERT", "UPDATE", "DELETE"}
    assert {table for table, privilege in found if privilege == "DELETE"} == set(roles.DELETED_FROM)
    assert not {table for table, privilege in found if privilege == "UPDATE"} & {"journal", "posting", "proof_apart", "line_apart", "event"}


def test_granting_again_gives_nothing_more_and_takes_back_what_was_added(owner, settings) -> None:
    with owner.begin() as connection:
        connection.execute(text(f'GRANT TRUNCATE, UPDATE ON journal TO "{ROLE}"'))
        assert sorted(roles.exceeds(connection, ROLE)) == ["it may TRUNCATE journal", "it may UPDATE journal"]
    roles.grant(owner, ROLE)
    with owner.begin() as connection:
        assert roles.exceeds(connection, ROLE) == []


def test_a_later_table_is_the_applications_too_until_the_next_grant_narrows_it(owner, settings, hub, run) -> None:
    with owner.begin() as connection:
        connection.execute(text("CREATE TABLE later (id bigint GENERATED BY DEFAULT AS IDENTITY, what text)"))
        connection.execute(
            text("CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON later FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        )
    run("INSERT INTO later (what) VALUES ('a')")
    roles.grant(owner, ROLE)
    run("INSERT INTO later (what) VALUES ('b')")
    with pytest.raises(ProgrammingError):
        run("UPDATE later SET what = 'c'")


@pytest.mark.parametrize("power", ["SUPERUSER", "CREATEROLE", "BYPASSRLS"])
def test_a_role_that_may_too_much_is_not_taken(owner, admin, power) -> None:
    role = f"strong_{uuid.uuid4().hex[:8]}"
    admin(f"CREATE ROLE {role} LOGIN {power}")
    with pytest.raises(roles.RoleUnfit, match=role):
        roles.grant(owner, role)
    admin(f"DROP ROLE {role}")


def test_the_owner_of_the_tables_is_not_taken(owner) -> None:
    with pytest.raises(roles.RoleUnfit, match="may become payhub"):
        roles.grant(owner, "payhub")


def test_an_owner_who_may_not_make_roles_says_so_and_grants_to_one_that_was_made(servers, admin) -> None:
    mark = uuid.uuid4().hex[:8]
    name, role = f"owner_{mark}", f"app_{mark}"
    admin(f"CREATE ROLE {name} LOGIN")
    admin(f"CREATE DATABASE {name} OWNER {name}")
    engine = create_engine(make_url(servers.database_url).set(database=name, username=name))
    migrate.upgrade(engine)
    with pytest.raises(roles.RoleUnfit, match=f'CREATE ROLE "{role}" LOGIN'):
        roles.grant(engine, role)
    admin(f"CREATE ROLE {role} LOGIN")
    roles.grant(engine, role)
    mine = create_engine(make_url(servers.database_url).set(database=name, username=role))
    with mine.begin() as connection:
        assert connection.scalar(text("SELECT version FROM register_version")) >= 1
        assert connection.scalar(text("SELECT count(*) FROM journal")) == 0
    with pytest.raises(ProgrammingError), mine.begin() as connection:
        connection.execute(text("ALTER TABLE journal DISABLE TRIGGER ALL"))
    for each in (mine, engine):
        each.dispose()
    admin(f"DROP DATABASE {name} WITH (FORCE)")
    admin(f"DROP ROLE {role}")
    admin(f"DROP ROLE {name}")
