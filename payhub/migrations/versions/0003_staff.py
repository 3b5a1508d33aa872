"""Principals, their tokens, and proposals that need two people."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SYSTEM_ID = "00000000-0000-7000-8000-000000000001"
NOW = sa.DateTime(timezone=True)

FUNCTIONS = """
-- Who somebody is never changes; an account can only be closed.
CREATE FUNCTION refuse_other_principal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.kind, OLD.name, OLD.portal_id, OLD.created_at)
     IS DISTINCT FROM (NEW.id, NEW.kind, NEW.name, NEW.portal_id, NEW.created_at)
     OR (OLD.disabled_at IS NOT NULL AND NEW.disabled_at IS DISTINCT FROM OLD.disabled_at) THEN
    RAISE EXCEPTION 'a principal stays who it is' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- A code that was accepted stays behind for ever; only a new secret begins again.
CREATE FUNCTION refuse_earlier_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.last_step <= OLD.last_step AND NEW.sealed = OLD.sealed THEN
    RAISE EXCEPTION 'a code is accepted once' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- What is proposed never changes, its state moves forward only, and only a person trusted to do so approves.
CREATE FUNCTION refuse_other_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'proposed' THEN
      RAISE EXCEPTION 'a proposal begins as proposed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF (OLD.id, OLD.kind, OLD.target, OLD.target_seq, OLD.content, OLD.content_text, OLD.content_hash, OLD.proposed_by, OLD.proposed_at)
     IS DISTINCT FROM
     (NEW.id, NEW.kind, NEW.target, NEW.target_seq, NEW.content, NEW.content_text, NEW.content_hash, NEW.proposed_by, NEW.proposed_at)
     OR (OLD.decided_by IS NOT NULL AND (OLD.decided_by, OLD.decided_at) IS DISTINCT FROM (NEW.decided_by, NEW.decided_at))
     OR (OLD.state NOT IN ('proposed', 'approved') AND OLD IS DISTINCT FROM NEW) THEN
    RAISE EXCEPTION 'proposal % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF OLD.state <> NEW.state
     AND NOT (OLD.state = 'proposed' AND NEW.state IN ('approved', 'declined', 'withdrawn', 'void'))
     AND NOT (OLD.state = 'approved' AND NEW.state IN ('executed', 'void')) THEN
    RAISE EXCEPTION 'a proposal that is % does not become %', OLD.state, NEW.state USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF OLD.state = 'proposed' AND NEW.state IN ('approved', 'declined') AND NOT EXISTS (
       SELECT FROM public.principal p JOIN public.staff_role r ON r.principal_id = p.id AND r.role = 'approver'
       WHERE p.id = NEW.decided_by AND p.kind = 'person' AND p.disabled_at IS NULL) THEN
    RAISE EXCEPTION 'only a person who is an approver decides' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""


