"""The tables, as the models of the hub and its two rooms describe them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agency",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("chapter", sa.Text(), nullable=False),
        sa.Column("budget_unit", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("successor_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_agency_dates")),
        sa.ForeignKeyConstraint(["successor_id"], ["agency.id"], name=op.f("fk_agency_successor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency")),
        sa.UniqueConstraint("code", name=op.f("uq_agency_code")),
    )
    op.create_table(
        "day_off",
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("calendar", "on", name=op.f("pk_day_off")),
    )
    op.create_table(
        "deployment",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("stamped_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("mode IN ('live', 'test')", name=op.f("ck_deployment_mode")),
        sa.CheckConstraint("id = 1", name=op.f("ck_deployment_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
    )
    op.create_table(
        "fee",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("budget_line", sa.Text(), nullable=False),
        sa.Column("procedure", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("minimum", sa.BigInteger(), nullable=True),
        sa.Column("maximum", sa.BigInteger(), nullable=True),
        sa.Column("late_money", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "CASE rule WHEN 'fixed' THEN amount > 0 WHEN 'per_unit' THEN amount > 0 WHEN 'range' THEN minimum > 0 AND maximum >= minimum WHEN 'free' THEN true ELSE false END",
            name=op.f("ck_fee_rule"),
        ),
        sa.CheckConstraint("kind IN ('phi', 'le_phi', 'tax', 'fine', 'contribution', 'other')", name=op.f("ck_fee_kind")),
        sa.CheckConstraint("late_money IN ('apply', 'hold')", name=op.f("ck_fee_late_money")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_fee_dates")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee")),
        sa.UniqueConstraint("code", "valid_from", name=op.f("uq_fee_code_valid_from")),
    )
    op.create_table(
        "portal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("return_origins", postgresql.ARRAY(Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal")),
        sa.UniqueConstraint("code", name=op.f("uq_portal_code")),
    )
    op.create_table(
        "proof",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payment_line_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("proved_on", sa.Date(), nullable=False),
        sa.Column("settlement_line_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('reported', 'banked')", name=op.f("ck_proof_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proof")),
        sa.UniqueConstraint("payment_line_id", "kind", name=op.f("uq_proof_payment_line_id_kind")),
    )
    op.create_index(op.f("ix_proof_attempt_id"), "proof", ["attempt_id"], unique=False)
    op.create_table(
        "register_version",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_register_version_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_version")),
    )
    op.create_table(
        "settlement_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("line_type", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("transaction", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("bank", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "line_type IN ('payment', 'refund', 'reversal', 'fee', 'adjustment')", name=op.f("ck_settlement_line_line_type")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_line")),
        sa.UniqueConstraint("settlement_id", "number", name=op.f("uq_settlement_line_settlement_id_number")),
    )
    op.create_index("ix_settlement_line_reference", "settlement_line", ["reference"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("portal_id", sa.Uuid(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["portal_id"], ["portal.id"], name=op.f("fk_api_key_portal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
    )
    op.create_index(op.f("ix_api_key_portal_id"), "api_key", ["portal_id"], unique=False)
    op.create_index("uq_api_key_prefix", "api_key", ["prefix"], unique=True)
    op.create_table(
        "collecting_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("bank_bin", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_collecting_account_dates")),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name=op.f("fk_collecting_account_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collecting_account")),
    )
    op.create_index(
        "uq_collecting_account_current",
        "collecting_account",
        ["agency_id", "purpose"],
        unique=True,
        postgresql_where="valid_to IS NULL",
    )
    op.create_table(
        "gateway_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("endpoints", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("owner_agency_id", sa.Uuid(), nullable=True),
        sa.Column("settlement", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("minimum", sa.BigInteger(), nullable=False),
        sa.Column("maximum", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("settlement IN ('pooled', 'direct')", name=op.f("ck_gateway_account_settlement")),
        sa.CheckConstraint("minimum > 0 AND maximum >= minimum", name=op.f("ck_gateway_account_limits")),
        sa.ForeignKeyConstraint(["owner_agency_id"], ["agency.id"], name=op.f("fk_gateway_account_owner_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_account")),
        sa.UniqueConstraint("code", name=op.f("uq_gateway_account_code")),
        sa.UniqueConstraint("gateway", "terminal", name=op.f("uq_gateway_account_gateway_terminal")),
    )
    op.create_table(
        "idempotency",
        sa.Column("portal_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["portal_id"], ["portal.id"], name=op.f("fk_idempotency_portal_id")),
        sa.PrimaryKeyConstraint("portal_id", "key", name=op.f("pk_idempotency")),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"], unique=False)
    op.create_table(
        "payment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("portal_id", sa.Uuid(), nullable=False),
        sa.Column("portal_reference", sa.Text(), nullable=False),
        sa.Column("reference", sa.CHAR(length=12), nullable=False),
        sa.Column("dossier", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.CHAR(length=2), nullable=False),
        sa.Column("return_url", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("payer_key", sa.LargeBinary(), nullable=True),
        sa.Column("payer", sa.LargeBinary(), nullable=True),
        sa.Column("replaces_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'paid', 'cancelled', 'expired', 'reversed')", name=op.f("ck_payment_state")),
        sa.CheckConstraint("total >= 0", name=op.f("ck_payment_total")),
        sa.ForeignKeyConstraint(["portal_id"], ["portal.id"], name=op.f("fk_payment_portal_id")),
        sa.ForeignKeyConstraint(["replaces_id"], ["payment.id"], name=op.f("fk_payment_replaces_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("portal_id", "portal_reference", name=op.f("uq_payment_portal_id_portal_reference")),
        sa.UniqueConstraint("reference", name=op.f("uq_payment_reference")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_payment_expiry", "payment", ["expires_at"], unique=False, postgresql_where="state = 'open'")
    op.create_index("ix_payment_list", "payment", ["portal_id", "id"], unique=False)
    op.create_table(
        "portal_grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("portal_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=True),
        sa.Column("fee_code", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name=op.f("fk_portal_grant_agency_id")),
        sa.ForeignKeyConstraint(["portal_id"], ["portal.id"], name=op.f("fk_portal_grant_portal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_grant")),
    )
    op.create_index(op.f("ix_portal_grant_portal_id"), "portal_grant", ["portal_id"], unique=False)
    op.create_table(
        "retention",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("fee_code", sa.Text(), nullable=False),
        sa.Column("basis_points", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint("basis_points BETWEEN 0 AND 10000", name=op.f("ck_retention_basis_points")),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name=op.f("fk_retention_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention")),
        sa.UniqueConstraint("agency_id", "fee_code", "valid_from", name=op.f("uq_retention_agency_id_fee_code_valid_from")),
    )
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("portal_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event_types", postgresql.ARRAY(Text()), nullable=False),
        sa.Column("secret_key", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("after_position", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["portal_id"], ["portal.id"], name=op.f("fk_webhook_endpoint_portal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
    )
    op.create_index(op.f("ix_webhook_endpoint_portal_id"), "webhook_endpoint", ["portal_id"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("form_token", sa.Uuid(), nullable=False),
        sa.Column("client_ip", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("order_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("raw_code", sa.Text(), nullable=True),
        sa.Column("gateway_transaction", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("confirmed", sa.BigInteger(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at_text", sa.Text(), nullable=True),
        sa.Column("gateway_on", sa.Date(), nullable=True),
        sa.Column("cohort_on", sa.Date(), nullable=True),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("checks", sa.SmallInteger(), nullable=False),
        sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "NOT applied OR (state IN ('succeeded', 'reversed') AND confirmed = amount)", name=op.f("ck_attempt_applied")
        ),
        sa.CheckConstraint(
            "state IN ('created', 'started', 'succeeded', 'failed', 'cancelled', 'unknown', 'conflicted', 'reversed')",
            name=op.f("ck_attempt_state"),
        ),
        sa.ForeignKeyConstraint(["gateway_account_id"], ["gateway_account.id"], name=op.f("fk_attempt_gateway_account_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_attempt_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("gateway_account_id", "reference", name=op.f("uq_attempt_gateway_account_id_reference")),
        sa.UniqueConstraint("payment_id", "form_token", name=op.f("uq_attempt_payment_id_form_token")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_attempt_gateway_on",
        "attempt",
        ["gateway_account_id", "gateway_on"],
        unique=False,
        postgresql_where="gateway_on IS NOT NULL",
    )
    op.create_index(
        "ix_attempt_next_check_at", "attempt", ["next_check_at"], unique=False, postgresql_where="next_check_at IS NOT NULL"
    )
    op.create_index("uq_attempt_applied", "attempt", ["payment_id"], unique=True, postgresql_where="applied")
    op.create_index(
        "uq_attempt_gateway_transaction",
        "attempt",
        ["gateway_account_id", "gateway_transaction"],
        unique=True,
        postgresql_where="gateway_transaction IS NOT NULL",
    )
    op.create_table(
        "discrepancy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'resolved') = (resolved_at IS NOT NULL)", name=op.f("ck_discrepancy_resolved")),
        sa.CheckConstraint(
            "kind IN ('missing_at_gateway', 'missing_at_hub', 'amount_differs', 'currency_differs', 'duplicate_at_gateway', 'paid_twice', 'cancelled_but_paid', 'underpaid', 'overpaid', 'partial_transfers', 'reversed', 'refund_unknown', 'refund_missing_at_gateway', 'refund_amount_differs', 'refund_and_reversal', 'late', 'fee_differs', 'wrong_account', 'conflicted_payee', 'unreadable_reference', 'abolished_code', 'count_or_sum_differs', 'statement_gap', 'file_missing', 'payout_missing', 'banked_differs', 'unknown_outcome', 'portal_untold', 'declared_amount_differs')",
            name=op.f("ck_discrepancy_kind"),
        ),
        sa.CheckConstraint("state IN ('open', 'assigned', 'proposed', 'resolved')", name=op.f("ck_discrepancy_state")),
        sa.ForeignKeyConstraint(["gateway_account_id"], ["gateway_account.id"], name=op.f("fk_discrepancy_gateway_account_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_discrepancy_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discrepancy")),
    )
    op.create_index("ix_discrepancy_key", "discrepancy", ["key", "kind"], unique=False)
    op.create_index(op.f("ix_discrepancy_payment_id"), "discrepancy", ["payment_id"], unique=False)
    op.create_index("uq_discrepancy_open", "discrepancy", ["kind", "key"], unique=True, postgresql_where="state <> 'resolved'")
    op.create_table(
        "event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_event_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("payment_id", "seq", name=op.f("uq_event_payment_id_seq")),
        sa.UniqueConstraint("position", name=op.f("uq_event_position")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_event_unnumbered", "event", ["id"], unique=False, postgresql_where="position IS NULL")
    op.create_table(
        "gateway_secret",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["gateway_account_id"], ["gateway_account.id"], name=op.f("fk_gateway_secret_gateway_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_secret")),
    )
    op.create_index(op.f("ix_gateway_secret_gateway_account_id"), "gateway_secret", ["gateway_account_id"], unique=False)
    op.create_table(
        "gateway_terms",
        sa.Column("gateway_account_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("cut_off", sa.Time(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("grace_days", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_account_id"], ["gateway_account.id"], name=op.f("fk_gateway_terms_gateway_account_id")),
        sa.PrimaryKeyConstraint("gateway_account_id", "valid_from", name=op.f("pk_gateway_terms")),
    )
    op.create_table(
        "payment_line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("fee_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("budget_line", sa.Text(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("asked_agency_id", sa.Uuid(), nullable=False),
        sa.Column("collecting_account_id", sa.Uuid(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("retained", sa.BigInteger(), nullable=False),
        sa.Column("dossier_claim", sa.Uuid(), nullable=True),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_payment_line_amount")),
        sa.CheckConstraint("retained BETWEEN 0 AND amount", name=op.f("ck_payment_line_retained")),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name=op.f("fk_payment_line_agency_id")),
        sa.ForeignKeyConstraint(["asked_agency_id"], ["agency.id"], name=op.f("fk_payment_line_asked_agency_id")),
        sa.ForeignKeyConstraint(
            ["collecting_account_id"], ["collecting_account.id"], name=op.f("fk_payment_line_collecting_account_id")
        ),
        sa.ForeignKeyConstraint(["fee_id"], ["fee.id"], name=op.f("fk_payment_line_fee_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_payment_line_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_line")),
        sa.UniqueConstraint("payment_id", "number", name=op.f("uq_payment_line_payment_id_number")),
    )
    op.create_index(
        "uq_payment_line_dossier_claim",
        "payment_line",
        ["dossier_claim"],
        unique=True,
        postgresql_where="dossier_claim IS NOT NULL",
    )
    op.create_table(
        "settlement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("period_on", sa.Date(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("declared_count", sa.BigInteger(), nullable=True),
        sa.Column("declared_sum", sa.BigInteger(), nullable=True),
        sa.Column("line_count", sa.BigInteger(), nullable=False),
        sa.Column("line_sum", sa.BigInteger(), nullable=False),
        sa.Column("reject_count", sa.BigInteger(), nullable=False),
        sa.Column("body_key", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_by_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["gateway_account_id"], ["gateway_account.id"], name=op.f("fk_settlement_gateway_account_id")),
        sa.ForeignKeyConstraint(["superseded_by_id"], ["settlement.id"], name=op.f("fk_settlement_superseded_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement")),
        sa.UniqueConstraint(
            "gateway_account_id", "kind", "period_on", "digest", name=op.f("uq_settlement_gateway_account_id_kind_period_on_digest")
        ),
    )
    op.create_index(
        "uq_settlement_current",
        "settlement",
        ["gateway_account_id", "kind", "period_on"],
        unique=True,
        postgresql_where="superseded_by_id IS NULL",
    )
    op.create_table(
        "callback",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("last_verdict", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("raw_code", sa.Text(), nullable=True),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("raw_key", sa.LargeBinary(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('recorded', 'repeated', 'unknown_reference', 'wrong_amount', 'forged', 'malformed', 'our_fault')",
            name=op.f("ck_callback_verdict"),
        ),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_callback_attempt_id")),
        sa.ForeignKeyConstraint(["gateway_account_id"], ["gateway_account.id"], name=op.f("fk_callback_gateway_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback")),
    )
    op.create_index("ix_callback_attempt_id", "callback", ["attempt_id"], unique=False)
    op.create_index("ix_callback_unverified", "callback", ["received_at"], unique=False, postgresql_where="digest IS NULL")
    op.create_index(
        "uq_callback_digest", "callback", ["gateway_account_id", "digest"], unique=True, postgresql_where="digest IS NOT NULL"
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_status", sa.SmallInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('due', 'delivered', 'dead')", name=op.f("ck_delivery_state")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoint.id"], name=op.f("fk_delivery_endpoint_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_delivery_event_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_delivery_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("event_id", "endpoint_id", name=op.f("uq_delivery_event_id_endpoint_id")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_delivery_due", "delivery", ["endpoint_id", "position"], unique=False, postgresql_where="state = 'due'")
    op.create_table(
        "discrepancy_act",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("discrepancy_id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.ForeignKeyConstraint(["discrepancy_id"], ["discrepancy.id"], name=op.f("fk_discrepancy_act_discrepancy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discrepancy_act")),
    )
    op.create_index(op.f("ix_discrepancy_act_discrepancy_id"), "discrepancy_act", ["discrepancy_id"], unique=False)
    op.create_table(
        "journal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("fact", sa.Text(), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("cohort_on", sa.Date(), nullable=False),
        sa.Column("business_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_journal_attempt_id")),
        sa.ForeignKeyConstraint(["gateway_account_id"], ["gateway_account.id"], name=op.f("fk_journal_gateway_account_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_journal_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
    )
    op.create_index("ix_journal_payment_id", "journal", ["payment_id"], unique=False, postgresql_where="payment_id IS NOT NULL")
    op.create_table(
        "run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), nullable=False),
        sa.Column("period_on", sa.Date(), nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("counts", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name=op.f("ck_run_state")),
        sa.ForeignKeyConstraint(["gateway_account_id"], ["gateway_account.id"], name=op.f("fk_run_gateway_account_id")),
        sa.ForeignKeyConstraint(["settlement_id"], ["settlement.id"], name=op.f("fk_run_settlement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index("ix_run_waiting", "run", ["asked_at"], unique=False, postgresql_where="state IN ('waiting', 'running')")
    op.create_table(
        "settlement_reject",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["settlement_id"], ["settlement.id"], name=op.f("fk_settlement_reject_settlement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_reject")),
    )
    op.create_index(op.f("ix_settlement_reject_settlement_id"), "settlement_reject", ["settlement_id"], unique=False)
    op.create_table(
        "unapplied_receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_unapplied_receipt_amount")),
        sa.CheckConstraint("remaining BETWEEN 0 AND amount", name=op.f("ck_unapplied_receipt_remaining")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_unapplied_receipt_attempt_id")),
        sa.ForeignKeyConstraint(
            ["gateway_account_id"], ["gateway_account.id"], name=op.f("fk_unapplied_receipt_gateway_account_id")
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_unapplied_receipt_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unapplied_receipt")),
    )
    op.create_index(op.f("ix_unapplied_receipt_payment_id"), "unapplied_receipt", ["payment_id"], unique=False)
    op.create_index(
        "uq_unapplied_receipt_attempt_id",
        "unapplied_receipt",
        ["attempt_id"],
        unique=True,
        postgresql_where="attempt_id IS NOT NULL",
    )
    op.create_table(
        "posting",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("journal_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("gateway_account_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("budget_line", sa.Text(), nullable=True),
        sa.Column("share", sa.Text(), nullable=False),
        sa.Column("payment_line_id", sa.Uuid(), nullable=True),
        sa.Column("business_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.CheckConstraint(
            "account IN ('receivable', 'owed', 'unapplied', 'refunds_due', 'bank', 'in_transit', 'gateway_fees', 'differences')",
            name=op.f("ck_posting_account"),
        ),
        sa.CheckConstraint("share IN ('all', 'retained', 'budget')", name=op.f("ck_posting_share")),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_posting_amount")),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.id"], name=op.f("fk_posting_journal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posting")),
    )
    op.create_index("ix_posting_day", "posting", ["business_on", "account"], unique=False)
    op.create_index("ix_posting_journal_id", "posting", ["journal_id"], unique=False)


def downgrade() -> None:
    op.drop_table("posting")
    op.drop_table("unapplied_receipt")
    op.drop_table("settlement_reject")
    op.drop_table("run")
    op.drop_table("journal")
    op.drop_table("discrepancy_act")
    op.drop_table("delivery")
    op.drop_table("callback")
    op.drop_table("settlement")
    op.drop_table("payment_line")
    op.drop_table("gateway_terms")
    op.drop_table("gateway_secret")
    op.drop_table("event")
    op.drop_table("discrepancy")
    op.drop_table("attempt")
    op.drop_table("webhook_endpoint")
    op.drop_table("retention")
    op.drop_table("portal_grant")
    op.drop_table("payment")
    op.drop_table("idempotency")
    op.drop_table("gateway_account")
    op.drop_table("collecting_account")
    op.drop_table("api_key")
    op.drop_table("settlement_line")
    op.drop_table("register_version")
    op.drop_table("proof")
    op.drop_table("portal")
    op.drop_table("fee")
    op.drop_table("deployment")
    op.drop_table("day_off")
    op.drop_table("agency")
