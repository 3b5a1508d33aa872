"""From the gateway's payout to the bank's statement: the hub's own bank accounts, payouts, statements, and what was banked."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NOW = sa.DateTime(timezone=True)
# As every register whose rows have a first day and a day on which they no longer hold.
FUNCTIONS = """
CREATE FUNCTION one_bank_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
       SELECT FROM changed c JOIN public.bank_account o ON o.code = c.code AND o.id <> c.id
       WHERE daterange(c.valid_from, c.valid_to) && daterange(o.valid_from, o.valid_to)) THEN
    RAISE EXCEPTION 'two rows of bank_account about one thing overlap' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF TG_OP = 'INSERT' AND EXISTS (
       SELECT FROM changed c JOIN public.bank_account o ON o.code = c.code
       WHERE c.valid_from < public.register_day() AND NOT EXISTS (SELECT FROM changed k WHERE k.id = o.id)) THEN
    RAISE EXCEPTION 'a row of bank_account does not begin in the past' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;

-- What a statement said never changes; only its words are destroyed after their term, and sealed again where the ring has a new key.
CREATE FUNCTION refuse_other_statement_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF to_jsonb(OLD) - ARRAY['text_key', 'text'] IS DISTINCT FROM to_jsonb(NEW) - ARRAY['text_key', 'text']
     OR NOT public.sealed_stays(OLD.text_key, OLD.text, NEW.text_key, NEW.text) THEN
    RAISE EXCEPTION 'line % of a statement does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- A statement is whole when it is written; later another one takes its place.
CREATE FUNCTION refuse_other_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF to_jsonb(OLD) - 'superseded_by_id' IS DISTINCT FROM to_jsonb(NEW) - 'superseded_by_id' OR OLD.superseded_by_id IS NOT NULL THEN
    RAISE EXCEPTION 'statement % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- What a settlement pays over is what its lines add up to: it follows them where a row that was set aside becomes one.
CREATE FUNCTION refuse_other_gateway_payout() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  figures CONSTANT text[] := ARRAY['lines', 'gross', 'refunds', 'reversals', 'fees', 'adjustments', 'net'];
BEGIN
  IF to_jsonb(OLD) - figures IS DISTINCT FROM to_jsonb(NEW) - figures OR NEW.lines <> (
       SELECT count(*) FROM public.settlement_line AS line JOIN public.settlement AS file
         ON file.id = line.settlement_id AND file.part = line.part
       WHERE file.id = NEW.settlement_id AND line.currency = NEW.currency
         AND line.payout IS NOT DISTINCT FROM CASE WHEN NEW.named THEN NEW.reference END) THEN
    RAISE EXCEPTION 'payout % of a settlement is what its lines add up to', OLD.reference
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- A movement stays what it was; only where it stands changes.
CREATE FUNCTION refuse_other_bank_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF to_jsonb(OLD) - 'state' IS DISTINCT FROM to_jsonb(NEW) - 'state' THEN
    RAISE EXCEPTION 'bank entry % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""
