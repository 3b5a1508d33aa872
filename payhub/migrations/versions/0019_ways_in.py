"""Runs with a life: begun, seen, cancelled, resumed; where files come from, and what became of each one that came."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NOW = sa.DateTime(timezone=True)
RUN_STATES = "state IN ('waiting', 'running', 'done', 'failed')"
RUN_LIFE = "state IN ('waiting', 'running', 'done', 'failed', 'cancelled')"
# Of a settlement one run waits: the oldest. What was asked for twice would have found nothing new the second time.
ONE_WAITS = """
UPDATE run SET state = 'failed', error = 'repeated', finished_at = now()
WHERE state = 'waiting' AND EXISTS (
  SELECT FROM run AS older WHERE older.settlement_id = run.settlement_id AND older.state = 'waiting'
    AND (older.asked_at, older.id) < (run.asked_at, run.id))
"""
FUNCTIONS = """
CREATE FUNCTION one_file_source() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
       SELECT FROM changed c JOIN public.file_source o ON o.code = c.code AND o.id <> c.id
       WHERE daterange(c.valid_from, c.valid_to) && daterange(o.valid_from, o.valid_to)) THEN
    RAISE EXCEPTION 'two rows of file_source about one thing overlap' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF TG_OP = 'INSERT' AND EXISTS (
       SELECT FROM changed c JOIN public.file_source o ON o.code = c.code
       WHERE c.valid_from < public.register_day() AND NOT EXISTS (SELECT FROM changed k WHERE k.id = o.id)) THEN
    RAISE EXCEPTION 'a row of file_source does not begin in the past' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;

-- What came stays as it is; only what becomes of it moves on, and an end is an end but for a person who has it tried again.
CREATE FUNCTION refuse_other_received_file() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moves CONSTANT text[] := ARRAY['state', 'step', 'started_at', 'finished_at', 'starts', 'from_on', 'until_on', 'size', 'digest', 'error',
                                 'error_vi', 'error_en', 'settlement_id', 'statement_id', 'ended_by', 'tidied_at', 'seen_at'];
BEGIN
  IF to_jsonb(OLD) - moves IS DISTINCT FROM to_jsonb(NEW) - moves
     OR (OLD.state IN ('taken', 'known') AND OLD.state <> NEW.state) THEN
    RAISE EXCEPTION 'received file % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""
SECRET = "file_source_secret"  # noqa: S105 - the name of a table
SECRET_CHECKS = (
    ("state", "state IN ('proposed', 'live', 'retired', 'dropped')"),
    ("origin", "origin IN ('generated', 'given')"),
    ("sealed", "(sealed IS NOT NULL) = (state IN ('proposed', 'live')) AND (sealed_key IS NULL) = (sealed IS NULL)"),
    ("live_at", "(live_at IS NOT NULL) = (state IN ('live', 'retired'))"),
    ("ended_at", "(ended_at IS NOT NULL) = (state IN ('retired', 'dropped'))"),
)
SOURCE_CHECKS = (
    ("dates", "valid_to IS NULL OR valid_to >= valid_from"),
    ("files", "files IN ('settlement', 'statement', 'notification')"),
    ("way", "way IN ('folder', 'sftp', 'gateway')"),
    ("one_account", "(gateway_account_id IS NULL) <> (bank_account_id IS NULL)"),
    ("account_of_files", "(files = 'settlement') = (gateway_account_id IS NOT NULL)"),
    ("gateway_lists", "way <> 'gateway' OR gateway_account_id IS NOT NULL"),
    ("sftp", "way <> 'sftp' OR (host IS NOT NULL AND user_name IS NOT NULL AND host_key IS NOT NULL AND names IS NOT NULL)"),
    ("days", "late_days BETWEEN 0 AND 60 AND look_back_days BETWEEN 1 AND 366"),
)
FILE_CHECKS = (
    ("state", "state IN ('waiting', 'running', 'taken', 'known', 'refused', 'failed', 'cancelled')"),
    ("way", "way IN ('folder', 'sftp', 'gateway')"),
    ("files", "files IN ('settlement', 'statement', 'notification')"),
    ("one_account", "(gateway_account_id IS NULL) <> (bank_account_id IS NULL)"),
    ("cancelled", "state <> 'cancelled' OR ended_by IS NOT NULL"),
)


def upgrade() -> None:
    runs()
    sources()
    secrets()
    contacts()
    files()
    op.execute(FUNCTIONS)
    triggers()


def runs() -> None:
    for name, kind, default in (
        ("starts", sa.BigInteger(), "0"), ("step", sa.Text(), None), ("stepped_at", NOW, None), ("progress", postgresql.JSONB(), "{}"),
        ("cancelled_by", sa.Uuid(), None),
    ):  # fmt: skip
        op.add_column("run", sa.Column(name, kind, nullable=default is None, server_default=default))
    op.create_foreign_key(op.f("fk_run_cancelled_by"), "run", "principal", ["cancelled_by"], ["id"])
    op.drop_constraint(op.f("ck_run_state"), "run", type_="check")
    op.create_check_constraint(op.f("ck_run_state"), "run", RUN_LIFE)
    op.create_check_constraint(op.f("ck_run_cancelled"), "run", "(state = 'cancelled') = (cancelled_by IS NOT NULL)")
    op.execute(ONE_WAITS)
    op.create_index("uq_run_settlement_waiting", "run", ["settlement_id"], unique=True, postgresql_where=sa.text("state = 'waiting'"))


