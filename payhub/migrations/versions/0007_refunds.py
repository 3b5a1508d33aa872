"""Refunds and their tries, disputes, allocations of unapplied money; journals that say which refund they are of."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATES = {
    "refund": ("approved", "declined", "failed", "requested", "submitted", "succeeded", "unknown", "withdrawn"),
    "refund_try": ("accepted", "created", "not_reached", "processing", "refused", "unknown"),
}
METHODS = ("bank_transfer", "gateway")
REASONS = ("fee_exempted", "other", "paid_twice", "requested_by_citizen", "service_not_provided", "wrong_amount")
# What is refunded was asked for, and what was sent stays on record; nothing of either is ever taken away.
KEPT = ("refund", "refund_line", "refund_try", "dispute", "dispute_line", "allocation")
APPEND_ONLY = ("refund_line", "allocation")

FUNCTIONS = """
-- What is asked back never changes, its state moves forward only, and nothing is approved that two people have not agreed on.
CREATE FUNCTION refuse_other_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'requested' THEN
      RAISE EXCEPTION 'a refund begins as requested' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF (OLD.id, OLD.payment_id, OLD.number, OLD.receipt_id, OLD.attempt_id, OLD.gateway_account_id, OLD.method, OLD.amount,
      OLD.currency, OLD.reason, OLD.requested_by, OLD.requested_at)
     IS DISTINCT FROM
     (NEW.id, NEW.payment_id, NEW.number, NEW.receipt_id, NEW.attempt_id, NEW.gateway_account_id, NEW.method, NEW.amount,
      NEW.currency, NEW.reason, NEW.requested_by, NEW.requested_at)
     OR (OLD.proposal_id IS NOT NULL AND OLD.proposal_id IS DISTINCT FROM NEW.proposal_id) THEN
    RAISE EXCEPTION 'refund % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF OLD.state <> NEW.state AND NOT (CASE OLD.state
       WHEN 'requested' THEN NEW.state IN ('approved', 'declined', 'withdrawn')
       WHEN 'approved' THEN NEW.state IN ('submitted', 'withdrawn')
       WHEN 'submitted' THEN NEW.state IN ('succeeded', 'failed', 'unknown')
       WHEN 'unknown' THEN NEW.state IN ('succeeded', 'failed')
       WHEN 'succeeded' THEN NEW.state = 'failed'
       WHEN 'failed' THEN NEW.state = 'submitted'
       ELSE false END) THEN
    RAISE EXCEPTION 'a refund that is % does not become %', OLD.state, NEW.state USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF OLD.state = 'requested' AND NEW.state = 'approved' AND NOT EXISTS (
       SELECT FROM public.proposal p WHERE p.id = NEW.proposal_id AND p.kind = 'refund' AND p.target = 'refund/' || NEW.id
         AND p.state IN ('approved', 'executed') AND p.proposed_by = NEW.requested_by
         AND (p.content ->> 'amount')::bigint = NEW.amount) THEN
    RAISE EXCEPTION 'refund % is not approved by two people', NEW.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- Whatever asks, no line gives back more than was paid on it.
CREATE FUNCTION refuse_more_than_paid() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong uuid;
BEGIN
  SELECT line.id INTO wrong
  FROM public.refund_line asked JOIN public.payment_line line ON line.id = asked.payment_line_id
  WHERE asked.refund_id = (to_jsonb(NEW) ->> CASE TG_TABLE_NAME WHEN 'refund' THEN 'id' ELSE 'refund_id' END)::uuid
    AND line.amount < (
      SELECT sum(each.amount) FROM public.refund_line each JOIN public.refund ON refund.id = each.refund_id
      WHERE each.payment_line_id = line.id AND refund.state NOT IN ('declined', 'withdrawn', 'failed'))
      + (SELECT coalesce(sum(lost.charged_back), 0) FROM public.dispute_line lost WHERE lost.payment_line_id = line.id)
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'more is asked back of line % than was paid', wrong USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION refuse_other_try() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.refund_id, OLD.attempt_id, OLD.gateway_account_id, OLD.number, OLD.reference, OLD.asked_at)
     IS DISTINCT FROM
     (NEW.id, NEW.refund_id, NEW.attempt_id, NEW.gateway_account_id, NEW.number, NEW.reference, NEW.asked_at)
     OR (OLD.state <> NEW.state AND NOT (CASE OLD.state
       WHEN 'created' THEN NEW.state IN ('processing', 'unknown', 'accepted', 'refused', 'not_reached')
       WHEN 'processing' THEN NEW.state IN ('unknown', 'accepted', 'refused')
       WHEN 'unknown' THEN NEW.state IN ('accepted', 'refused')
       WHEN 'accepted' THEN NEW.state = 'refused'
       ELSE false END)) THEN
    RAISE EXCEPTION 'what was sent for a refund does not change' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- What a bank wants back never changes, it is won or lost once, and it is not lost unless two people have agreed that it is.