def upgrade() -> None:
    op.create_table(
        "principal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("portal_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", NOW, nullable=False),
        sa.Column("disabled_at", NOW, nullable=True),
        sa.CheckConstraint("kind IN ('person', 'portal', 'system')", name=op.f("ck_principal_kind")),
        sa.CheckConstraint("(kind = 'portal') = (portal_id IS NOT NULL)", name=op.f("ck_principal_portal")),
        sa.CheckConstraint("(kind = 'portal') = (position('/' in name) > 0)", name=op.f("ck_principal_name")),
        sa.ForeignKeyConstraint(["portal_id"], ["portal.id"], name=op.f("fk_principal_portal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_principal")),
        sa.UniqueConstraint("name", name=op.f("uq_principal_name")),
        sa.UniqueConstraint("portal_id", name=op.f("uq_principal_portal_id")),
    )
    op.create_table(
        "staff_role",
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("granted_at", NOW, nullable=False),
        sa.CheckConstraint("role IN ('clerk', 'approver', 'auditor', 'admin')", name=op.f("ck_staff_role_role")),
        sa.ForeignKeyConstraint(["principal_id"], ["principal.id"], name=op.f("fk_staff_role_principal_id")),
        sa.PrimaryKeyConstraint("principal_id", "role", name=op.f("pk_staff_role")),
    )
    op.create_table(
        "staff_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", NOW, nullable=False),
        sa.Column("expires_at", NOW, nullable=False),
        sa.Column("revoked_at", NOW, nullable=True),
        sa.ForeignKeyConstraint(["principal_id"], ["principal.id"], name=op.f("fk_staff_token_principal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_token")),
    )
    op.create_index(op.f("ix_staff_token_principal_id"), "staff_token", ["principal_id"])
    op.create_index("uq_staff_token_prefix", "staff_token", ["prefix"], unique=True)
    op.create_table(
        "staff_totp",
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("wrong_at", postgresql.ARRAY(NOW), nullable=False),
        sa.Column("locked_until", NOW, nullable=True),
        sa.Column("created_at", NOW, nullable=False),
        sa.ForeignKeyConstraint(["principal_id"], ["principal.id"], name=op.f("fk_staff_totp_principal_id")),
        sa.PrimaryKeyConstraint("principal_id", name=op.f("pk_staff_totp")),
    )
    op.create_table(
        "proposal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("target_seq", sa.BigInteger(), nullable=True),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("content_text", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", NOW, nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", NOW, nullable=True),
        sa.Column("executed_at", NOW, nullable=True),
        sa.Column("voided_at", NOW, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('proposed', 'approved', 'executed', 'declined', 'withdrawn', 'void')", name=op.f("ck_proposal_state")
        ),
        sa.CheckConstraint(
            "CASE state WHEN 'proposed' THEN decided_by IS NULL AND decided_at IS NULL "
            "WHEN 'void' THEN (decided_by IS NULL) = (decided_at IS NULL) "
            "ELSE decided_by IS NOT NULL AND decided_at IS NOT NULL END",
            name=op.f("ck_proposal_decided"),
        ),
        sa.CheckConstraint(
            "decided_by IS NULL OR (state = 'withdrawn') = (decided_by = proposed_by)", name=op.f("ck_proposal_two_people")
        ),
        sa.CheckConstraint("(state = 'executed') = (executed_at IS NOT NULL)", name=op.f("ck_proposal_executed")),
        sa.CheckConstraint("(state = 'void') = (voided_at IS NOT NULL)", name=op.f("ck_proposal_voided")),
        sa.CheckConstraint(
            "content_hash = sha256(convert_to(content_text, 'UTF8')) AND CAST(content_text AS jsonb) = content",
            name=op.f("ck_proposal_content"),
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["principal.id"], name=op.f("fk_proposal_proposed_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["principal.id"], name=op.f("fk_proposal_decided_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
    )
    op.create_index(
        "uq_proposal_open",
        "proposal",
        ["kind", "target", "content_hash"],
        unique=True,
        postgresql_where=sa.text("state IN ('proposed', 'approved')"),
    )
    op.create_index("ix_proposal_state", "proposal", ["state", "id"])
    op.create_index("ix_proposal_target", "proposal", ["target"])
    op.create_table(
        "audit_entry",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", NOW, nullable=False),
        sa.Column("actor", sa.Uuid(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("hash = sha256(previous_hash || convert_to(entry, 'UTF8'))", name=op.f("ck_audit_entry_hash")),
        sa.ForeignKeyConstraint(["actor"], ["principal.id"], name=op.f("fk_audit_entry_actor")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("previous_hash", name=op.f("uq_audit_entry_previous_hash")),
    )
    op.create_index("ix_audit_entry_target", "audit_entry", ["target"])
    op.execute(FUNCTIONS)
    guards = (
        ("stays", "BEFORE UPDATE ON principal FOR EACH ROW EXECUTE FUNCTION refuse_other_principal()"),
        ("once", "BEFORE UPDATE OF last_step ON staff_totp FOR EACH ROW EXECUTE FUNCTION refuse_earlier_step()"),
        ("stays", "BEFORE INSERT OR UPDATE ON proposal FOR EACH ROW EXECUTE FUNCTION refuse_other_proposal()"),
        ("append_only", "BEFORE UPDATE ON audit_entry FOR EACH ROW EXECUTE FUNCTION refuse_change()"),
    )
    for name, rest in guards:
        op.execute(f"CREATE TRIGGER {name} {rest}")
    for table in ("principal", "proposal", "audit_entry"):
        op.execute(f"CREATE TRIGGER never_deleted BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
    op.execute(f"INSERT INTO principal (id, kind, name, created_at) VALUES ('{SYSTEM_ID}', 'system', 'system', now())")


def downgrade() -> None:
    for table in ("audit_entry", "proposal", "staff_totp", "staff_token", "staff_role", "principal"):
        op.drop_table(table)
    for function in ("refuse_other_principal", "refuse_earlier_step", "refuse_other_proposal"):
        op.execute(f"DROP FUNCTION {function}")
