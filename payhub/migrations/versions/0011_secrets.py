"""Secrets of gateways, portals and endpoints, two live of each and changed by two people; which keys of the ring are in use."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NOW = sa.DateTime(timezone=True)
# Table, owner's table, the column that names it, the column that tells an owner's secrets apart, whether it takes two people.
TABLES = (
    ("gateway_secret", "gateway_account", "gateway_account_id", "name", "two_people"),
    ("portal_secret", "portal", "portal_id", "direction", "two_people"),
    ("webhook_secret", "webhook_endpoint", "endpoint_id", "direction", "one"),
)
# What was sealed before this revision, so that the first start knows which keys are in use.
SEALED = (
    ("staff_totp", "sealed_key"), ("payer", "record_key"), ("payer", "contact_key"), ("payment", "words_key"),
    ("payment", "basis_key"), ("proposal", "words_key"), ("proposal", "reason_key"), ("refund", "note_key"), ("callback", "raw_key"),
    ("settlement", "body_key"), ("account_stop", "reason_key"), ("gateway_secret", "sealed_key"), ("webhook_secret", "sealed_key"),
)  # fmt: skip

FUNCTIONS = """
-- Of one owner and use two secrets are live at once: the one that signs, and the one whose place it takes.
CREATE FUNCTION refuse_third_secret() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  owner uuid := (to_jsonb(NEW) ->> TG_ARGV[1])::uuid;
  live bigint;
BEGIN
  -- Whoever makes one live waits for whoever else does: the count below then sees it.
  EXECUTE format('SELECT FROM public.%I WHERE id = $1 FOR NO KEY UPDATE', TG_ARGV[0]) USING owner;
  EXECUTE format('SELECT count(*) FROM public.%I WHERE %I = $1 AND %I = $2 AND state = ''live'' AND id <> $3',
                 TG_TABLE_NAME, TG_ARGV[1], TG_ARGV[2])
    INTO live USING owner, to_jsonb(NEW) ->> TG_ARGV[2], NEW.id;
  IF live >= 2 THEN
    RAISE EXCEPTION 'two secrets are live already' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- Whose secret it is never changes, its state moves forward only, and where two people must agree, they have.
CREATE FUNCTION refuse_other_secret() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  was jsonb;
  becomes jsonb := to_jsonb(NEW);
BEGIN
  IF TG_OP = 'INSERT' THEN
    -- Sample registers come whole; where money is real, nobody writes a secret that works.
    IF NEW.state <> 'proposed' AND TG_ARGV[2] = 'two_people' AND EXISTS (SELECT FROM public.deployment WHERE mode = 'live') THEN
      RAISE EXCEPTION 'a secret begins as proposed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
  END IF;
  was := to_jsonb(OLD);
  IF (OLD.id, OLD.origin, OLD.fingerprint, OLD.created_by, OLD.created_at, was -> TG_ARGV[0], was -> TG_ARGV[1])
     IS DISTINCT FROM
     (NEW.id, NEW.origin, NEW.fingerprint, NEW.created_by, NEW.created_at, becomes -> TG_ARGV[0], becomes -> TG_ARGV[1])
     OR (OLD.state IN ('retired', 'dropped') AND OLD IS DISTINCT FROM NEW) THEN
    RAISE EXCEPTION 'secret % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF OLD.state = NEW.state THEN
    RETURN NEW;
  END IF;
  IF NOT (OLD.state = 'proposed' AND NEW.state IN ('live', 'dropped')) AND NOT (OLD.state = 'live' AND NEW.state = 'retired') THEN
    RAISE EXCEPTION 'a secret that is % does not become %', OLD.state, NEW.state USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF TG_ARGV[2] = 'two_people' AND NEW.state <> 'dropped' AND NOT EXISTS (
       SELECT FROM public.proposal p
       WHERE p.kind = CASE NEW.state WHEN 'live' THEN 'secret_add' ELSE 'secret_retire' END
         AND p.target = TG_TABLE_NAME || '/' || NEW.id AND p.state IN ('approved', 'executed')
         AND p.content ->> 'fingerprint' IS NOT DISTINCT FROM NEW.fingerprint) THEN
    RAISE EXCEPTION 'two people have not agreed on secret %', NEW.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
