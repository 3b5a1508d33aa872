"""Rollups of the books, folded from committed journals; what runs prove also by the day on which the money came."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# Journals of before have no number of their transaction: `fold.before` says how far they are folded, in the order of their ids. So no row
# is rewritten, and the first fold goes by bounded steps like every other.
LEDGER = """
ALTER TABLE journal ADD COLUMN xact bigint;
ALTER TABLE journal ALTER COLUMN xact SET DEFAULT ((pg_current_xact_id())::text)::bigint;
CREATE INDEX ix_journal_xact ON journal (xact) WHERE xact IS NOT NULL;
CREATE INDEX ix_journal_rare ON journal (business_on) WHERE fact <> 'applied';

CREATE TABLE rollup (
  business_on date NOT NULL, cohort_on date NOT NULL, gateway_account_id uuid NOT NULL, agency_id uuid, kind text, budget_line text,
  currency char(3) NOT NULL, fact text NOT NULL, account text NOT NULL, lines bigint NOT NULL, amount bigint NOT NULL,
  retained bigint NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, CONSTRAINT pk_rollup PRIMARY KEY (id),
  CONSTRAINT uq_rollup_key UNIQUE NULLS NOT DISTINCT
    (business_on, gateway_account_id, agency_id, kind, budget_line, account, fact, cohort_on, currency)
) WITH (fillfactor = 80);
CREATE INDEX ix_rollup_cohort_on ON rollup (cohort_on);
CREATE TRIGGER never_deleted BEFORE DELETE ON rollup FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON rollup FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE fold (
  id smallint NOT NULL, next bigint NOT NULL, running bigint[] NOT NULL, before uuid NOT NULL, cluster bigint NOT NULL,
  folded_at timestamptz NOT NULL, CONSTRAINT pk_fold PRIMARY KEY (id), CONSTRAINT ck_fold_one_row CHECK (id = 1)
);
INSERT INTO fold (id, next, running, before, cluster, folded_at)
SELECT 1, pg_snapshot_xmax(now)::text::bigint, ARRAY(SELECT xip::text::bigint FROM pg_snapshot_xip(now) AS xip),
       '00000000-0000-0000-0000-000000000000', system_identifier, now()
