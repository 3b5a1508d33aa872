"""Settlements of more than a day, large ones in a table of their own, kept in parts; proofs by file and row; what each run proved."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# A file of a million rows is written straight into a table of its own, indexed once it is full, and only then made a part of all lines.
# The application's role may create nothing; these two functions do it for it, and nothing else.
FUNCTIONS = """
CREATE SCHEMA parts;

CREATE FUNCTION open_settlement_part() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  part CONSTANT bigint := nextval('public.settlement_part');
  name CONSTANT text := 'settlement_line_' || part;
BEGIN
  EXECUTE format('CREATE TABLE parts.%I (LIKE public.settlement_line INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
  EXECUTE format('ALTER TABLE parts.%I ALTER part SET DEFAULT %s, ADD CONSTRAINT own_part CHECK (part = %s)', name, part, part);
  EXECUTE format('GRANT INSERT ON parts.%I TO %I', name, session_user);
  RETURN part;
END $$;

CREATE FUNCTION close_settlement_part(part bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  name CONSTANT text := 'settlement_line_' || part;
BEGIN
  IF part = 0 THEN
    ANALYZE parts.settlement_line_0;
    RETURN;
  END IF;
  EXECUTE format('REVOKE ALL ON parts.%I FROM %I', name, session_user);
  EXECUTE format('ALTER TABLE parts.%I ADD PRIMARY KEY (part, settlement_id, number)', name);
  EXECUTE format('CREATE INDEX ON parts.%I (reference)', name);
  EXECUTE format('CREATE TRIGGER never_emptied BEFORE TRUNCATE ON parts.%I FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change()', name);
  EXECUTE format('ALTER TABLE public.settlement_line ATTACH PARTITION parts.%I FOR VALUES IN (%s)', name, part);
  EXECUTE format('ALTER TABLE parts.%I DROP CONSTRAINT own_part', name);
  EXECUTE format('ANALYZE parts.%I', name);
END $$;

-- Ids in the order of time, as the application makes them (RFC 9562, UUID version 7), for rows that a statement makes by the thousand.
CREATE FUNCTION new_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
    substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;
"""
LINES = """
CREATE SEQUENCE settlement_part;

ALTER TABLE settlement_line RENAME TO old_line;
CREATE TABLE settlement_line (
  part bigint NOT NULL DEFAULT 0, settlement_id uuid NOT NULL, number bigint NOT NULL, line_type text NOT NULL, reference text,
  transaction text, amount bigint NOT NULL, fee bigint NOT NULL, currency char(3) NOT NULL, happened_at timestamptz,
  happened_on date NOT NULL, bank text, payout text,
  CONSTRAINT ck_settlement_line_line_type CHECK (line_type IN ('payment', 'refund', 'reversal', 'fee', 'adjustment'))
) PARTITION BY LIST (part);
CREATE TABLE parts.settlement_line_0 PARTITION OF settlement_line FOR VALUES IN (0);
INSERT INTO settlement_line
  (settlement_id, number, line_type, reference, transaction, amount, fee, currency, happened_at, happened_on, bank)
SELECT settlement_id, number, line_type, reference, transaction, amount, fee, currency, happened_at, happened_on, bank FROM old_line;
"""
INDEXES = """
ALTER TABLE settlement_line ADD CONSTRAINT pk_settlement_line PRIMARY KEY (part, settlement_id, number);
CREATE INDEX ix_settlement_line_reference ON settlement_line (reference);
CREATE INDEX ix_settlement_line_refund ON settlement_line (settlement_id) WHERE line_type = 'refund';
CREATE INDEX ix_settlement_line_refund_transaction ON settlement_line (transaction) WHERE line_type = 'refund';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement_line FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON settlement_line FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON parts.settlement_line_0 FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
PROOFS = """
ALTER TABLE proof RENAME TO old_proof;
CREATE TABLE proof (
  payment_line_id uuid NOT NULL, run_id uuid NOT NULL, holds boolean NOT NULL, number bigint NOT NULL, attempt_id uuid NOT NULL,
  amount bigint NOT NULL, proved_on date NOT NULL
);
INSERT INTO proof
SELECT old_proof.payment_line_id, old_proof.run_id, true, line.number, old_proof.attempt_id, old_proof.amount, old_proof.proved_on
FROM old_proof JOIN old_line AS line ON line.id = old_proof.settlement_line_id;
DROP TABLE old_proof;
DROP TABLE old_line;
ALTER TABLE proof ADD CONSTRAINT pk_proof PRIMARY KEY (payment_line_id, run_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON proof FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON proof FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
# What is collected counts on its cohort's day, but for what was booked while that day was shut already: so few that they have an index.
TOTALS = """
CREATE INDEX ix_journal_other_day ON journal (attempt_id) WHERE business_on <> cohort_on;
CREATE TABLE run_total (
  run_id uuid NOT NULL CONSTRAINT fk_run_total_run_id REFERENCES run (id), payout text NOT NULL, agency_id uuid NOT NULL,
  kind text NOT NULL, budget_line text NOT NULL, business_on date NOT NULL, currency char(3) NOT NULL,
  count bigint NOT NULL, amount bigint NOT NULL, retained bigint NOT NULL,
  CONSTRAINT pk_run_total PRIMARY KEY (run_id, payout, agency_id, kind, budget_line, business_on, currency)
);
CREATE INDEX ix_run_total_day ON run_total (business_on);
INSERT INTO run_total
SELECT proof.run_id, '', line.agency_id, line.kind, line.budget_line, journal.business_on, attempt.currency,
       count(*), sum(proof.amount), sum(line.retained)
FROM proof JOIN payment_line AS line ON line.id = proof.payment_line_id JOIN attempt ON attempt.id = proof.attempt_id
JOIN journal ON journal.payment_id = line.payment_id AND journal.attempt_id = attempt.id AND journal.fact IN ('applied', 'allocated')
GROUP BY 1, 2, 3, 4, 5, 6, 7;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON run_total FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON run_total FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    op.execute(FUNCTIONS)
    op.execute(LINES)
    op.execute(PROOFS)
    op.execute(INDEXES)
    op.execute(TOTALS)
    op.add_column("settlement", sa.Column("until_on", sa.Date(), nullable=True))
    op.execute("UPDATE settlement SET until_on = period_on")
    op.alter_column("settlement", "until_on", nullable=False)
    op.create_check_constraint(op.f("ck_settlement_period"), "settlement", "until_on >= period_on")
    op.add_column("settlement", sa.Column("ignored_count", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("settlement", sa.Column("part", sa.BigInteger(), nullable=False, server_default="0"))
    # The first part of a file has the file's own id: it was sealed in the file's row.
    op.create_table(
        "file_part",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("body_key", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.UniqueConstraint("file_id", "ordinal", name=op.f("uq_file_part_file_id_ordinal")),
    )
    # What is sealed cannot be made smaller.
    op.execute("ALTER TABLE file_part ALTER body SET STORAGE EXTERNAL")
    op.execute("INSERT INTO file_part SELECT id, id, 0, body_key, body FROM settlement")
    op.drop_column("settlement", "body")
    op.drop_column("settlement", "body_key")


DOWN = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM settlement WHERE until_on <> period_on OR part <> 0) OR EXISTS (SELECT FROM file_part WHERE ordinal > 0) THEN
    RAISE EXCEPTION 'settlements of more than a day, or kept in parts, have no place in the older tables';
  END IF;
END $$;
DROP TABLE run_total;
DROP INDEX ix_journal_other_day;

ALTER TABLE settlement_line RENAME TO new_line;
CREATE TABLE settlement_line (
  id bigint GENERATED ALWAYS AS IDENTITY, settlement_id uuid NOT NULL, number bigint NOT NULL, line_type text NOT NULL,
  reference text, transaction text, amount bigint NOT NULL, fee bigint NOT NULL, currency char(3) NOT NULL,
  happened_at timestamptz, happened_on date NOT NULL, bank text,
  CONSTRAINT ck_settlement_line_line_type CHECK (line_type IN ('payment', 'refund', 'reversal', 'fee', 'adjustment'))
);
INSERT INTO settlement_line
  (settlement_id, number, line_type, reference, transaction, amount, fee, currency, happened_at, happened_on, bank)
SELECT settlement_id, number, line_type, reference, transaction, amount, fee, currency, happened_at, happened_on, bank
FROM new_line ORDER BY settlement_id, number;
DROP TABLE new_line CASCADE;
ALTER TABLE settlement_line ADD CONSTRAINT pk_settlement_line PRIMARY KEY (id);
ALTER TABLE settlement_line ADD CONSTRAINT uq_settlement_line_settlement_id_number UNIQUE (settlement_id, number);
CREATE INDEX ix_settlement_line_reference ON settlement_line (reference);
CREATE INDEX ix_settlement_line_refund ON settlement_line (settlement_id) WHERE line_type = 'refund';
CREATE INDEX ix_settlement_line_refund_transaction ON settlement_line (transaction) WHERE line_type = 'refund';

ALTER TABLE proof RENAME TO new_proof;
CREATE TABLE proof (
  id bigint GENERATED ALWAYS AS IDENTITY, kind text NOT NULL, payment_line_id uuid NOT NULL, attempt_id uuid NOT NULL,
  amount bigint NOT NULL, proved_on date NOT NULL, settlement_line_id bigint NOT NULL, run_id uuid NOT NULL,
  recorded_at timestamptz NOT NULL, CONSTRAINT ck_proof_kind CHECK (kind IN ('reported', 'banked'))
);
INSERT INTO proof (kind, payment_line_id, attempt_id, amount, proved_on, settlement_line_id, run_id, recorded_at)
SELECT DISTINCT ON (given.payment_line_id) 'reported', given.payment_line_id, given.attempt_id, given.amount, given.proved_on, line.id,
       given.run_id, run.started_at
FROM new_proof AS given JOIN run ON run.id = given.run_id
JOIN settlement_line AS line ON line.settlement_id = run.settlement_id AND line.number = given.number
WHERE given.holds
ORDER BY given.payment_line_id, run.started_at;
DROP TABLE new_proof;
ALTER TABLE proof ADD CONSTRAINT pk_proof PRIMARY KEY (id);
ALTER TABLE proof ADD CONSTRAINT uq_proof_payment_line_id_kind UNIQUE (payment_line_id, kind);
CREATE INDEX ix_proof_attempt_id ON proof (attempt_id);
"""


def downgrade() -> None:
    op.execute(DOWN)
    for table in ("settlement_line", "proof"):
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
    op.add_column("settlement", sa.Column("body_key", sa.LargeBinary(), nullable=True))
    op.add_column("settlement", sa.Column("body", sa.LargeBinary(), nullable=True))
    op.execute("UPDATE settlement SET body_key = kept.body_key, body = kept.body FROM file_part AS kept WHERE kept.id = settlement.id")
    op.drop_table("file_part")
    op.drop_column("settlement", "part")
    op.drop_column("settlement", "ignored_count")
    op.drop_column("settlement", "until_on")
    op.execute("DROP FUNCTION open_settlement_part, close_settlement_part, new_id; DROP SEQUENCE settlement_part; DROP SCHEMA parts")