CREATE FUNCTION refuse_other_dispute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'opened' THEN
      RAISE EXCEPTION 'a dispute begins as opened' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF (OLD.id, OLD.payment_id, OLD.number, OLD.attempt_id, OLD.gateway_account_id, OLD.gateway_case, OLD.amount, OLD.currency,
      OLD.opened_by, OLD.opened_at)
     IS DISTINCT FROM
     (NEW.id, NEW.payment_id, NEW.number, NEW.attempt_id, NEW.gateway_account_id, NEW.gateway_case, NEW.amount, NEW.currency,
      NEW.opened_by, NEW.opened_at)
     OR (OLD.state <> 'opened' AND OLD IS DISTINCT FROM NEW) THEN
    RAISE EXCEPTION 'dispute % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.state = 'lost' AND OLD.state <> 'lost' AND NOT EXISTS (
       SELECT FROM public.proposal p WHERE p.id = NEW.proposal_id AND p.kind = 'dispute_lost' AND p.target = 'dispute/' || NEW.id
         AND p.state IN ('approved', 'executed') AND p.decided_by <> p.proposed_by
         AND (p.content ->> 'amount')::bigint = NEW.amount) THEN
    RAISE EXCEPTION 'dispute % is not lost by the word of two people', NEW.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- What is disputed of a line stays, and only a dispute that was lost takes of it, never giving anything back.
CREATE FUNCTION refuse_other_disputed_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  stands text := (SELECT state FROM public.dispute WHERE dispute.id = NEW.dispute_id);
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.charged_back <> 0 OR stands <> 'opened' THEN
      RAISE EXCEPTION 'a line is disputed from the beginning' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF (OLD.dispute_id, OLD.payment_line_id, OLD.amount) IS DISTINCT FROM (NEW.dispute_id, NEW.payment_line_id, NEW.amount)
     OR NEW.charged_back < OLD.charged_back OR (NEW.charged_back > OLD.charged_back AND stands <> 'lost') THEN
    RAISE EXCEPTION 'a disputed line does not change' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- Money is allocated as two people have agreed, and pays its payment whole.
CREATE FUNCTION refuse_other_allocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
       SELECT FROM public.proposal p JOIN public.payment ON payment.id = NEW.payment_id
       WHERE p.id = NEW.proposal_id AND p.kind = 'allocation' AND p.target = 'unapplied/' || NEW.receipt_id
         AND p.state IN ('approved', 'executed') AND p.decided_by <> p.proposed_by
         AND p.content ->> 'payment' = NEW.payment_id::text AND (p.content ->> 'amount')::bigint = NEW.amount
         AND payment.total = NEW.amount) THEN
    RAISE EXCEPTION 'this is not allocated by two people' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""
TRIGGERS = """
CREATE TRIGGER forward_only BEFORE INSERT OR UPDATE ON refund FOR EACH ROW EXECUTE FUNCTION refuse_other_refund();
CREATE TRIGGER within_paid AFTER UPDATE OF state ON refund FOR EACH ROW
  WHEN (OLD.state = 'failed' AND NEW.state = 'submitted') EXECUTE FUNCTION refuse_more_than_paid();
CREATE TRIGGER within_paid AFTER INSERT ON refund_line FOR EACH ROW EXECUTE FUNCTION refuse_more_than_paid();
CREATE TRIGGER forward_only BEFORE UPDATE ON refund_try FOR EACH ROW EXECUTE FUNCTION refuse_other_try();
CREATE TRIGGER forward_only BEFORE INSERT OR UPDATE ON dispute FOR EACH ROW EXECUTE FUNCTION refuse_other_dispute();
CREATE TRIGGER forward_only BEFORE INSERT OR UPDATE ON dispute_line FOR EACH ROW EXECUTE FUNCTION refuse_other_disputed_line();
CREATE TRIGGER agreed BEFORE INSERT ON allocation FOR EACH ROW EXECUTE FUNCTION refuse_other_allocation();
"""