DAY = ("gateway_account_id", "kind", "period_on", "digest")
DAYS = ("gateway_account_id", "kind", "period_on", "until_on", "digest")
STAYS = ("statement", "statement_line", "bank_entry", "gateway_payout")
APPEND_ONLY = ("payout_naming", "run_refund")
KEPT = (*STAYS, "payout_state")
"""Tables of which nothing is ever deleted."""
TERMS = {
    "payout_days": "payout_days BETWEEN 0 AND 60",
    "payout_tolerance": "payout_tolerance BETWEEN 0 AND 60",
    "tariff": "fee_bp BETWEEN 0 AND 10000 AND fee_fixed >= 0 AND fee_minimum >= 0 AND fee_maximum >= coalesce(fee_minimum, 0)",
    "fee_bearer": "fee_bearer IN ('treasury', 'agency', 'payer')",
}
# What is here already is added up as if it were taken now; each settlement that counts is run again, which posts what follows.
PAYOUTS = """
INSERT INTO gateway_payout
SELECT file.id, CASE WHEN line.payout IS NOT NULL THEN line.payout
         ELSE 'day ' || file.period_on || CASE WHEN file.until_on > file.period_on THEN '/' || file.until_on ELSE '' END END,
       line.currency, file.gateway_account_id, line.payout IS NOT NULL, line.lines, line.gross, line.refunds, line.reversals, line.fees,
       line.adjustments, line.gross - line.refunds - line.reversals - line.fees + line.adjustments,
       cooled_on(file.until_on, 1, terms.calendar), cooled_on(file.until_on, 4, terms.calendar)
FROM settlement AS file
CROSS JOIN LATERAL (
  SELECT calendar FROM gateway_terms
  WHERE gateway_account_id = file.gateway_account_id ORDER BY valid_from <= file.until_on DESC, valid_from DESC LIMIT 1) AS terms
JOIN (
  SELECT part, settlement_id, payout, currency, count(*) AS lines,
         coalesce(sum(amount) FILTER (WHERE line_type = 'payment'), 0) AS gross,
         coalesce(sum(amount) FILTER (WHERE line_type = 'refund'), 0) AS refunds,
         coalesce(sum(amount) FILTER (WHERE line_type = 'reversal'), 0) AS reversals,
         sum(fee) + coalesce(sum(amount) FILTER (WHERE line_type = 'fee'), 0) AS fees,
         coalesce(sum(amount) FILTER (WHERE line_type = 'adjustment'), 0) AS adjustments
  FROM settlement_line GROUP BY part, settlement_id, payout, currency
) AS line ON line.part = file.part AND line.settlement_id = file.id;

INSERT INTO run (id, gateway_account_id, period_on, settlement_id, state, asked_at, counts)
SELECT new_id(), gateway_account_id, period_on, id, 'waiting', now(), '{}' FROM settlement
WHERE superseded_by_id IS NULL ORDER BY period_on;
"""


def upgrade() -> None:
    op.execute(FUNCTIONS)
    bank_accounts()
    terms()
    payouts()
    statements()
    for table in STAYS:
        op.execute(f"CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_other_{table}()")
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    for table in KEPT:
        op.execute(f"CREATE TRIGGER never_deleted BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    for table in (*APPEND_ONLY, *KEPT):
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
    op.add_column("journal", sa.Column("payout_reference", sa.Text()))
    op.create_index(
        "ix_journal_payout", "journal", ["gateway_account_id", "payout_reference"],
        postgresql_where=sa.text("payout_reference IS NOT NULL"),
    )  # fmt: skip
    # The same bytes for a day and for more days are two settlements.
    unique(DAY, DAYS)
    op.execute(PAYOUTS)


def unique(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    op.drop_constraint(op.f(f"uq_settlement_{'_'.join(before)}"), "settlement", type_="unique")
    op.create_unique_constraint(op.f(f"uq_settlement_{'_'.join(after)}"), "settlement", list(after))


def bank_accounts() -> None:
    table = "bank_account"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("code", "bank_bin", "number", "holder", "currency", "statements")),
        sa.Column("notifications", sa.Text()),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date()),
        sa.UniqueConstraint("code", "valid_from"),
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        sa.CheckConstraint("authority IN ('statement', 'notification')", name="authority"),
        sa.CheckConstraint("authority = 'statement' OR notifications IS NOT NULL", name="notified"),
    )
    op.execute(
        f"CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION count_register_change()"
    )
    # Triggers of one event run in the order of their names: these after `counted`.
    for event in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER one_at_a_time_{event.lower()} AFTER {event} ON {table} REFERENCING NEW TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION one_bank_account()"
        )
    op.execute(
        f"CREATE TRIGGER history BEFORE INSERT OR UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_other_history('valid_from', 'valid_to', '', '')"
    )
    op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
    op.add_column("gateway_account", sa.Column("bank_account_id", sa.Uuid()))
    op.create_foreign_key(op.f("fk_gateway_account_bank_account_id"), "gateway_account", table, ["bank_account_id"], ["id"])
    op.execute(
        "CREATE TRIGGER first_bank_account BEFORE INSERT OR UPDATE OF bank_account_id ON gateway_account "
        "FOR EACH ROW EXECUTE FUNCTION refuse_later_row('bank_account')"
    )


