"""Personal data that can be erased: sealed in groups, found by blind indexes, destroyed when its term ends.

What stood in plain text is sealed here, which takes the key ring: `payhub migrate` hands it over. Answers kept for repeated requests are
forgotten: they were kept as they were written.
"""

import json

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects.postgresql import JSONB

from payhub.crypto import Sealed
from payhub.people.indexing import digests, plain

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NOW = sa.DateTime(timezone=True)
GROUPS = {"record": ("name", "id_number", "address"), "contact": ("phone", "email")}
FIELDS = ("name", "id_number", "phone", "email")
UNPAID_DAYS = 90

FUNCTIONS = """
-- What was sealed stays what it was until it is destroyed, and what was destroyed does not come back. Where the ring has a new key it is
-- sealed again, and then another version of the ring, the first byte of its key, opens it.
CREATE FUNCTION sealed_stays(old_key bytea, old_data bytea, new_key bytea, new_data bytea) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT new_data IS NULL OR new_data IS NOT DISTINCT FROM old_data OR coalesce(get_byte(new_key, 0) <> get_byte(old_key, 0), false)
$$;

CREATE FUNCTION refuse_other_payer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.payment_id <> OLD.payment_id
     OR NOT public.sealed_stays(OLD.record_key, OLD.record, NEW.record_key, NEW.record)
     OR NOT public.sealed_stays(OLD.contact_key, OLD.contact, NEW.contact_key, NEW.contact) THEN
    RAISE EXCEPTION 'who paid % does not change', OLD.payment_id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION refuse_other_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT public.sealed_stays(OLD.words_key, OLD.words, NEW.words_key, NEW.words)
     OR NOT public.sealed_stays(OLD.basis_key, OLD.basis, NEW.basis_key, NEW.basis)
     OR (OLD.erased_at IS NOT NULL AND NEW.erased_at IS DISTINCT FROM OLD.erased_at) THEN
    RAISE EXCEPTION 'what was written with payment % does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL AND NOT EXISTS (
       SELECT FROM public.proposal p WHERE p.kind = 'payer_erasure' AND p.state IN ('approved', 'executed')
         AND p.content -> 'payments' ? NEW.id::text) THEN
    RAISE EXCEPTION 'two people have not agreed to erase the payer of %', NEW.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- What is proposed never changes, its state moves forward only, and only a person trusted to do so approves. What people wrote about it
-- may be destroyed at any time.
CREATE OR REPLACE FUNCTION refuse_other_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  written CONSTANT text[] := '{words_key,words,reason_key,reason}';
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
     OR (OLD.state NOT IN ('proposed', 'approved') AND to_jsonb(OLD) - written IS DISTINCT FROM to_jsonb(NEW) - written)
     OR NOT (public.sealed_stays(OLD.words_key, OLD.words, NEW.words_key, NEW.words) OR (OLD.words IS NULL AND OLD.state = 'proposed'))
     OR NOT (public.sealed_stays(OLD.reason_key, OLD.reason, NEW.reason_key, NEW.reason) OR (OLD.reason IS NULL AND OLD.state = 'proposed'))
  THEN
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
TRIGGERS = """
CREATE TRIGGER stays BEFORE UPDATE ON payer FOR EACH ROW EXECUTE FUNCTION refuse_other_payer();
CREATE TRIGGER never_deleted BEFORE DELETE ON payer FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON payer FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stays BEFORE UPDATE OF words, basis, erased_at ON payment FOR EACH ROW EXECUTE FUNCTION refuse_other_words();
"""
PROPOSAL_BEFORE = """
CREATE OR REPLACE FUNCTION refuse_other_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
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
SEALED = {"payment": ("words", "basis"), "payer": ("record", "contact"), "proposal": ("words", "reason")}