def listed(words):
    return ", ".join(f"'{word}'" for word in words)


def upgrade() -> None:
    retained()
    refund()
    refund_try()
    dispute()
    allocation()
    settled()
    op.add_column("journal", sa.Column("refund_id", sa.Uuid(), sa.ForeignKey("refund.id", name="fk_journal_refund_id")))
    op.create_index("ix_journal_refund_id", "journal", ["refund_id"], postgresql_where=sa.text("refund_id IS NOT NULL"))
    op.execute(FUNCTIONS)
    op.execute(TRIGGERS)
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    for table in KEPT:
        if table not in APPEND_ONLY:
            op.execute(f"CREATE TRIGGER never_deleted BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def retained() -> None:
    op.add_column("payment_line", sa.Column("released_claim", sa.Uuid()))
    op.add_column("payment_line", sa.Column("retention_bp", sa.SmallInteger()))
    op.execute(
        """
        UPDATE payment_line SET retention_bp = coalesce((
          SELECT retention.basis_points FROM retention JOIN fee ON fee.code = retention.fee_code
          WHERE fee.id = payment_line.fee_id AND retention.agency_id = payment_line.agency_id AND payment_line.kind = 'phi'
            AND retention.basis_points * payment_line.amount / 10000 = payment_line.retained
          ORDER BY retention.valid_from DESC LIMIT 1), 0)
        """
    )
    op.alter_column("payment_line", "retention_bp", nullable=False)
    op.drop_constraint(op.f("ck_payment_line_retained"), "payment_line", type_="check")
    op.create_check_constraint(op.f("ck_payment_line_retention_bp"), "payment_line", "retention_bp BETWEEN 0 AND 10000")
    op.create_check_constraint(
        op.f("ck_payment_line_retained"),
        "payment_line",
        "retained = amount / 10000 * retention_bp + amount % 10000 * retention_bp / 10000",
    )


def refund() -> None:
    op.create_table(
        "refund",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("payment_id", sa.Uuid(), sa.ForeignKey("payment.id"), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), sa.ForeignKey("unapplied_receipt.id")),
        sa.Column("attempt_id", sa.Uuid(), sa.ForeignKey("attempt.id")),
        sa.Column("gateway_account_id", sa.Uuid(), sa.ForeignKey("gateway_account.id"), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note_key", sa.LargeBinary()),
        sa.Column("note", sa.LargeBinary()),
        sa.Column("requested_by", sa.Uuid(), sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposal_id", sa.Uuid(), sa.ForeignKey("proposal.id")),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("submitted_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("end_reason", sa.Text()),
        sa.Column("next_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("payment_id", "number"),
        sa.CheckConstraint(f"state IN ({listed(STATES['refund'])})", name="state"),
        sa.CheckConstraint(f"method IN ({listed(METHODS)})", name="method"),
        sa.CheckConstraint(f"reason IN ({listed(REASONS)})", name="reason"),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("method <> 'gateway' OR attempt_id IS NOT NULL", name="attempt"),
    )
    op.create_index("ix_refund_attempt_id", "refund", ["attempt_id"])
    op.create_index("ix_refund_receipt_id", "refund", ["receipt_id"], postgresql_where=sa.text("receipt_id IS NOT NULL"))
    op.create_index("ix_refund_next_at", "refund", ["next_at"], postgresql_where=sa.text("next_at IS NOT NULL"))
    op.create_index("ix_refund_waiting", "refund", ["payment_id"], postgresql_where=sa.text("state IN ('approved', 'requested')"))
    op.create_table(
        "refund_line",
        sa.Column("refund_id", sa.Uuid(), sa.ForeignKey("refund.id"), primary_key=True),
        sa.Column("payment_line_id", sa.Uuid(), sa.ForeignKey("payment_line.id"), primary_key=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name="amount"),
    )
    op.create_index("ix_refund_line_payment_line_id", "refund_line", ["payment_line_id"])


def refund_try() -> None:
    op.create_table(
        "refund_try",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("refund_id", sa.Uuid(), sa.ForeignKey("refund.id"), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), sa.ForeignKey("attempt.id"), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), sa.ForeignKey("gateway_account.id"), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("raw_code", sa.Text()),
        sa.Column("gateway_transaction", sa.Text()),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("checks", sa.SmallInteger(), nullable=False),
        sa.UniqueConstraint("refund_id", "number"),
        sa.UniqueConstraint("gateway_account_id", "reference"),
        sa.CheckConstraint(f"state IN ({listed(STATES['refund_try'])})", name="state"),
    )
    op.create_index("ix_refund_try_asked_at", "refund_try", ["gateway_account_id", "asked_at"])
    op.create_index(
        "ix_refund_try_gateway_transaction",
        "refund_try",
        ["gateway_account_id", "gateway_transaction"],
        postgresql_where=sa.text("gateway_transaction IS NOT NULL"),
    )
    unanswered = sa.text("state IN ('created', 'processing', 'unknown')")
    op.create_index("uq_refund_try_unanswered", "refund_try", ["attempt_id"], unique=True, postgresql_where=unanswered)


def dispute() -> None:
    op.create_table(
        "dispute",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("payment_id", sa.Uuid(), sa.ForeignKey("payment.id"), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), sa.ForeignKey("attempt.id"), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), sa.ForeignKey("gateway_account.id"), nullable=False),
        sa.Column("gateway_case", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("opened_by", sa.Uuid(), sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposal_id", sa.Uuid(), sa.ForeignKey("proposal.id")),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("payment_id", "number"),
        sa.UniqueConstraint("gateway_account_id", "gateway_case"),
        sa.CheckConstraint("state IN ('opened', 'won', 'lost')", name="state"),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("(state = 'opened') = (ended_at IS NULL)", name="ended"),
    )
    op.create_index("ix_dispute_attempt_id", "dispute", ["attempt_id"])
    op.create_table(
        "dispute_line",
        sa.Column("dispute_id", sa.Uuid(), sa.ForeignKey("dispute.id"), primary_key=True),
        sa.Column("payment_line_id", sa.Uuid(), sa.ForeignKey("payment_line.id"), primary_key=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("charged_back", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("charged_back BETWEEN 0 AND amount", name="charged_back"),
    )
    op.create_index("ix_dispute_line_payment_line_id", "dispute_line", ["payment_line_id"])


def allocation() -> None:
    op.create_table(
        "allocation",
        sa.Column("payment_id", sa.Uuid(), sa.ForeignKey("payment.id"), primary_key=True),
        sa.Column("receipt_id", sa.Uuid(), sa.ForeignKey("unapplied_receipt.id"), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), sa.ForeignKey("attempt.id")),
        sa.Column("proposal_id", sa.Uuid(), sa.ForeignKey("proposal.id"), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("allocated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name="amount"),
    )
    op.create_index("ix_allocation_receipt_id", "allocation", ["receipt_id"])
    op.create_index("ix_allocation_attempt_id", "allocation", ["attempt_id"])
    op.create_index("ix_unapplied_receipt_held", "unapplied_receipt", ["id"], postgresql_where=sa.text("remaining > 0"))


def settled() -> None:
    of_refunds = sa.text("line_type = 'refund'")
    op.create_index("ix_settlement_line_refund", "settlement_line", ["settlement_id"], postgresql_where=of_refunds)
    op.create_index("ix_settlement_line_refund_transaction", "settlement_line", ["transaction"], postgresql_where=of_refunds)


def downgrade() -> None:
    op.drop_index("ix_settlement_line_refund_transaction", "settlement_line")
    op.drop_index("ix_settlement_line_refund", "settlement_line")
    op.drop_index("ix_unapplied_receipt_held", "unapplied_receipt")
    op.drop_index("ix_journal_refund_id", "journal")
    op.drop_column("journal", "refund_id")
    for table in ("allocation", "dispute_line", "dispute", "refund_try", "refund_line", "refund"):
        op.drop_table(table)
    for function in (
        "refuse_other_refund", "refuse_more_than_paid", "refuse_other_try", "refuse_other_dispute", "refuse_other_disputed_line",
        "refuse_other_allocation",
    ):  # fmt: skip
        op.execute(f"DROP FUNCTION {function}")
    op.drop_constraint(op.f("ck_payment_line_retained"), "payment_line", type_="check")
    op.drop_constraint(op.f("ck_payment_line_retention_bp"), "payment_line", type_="check")
    op.drop_column("payment_line", "retention_bp")
    op.drop_column("payment_line", "released_claim")
    op.create_check_constraint(op.f("ck_payment_line_retained"), "payment_line", "retained BETWEEN 0 AND amount")
