"""The inbox whole: messages that wait for their order or stand before a person, and from where gateways call back."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BEFORE = "'recorded', 'repeated', 'unknown_reference', 'wrong_amount', 'forged', 'malformed', 'our_fault'"
INDEXES = (
    ("ix_callback_standing", ["standing", "id"], "standing <> 'settled'"),
    ("ix_callback_due", ["next_try_at"], "next_try_at IS NOT NULL"),
    ("ix_callback_reference", ["reference"], "reference IS NOT NULL"),
    ("ix_callback_verdict", ["verdict", "id"], "verdict <> 'recorded'"),
)
CHECKS = (
    ("standing", "standing IN ('settled', 'waiting', 'person')"),
    ("waits", "(standing = 'waiting') = (next_try_at IS NOT NULL)"),
    ("unverified", "digest IS NOT NULL OR standing = 'settled'"),
)
# As every register whose rows have a first day and a day on which they no longer hold.
ONE_AT_A_TIME = """
CREATE FUNCTION one_callback_network() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
       SELECT FROM changed c JOIN public.callback_network o
         ON o.gateway_account_id = c.gateway_account_id AND o.network = c.network AND o.id <> c.id
       WHERE daterange(c.valid_from, c.valid_to) && daterange(o.valid_from, o.valid_to)) THEN
    RAISE EXCEPTION 'two rows of callback_network about one thing overlap' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF TG_OP = 'INSERT' AND EXISTS (
       SELECT FROM changed c JOIN public.callback_network o ON o.gateway_account_id = c.gateway_account_id AND o.network = c.network
       WHERE c.valid_from < public.register_day() AND NOT EXISTS (SELECT FROM changed k WHERE k.id = o.id)) THEN
    RAISE EXCEPTION 'a row of callback_network does not begin in the past' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.add_column("callback", sa.Column("standing", sa.Text(), nullable=False, server_default="settled"))
    op.add_column("callback", sa.Column("reference", sa.Text()))
    op.add_column("callback", sa.Column("tries", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("callback", sa.Column("next_try_at", sa.DateTime(timezone=True)))
    op.add_column("callback", sa.Column("replays", sa.SmallInteger(), nullable=False, server_default="0"))
    # Verified messages whose order was not here were kept and left alone: they are tried now, and then stand before a person.
    op.execute("UPDATE callback SET standing = 'waiting', next_try_at = now() WHERE digest IS NOT NULL AND attempt_id IS NULL")
    op.drop_constraint(op.f("ck_callback_verdict"), "callback", type_="check")
    op.create_check_constraint(op.f("ck_callback_verdict"), "callback", f"verdict IN ({BEFORE}, 'strange_source')")
    for name, rule in CHECKS:
        op.create_check_constraint(op.f(f"ck_callback_{name}"), "callback", rule)
    for name, columns, where in INDEXES:
        op.create_index(name, "callback", columns, postgresql_where=sa.text(where))
    networks()


def networks() -> None:
    table = "callback_network"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("gateway_account_id", sa.Uuid(), sa.ForeignKey("gateway_account.id"), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.UniqueConstraint("gateway_account_id", "network", "valid_from"),
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
    )
    op.execute(ONE_AT_A_TIME)
    op.execute(
        f"CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION count_register_change()"
    )
    # Triggers of one event run in the order of their names: these after `counted`.
    for event in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER one_at_a_time_{event.lower()} AFTER {event} ON {table} REFERENCING NEW TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION one_callback_network()"
        )
    op.execute(
        f"CREATE TRIGGER history BEFORE INSERT OR UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_other_history('valid_from', 'valid_to', '', '')"
    )
    op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    op.drop_table("callback_network")
    op.execute("DROP FUNCTION one_callback_network")
    for name, _, _ in INDEXES:
        op.drop_index(name, "callback")
    for name, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_callback_{name}"), "callback", type_="check")
    op.execute("UPDATE callback SET verdict = 'our_fault' WHERE verdict = 'strange_source'")
    op.drop_constraint(op.f("ck_callback_verdict"), "callback", type_="check")
    op.create_check_constraint(op.f("ck_callback_verdict"), "callback", f"verdict IN ({BEFORE})")
    for column in ("replays", "next_try_at", "tries", "reference", "standing"):
        op.drop_column("callback", column)
