"""What agrees in everything is said of a whole file at once; only the rest is said line by line."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# Files that were run before have said everything one by one, and go on like that: they have no first run.
UP = """
ALTER TABLE proof RENAME TO proof_apart;
ALTER TABLE proof_apart RENAME CONSTRAINT pk_proof TO pk_proof_apart;
DROP INDEX ix_proof_run_id;
CREATE INDEX ix_proof_apart_run_id ON proof_apart (run_id);
ALTER TABLE settlement ADD COLUMN first_run_id uuid CONSTRAINT fk_settlement_first_run_id REFERENCES run (id);
CREATE TABLE line_apart (
  settlement_id uuid NOT NULL, number bigint NOT NULL,
  CONSTRAINT pk_line_apart PRIMARY KEY (settlement_id, number)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON line_apart FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON line_apart FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
# Whoever asks of some payments goes from them to the file of their day, and there to the line by its reference; whoever asks of all
# joins whole tables.
PROOF = """
CREATE VIEW proof AS
SELECT payment_line_id, run_id, holds, number, attempt_id, amount, proved_on FROM proof_apart
UNION ALL
SELECT line.id, file.first_run_id, true, listed.number, attempt.id, line.amount,
       greatest(file.period_on, least(file.until_on, listed.happened_on))
FROM settlement AS file
JOIN attempt ON attempt.gateway_account_id = file.gateway_account_id AND attempt.gateway_on BETWEEN file.period_on AND file.until_on
JOIN settlement_line AS listed ON listed.part = file.part AND listed.settlement_id = file.id
  AND listed.line_type = 'payment' AND listed.reference = attempt.reference
JOIN payment_line AS line ON line.payment_id = attempt.payment_id
WHERE file.first_run_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM line_apart AS apart WHERE apart.settlement_id = file.id AND apart.number = listed.number)
  AND NOT EXISTS (SELECT FROM settlement_correction AS late WHERE late.settlement_id = file.id AND late.number = listed.number)
"""
DOWN = """
CREATE TEMPORARY TABLE said ON COMMIT DROP AS
SELECT * FROM proof WHERE (payment_line_id, run_id) NOT IN (SELECT payment_line_id, run_id FROM proof_apart);
DROP VIEW proof;
DROP TABLE line_apart;
ALTER TABLE settlement DROP COLUMN first_run_id;
DROP INDEX ix_proof_apart_run_id;
ALTER TABLE proof_apart RENAME CONSTRAINT pk_proof_apart TO pk_proof;
ALTER TABLE proof_apart RENAME TO proof;
INSERT INTO proof (payment_line_id, run_id, holds, number, attempt_id, amount, proved_on)
SELECT payment_line_id, run_id, holds, number, attempt_id, amount, proved_on FROM said;
CREATE INDEX ix_proof_run_id ON proof USING brin (run_id) WITH (autosummarize = on);
"""


def upgrade() -> None:
    op.execute(UP)
    op.execute(PROOF)


def downgrade() -> None:
    op.execute(DOWN)
