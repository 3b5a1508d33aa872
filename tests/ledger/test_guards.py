"""What the database itself refuses, whoever asks."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from payhub import deployment, migrate
from payhub.app import registry
from payhub.db import Base
from payhub.ledger.prove import prove
from payhub.registers import TABLES, RegisterVersion

JOURNAL = "INSERT INTO journal SELECT :new, fact, gateway_account_id, payment_id, attempt_id, cohort_on, business_on, recorded_at FROM journal LIMIT 1"
POSTING = """
INSERT INTO posting (journal_id, account, gateway_account_id, share, business_on, amount, currency)
SELECT :new, account, gateway_account_id, 'all', business_on, amount, currency FROM (VALUES
  ('receivable', (SELECT gateway_account_id FROM journal LIMIT 1), (SELECT business_on FROM journal LIMIT 1), CAST(:debit AS bigint), 'VND'),
  ('unapplied', (SELECT gateway_account_id FROM journal LIMIT 1), (SELECT business_on FROM journal LIMIT 1), CAST(:credit AS bigint), 'VND')
) AS side (account, gateway_account_id, business_on, amount, currency) WHERE amount <> 0
"""


@pytest.fixture
def books(paid, hub):
    """A hub with one paid payment; returns a function that runs one statement in a transaction of its own."""

    def run(statement: str, **values):
        with hub.db.engine.begin() as connection:
            connection.execute(text(statement), values)

    return run


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE posting SET amount = amount + 1",
        "DELETE FROM posting",
        "TRUNCATE posting CASCADE",
        "UPDATE journal SET business_on = business_on + 1",
        "DELETE FROM journal",
        "UPDATE event SET data = '{}'",
        "DELETE FROM event",
        "TRUNCATE event CASCADE",
        """INSERT INTO posting (journal_id, account, gateway_account_id, share, business_on, amount, currency)
           SELECT id, 'owed', gateway_account_id, 'all', business_on, -1, 'VND' FROM journal""",
    ],
)
def test_raw_sql_against_the_books_is_refused(books, statement) -> None:
    with pytest.raises(IntegrityError):
        books(statement)


def test_an_unbalanced_journal_is_refused_at_once_and_a_balanced_one_is_not(books, hub) -> None:
    with hub.db.engine.connect() as connection, connection.begin() as transaction:
        new = uuid.uuid4()
        connection.execute(text(JOURNAL), {"new": new})
        connection.execute(text(POSTING), {"new": new, "debit": 5, "credit": -5})
        with pytest.raises(IntegrityError, match="does not balance"):
            connection.execute(text(POSTING), {"new": new, "debit": 5, "credit": -4})
        transaction.rollback()


def test_a_position_is_given_once(books) -> None:
    books("UPDATE event SET position = 1, portal_id = (SELECT portal_id FROM payment WHERE id = payment_id) WHERE seq = 1")
    with pytest.raises(IntegrityError):
        books("UPDATE event SET position = 2 WHERE seq = 1")


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("statement", "law"),
    [
        (
            "UPDATE payment SET state = 'open', paid_at = NULL",
            "a payment is paid exactly when the money of one attempt is applied or allocated to it, for its total, or it costs nothing",
        ),
        ("UPDATE payment SET event_seq = event_seq + 1", "a payment's events are numbered without gap up to its own number"),
        ("UPDATE payment SET state = 'reversed'", "folding a payment's events gives its row"),
        ("UPDATE payment SET paid_at = paid_at + interval '1 second'", "folding a payment's events gives its row"),
        ("UPDATE payment SET closing_at = now(), closing_reason = 'cancelled'", "folding a payment's events gives its row"),
        ("UPDATE attempt SET state = 'reversed'", "folding a payment's events gives its attempts"),
        (
            "UPDATE payment_line SET amount = amount + 1, full_amount = full_amount + 1",
            "a payment's total is the sum of its lines",
        ),
        ("UPDATE attempt SET applied = false", "every confirmed amount is applied or held, never both and never neither"),
        (
            "UPDATE payment_line SET retention_bp = 100, retained = amount / 100",
            "what a line of a paid payment owes is what was not taken of it, share by share as the ledger says",
        ),
        (
            "UPDATE attempt SET confirmed = 1, applied = false",
            "every confirmed amount is receivable once, less what was reversed, given back or charged back",
        ),
        (
            "UPDATE callback SET attempt_id = NULL",
            "every verified callback names its attempt, or waits, or stands before a person",
        ),
    ],
)
def test_prove_notices_what_the_guards_cannot(books, hub, statement, law) -> None:
    before = {proven.law for proven in prove(hub.db.engine, registry().laws) if not proven.holds}
    assert before == set()
    books(statement)
    broken = {proven.law: proven.broken for proven in prove(hub.db.engine, registry().laws) if not proven.holds}
    assert law in broken
    assert broken[law][0][0]


@pytest.mark.parametrize("table", TABLES)
def test_every_change_of_a_register_is_counted(hub, table) -> None:
    def version() -> int:
        with hub.db.engine.connect() as connection:
            return connection.scalar(text("SELECT version FROM register_version"))

    before = version()
    with hub.db.engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {table} WHERE false"))
    assert version() == before + 1
    assert RegisterVersion.__tablename__ not in TABLES


def test_migrations_go_down_and_up_and_say_what_the_models_say(servers, admin) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine, make_url

    registry()  # every room's models are known from here on
    name = f"migrations_{uuid.uuid4().hex[:8]}"
    admin(f"CREATE DATABASE {name}")
    engine = create_engine(make_url(servers.database_url).set(database=name))
    migrate.upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    migrate.downgrade(engine, "base")
    with engine.connect() as connection:
        left = connection.scalars(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
        ).all()
        functions = connection.scalars(text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")).all()
    assert (set(left), functions) == ({"alembic_version"}, [])
    migrate.upgrade(engine)
    assert migrate.current(engine) == migrate.heads()
    assert deployment.Deployment.__tablename__ in Base.metadata.tables
    engine.dispose()
    admin(f"DROP DATABASE {name} WITH (FORCE)")
