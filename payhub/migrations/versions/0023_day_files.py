"""Day files: what portals were told of their days, never changed, and which days are still to be stated."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

NOW = sa.DateTime(timezone=True)
NEVER_CHANGED = ("day_file", "day_file_sum")


def upgrade() -> None:
    op.create_table(
        "day_file",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("portal_id", sa.Uuid(), sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("business_on", sa.Date(), nullable=False, index=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("made_at", NOW, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.CHAR(64), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("manifest", "signature", "key", "snapshot")),
        sa.Column("cluster", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("portal_id", "business_on", "version"),
        sa.CheckConstraint("version > 0", name="version"),
    )
    op.create_table(
        "day_file_sum",
        sa.Column("day_file_id", sa.Uuid(), sa.ForeignKey("day_file.id"), primary_key=True),
        sa.Column("type", sa.Text(), primary_key=True),
        sa.Column("currency", sa.CHAR(3), primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "day_file_ask",
        sa.Column("portal_id", sa.Uuid(), sa.ForeignKey("portal.id"), primary_key=True),
        sa.Column("business_on", sa.Date(), primary_key=True),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("done BETWEEN 0 AND asked", name="done"),
    )
    op.create_index(
        "ix_day_file_ask_due", "day_file_ask", ["business_on", "portal_id"], postgresql_where=sa.text("done < asked")
    )
    op.execute("CREATE TRIGGER first_portal BEFORE INSERT ON day_file FOR EACH ROW EXECUTE FUNCTION refuse_later_row('portal')")
    for table in NEVER_CHANGED:
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    op.execute("DELETE FROM file_part WHERE file_id IN (SELECT id FROM day_file)")
    for table in ("day_file_ask", "day_file_sum", "day_file"):
        op.drop_table(table)