def upgrade() -> None:
    op.execute("TRUNCATE idempotency")
    payer()
    for column in ("words_key", "words", "basis_key", "basis"):
        op.add_column("payment", sa.Column(column, sa.LargeBinary()))
    op.add_column("payment", sa.Column("destroy_after", sa.Date()))
    op.add_column("payment", sa.Column("erased_at", NOW))
    op.alter_column("proposal", "reason", new_column_name="plain_reason")
    for column in ("words_key", "words", "reason_key", "reason"):
        op.add_column("proposal", sa.Column(column, sa.LargeBinary()))
    op.execute(FUNCTIONS)
    seal()
    for table, columns in (
        ("payment", ("return_url", "details", "payer_key", "payer")),
        ("proposal", ("plain_reason",)),
        ("callback", ("headers",)),
    ):
        for column in columns:
            op.drop_column(table, column)
    for table, (first, second) in SEALED.items():
        both = f"({first}_key IS NULL) = ({first} IS NULL) AND ({second}_key IS NULL) = ({second} IS NULL)"
        op.create_check_constraint(op.f(f"ck_{table}_sealed"), table, both)
    op.create_check_constraint(op.f("ck_payment_erased"), "payment", "erased_at IS NULL OR words_key IS NULL")
    for column in ("destroy_after", "erased_at"):
        op.create_index(f"ix_payment_{column}", "payment", [column], postgresql_where=sa.text(f"{column} IS NOT NULL"))
    op.create_index("ix_callback_raw", "callback", ["received_at"], postgresql_where=sa.text("raw_key IS NOT NULL"))
    op.create_check_constraint(op.f("ck_callback_sealed"), "callback", "(raw_key IS NULL) = (raw IS NULL)")
    plain_names()
    op.execute(TRIGGERS)


def payer() -> None:
    op.create_table(
        "payer",
        sa.Column("payment_id", sa.Uuid(), primary_key=True),
        sa.Column("record_key", sa.LargeBinary()),
        sa.Column("record", sa.LargeBinary()),
        sa.Column("contact_key", sa.LargeBinary()),
        sa.Column("contact", sa.LargeBinary()),
    )
    op.create_table(
        "payer_index",
        sa.Column("payment_id", sa.Uuid(), primary_key=True),
        sa.Column("field", sa.Text(), primary_key=True),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("field IN (" + ", ".join(f"'{field}'" for field in FIELDS) + ")", name="field"),
    )
    op.create_index("ix_payer_index_digest", "payer_index", ["digest", "payment_id"])
    op.create_index("ix_payer_index_version", "payer_index", ["version"])


def plain_names() -> None:
    """Keep no name of a file that is more than a name."""
    op.execute(
        "UPDATE settlement SET file_name = account.code || '-' || period_on || '.csv' FROM gateway_account AS account "
        "WHERE account.id = gateway_account_id AND file_name !~ '^[0-9A-Za-z._:/+=-]{1,100}$'"
    )


PAYMENTS = """
SELECT p.id, p.details, p.return_url, p.payer_key, p.payer, p.expires_at, written.descriptions
FROM payment p CROSS JOIN LATERAL (
  SELECT jsonb_object_agg(line.number, line.description) FILTER (WHERE line.description <> fee.name_vi) AS descriptions
  FROM payment_line line JOIN fee ON fee.id = line.fee_id WHERE line.payment_id = p.id
) AS written
WHERE p.details <> '{}' OR num_nonnulls(p.return_url, p.payer, written.descriptions) > 0
"""


def seal() -> None:
    """Seal what portals and people have written until now."""
    connection, keyring = op.get_bind(), context.config.attributes.get("keyring")
    payments = connection.execute(sa.text(PAYMENTS)).all()
    reasons = connection.execute(sa.text("SELECT id, plain_reason FROM proposal WHERE plain_reason IS NOT NULL")).all()
    if keyring is None and (payments or reasons):
        raise RuntimeError("what people wrote is sealed by this revision, which takes the key ring: run `payhub migrate`")
    for row in payments:
        seal_payment(connection, keyring, row)
    connection.execute(
        sa.text("UPDATE payment_line SET description = name_vi FROM fee WHERE fee.id = fee_id AND description <> name_vi")
    )
    for row in reasons:
        sealed = keyring.seal(row.plain_reason.encode(), f"proposal reason {row.id}")
        connection.execute(
            sa.text("UPDATE proposal SET reason_key = :key, reason = :data, plain_reason = NULL WHERE id = :id"),
            {"id": row.id, "key": sealed.key, "data": sealed.data},
        )