def sources() -> None:
    table = "file_source"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), sa.ForeignKey("gateway_account.id")),
        sa.Column("bank_account_id", sa.Uuid(), sa.ForeignKey("bank_account.id")),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("names", sa.Text()),
        sa.Column("late_days", sa.BigInteger(), nullable=False),
        sa.Column("look_back_days", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.Text()),
        sa.Column("port", sa.BigInteger()),
        *(sa.Column(name, sa.Text()) for name in ("user_name", "host_key", "folder")),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date()),
        sa.UniqueConstraint("code", "valid_from"),
        *(sa.CheckConstraint(rule, name=name) for name, rule in SOURCE_CHECKS),
    )


def secrets() -> None:
    table = "file_source_secret"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("file_source_id", sa.Uuid(), sa.ForeignKey("file_source.id"), nullable=False, index=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "state", "origin")),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("sealed_key", sa.LargeBinary()),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("created_by", sa.Uuid(), sa.ForeignKey("principal.id")),
        sa.Column("created_at", NOW, nullable=False),
        sa.Column("live_at", NOW),
        sa.Column("ended_at", NOW),
        *(sa.CheckConstraint(rule, name=name) for name, rule in SECRET_CHECKS),
    )
    op.create_index(
        f"uq_{table}_proposed", table, ["file_source_id", "name"], unique=True, postgresql_where=sa.text("state = 'proposed'")
    )


def contacts() -> None:
    op.create_table(
        "file_source_contact",
        sa.Column("file_source_id", sa.Uuid(), sa.ForeignKey("file_source.id"), primary_key=True),
        sa.Column("tried_at", NOW, nullable=False),
        sa.Column("reached_at", NOW),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("next_at", NOW, nullable=False),
        sa.Column("error", sa.Text()),
    )


def files() -> None:
    table = "received_file"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("gateway_account_id", sa.Uuid(), sa.ForeignKey("gateway_account.id")),
        sa.Column("bank_account_id", sa.Uuid(), sa.ForeignKey("bank_account.id")),
        sa.Column("file_source_id", sa.Uuid(), sa.ForeignKey("file_source.id")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("files", "way", "file_name", "mark", "state")),
        sa.Column("step", sa.Text()),
        sa.Column("from_on", sa.Date()),
        sa.Column("until_on", sa.Date()),
        sa.Column("size", sa.BigInteger()),
        sa.Column("digest", sa.LargeBinary()),
        sa.Column("received_at", NOW, nullable=False),
        sa.Column("started_at", NOW),
        sa.Column("finished_at", NOW),
        sa.Column("tidied_at", NOW),
        sa.Column("seen_at", NOW),
        sa.Column("starts", sa.BigInteger(), nullable=False, server_default="0"),
        *(sa.Column(name, sa.Text()) for name in ("error", "error_vi", "error_en")),
        sa.Column("settlement_id", sa.Uuid(), sa.ForeignKey("settlement.id")),
        sa.Column("statement_id", sa.Uuid(), sa.ForeignKey("statement.id")),
        sa.Column("ended_by", sa.Uuid(), sa.ForeignKey("principal.id")),
        *(sa.CheckConstraint(rule, name=name) for name, rule in FILE_CHECKS),
    )
    account = sa.text("coalesce(gateway_account_id, bank_account_id)")
    op.create_index("uq_received_file_once", table, [account, "way", "file_name", "mark"], unique=True)
    op.create_index("ix_received_file_open", table, ["received_at"], postgresql_where=sa.text("state IN ('waiting', 'running')"))


def triggers() -> None:
    table = "file_source"
    for counted in (table, "file_source_secret"):
        op.execute(
            f"CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {counted} "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_register_change()"
        )
    # Triggers of one event run in the order of their names: these after `counted`.
    for event in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER one_at_a_time_{event.lower()} AFTER {event} ON {table} REFERENCING NEW TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION one_file_source()"
        )
    before(table, "history", "INSERT OR UPDATE OR DELETE", "refuse_other_history('valid_from', 'valid_to', '', '')")
    before(table, "first_bank_account", "INSERT OR UPDATE OF bank_account_id", "refuse_later_row('bank_account')")
    before(SECRET, "forward_only", "INSERT OR UPDATE", "refuse_other_secret('file_source_id', 'name', 'two_people')")
    for name, when in (("two_added", "INSERT ON"), ("two_agreed", "UPDATE OF state ON")):
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {when} {SECRET} FOR EACH ROW WHEN (NEW.state = 'live') "
            f"EXECUTE FUNCTION refuse_third_secret('{table}', 'file_source_id', 'name')"
        )
    for named in (SECRET, "received_file", "file_source_contact"):
        before(named, "first_file_source", "INSERT OR UPDATE OF file_source_id", "refuse_later_row('file_source')")
    before("received_file", "stays", "UPDATE", "refuse_other_received_file()")
    for kept in (SECRET, "received_file"):
        before(kept, "never_deleted", "DELETE", "refuse_change()")
    for kept in (table, SECRET, "received_file"):
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {kept} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def before(table: str, name: str, when: str, function: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}")


def downgrade() -> None:
    for table in ("received_file", "file_source_contact", "file_source_secret", "file_source"):
        op.drop_table(table)
    for function in ("one_file_source", "refuse_other_received_file"):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_index("uq_run_settlement_waiting", "run")
    op.drop_constraint(op.f("ck_run_cancelled"), "run", type_="check")
    op.drop_constraint(op.f("ck_run_state"), "run", type_="check")
    op.execute("UPDATE run SET state = 'failed', error = 'cancelled' WHERE state = 'cancelled'")
    op.create_check_constraint(op.f("ck_run_state"), "run", RUN_STATES)
    op.drop_constraint(op.f("fk_run_cancelled_by"), "run", type_="foreignkey")
    for name in ("cancelled_by", "progress", "stepped_at", "step", "starts"):
        op.drop_column("run", name)