def terms() -> None:
    table = "gateway_terms"
    op.add_column(table, sa.Column("payout_days", sa.BigInteger(), nullable=False, server_default="1"))
    op.add_column(table, sa.Column("payout_tolerance", sa.BigInteger(), nullable=False, server_default="3"))
    op.add_column(table, sa.Column("payout_text", sa.Text()))
    for name in ("fee_bp", "fee_fixed", "fee_minimum", "fee_maximum"):
        op.add_column(table, sa.Column(name, sa.BigInteger()))
    op.add_column(table, sa.Column("fee_bearer", sa.Text(), nullable=False, server_default="treasury"))
    for name, rule in TERMS.items():
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def payouts() -> None:
    figures = ("lines", "gross", "refunds", "reversals", "fees", "adjustments", "net")
    op.create_table(
        "gateway_payout",
        sa.Column("settlement_id", sa.Uuid(), sa.ForeignKey("settlement.id"), primary_key=True),
        sa.Column("reference", sa.Text(), primary_key=True),
        sa.Column("currency", sa.CHAR(3), primary_key=True),
        sa.Column("gateway_account_id", sa.Uuid(), sa.ForeignKey("gateway_account.id"), nullable=False),
        sa.Column("named", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in figures),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("awaited_until", sa.Date(), nullable=False),
        sa.CheckConstraint("net = gross - refunds - reversals - fees + adjustments", name="net"),
    )
    op.create_index("ix_gateway_payout_reference", "gateway_payout", ["gateway_account_id", "reference"])
    op.create_index("ix_gateway_payout_due", "gateway_payout", ["gateway_account_id", "due_on"])
    op.create_table(
        "run_refund",
        sa.Column("run_id", sa.Uuid(), sa.ForeignKey("run.id"), primary_key=True),
        *(sa.Column(name, kind, primary_key=True) for name, kind in (
            ("payout", sa.Text()), ("agency_id", sa.Uuid()), ("kind", sa.Text()), ("budget_line", sa.Text()), ("currency", sa.CHAR(3)),
        )),
        sa.Column("amount", sa.BigInteger(), nullable=False),
    )  # fmt: skip


