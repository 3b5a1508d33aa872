"""What a settlement lists more than once is found by the index of its lines; what runs proved is kept as money, not as a number of lines."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# A large file has a table to itself, and the index of its references, read from end to end, tells which of them follow themselves: less
# than half the work of hashing them. Only the owner of the tables may name one of them. Smaller files are told apart by their id.
REPEATED = """
CREATE FUNCTION repeated_references(part bigint, settlement_id uuid) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog SET enable_hashagg = off AS $$
BEGIN
  IF part = 0 THEN
    RETURN QUERY SELECT line.reference FROM parts.settlement_line_0 AS line
      WHERE line.settlement_id = $2 AND line.reference IS NOT NULL GROUP BY line.reference HAVING count(*) > 1;
  ELSE
    RETURN QUERY EXECUTE format(
      'SELECT reference FROM parts.%I WHERE reference IS NOT NULL GROUP BY reference HAVING count(*) > 1', 'settlement_line_' || part);
  END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(REPEATED)
    op.drop_column("run_total", "count")


def downgrade() -> None:
    op.add_column("run_total", sa.Column("count", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("ALTER TABLE run_total ALTER COLUMN count DROP DEFAULT; DROP FUNCTION repeated_references")
