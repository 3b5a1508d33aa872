"""Portals that speak PaymentPlatform 1.0.6: partners, what they call fees, the names they give payments, and each told by itself."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

ONE_AT_A_TIME = """
CREATE FUNCTION one_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
       SELECT FROM changed c JOIN public.{table} o ON {about} AND o.id <> c.id
       WHERE daterange(c.valid_from, c.valid_to) && daterange(o.valid_from, o.valid_to)) THEN
    RAISE EXCEPTION 'two rows of {table} about one thing overlap' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF TG_OP = 'INSERT' AND EXISTS (
       SELECT FROM changed c JOIN public.{table} o ON {about}
       WHERE c.valid_from < public.register_day() AND NOT EXISTS (SELECT FROM changed k WHERE k.id = o.id)) THEN
    RAISE EXCEPTION 'a row of {table} does not begin in the past' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
"""
ABOUT = {
    "national_partner": "o.code = c.code",
    "national_fee": "(o.portal_id, o.code, o.type) = (c.portal_id, c.code, c.type)",
}
# A name stays what it is; its message is destroyed when its term is over, or sealed again under a new key of the ring.
STAYS = """
CREATE FUNCTION refuse_other_reference() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  sealed CONSTANT text[] := '{message_key,message}';
BEGIN
  IF to_jsonb(OLD) - sealed IS DISTINCT FROM to_jsonb(NEW) - sealed
     OR NOT public.sealed_stays(OLD.message_key, OLD.message, NEW.message_key, NEW.message) THEN
    RAISE EXCEPTION 'reference % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""
WORDS = {
    "contract": ("payment_platform", "paygov"),
    "answer": ("direct", "wrapped"),
    "bill": ("json", "pdf"),
    "amounts": ("strict", "as_sent"),
    "confirm_secret": ("inbound", "outbound"),
}
DATES = "valid_to IS NULL OR valid_to >= valid_from"
ONCE = "uq_delivery_event_id"


def upgrade() -> None:
    partners()
    fees()
    references()
    for table, about in ABOUT.items():
        op.execute(ONE_AT_A_TIME.format(table=table, about=about))
        register(table)
    op.execute(STAYS)
    table = "national_reference"
    before(table, "stays", "UPDATE", "refuse_other_reference()")
    before(table, "never_deleted", "DELETE", "refuse_change()")
    for named in (table, *ABOUT):
        before(named, "first_portal", "INSERT OR UPDATE OF portal_id", "refuse_later_row('portal')")
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {named} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
    told()
    open_ = sa.text("state = 'open' AND dossier IS NOT NULL")
    op.create_index("ix_payment_open_dossier", "payment", ["dossier"], postgresql_where=open_)


def one_of(column: str, words: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def partners() -> None:
    op.create_table(
        "national_partner",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("portal_id", sa.Uuid(), sa.ForeignKey("portal.id"), nullable=False, index=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("contract", "answer", "bill", "amounts", "unissued")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("confirm_type", "confirm_secret")),
        sa.Column("return_url", sa.Text()),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date()),
        sa.UniqueConstraint("code", "valid_from"),
        sa.CheckConstraint(DATES, name="dates"),
        *(one_of(column, words) for column, words in WORDS.items()),
    )


def fees() -> None:
    op.create_table(
        "national_fee",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("portal_id", sa.Uuid(), sa.ForeignKey("portal.id"), nullable=False, index=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("code", "type", "fee_code")),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date()),
        sa.UniqueConstraint("portal_id", "code", "type", "valid_from"),
        sa.CheckConstraint(DATES, name="dates"),
        one_of("type", ("phi", "le_phi", "fine", "any")),
    )


def references() -> None:
    table = "national_reference"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("portal_id", sa.Uuid(), sa.ForeignKey("portal.id"), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), sa.ForeignKey("payment.id"), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("asked_at_text", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("differs", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("message_key", sa.LargeBinary()),
        sa.Column("message", sa.LargeBinary()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("portal_id", "reference"),
        one_of("contract", WORDS["contract"]),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("octet_length(digest) = 32", name="digest"),
        sa.CheckConstraint("(message_key IS NULL) = (message IS NULL)", name="sealed"),
    )
    op.create_index("ix_national_reference_payment_id", table, ["payment_id", "event_seq"])
    op.create_index("ix_national_reference_message", table, ["created_at"], postgresql_where=sa.text("message_key IS NOT NULL"))


def register(table: str) -> None:
    op.execute(
        f"CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION count_register_change()"
    )
    # Triggers of one event run in the order of their names: these after `counted`.
    for event in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER one_at_a_time_{event.lower()} AFTER {event} ON {table} REFERENCING NEW TABLE AS changed "
            f"FOR EACH STATEMENT EXECUTE FUNCTION one_{table}()"
        )
    before(table, "history", "INSERT OR UPDATE OR DELETE", "refuse_other_history('valid_from', 'valid_to', '', '')")


def told() -> None:
    op.add_column("webhook_endpoint", sa.Column("protocol", sa.Text(), nullable=False, server_default="standard"))
    op.create_check_constraint(
        op.f("ck_webhook_endpoint_protocol"), "webhook_endpoint", "protocol IN ('standard', 'payment_platform')"
    )
    op.add_column("delivery", sa.Column("name_id", sa.Uuid()))
    op.create_foreign_key(op.f("fk_delivery_name_id"), "delivery", "national_reference", ["name_id"], ["id"])
    op.drop_constraint(op.f(f"{ONCE}_endpoint_id"), "delivery", type_="unique")
    op.create_unique_constraint(
        op.f(f"{ONCE}_endpoint_id_name_id"), "delivery", ["event_id", "endpoint_id", "name_id"], postgresql_nulls_not_distinct=True
    )


def before(table: str, name: str, when: str, function: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}")


DOWN = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM delivery WHERE name_id IS NOT NULL) THEN
    RAISE EXCEPTION 'portals were told by names; the older tables cannot say which';
  END IF;
END $$;
"""


def downgrade() -> None:
    op.execute(DOWN)
    op.drop_index("ix_payment_open_dossier", "payment")
    op.drop_constraint(op.f(f"{ONCE}_endpoint_id_name_id"), "delivery", type_="unique")
    op.create_unique_constraint(op.f(f"{ONCE}_endpoint_id"), "delivery", ["event_id", "endpoint_id"])
    op.drop_column("delivery", "name_id")
    op.drop_column("webhook_endpoint", "protocol")
    for table in ("national_reference", *ABOUT):
        op.drop_table(table)
    for function in ("refuse_other_reference", *(f"one_{table}" for table in ABOUT)):
        op.execute(f"DROP FUNCTION {function}")