FROM pg_current_snapshot() AS now, pg_control_system();
CREATE TRIGGER never_deleted BEFORE DELETE ON fold FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON fold FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
# The day of a total was its cohort's, but for runs that prove money booked on another day or allocated: those are added up again.
PROVEN = """
ALTER TABLE run_total DISABLE TRIGGER append_only;
ALTER TABLE run_total ADD COLUMN cohort_on date;
UPDATE run_total SET cohort_on = business_on;
ALTER TABLE run_total ALTER COLUMN cohort_on SET NOT NULL;
ALTER TABLE run_total DROP CONSTRAINT pk_run_total;
ALTER TABLE run_total ADD CONSTRAINT pk_run_total PRIMARY KEY
  (run_id, payout, agency_id, kind, budget_line, business_on, cohort_on, currency);
CREATE TEMPORARY TABLE apart ON COMMIT DROP AS
SELECT DISTINCT proof.run_id FROM proof WHERE attempt_id IN (
  SELECT attempt_id FROM journal WHERE business_on <> cohort_on UNION SELECT attempt_id FROM allocation);
DELETE FROM run_total WHERE run_id IN (SELECT run_id FROM apart);
INSERT INTO run_total (run_id, payout, agency_id, kind, budget_line, business_on, cohort_on, currency, count, amount, retained)
SELECT proof.run_id, coalesce(listed.payout, ''), line.agency_id, line.kind, line.budget_line,
       (SELECT min(journal.business_on) FROM journal WHERE journal.payment_id = line.payment_id
          AND journal.attempt_id = attempt.id AND journal.fact IN ('applied', 'allocated')),
       attempt.cohort_on, attempt.currency, sum(sign), sum(sign * proof.amount), sum(sign * line.retained)
FROM proof CROSS JOIN LATERAL (SELECT CASE WHEN proof.holds THEN 1 ELSE -1 END AS sign) AS signed
JOIN payment_line AS line ON line.id = proof.payment_line_id JOIN attempt ON attempt.id = proof.attempt_id
JOIN run ON run.id = proof.run_id JOIN settlement ON settlement.id = run.settlement_id
JOIN settlement_line AS listed ON listed.part = settlement.part AND listed.settlement_id = settlement.id AND listed.number = proof.number
WHERE proof.run_id IN (SELECT run_id FROM apart) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;
ALTER TABLE run_total ENABLE TRIGGER append_only;
CREATE INDEX ix_run_total_cohort_on ON run_total (cohort_on);
"""
# Which refunds a run found was not kept. The days that had any are run once more, and the last word counts.
GIVEN_BACK = """
ALTER TABLE run_refund DISABLE TRIGGER append_only;
ALTER TABLE run_refund ADD COLUMN cohort_on date;
UPDATE run_refund SET cohort_on = run.period_on FROM run WHERE run.id = run_refund.run_id;
ALTER TABLE run_refund ALTER COLUMN cohort_on SET NOT NULL;
ALTER TABLE run_refund DROP CONSTRAINT pk_run_refund;
ALTER TABLE run_refund ADD CONSTRAINT pk_run_refund PRIMARY KEY (run_id, payout, agency_id, kind, budget_line, cohort_on, currency);
CREATE INDEX ix_run_refund_cohort_on ON run_refund (cohort_on);
ALTER TABLE run_refund ENABLE TRIGGER append_only;
CREATE TABLE refund_match (
  run_id uuid NOT NULL CONSTRAINT fk_refund_match_run_id REFERENCES run (id), number bigint NOT NULL,
  refund_id uuid NOT NULL CONSTRAINT fk_refund_match_refund_id REFERENCES refund (id),
  CONSTRAINT pk_refund_match PRIMARY KEY (run_id, number)
);
CREATE INDEX ix_refund_match_refund_id ON refund_match (refund_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON refund_match FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON refund_match FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
INSERT INTO run (id, gateway_account_id, period_on, settlement_id, state, asked_at, counts)
SELECT new_id(), gateway_account_id, period_on, id, 'waiting', now(), '{}' FROM settlement
WHERE superseded_by_id IS NULL AND id IN (SELECT settlement_id FROM run JOIN run_refund ON run_refund.run_id = run.id)
  AND id NOT IN (SELECT settlement_id FROM run WHERE state = 'waiting');
"""

DOWN = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM run_total WHERE cohort_on <> business_on) THEN
    RAISE EXCEPTION 'money was proven that was booked on another day than it came; the older tables cannot tell the two apart';
  END IF;
END $$;
DROP TABLE refund_match;
ALTER TABLE run_total DROP COLUMN cohort_on;
ALTER TABLE run_total ADD CONSTRAINT pk_run_total PRIMARY KEY (run_id, payout, agency_id, kind, budget_line, business_on, currency);
CREATE TEMPORARY TABLE added ON COMMIT DROP AS
SELECT run_id, payout, agency_id, kind, budget_line, currency, sum(amount) AS amount FROM run_refund GROUP BY 1, 2, 3, 4, 5, 6;
ALTER TABLE run_refund DISABLE TRIGGER append_only;
DELETE FROM run_refund;
ALTER TABLE run_refund ENABLE TRIGGER append_only;
ALTER TABLE run_refund DROP COLUMN cohort_on;
ALTER TABLE run_refund ADD CONSTRAINT pk_run_refund PRIMARY KEY (run_id, payout, agency_id, kind, budget_line, currency);
INSERT INTO run_refund (run_id, payout, agency_id, kind, budget_line, currency, amount)
SELECT run_id, payout, agency_id, kind, budget_line, currency, amount FROM added;
DROP TABLE rollup, fold;
DROP INDEX ix_journal_rare;
ALTER TABLE journal DROP COLUMN xact;
"""


def upgrade() -> None:
    op.execute(LEDGER)
    op.execute(PROVEN)
    op.execute(GIVEN_BACK)


def downgrade() -> None:
    op.execute(DOWN)
