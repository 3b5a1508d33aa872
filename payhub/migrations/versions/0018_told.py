"""Portals that are told of proofs, and of which settlements still; what people agree on about entries at the bank and payouts."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


AGREED = ("payout_agreement_entry", "payout_agreement_payout")
# What people have agreed on stays; once, it may be taken back.
FUNCTIONS = """
CREATE FUNCTION refuse_other_payout_agreement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF to_jsonb(OLD) - 'ended_by_id' IS DISTINCT FROM to_jsonb(NEW) - 'ended_by_id' OR OLD.ended_by_id IS NOT NULL THEN
    RAISE EXCEPTION 'agreement % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""
BANKED_ON = """
UPDATE payout_state AS state SET banked_on = coalesce(
  (SELECT booked_on FROM bank_entry WHERE bank_entry.id = state.bank_entry_id),
  (SELECT max(part.due_on) FROM gateway_payout AS part
   WHERE (part.gateway_account_id, part.reference, part.currency) = (state.gateway_account_id, state.reference, state.currency)))
WHERE state = 'banked'
"""


def upgrade() -> None:
    told()
    agreements()
    table = "payout_state"
    op.add_column(table, sa.Column("agreement_id", sa.Uuid()))
    op.add_column(table, sa.Column("banked_on", sa.Date()))
    op.create_foreign_key(op.f("fk_payout_state_agreement_id"), table, "payout_agreement", ["agreement_id"], ["id"])
    op.execute(BANKED_ON)
    op.drop_constraint(op.f("ck_payout_state_banked"), table, type_="check")
    for name, rule in RULES.items():
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


RULES = {
    "banked_on": "(state = 'banked') = (banked_on IS NOT NULL)",
    "banked": "state = 'banked' AND agreement_id IS NULL OR bank_entry_id IS NULL",
    "agreed": "state = 'banked' OR agreement_id IS NULL",
}


def agreements() -> None:
    op.execute(FUNCTIONS)
    op.create_table(
        "payout_agreement",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("bank_account_id", sa.Uuid(), sa.ForeignKey("bank_account.id"), nullable=False),
        sa.Column("proposal_id", sa.Uuid(), sa.ForeignKey("proposal.id"), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by_id", sa.Uuid(), sa.ForeignKey("proposal.id")),
        sa.UniqueConstraint("proposal_id"),
    )
    live = sa.text("ended_by_id IS NULL")
    op.create_index("ix_payout_agreement_live", "payout_agreement", ["bank_account_id"], postgresql_where=live)
    op.create_table(
        "payout_agreement_entry",
        sa.Column("agreement_id", sa.Uuid(), sa.ForeignKey("payout_agreement.id"), primary_key=True),
        sa.Column("bank_entry_id", sa.Uuid(), sa.ForeignKey("bank_entry.id"), primary_key=True),
    )
    op.create_index(op.f("ix_payout_agreement_entry_bank_entry_id"), "payout_agreement_entry", ["bank_entry_id"])
    op.create_table(
        "payout_agreement_payout",
        sa.Column("agreement_id", sa.Uuid(), sa.ForeignKey("payout_agreement.id"), primary_key=True),
        sa.Column("gateway_account_id", sa.Uuid(), sa.ForeignKey("gateway_account.id"), primary_key=True),
        sa.Column("reference", sa.Text(), primary_key=True),
        sa.Column("currency", sa.CHAR(3), primary_key=True),
    )
    op.execute(
        "CREATE TRIGGER stays BEFORE UPDATE ON payout_agreement FOR EACH ROW EXECUTE FUNCTION refuse_other_payout_agreement()"
    )
    for table in AGREED:
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.execute("CREATE TRIGGER never_deleted BEFORE DELETE ON payout_agreement FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    for table in ("payout_agreement", *AGREED):
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def told() -> None:
    op.add_column("portal", sa.Column("told_proofs", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "telling",
        sa.Column("settlement_id", sa.Uuid(), sa.ForeignKey("settlement.id"), primary_key=True),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("told BETWEEN 0 AND asked", name="told"),
    )
    op.create_index("ix_telling_due", "telling", ["settlement_id"], postgresql_where=sa.text("told < asked"))


def downgrade() -> None:
    table = "payout_state"
    for name in RULES:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    # What only people had said is awaited again; the next run or statement says what follows without them.
    op.execute("UPDATE bank_entry SET state = 'open' WHERE id IN (SELECT bank_entry_id FROM payout_agreement_entry) AND state = 'banked'")
    op.execute("UPDATE payout_state SET state = 'awaited' WHERE agreement_id IS NOT NULL")
    op.create_check_constraint(op.f(f"ck_{table}_banked"), table, "state = 'banked' OR bank_entry_id IS NULL")
    op.drop_column(table, "banked_on")
    op.drop_column(table, "agreement_id")
    for name in (*AGREED, "payout_agreement"):
        op.drop_table(name)
    op.execute("DROP FUNCTION refuse_other_payout_agreement()")
    op.drop_table("telling")
    op.drop_column("portal", "told_proofs")
