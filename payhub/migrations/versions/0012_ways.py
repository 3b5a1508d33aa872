"""The ways to pay of a gateway account, who holds one back, and where a gateway that makes orders itself sent the citizen."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


REASONS = ("contract", "gateway_down", "maintenance", "other", "security", "wrong_money")
FUNCTIONS = """
-- A hold is released once, and otherwise stays as it was written.
CREATE FUNCTION refuse_other_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.released_at IS NOT NULL OR NEW.released_at IS NULL
     OR (OLD.id, OLD.gateway_account_id, OLD.reason, OLD.held_by, OLD.held_at)
        IS DISTINCT FROM (NEW.id, NEW.gateway_account_id, NEW.reason, NEW.held_by, NEW.held_at) THEN
    RAISE EXCEPTION 'a hold is only ever released' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER released_once BEFORE UPDATE ON gateway_hold FOR EACH ROW EXECUTE FUNCTION refuse_other_hold();
CREATE TRIGGER never_deleted BEFORE DELETE ON gateway_hold FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON gateway_hold FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON gateway_hold FOR EACH STATEMENT EXECUTE FUNCTION count_register_change();
"""


def upgrade() -> None:
    op.add_column("gateway_account", sa.Column("methods", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"))
    op.add_column("gateway_account", sa.Column("cost_bp", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("attempt", sa.Column("pay_url", sa.Text(), nullable=True))
    at = sa.DateTime(timezone=True)
    listed = ", ".join(f"'{reason}'" for reason in REASONS)
    op.create_table(
        "gateway_hold",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("gateway_account_id", sa.Uuid(), sa.ForeignKey("gateway_account.id"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("held_by", sa.Uuid(), sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("held_at", at, nullable=False),
        sa.Column("released_by", sa.Uuid(), sa.ForeignKey("principal.id"), nullable=True),
        sa.Column("released_at", at, nullable=True),
        sa.CheckConstraint(f"reason IN ({listed})", name="reason"),
        sa.CheckConstraint("(released_by IS NULL) = (released_at IS NULL)", name="released"),
    )
    unreleased = sa.text("released_at IS NULL")
    op.create_index("uq_gateway_hold_held", "gateway_hold", ["gateway_account_id"], unique=True, postgresql_where=unreleased)
    op.execute(FUNCTIONS)


def downgrade() -> None:
    op.drop_table("gateway_hold")
    op.execute("DROP FUNCTION refuse_other_hold")
    op.drop_column("attempt", "pay_url")
    op.drop_column("gateway_account", "cost_bp")
    op.drop_column("gateway_account", "methods")
