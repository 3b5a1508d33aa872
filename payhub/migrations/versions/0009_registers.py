"""Registers kept by files: imports that two people agree on, accounts that wait before they count, history that does not change."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NOW = sa.DateTime(timezone=True)
DATED = ("agency", "collecting_account", "fee", "portal", "portal_grant", "relief", "retention")
"""Tables whose rows have a first day and a day on which they no longer hold."""
CHECKED_BEFORE = ("agency", "collecting_account", "fee", "relief")
"""Those of them whose two days were compared before."""

SAME_GRANT = (
    "o.portal_id = c.portal_id AND coalesce(o.agency_id::text, '*') = coalesce(c.agency_id::text, '*') "
    "AND coalesce(o.fee_code, '*') = coalesce(c.fee_code, '*')"
)
ABOUT = {
    "agency": "o.code = c.code",
    "collecting_account": "o.agency_id = c.agency_id AND o.purpose = c.purpose",
    "fee": "o.code = c.code",
    "portal": "o.code = c.code",
    "portal_grant": SAME_GRANT,
    "relief": "o.code = c.code AND coalesce(o.fee_code, '*') = coalesce(c.fee_code, '*')",
    "retention": "o.agency_id = c.agency_id AND o.fee_code = c.fee_code",
    "gateway_terms": "o.gateway_account_id = c.gateway_account_id",
}
"""When two rows are about one thing."""
KEPT = {
    # First day, end, what else may follow, whether nothing else ever changes.
    **dict.fromkeys(DATED, ("valid_from", "valid_to", "", "")),
    "agency": ("valid_from", "valid_to", "successor_id", ""),
    "collecting_account": ("valid_from", "valid_to", "", "fixed"),
    "gateway_terms": ("valid_from", "", "", ""),
    "day_off": ("on", "", "", ""),
}
NAMING = {
    "collecting_account": ("agency",),
    "retention": ("agency",),
    "portal_grant": ("agency", "portal"),
    "api_key": ("portal",),
}
"""Tables that name an agency or a portal: by the first row of its code, so that all that belongs to it stays together."""
NEVER_CHANGED = ("register_import", "register_change", "announcement")

FUNCTIONS = """
CREATE OR REPLACE FUNCTION count_register_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE public.register_version SET version = version + 1;
  INSERT INTO public.register_moved (name, version) VALUES (TG_TABLE_NAME, 1)
    ON CONFLICT (name) DO UPDATE SET version = register_moved.version + 1;
  RETURN NULL;
END $$;

-- The day on which registers are judged. Where no money is real, whoever rehearses or fills them may name another.
CREATE FUNCTION register_day() RETURNS date LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    (SELECT nullif(current_setting('payhub.today', true), '')::date
     WHERE NOT EXISTS (SELECT FROM public.deployment WHERE mode = 'live')),
    ((now() AT TIME ZONE 'UTC') + interval '7 hours')::date)
$$;

-- What has begun never changes: it may be ended, not before today, and given what follows it. What has ended stays ended.
CREATE FUNCTION refuse_other_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  begins text := TG_ARGV[0];
  ends text := TG_ARGV[1];
  follows text := TG_ARGV[2];
  fixed boolean := TG_ARGV[3] = 'fixed';
  today date := public.register_day();
  was jsonb;
  becomes jsonb;
  ended date;
  wrong text;
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF fixed OR (to_jsonb(OLD) ->> begins)::date <= today THEN
      RAISE EXCEPTION 'a row of % that has begun is never deleted', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
  END IF;
  becomes := to_jsonb(NEW);
  SELECT name INTO wrong FROM jsonb_each(becomes) AS cell (name, value)
    WHERE jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^[-=+@\uff1d\uff0b\uff0d\uff20]' LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'a spreadsheet would run %.% as a formula', TG_TABLE_NAME, wrong USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF TG_OP = 'INSERT' THEN
    RETURN NEW;
  END IF;
  was := to_jsonb(OLD);
  ended := was ->> ends;
  IF (was ->> begins)::date > today AND NOT fixed THEN
    IF (becomes ->> begins)::date < today THEN
      RAISE EXCEPTION 'a row of % does not begin in the past', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF was - ends - follows IS DISTINCT FROM becomes - ends - follows
     OR (ended <= today AND was ->> follows IS NOT NULL AND was -> follows IS DISTINCT FROM becomes -> follows) THEN
    RAISE EXCEPTION 'a row of % that has begun does not change', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  -- An account that was stopped stays stopped, before the day it would have begun too.
  IF was -> ends IS DISTINCT FROM becomes -> ends
     AND (ended <= today OR (fixed AND ended = (was ->> begins)::date) OR ((becomes ->> ends)::date < today AND (was ->> begins)::date <= today)) THEN
    RAISE EXCEPTION 'a row of % is not ended in the past', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- The tiers of a fee begin with it; one that has none gets them all at once.
