"""A payment is replaced once, whoever asks at the same moment."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_payment_replaces_id", "payment")
    op.create_index(
        "uq_payment_replaces_id", "payment", ["replaces_id"], unique=True, postgresql_where=sa.text("replaces_id IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("uq_payment_replaces_id", "payment")
    op.create_index("ix_payment_replaces_id", "payment", ["replaces_id"], postgresql_where=sa.text("replaces_id IS NOT NULL"))
