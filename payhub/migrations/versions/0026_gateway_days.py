"""Rollups tell the gateway's days apart: what is folded lacks them, so all is folded anew."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# Whoever is folding ends first. Then no journal counts as folded: totals are read from journals, exact at every moment, and the job
# folds them by bounded steps; none is looked for among those without a number where there are none. Rows are deleted, not truncated:
# whoever reads by an older snapshot sees them still, beside the older `fold`.
ANEW = """
SET LOCAL statement_timeout = 0;
SELECT FROM fold FOR UPDATE;
ALTER TABLE rollup DISABLE TRIGGER never_deleted;
DELETE FROM rollup;
ALTER TABLE rollup ENABLE TRIGGER never_deleted;
UPDATE fold SET next = 0, running = '{}',
  before = CASE WHEN EXISTS (SELECT FROM journal WHERE xact IS NULL) THEN '00000000-0000-0000-0000-000000000000'
                ELSE 'ffffffff-ffff-ffff-ffff-ffffffffffff' END::uuid;
"""
# The key has another name: a worker of the release before that still runs fails to fold, where it would fold without the day.
UP = """
ALTER TABLE rollup ADD COLUMN gateway_on date;
ALTER TABLE rollup DROP CONSTRAINT uq_rollup_key;
ALTER TABLE rollup ADD CONSTRAINT uq_rollup_movement UNIQUE NULLS NOT DISTINCT
  (business_on, gateway_account_id, agency_id, kind, budget_line, account, fact, cohort_on, gateway_on, currency);
CREATE INDEX ix_rollup_collected ON rollup (gateway_account_id, gateway_on) WHERE fact = 'applied' AND account = 'owed';
"""
DOWN = """
ALTER TABLE rollup DROP COLUMN gateway_on;
ALTER TABLE rollup ADD CONSTRAINT uq_rollup_key UNIQUE NULLS NOT DISTINCT
  (business_on, gateway_account_id, agency_id, kind, budget_line, account, fact, cohort_on, currency);
"""


def upgrade() -> None:
    op.execute(ANEW)
    op.execute(UP)


def downgrade() -> None:
    op.execute(ANEW)
    op.execute(DOWN)