def seal_payment(connection, keyring, row) -> None:
    free = {"metadata": row.details, "return_url": row.return_url, "descriptions": row.descriptions}
    words = put(keyring, "words", f"payment words {row.id}", {name: value for name, value in free.items() if value})
    connection.execute(
        sa.text(
            "UPDATE payment SET words_key = :words_key, words = :words, "
            "destroy_after = (CAST(:expires_at AS timestamptz) AT TIME ZONE 'Asia/Ho_Chi_Minh')::date + CAST(:days AS int) WHERE id = :id"
        ),
        {**words, "id": row.id, "expires_at": row.expires_at, "days": UNPAID_DAYS},
    )
    if row.payer is not None:
        seal_payer(connection, keyring, row)


def seal_payer(connection, keyring, row) -> None:
    payer = json.loads(keyring.open(Sealed(row.payer_key, row.payer), f"payer {row.id}"))
    values = {"id": row.id}
    for group, names in GROUPS.items():
        told = {name: payer[name] for name in names if name in payer}
        values |= put(keyring, group, f"payer {group} {row.id}", told)
    connection.execute(
        sa.text(
            "INSERT INTO payer (payment_id, record_key, record, contact_key, contact) "
            "VALUES (:id, :record_key, :record, :contact_key, :contact)"
        ),
        values,
    )
    for field, digest in digests(keyring, plain(payer)).items():
        connection.execute(
            sa.text("INSERT INTO payer_index (payment_id, field, version, digest) VALUES (:id, :field, :version, :digest)"),
            {"id": row.id, "field": field, "version": keyring.newest, "digest": digest},
        )


def put(keyring, column, place, value):
    sealed = keyring.seal(json.dumps(value, ensure_ascii=False).encode(), place) if value else None
    return {f"{column}_key": sealed and sealed.key, column: sealed and sealed.data}


def downgrade() -> None:
    connection = op.get_bind()
    op.drop_constraint(op.f("ck_callback_sealed"), "callback", type_="check")
    op.drop_index("ix_callback_raw", "callback")
    for table, columns in SEALED.items():
        held = " OR ".join(f"{column} IS NOT NULL" for column in columns)
        if connection.scalar(sa.text(f"SELECT EXISTS (SELECT FROM {table} WHERE {held})")):
            raise RuntimeError(f"what is sealed in {table} is not laid open again: restore a backup of before")
    op.execute("DROP TRIGGER stays ON payment")
    for column in ("destroy_after", "erased_at"):
        op.drop_index(f"ix_payment_{column}", "payment")
    op.drop_constraint(op.f("ck_payment_erased"), "payment", type_="check")
    for table in ("payment", "proposal"):
        op.drop_constraint(op.f(f"ck_{table}_sealed"), table, type_="check")
    for column in ("words_key", "words", "basis_key", "basis", "destroy_after", "erased_at"):
        op.drop_column("payment", column)
    op.drop_table("payer_index")
    op.drop_table("payer")
    op.execute("DROP FUNCTION refuse_other_payer")
    op.execute("DROP FUNCTION refuse_other_words")
    op.execute("DROP FUNCTION sealed_stays")
    op.execute(PROPOSAL_BEFORE)
    for column in ("words_key", "words", "reason_key", "reason"):
        op.drop_column("proposal", column)
    op.add_column("proposal", sa.Column("reason", sa.Text()))
    op.add_column("payment", sa.Column("return_url", sa.Text()))
    op.add_column("payment", sa.Column("details", JSONB(), server_default="{}", nullable=False))
    op.alter_column("payment", "details", server_default=None)
    op.add_column("payment", sa.Column("payer_key", sa.LargeBinary()))
    op.add_column("payment", sa.Column("payer", sa.LargeBinary()))
    op.add_column("callback", sa.Column("headers", JSONB(), server_default="{}", nullable=False))
    op.alter_column("callback", "headers", server_default=None)
