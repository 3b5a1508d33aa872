"""What the database itself refuses, whoever asks: unbalanced or changed books, rewritten history, unnoticed register changes."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("journal", "posting", "proof", "discrepancy_act", "settlement_line")
REGISTERS = (
    "agency", "collecting_account", "day_off", "portal", "portal_grant", "api_key", "fee", "retention", "gateway_account",
    "gateway_terms", "gateway_secret",
)  # fmt: skip

FUNCTIONS = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- Every statement that writes postings must balance each journal it touches. Postings are never changed, so by induction every
-- journal balances at every moment, inside transactions too, and no SET CONSTRAINTS can postpone it.
CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong uuid;
BEGIN
  SELECT journal_id INTO wrong FROM inserted GROUP BY journal_id, currency HAVING sum(amount) <> 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'journal % does not balance', wrong USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;

-- An event is a fact; only the place it is given among all events comes later, once.
CREATE FUNCTION refuse_other_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.position IS NOT NULL OR (OLD.id, OLD.payment_id, OLD.seq, OLD.type, OLD.data, OLD.occurred_at)
     IS DISTINCT FROM (NEW.id, NEW.payment_id, NEW.seq, NEW.type, NEW.data, NEW.occurred_at) THEN
    RAISE EXCEPTION 'event is append-only' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION count_register_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE register_version SET version = version + 1;
  RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.execute(FUNCTIONS)
    op.execute("INSERT INTO register_version (id, version) VALUES (1, 1)")
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    for table in (*APPEND_ONLY, "event"):
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
    op.execute(
        "CREATE TRIGGER balanced AFTER INSERT ON posting REFERENCING NEW TABLE AS inserted "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced()"
    )
    op.execute("CREATE TRIGGER append_only BEFORE UPDATE ON event FOR EACH ROW EXECUTE FUNCTION refuse_other_fact()")
    op.execute("CREATE TRIGGER never_deleted BEFORE DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    for table in REGISTERS:
        op.execute(
            f"CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_register_change()"
        )


def downgrade() -> None:
    op.execute("DELETE FROM register_version")
    for function in ("refuse_change", "refuse_unbalanced", "refuse_other_fact", "count_register_change"):
        op.execute(f"DROP FUNCTION {function} CASCADE")
