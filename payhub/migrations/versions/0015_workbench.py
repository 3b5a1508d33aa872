"""Discrepancies that people work on: whose, until when, what is proposed; what people write about them; rows of settlements corrected."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NOW = sa.DateTime(timezone=True)
# The terms as they were when this was written, for what stood before it.
DAYS = {
    1: ("banked_differs", "cancelled_but_paid", "count_or_sum_differs", "file_missing", "missing_at_hub", "paid_twice", "payout_missing", "portal_untold", "refund_and_reversal", "reversed", "statement_gap", "unknown_outcome", "wrong_account"),
    2: ("amount_differs", "conflicted_payee", "currency_differs", "missing_at_gateway", "overpaid", "refund_amount_differs", "refund_missing_at_gateway", "refund_unknown", "underpaid"),
    3: ("declared_amount_differs", "duplicate_at_gateway", "late", "partial_transfers", "unreadable_reference"),
    5: ("abolished_code", "fee_differs"),
}

# The triggers come after what stood before has its terms.
FUNCTIONS = """
CREATE FUNCTION refuse_other_discrepancy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'open' THEN
      RAISE EXCEPTION 'a discrepancy begins as open' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF (OLD.id, OLD.kind, OLD.key) IS DISTINCT FROM (NEW.id, NEW.kind, NEW.key)
     OR (OLD.state = 'resolved' AND NEW.state = 'resolved' AND OLD IS DISTINCT FROM NEW)
     OR ((OLD.amount, OLD.currency, OLD.evidence) IS DISTINCT FROM (NEW.amount, NEW.currency, NEW.evidence) AND NEW.version <= OLD.version)
  THEN
    RAISE EXCEPTION 'discrepancy % does not change so', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF OLD.state <> NEW.state
     AND NOT (OLD.state = 'open' AND NEW.state IN ('assigned', 'proposed', 'resolved'))
     AND NOT (OLD.state = 'assigned' AND NEW.state IN ('open', 'proposed', 'resolved'))
     AND NOT (OLD.state = 'proposed' AND NEW.state IN ('open', 'assigned', 'resolved'))
     AND NOT (OLD.state = 'resolved' AND NEW.state = 'open') THEN
    RAISE EXCEPTION 'a discrepancy that is % does not become %', OLD.state, NEW.state USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION refuse_other_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.discrepancy_id, OLD.written_at) IS DISTINCT FROM (NEW.id, NEW.discrepancy_id, NEW.written_at)
     OR NOT public.sealed_stays(OLD.note_key, OLD.note, NEW.note_key, NEW.note) THEN
    RAISE EXCEPTION 'what was written as % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""