"""


def upgrade() -> None:
    gateway_secret()
    create("portal_secret", "portal", "portal_id", "direction IN ('inbound', 'outbound')")
    create("webhook_secret", "webhook_endpoint", "endpoint_id", "direction = 'outbound'")
    move_webhook_secrets()
    op.execute(FUNCTIONS)
    for table, owners, owner, use, people in TABLES:
        op.execute(
            f"CREATE TRIGGER forward_only BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW "
            f"EXECUTE FUNCTION refuse_other_secret('{owner}', '{use}', '{people}')"
        )
        for name, when in (("two_added", "INSERT ON"), ("two_agreed", "UPDATE OF state ON")):
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {when} {table} FOR EACH ROW WHEN (NEW.state = 'live') "
                f"EXECUTE FUNCTION refuse_third_secret('{owners}', '{owner}', '{use}')"
            )
        op.execute(f"CREATE TRIGGER never_deleted BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
    op.execute(
        "CREATE TRIGGER first_portal BEFORE INSERT OR UPDATE OF portal_id ON portal_secret "
        "FOR EACH ROW EXECUTE FUNCTION refuse_later_row('portal')"
    )
    op.execute(
        "CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON portal_secret "
        "FOR EACH STATEMENT EXECUTE FUNCTION count_register_change()"
    )
    keys()


def gateway_secret() -> None:
    table = "gateway_secret"
    op.alter_column(table, "retired_at", new_column_name="ended_at")
    op.alter_column(table, "sealed_key", nullable=True)
    op.alter_column(table, "sealed", nullable=True)
    for name, kind in (("name", sa.Text()), ("state", sa.Text()), ("origin", sa.Text()), ("fingerprint", sa.Text())):
        op.add_column(table, sa.Column(name, kind))
    op.add_column(table, sa.Column("created_by", sa.Uuid()))
    op.add_column(table, sa.Column("live_at", NOW))
    op.execute(
        "UPDATE gateway_secret SET name = 'secret', origin = 'given', live_at = created_at, "
        "state = CASE WHEN ended_at IS NULL THEN 'live' ELSE 'retired' END, "
        "sealed_key = CASE WHEN ended_at IS NULL THEN sealed_key END, sealed = CASE WHEN ended_at IS NULL THEN sealed END"
    )
    for name in ("name", "state", "origin"):
        op.alter_column(table, name, nullable=False)
    op.create_foreign_key(op.f(f"fk_{table}_created_by"), table, "principal", ["created_by"], ["id"])
    for name, rule in checks():
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
    proposed_once(table, "gateway_account_id", "name")


def checks() -> tuple[tuple[str, str], ...]:
    return (
        ("state", "state IN ('proposed', 'live', 'retired', 'dropped')"),
        ("origin", "origin IN ('generated', 'given')"),
        ("sealed", "(sealed IS NOT NULL) = (state IN ('proposed', 'live')) AND (sealed_key IS NULL) = (sealed IS NULL)"),
        ("live_at", "(live_at IS NOT NULL) = (state IN ('live', 'retired'))"),
        ("ended_at", "(ended_at IS NOT NULL) = (state IN ('retired', 'dropped'))"),
    )


def create(table: str, owners: str, owner: str, directions: str) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column(owner, sa.Uuid(), sa.ForeignKey(f"{owners}.id"), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("sealed_key", sa.LargeBinary()),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("created_by", sa.Uuid(), sa.ForeignKey("principal.id")),
        sa.Column("created_at", NOW, nullable=False),
        sa.Column("live_at", NOW),
        sa.Column("ended_at", NOW),
        sa.CheckConstraint(directions, name=op.f(f"ck_{table}_direction")),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in checks()),
    )
    op.create_index(op.f(f"ix_{table}_{owner}"), table, [owner])
    proposed_once(table, owner, "direction")


def proposed_once(table: str, owner: str, use: str) -> None:
    op.create_index(f"uq_{table}_proposed", table, [owner, use], unique=True, postgresql_where=sa.text("state = 'proposed'"))


def move_webhook_secrets() -> None:
    # Two secrets of an endpoint were sealed as one value, which nobody opens here: nonce, one secret of 50 bytes, tag are 78 bytes.
    op.execute(
        """
        DO $$ BEGIN
          IF EXISTS (SELECT FROM webhook_endpoint WHERE octet_length(secret) > 78) THEN
            RAISE EXCEPTION 'an endpoint has two secrets: run `payhub webhooks retire` for it before this revision';
          END IF;
        END $$
        """
    )
    op.execute(
        "INSERT INTO webhook_secret (id, endpoint_id, direction, state, origin, sealed_key, sealed, created_at, live_at) "
        "SELECT id, id, 'outbound', 'live', 'generated', secret_key, secret, created_at, created_at FROM webhook_endpoint"
    )
    op.drop_column("webhook_endpoint", "secret_key")
    op.drop_column("webhook_endpoint", "secret")


def keys() -> None:
    op.create_table(
        "key_version",
        sa.Column("version", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("check_value", sa.LargeBinary()),
        sa.Column("used_since", NOW),
        sa.Column("emptied_at", NOW),
        sa.CheckConstraint("version BETWEEN 0 AND 255", name=op.f("ck_key_version_version")),
        sa.CheckConstraint("emptied_at IS NULL OR used_since IS NOT NULL", name=op.f("ck_key_version_emptied_at")),
    )
    op.create_table(
        "key_rotation",
        sa.Column("target", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("last_id", sa.Uuid()),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("passed_over", sa.BigInteger(), nullable=False),
        sa.Column("started_at", NOW, nullable=False),
        sa.Column("finished_at", NOW),
        sa.CheckConstraint("done >= 0 AND failed >= 0 AND passed_over >= 0", name=op.f("ck_key_rotation_counts")),
    )
    found = " UNION ".join(f"SELECT get_byte({key}, 0) AS version FROM {table} WHERE octet_length({key}) > 0" for table, key in SEALED)
    op.execute(f"INSERT INTO key_version (version, used_since) SELECT version, now() FROM ({found}) AS used")


def downgrade() -> None:
    op.drop_table("key_rotation")
    op.drop_table("key_version")
    for table, *_ in TABLES:
        for trigger in ("forward_only", "two_added", "two_agreed", "never_deleted", "never_emptied"):
            op.execute(f"DROP TRIGGER {trigger} ON {table}")
    op.execute("DROP FUNCTION refuse_third_secret")
    op.execute("DROP FUNCTION refuse_other_secret")
    webhook_secrets_back()
    op.drop_table("webhook_secret")
    op.drop_table("portal_secret")
    op.execute("DELETE FROM gateway_secret WHERE state IN ('proposed', 'dropped')")
    # What is destroyed does not come back; the row says that there was one.
    op.execute("UPDATE gateway_secret SET sealed_key = '', sealed = '' WHERE sealed IS NULL")
    op.drop_index("uq_gateway_secret_proposed", "gateway_secret")
    for name, _ in checks():
        op.drop_constraint(op.f(f"ck_gateway_secret_{name}"), "gateway_secret", type_="check")
    for name in ("name", "state", "origin", "fingerprint", "created_by", "live_at"):
        op.drop_column("gateway_secret", name)
    for name in ("sealed_key", "sealed"):
        op.alter_column("gateway_secret", name, nullable=False)
    op.alter_column("gateway_secret", "ended_at", new_column_name="retired_at")


def webhook_secrets_back() -> None:
    op.execute(
        """
        DO $$ BEGIN
          IF EXISTS (SELECT FROM webhook_endpoint e WHERE NOT EXISTS (
               SELECT FROM webhook_secret s WHERE s.id = e.id AND s.state = 'live')) THEN
            RAISE EXCEPTION 'an endpoint has another secret than its first: the revision before this one could not open it';
          END IF;
        END $$
        """
    )
    op.add_column("webhook_endpoint", sa.Column("secret_key", sa.LargeBinary()))
    op.add_column("webhook_endpoint", sa.Column("secret", sa.LargeBinary()))
    op.execute(
        "UPDATE webhook_endpoint e SET secret_key = s.sealed_key, secret = s.sealed FROM webhook_secret s WHERE s.id = e.id"
    )
    op.alter_column("webhook_endpoint", "secret_key", nullable=False)
    op.alter_column("webhook_endpoint", "secret", nullable=False)