CREATE FUNCTION refuse_other_tier() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM public.fee WHERE id = OLD.fee_id AND valid_from <= public.register_day()) THEN
    RAISE EXCEPTION 'the tiers of a fee that has begun do not change' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN coalesce(NEW, OLD);
END $$;

CREATE FUNCTION refuse_late_tier() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM changed c JOIN public.fee ON fee.id = c.fee_id AND fee.valid_from <= public.register_day()
             JOIN public.fee_tier o ON o.fee_id = c.fee_id AND NOT EXISTS (SELECT FROM changed k WHERE k.id = o.id)) THEN
    RAISE EXCEPTION 'the tiers of a fee that has begun do not change' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;

-- Of one code the first row is what other tables name.
CREATE FUNCTION refuse_later_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  later boolean;
BEGIN
  EXECUTE format(
    'SELECT EXISTS (SELECT FROM public.%1$I named JOIN public.%1$I o ON o.code = named.code AND o.valid_from < named.valid_from '
    'WHERE named.id = $1)', TG_ARGV[0]) INTO later USING (to_jsonb(NEW) ->> (TG_ARGV[0] || '_id'))::uuid;
  IF later THEN
    RAISE EXCEPTION '% names a later row of its %', TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION refuse_successor_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong text;
BEGIN
  WITH RECURSIVE step AS (
    SELECT a.code, s.code AS next FROM public.agency a JOIN public.agency s ON s.id = a.successor_id
  ), walk AS (
    SELECT step.code, step.next FROM step JOIN changed ON changed.code = step.code
    UNION SELECT walk.code, step.next FROM walk JOIN step ON step.code = walk.next
  )
  SELECT code INTO wrong FROM walk WHERE code = next LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the successors of % lead back to it', wrong USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;

-- So many working days after a day.
CREATE FUNCTION cooled_on(day date, days integer, whose text) RETURNS date LANGUAGE plpgsql STABLE AS $$
BEGIN
  WHILE days > 0 LOOP
    day := day + 1;
    IF coalesce((SELECT o.works FROM public.day_off o WHERE o.calendar = whose AND o."on" = day), extract(isodow FROM day) < 6) THEN
      days := days - 1;
    END IF;
  END LOOP;
  RETURN day;
END $$;

-- An account is one of an import that two people are just agreeing on, as its file has it, and has waited. Only where no money is
-- real does a register begin with accounts of its own, before its first agency does.
CREATE FUNCTION refuse_hasty_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong text;
BEGIN
  SELECT c.number INTO wrong FROM changed c JOIN public.agency a ON a.id = c.agency_id
    WHERE c.import_id IS NULL
      AND (public.register_day() >= a.valid_from OR EXISTS (SELECT FROM public.deployment WHERE mode = 'live')) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'an account takes two people' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  WITH approved AS MATERIALIZED (
    SELECT i.id, public.cooled_on(((p.decided_at AT TIME ZONE 'UTC') + interval '7 hours')::date, i.cooling_days, i.calendar) AS cooled
    FROM public.register_import i JOIN public.proposal p ON p.id = i.proposal_id AND p.kind = 'register_import' AND p.state = 'approved'
    WHERE i.register = 'collecting_accounts' AND i.id IN (SELECT import_id FROM changed)
  )
  SELECT number INTO wrong FROM (
    SELECT c.import_id, a.code, c.purpose, c.bank_bin, c.number, c.holder, c.valid_from
    FROM changed c JOIN public.agency a ON a.id = c.agency_id WHERE c.import_id IS NOT NULL
    EXCEPT
    SELECT approved.id, account ->> 'agency', account ->> 'purpose', account ->> 'bank_bin', account ->> 'number',
           account ->> 'holder', greatest((account ->> 'valid_from')::date, approved.cooled)
    FROM approved JOIN public.register_change r ON r.import_id = approved.id
    CROSS JOIN LATERAL (SELECT r.entry::jsonb -> 'is' AS account) AS asked
    WHERE r.entry::jsonb ->> 'act' = 'added'
  ) AS nobodys LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'an account takes two people and its cooling time' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;