TRIGGERS = """
CREATE TRIGGER one_way BEFORE INSERT OR UPDATE ON discrepancy FOR EACH ROW EXECUTE FUNCTION refuse_other_discrepancy();
CREATE TRIGGER written_once BEFORE UPDATE ON discrepancy_note FOR EACH ROW EXECUTE FUNCTION refuse_other_note();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON discrepancy_link FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON discrepancy_link FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement_correction FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON settlement_correction FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
COLUMNS = (
    sa.Column("version", sa.BigInteger(), nullable=False, server_default="1"),
    sa.Column("due_at", NOW, nullable=True),
    sa.Column("owner_id", sa.Uuid(), sa.ForeignKey("principal.id", name="fk_discrepancy_owner_id"), nullable=True),
    sa.Column("proposal_id", sa.Uuid(), sa.ForeignKey("proposal.id", name="fk_discrepancy_proposal_id"), nullable=True),
    sa.Column("accepted", sa.Boolean(), nullable=False, server_default=sa.false()),
)
CHECKS = {
    "assigned": "state <> 'assigned' OR owner_id IS NOT NULL",
    "proposed": "(state = 'proposed') = (proposal_id IS NOT NULL)",
    "accepted": "NOT accepted OR state = 'resolved'",
}


def upgrade() -> None:
    for column in COLUMNS:
        op.add_column("discrepancy", column)
    days = ", ".join(f"('{kind}', {days})" for days, kinds in DAYS.items() for kind in kinds)
    op.execute(f"UPDATE discrepancy SET due_at = opened_at + make_interval(days => t.days) FROM (VALUES {days}) AS t (kind, days) WHERE t.kind = discrepancy.kind")
    # Nobody could assign or propose before.
    op.execute("UPDATE discrepancy SET state = 'open' WHERE state IN ('assigned', 'proposed')")
    op.alter_column("discrepancy", "due_at", nullable=False)
    for name, rule in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_discrepancy_{name}"), "discrepancy", rule)
    op.create_index("ix_discrepancy_due", "discrepancy", ["due_at", "id"], postgresql_where="state <> 'resolved'")
    op.create_index("ix_discrepancy_owner", "discrepancy", ["owner_id", "due_at"], postgresql_where="owner_id IS NOT NULL")
    op.create_index("ix_discrepancy_proposal", "discrepancy", ["proposal_id"], postgresql_where="proposal_id IS NOT NULL")
    op.add_column("discrepancy_act", sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.create_table(
        "discrepancy_note",
        sa.Column("id", sa.Uuid(), sa.ForeignKey("discrepancy_act.id", name=op.f("fk_discrepancy_note_id")), primary_key=True),
        sa.Column("discrepancy_id", sa.Uuid(), sa.ForeignKey("discrepancy.id", name=op.f("fk_discrepancy_note_discrepancy_id")), nullable=False),
        sa.Column("written_at", NOW, nullable=False),
        sa.Column("note_key", sa.LargeBinary(), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(note_key IS NULL) = (note IS NULL)", name=op.f("ck_discrepancy_note_sealed")),
    )
    op.create_index(op.f("ix_discrepancy_note_discrepancy_id"), "discrepancy_note", ["discrepancy_id"])
    op.create_table(
        "discrepancy_link",
        sa.Column("low_id", sa.Uuid(), sa.ForeignKey("discrepancy.id", name=op.f("fk_discrepancy_link_low_id")), primary_key=True),
        sa.Column("high_id", sa.Uuid(), sa.ForeignKey("discrepancy.id", name=op.f("fk_discrepancy_link_high_id")), primary_key=True),
        sa.Column("linked_by", sa.Uuid(), sa.ForeignKey("principal.id", name=op.f("fk_discrepancy_link_linked_by")), nullable=False),
        sa.Column("linked_at", NOW, nullable=False),
        sa.CheckConstraint("low_id < high_id", name=op.f("ck_discrepancy_link_order")),
    )
    op.create_index("ix_discrepancy_link_high_id", "discrepancy_link", ["high_id"])
    op.create_table(
        "settlement_correction",
        sa.Column("settlement_id", sa.Uuid(), sa.ForeignKey("settlement.id", name=op.f("fk_settlement_correction_settlement_id")), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("proposal_id", sa.Uuid(), sa.ForeignKey("proposal.id", name=op.f("fk_settlement_correction_proposal_id")), nullable=False),
        sa.Column("corrected_at", NOW, nullable=False),
        sa.UniqueConstraint("settlement_id", "ordinal", name=op.f("uq_settlement_correction_settlement_id_ordinal")),
    )
    op.add_column("run", sa.Column("corrections", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(FUNCTIONS)
    op.execute(TRIGGERS)


DOWN = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM settlement_correction) OR EXISTS (SELECT FROM discrepancy WHERE accepted OR state IN ('assigned', 'proposed'))
     OR EXISTS (SELECT FROM discrepancy_note) OR EXISTS (SELECT FROM discrepancy_link) THEN
    RAISE EXCEPTION 'what people have done about discrepancies has no place in the older tables';
  END IF;
END $$;
DROP TRIGGER one_way ON discrepancy;
DROP TABLE settlement_correction;
DROP TABLE discrepancy_note;
DROP TABLE discrepancy_link;
DROP FUNCTION refuse_other_discrepancy, refuse_other_note;
"""


def downgrade() -> None:
    op.execute(DOWN)
    op.drop_column("run", "corrections")
    op.drop_column("discrepancy_act", "seq")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_discrepancy_{name}"), "discrepancy", type_="check")
    for column in reversed(COLUMNS):
        op.drop_column("discrepancy", column.name)
