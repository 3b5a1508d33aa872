"""Closing payments, for a reason; idempotency keys of persons too."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payment", sa.Column("closing_reason", sa.Text()))
    op.execute("UPDATE payment SET closing_reason = 'expired' WHERE closing_at IS NOT NULL")
    op.create_check_constraint(op.f("ck_payment_closing_reason"), "payment", "closing_reason IN ('expired', 'cancelled', 'replaced')")
    op.create_check_constraint(op.f("ck_payment_closing"), "payment", "(closing_at IS NULL) = (closing_reason IS NULL)")
    op.create_index(
        "ix_payment_closing_at", "payment", ["closing_at"], postgresql_where=sa.text("state = 'open' AND closing_at IS NOT NULL")
    )
    op.create_index("ix_payment_replaces_id", "payment", ["replaces_id"], postgresql_where=sa.text("replaces_id IS NOT NULL"))
    op.drop_constraint("fk_idempotency_portal_id", "idempotency", type_="foreignkey")
    op.alter_column("idempotency", "portal_id", new_column_name="owner_id")


def downgrade() -> None:
    op.alter_column("idempotency", "owner_id", new_column_name="portal_id")
    op.create_foreign_key("fk_idempotency_portal_id", "idempotency", "portal", ["portal_id"], ["id"])
    op.drop_index("ix_payment_replaces_id", "payment")
    op.drop_index("ix_payment_closing_at", "payment")
    op.drop_constraint(op.f("ck_payment_closing"), "payment", type_="check")
    op.drop_constraint(op.f("ck_payment_closing_reason"), "payment", type_="check")
    op.drop_column("payment", "closing_reason")