def statements() -> None:
    op.create_table(
        "statement",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("bank_account_id", sa.Uuid(), sa.ForeignKey("bank_account.id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("reads", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("number", sa.Text()),
        sa.Column("opening", sa.BigInteger()),
        sa.Column("closing", sa.BigInteger()),
        sa.Column("line_count", sa.BigInteger(), nullable=False),
        sa.Column("line_sum", sa.BigInteger(), nullable=False),
        sa.Column("received_at", NOW, nullable=False),
        sa.Column("superseded_by_id", sa.Uuid(), sa.ForeignKey("statement.id")),
        sa.UniqueConstraint("bank_account_id", "kind", "digest", "from_on"),
        sa.CheckConstraint("to_on >= from_on", name="period"),
        sa.CheckConstraint("kind IN ('statement', 'notification')", name="kind"),
        sa.CheckConstraint("kind = 'notification' OR opening + line_sum = closing", name="balance"),
        sa.CheckConstraint("kind = 'notification' OR (opening IS NOT NULL AND closing IS NOT NULL)", name="balances"),
    )
    op.create_index(
        "ix_statement_counts", "statement", ["bank_account_id", "kind", "from_on"], postgresql_where=sa.text("superseded_by_id IS NULL")
    )
    op.create_table(
        "bank_entry",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("bank_account_id", sa.Uuid(), sa.ForeignKey("bank_account.id"), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("value_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("bank_reference", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("first_told_at", NOW, nullable=False),
        sa.UniqueConstraint("bank_account_id", "identity"),
        sa.CheckConstraint("state IN ('open', 'banked', 'unproven', 'withdrawn')", name="state"),
    )
    op.create_index("ix_bank_entry_booked", "bank_entry", ["bank_account_id", "booked_on"])
    op.create_index("ix_bank_entry_open", "bank_entry", ["id"], postgresql_where=sa.text("state = 'open'"))
    op.create_table(
        "statement_line",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("statement_id", sa.Uuid(), sa.ForeignKey("statement.id"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("bank_entry_id", sa.Uuid(), sa.ForeignKey("bank_entry.id"), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("value_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("bank_reference", sa.Text()),
        sa.Column("transaction_code", sa.Text()),
        sa.Column("text_key", sa.LargeBinary()),
        sa.Column("text", sa.LargeBinary()),
        sa.Column("codes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("marks", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.UniqueConstraint("statement_id", "number"),
    )
    op.create_index("ix_statement_line_bank_entry_id", "statement_line", ["bank_entry_id"])
    op.create_table(
        "payout_naming",
        sa.Column("statement_line_id", sa.Uuid(), sa.ForeignKey("statement_line.id"), primary_key=True),
        sa.Column("gateway_account_id", sa.Uuid(), sa.ForeignKey("gateway_account.id"), primary_key=True),
        sa.Column("reference", sa.Text(), primary_key=True),
    )
    op.create_index("ix_payout_naming_reference", "payout_naming", ["gateway_account_id", "reference"])
    op.create_table(
        "payout_state",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("gateway_account_id", sa.Uuid(), sa.ForeignKey("gateway_account.id"), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("bank_entry_id", sa.Uuid(), sa.ForeignKey("bank_entry.id")),
        sa.Column("suggested_entry_id", sa.Uuid(), sa.ForeignKey("bank_entry.id")),
        sa.Column("changed_at", NOW, nullable=False),
        sa.UniqueConstraint("gateway_account_id", "reference", "currency"),
        sa.CheckConstraint("state IN ('awaited', 'banked', 'differs', 'missing', 'withdrawn')", name="state"),
        sa.CheckConstraint("state = 'banked' OR bank_entry_id IS NULL", name="banked"),
    )
    op.create_index(
        "uq_payout_state_bank_entry_id", "payout_state", ["bank_entry_id"], unique=True,
        postgresql_where=sa.text("bank_entry_id IS NOT NULL"),
    )  # fmt: skip


BOOKED = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM journal WHERE payout_reference IS NOT NULL) THEN
    RAISE EXCEPTION 'what is booked of gateway payouts has no place in the older tables';
  END IF;
END $$;
"""


def downgrade() -> None:
    op.execute(BOOKED)
    unique(DAYS, DAY)
    op.drop_index("ix_journal_payout", "journal")
    op.drop_column("journal", "payout_reference")
    for table in ("payout_state", "payout_naming", "statement_line", "bank_entry", "statement", "run_refund", "gateway_payout"):
        op.drop_table(table)
    for name in TERMS:
        op.drop_constraint(op.f(f"ck_gateway_terms_{name}"), "gateway_terms", type_="check")
    for name in ("fee_bearer", "fee_maximum", "fee_minimum", "fee_fixed", "fee_bp", "payout_text", "payout_tolerance", "payout_days"):
        op.drop_column("gateway_terms", name)
    op.execute("DROP TRIGGER first_bank_account ON gateway_account")
    op.drop_column("gateway_account", "bank_account_id")
    op.drop_table("bank_account")
    for name in ("one_bank_account", *(f"refuse_other_{table}" for table in STAYS)):
        op.execute(f"DROP FUNCTION {name} CASCADE")