-- What an import changes is written before anybody can approve it.
CREATE FUNCTION refuse_late_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM added JOIN public.register_import i ON i.id = added.import_id
             JOIN public.proposal p ON p.id = i.proposal_id WHERE p.state <> 'proposed') THEN
    RAISE EXCEPTION 'an import that is decided does not change' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
"""

# Runs after the change is counted: whoever changes registers at once has waited there, and is seen here.
ONE_AT_A_TIME = """
CREATE FUNCTION one_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  {overlapping}IF TG_OP = 'INSERT' AND EXISTS (
       SELECT FROM changed c JOIN public.{table} o ON {about}
       WHERE c.valid_from < public.register_day() AND NOT EXISTS (SELECT FROM changed k WHERE {same})) THEN
    RAISE EXCEPTION 'a row of {table} does not begin in the past' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
"""
OVERLAPPING = """IF EXISTS (
       SELECT FROM changed c JOIN public.{table} o ON {about} AND o.id <> c.id
       WHERE daterange(c.valid_from, c.valid_to) && daterange(o.valid_from, o.valid_to)) THEN
    RAISE EXCEPTION 'two rows of {table} about one thing overlap' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  """


def upgrade() -> None:
    tables()
    columns()
    op.execute(FUNCTIONS)
    for table, about in ABOUT.items():
        overlapping = OVERLAPPING.format(table=table, about=about) if table in DATED else ""
        same = "k.id = o.id" if table in DATED else "(k.gateway_account_id, k.valid_from) = (o.gateway_account_id, o.valid_from)"
        op.execute(ONE_AT_A_TIME.format(table=table, about=about, overlapping=overlapping, same=same))
        after(table, "one_at_a_time", f"one_{table}()", ("INSERT", "UPDATE"))
    after("agency", "straight", "refuse_successor_cycle()", ("INSERT", "UPDATE"))
    after("collecting_account", "two_people", "refuse_hasty_account()", ("INSERT",))
    after("register_change", "in_time", "refuse_late_change()", ("INSERT",), "added")
    for table, kept in KEPT.items():
        given = ", ".join(f"'{value}'" for value in kept)
        before(table, "history", "INSERT OR UPDATE OR DELETE", f"refuse_other_history({given})")
    before("fee_tier", "history", "UPDATE OR DELETE", "refuse_other_tier()")
    after("fee_tier", "late", "refuse_late_tier()", ("INSERT",))
    for table, named in NAMING.items():
        for of in named:
            before(table, f"first_{of}", f"INSERT OR UPDATE OF {of}_id", f"refuse_later_row('{of}')")
    for table in NEVER_CHANGED:
        before(table, "append_only", "UPDATE OR DELETE", "refuse_change()")
    before("account_stop", "never_deleted", "DELETE", "refuse_change()")
    for table in (*KEPT, "fee_tier", "account_stop", *NEVER_CHANGED):
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def before(table: str, name: str, when: str, function: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}")


def after(table: str, name: str, function: str, events: tuple[str, ...], rows: str = "changed") -> None:
    # Triggers of one event run in the order of their names: all of these after `counted`.
    for event in events:
        op.execute(
            f"CREATE TRIGGER {name}_{event.lower()} AFTER {event} ON {table} REFERENCING NEW TABLE AS {rows} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {function}"
        )


def tables() -> None:
    op.create_table(
        "register_moved",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "register_import",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("register", sa.Text(), nullable=False),
        sa.Column("proposal_id", sa.Uuid(), sa.ForeignKey("proposal.id"), nullable=False, unique=True),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("cooling_days", sa.SmallInteger(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("created_at", NOW, nullable=False),
        sa.CheckConstraint("cooling_days BETWEEN 1 AND 30", name="cooling_days"),
        sa.CheckConstraint("octet_length(digest) = 32", name="digest"),
    )
    op.create_index("ix_register_import_register", "register_import", ["register", "id"])
    op.create_table(
        "register_change",
        sa.Column("import_id", sa.Uuid(), sa.ForeignKey("register_import.id"), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("entry", sa.Text(), nullable=False),
    )
    op.create_table(
        "account_stop",
        sa.Column("collecting_account_id", sa.Uuid(), sa.ForeignKey("collecting_account.id"), primary_key=True),
        sa.Column("stopped_by", sa.Uuid(), sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("stopped_at", NOW, nullable=False),
        sa.Column("reason_key", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "announcement",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("agency_id", sa.Uuid(), sa.ForeignKey("agency.id"), nullable=False),
        sa.Column("collecting_account_id", sa.Uuid(), sa.ForeignKey("collecting_account.id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text_vi", sa.Text(), nullable=False),
        sa.Column("text_en", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("created_at", NOW, nullable=False),
        sa.CheckConstraint("kind IN ('account', 'account_stopped')", name="kind"),
    )
    op.create_index("ix_announcement_agency_id", "announcement", ["agency_id", "id"])


def columns() -> None:
    for table in DATED:
        if table in CHECKED_BEFORE:
            op.drop_constraint(op.f(f"ck_{table}_dates"), table, type_="check")
    op.add_column("portal", sa.Column("valid_from", sa.Date()))
    op.add_column("portal", sa.Column("valid_to", sa.Date()))
    op.execute(
        "UPDATE portal SET valid_from = ((created_at AT TIME ZONE 'UTC') + interval '7 hours')::date, "
        "valid_to = ((closed_at AT TIME ZONE 'UTC') + interval '7 hours')::date"
    )
    op.alter_column("portal", "valid_from", nullable=False)
    op.drop_column("portal", "created_at")
    op.drop_column("portal", "closed_at")
    for table in DATED:
        op.create_check_constraint(op.f(f"ck_{table}_dates"), table, "valid_to IS NULL OR valid_to >= valid_from")
    for table in ("agency", "portal"):
        op.drop_constraint(op.f(f"uq_{table}_code"), table, type_="unique")
        op.create_unique_constraint(op.f(f"uq_{table}_code_valid_from"), table, ["code", "valid_from"])
    op.add_column("collecting_account", sa.Column("import_id", sa.Uuid()))
    op.add_column("day_off", sa.Column("works", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("day_off", sa.Column("source", sa.Text(), nullable=False, server_default=""))
    op.add_column("gateway_terms", sa.Column("proven", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("gateway_terms", sa.Column("source", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    for table in ("account_stop", "announcement", "register_change", "register_import"):
        op.drop_table(table)
    for function in (
        "refuse_other_history", "refuse_other_tier", "refuse_late_tier", "refuse_later_row", "refuse_successor_cycle", "refuse_hasty_account",
        "refuse_late_change", *(f"one_{table}" for table in ABOUT),
    ):  # fmt: skip
        op.execute(f"DROP FUNCTION {function} CASCADE")
    op.execute("DROP FUNCTION cooled_on")
    op.execute("DROP FUNCTION register_day")
    for table in (*KEPT, "fee_tier"):
        op.execute(f"DROP TRIGGER never_emptied ON {table}")
    op.execute(
        "CREATE OR REPLACE FUNCTION count_register_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN UPDATE register_version SET version = version + 1; RETURN NULL; END $$"
    )
    op.drop_table("register_moved")
    columns_back()


def columns_back() -> None:
    for table, names in (("gateway_terms", ("proven", "source")), ("day_off", ("works", "source")), ("collecting_account", ("import_id",))):
        for name in names:
            op.drop_column(table, name)
    for table in ("agency", "portal"):
        op.drop_constraint(op.f(f"uq_{table}_code_valid_from"), table, type_="unique")
        op.create_unique_constraint(op.f(f"uq_{table}_code"), table, ["code"])
    for table in DATED:
        op.drop_constraint(op.f(f"ck_{table}_dates"), table, type_="check")
    op.add_column("portal", sa.Column("created_at", NOW))
    op.add_column("portal", sa.Column("closed_at", NOW))
    op.execute("UPDATE portal SET created_at = (valid_from - interval '7 hours') AT TIME ZONE 'UTC', closed_at = (valid_to - interval '7 hours') AT TIME ZONE 'UTC'")
    op.alter_column("portal", "created_at", nullable=False)
    op.drop_column("portal", "valid_from")
    op.drop_column("portal", "valid_to")
    for table in CHECKED_BEFORE:
        op.create_check_constraint(op.f(f"ck_{table}_dates"), table, "valid_to IS NULL OR valid_to > valid_from")
