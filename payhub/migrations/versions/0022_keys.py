"""API keys that stand on networks, have limits of their own and follow one another; when each was last used."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

LIMIT = "(rate IS NULL) = (burst IS NULL) AND rate BETWEEN 0 AND 100000 AND burst BETWEEN 1 AND 1000000"
# Whose key it is, what proves it and what it may do never change, and what is over stays over.
STAYS = """
CREATE FUNCTION refuse_other_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.portal_id, OLD.prefix, OLD.digest, OLD.scopes, OLD.created_at, OLD.replaces_id)
       IS DISTINCT FROM (NEW.id, NEW.portal_id, NEW.prefix, NEW.digest, NEW.scopes, NEW.created_at, NEW.replaces_id)
     OR OLD.revoked_at IS NOT NULL AND OLD.revoked_at IS DISTINCT FROM NEW.revoked_at THEN
    RAISE EXCEPTION 'api key % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""


def upgrade() -> None:
    op.add_column("api_key", sa.Column("networks", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"))
    op.add_column("api_key", sa.Column("rate", sa.BigInteger()))
    op.add_column("api_key", sa.Column("burst", sa.BigInteger()))
    op.add_column("api_key", sa.Column("replaces_id", sa.Uuid()))
    op.create_foreign_key(op.f("fk_api_key_replaces_id"), "api_key", "api_key", ["replaces_id"], ["id"])
    op.create_unique_constraint(op.f("uq_api_key_replaces_id"), "api_key", ["replaces_id"])
    op.create_check_constraint(op.f("ck_api_key_limit"), "api_key", LIMIT)
    op.create_table(
        "api_key_use",
        sa.Column("api_key_id", sa.Uuid(), sa.ForeignKey("api_key.id"), primary_key=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.execute(STAYS)
    op.execute("CREATE TRIGGER stays BEFORE UPDATE ON api_key FOR EACH ROW EXECUTE FUNCTION refuse_other_key()")
    op.execute("CREATE TRIGGER never_deleted BEFORE DELETE ON api_key FOR EACH ROW EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    op.execute("DROP TRIGGER never_deleted ON api_key")
    op.execute("DROP TRIGGER stays ON api_key")
    op.execute("DROP FUNCTION refuse_other_key")
    op.drop_table("api_key_use")
    for name in ("replaces_id", "burst", "rate", "networks"):
        op.drop_column("api_key", name)
