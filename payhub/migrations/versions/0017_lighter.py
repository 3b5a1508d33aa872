"""Large files are written frozen and found by row number alone; the proofs of a run are found by where they lie."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# A table made in this very transaction takes rows as if they had long been there: nothing is left to do for whoever reads them next.
# Its rows are of one settlement, so that is a default too and is not sent a million times.
PARTS = """
DROP FUNCTION open_settlement_part;
CREATE FUNCTION open_settlement_part(settlement_id uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  part CONSTANT bigint := nextval('public.settlement_part');
  name CONSTANT text := 'settlement_line_' || part;
BEGIN
  EXECUTE format('CREATE TABLE parts.%I (LIKE public.settlement_line INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
  EXECUTE format('ALTER TABLE parts.%I ALTER part SET DEFAULT %s, ALTER settlement_id SET DEFAULT %L', name, part, settlement_id);
  EXECUTE format('ALTER TABLE parts.%I SET (autovacuum_enabled = off)', name);
  EXECUTE format('GRANT INSERT ON parts.%I TO %I', name, session_user);
  RETURN part;
END $$;

CREATE OR REPLACE FUNCTION close_settlement_part(part bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET default_statistics_target = 10 AS $$
DECLARE
  name CONSTANT text := 'settlement_line_' || part;
BEGIN
  IF part = 0 THEN
    ANALYZE parts.settlement_line_0;
    RETURN;
  END IF;
  EXECUTE format('REVOKE ALL ON parts.%I FROM %I', name, session_user);
  EXECUTE format('CREATE UNIQUE INDEX ON parts.%I (number)', name);
  EXECUTE format('CREATE INDEX ON parts.%I (reference)', name);
  EXECUTE format('CREATE TRIGGER never_emptied BEFORE TRUNCATE ON parts.%I FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change()', name);
  EXECUTE format('ALTER TABLE public.settlement_line ATTACH PARTITION parts.%I FOR VALUES IN (%s)', name, part);
  EXECUTE format('ANALYZE parts.%I', name);
END $$;
"""
KEYS = """
ALTER TABLE settlement_line DROP CONSTRAINT pk_settlement_line;
CREATE UNIQUE INDEX uq_settlement_line_number ON parts.settlement_line_0 (settlement_id, number);
DO $$ DECLARE part text; BEGIN
  FOR part IN SELECT inhrelid::regclass::text FROM pg_inherits
    WHERE inhparent = 'settlement_line'::regclass AND inhrelid <> 'parts.settlement_line_0'::regclass LOOP
    EXECUTE format('CREATE UNIQUE INDEX ON %s (number)', part);
  END LOOP;
END $$;
"""
# Proofs are written run by run, and runs have ids in the order of time: where a run's proofs lie says all that an index would.
PROOFS = """
CREATE INDEX ix_proof_run_id ON proof USING brin (run_id) WITH (autosummarize = on);
ALTER TABLE run_total DROP CONSTRAINT fk_run_total_run_id;
"""
ELSEWHERE = "ALTER TABLE run ADD COLUMN elsewhere date[] NOT NULL DEFAULT '{}'"
DOWN = """
ALTER TABLE run DROP COLUMN elsewhere;
ALTER TABLE run_total ADD CONSTRAINT fk_run_total_run_id FOREIGN KEY (run_id) REFERENCES run (id);
DROP INDEX ix_proof_run_id;
DROP INDEX parts.uq_settlement_line_number;
ALTER TABLE settlement_line ADD CONSTRAINT pk_settlement_line PRIMARY KEY (part, settlement_id, number);
DROP FUNCTION open_settlement_part;
"""

FUNCTIONS_BEFORE = """
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

CREATE OR REPLACE FUNCTION close_settlement_part(part bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
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
"""


def upgrade() -> None:
    op.execute(PARTS)
    op.execute(KEYS)
    op.execute(PROOFS)
    op.execute(ELSEWHERE)


def downgrade() -> None:
    op.execute(DOWN)
    op.execute(FUNCTIONS_BEFORE)
