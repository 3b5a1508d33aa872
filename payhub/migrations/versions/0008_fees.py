"""The fee schedule, whole: values, tiers and reliefs; lines that say what they would have cost; payments that cost nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LIMITS = "coalesce(minimum > 0, true) AND coalesce(maximum >= coalesce(minimum, 1), true)"
ROUNDED = "round_to BETWEEN 1 AND 1000000000 AND rounding IN ('half_up', 'up', 'down')"
RULES = {
    "fixed": "amount > 0 AND num_nonnulls(minimum, maximum, basis_points, round_to, rounding, tiering, measure) = 0",
    "per_unit": "amount > 0 AND num_nonnulls(minimum, maximum, basis_points, round_to, rounding, tiering, measure) = 0",
    "range": "minimum > 0 AND maximum >= minimum AND num_nonnulls(amount, basis_points, round_to, rounding, tiering, measure) = 0",
    "free": "num_nonnulls(amount, minimum, maximum, basis_points, round_to, rounding, tiering, measure) = 0",
    "ad_valorem": f"basis_points BETWEEN 1 AND 10000 AND {ROUNDED} AND {LIMITS} AND num_nonnulls(amount, tiering, measure) = 0",
    "tiered": "tiering IN ('slab', 'marginal') AND measure IN ('value', 'quantity') AND num_nonnulls(amount, basis_points) = 0 "
    f"AND {LIMITS} "
    f"AND CASE WHEN tiering = 'marginal' AND measure = 'value' THEN {ROUNDED} ELSE num_nonnulls(round_to, rounding) = 0 END",
}
OLD_RULE = (
    "CASE rule WHEN 'fixed' THEN amount > 0 WHEN 'per_unit' THEN amount > 0 "
    "WHEN 'range' THEN minimum > 0 AND maximum >= minimum WHEN 'free' THEN true ELSE false END"
)
REGISTERS = ("fee_tier", "relief")


def upgrade() -> None:
    fee()
    fee_tier()
    relief()
    payment_line()
    op.drop_constraint(op.f("ck_payment_total"), "payment", type_="check")
    op.create_check_constraint(op.f("ck_payment_total"), "payment", "total > 0 OR (total = 0 AND state = 'paid')")
    for table in REGISTERS:
        op.execute(
            f"CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_register_change()"
        )


def fee() -> None:
    for name, kind in (
        ("basis_points", sa.SmallInteger()),
        ("round_to", sa.BigInteger()),
        ("rounding", sa.Text()),
        ("tiering", sa.Text()),
        ("measure", sa.Text()),
    ):
        op.add_column("fee", sa.Column(name, kind))
    op.drop_constraint(op.f("ck_fee_rule"), "fee", type_="check")
    # Until now nobody minded figures that a rule does not use.
    op.execute("UPDATE fee SET amount = NULL WHERE rule IN ('range', 'free') AND amount IS NOT NULL")
    op.execute("UPDATE fee SET minimum = NULL, maximum = NULL WHERE rule <> 'range' AND num_nonnulls(minimum, maximum) > 0")
    op.create_check_constraint(
        op.f("ck_fee_rule"), "fee", "rule IN ('fixed', 'per_unit', 'range', 'free', 'ad_valorem', 'tiered')"
    )
    for rule, needs in RULES.items():
        op.create_check_constraint(op.f(f"ck_fee_{rule}"), "fee", f"rule <> '{rule}' OR ({needs}) IS TRUE")
    op.create_check_constraint(op.f("ck_fee_most"), "fee", "greatest(amount, minimum, maximum) <= 1000000000000000")


def fee_tier() -> None:
    op.create_table(
        "fee_tier",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("fee_id", sa.Uuid(), sa.ForeignKey("fee.id"), nullable=False),
        sa.Column("above", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger()),
        sa.Column("basis_points", sa.SmallInteger()),
        sa.UniqueConstraint("fee_id", "above"),
        sa.CheckConstraint("above BETWEEN 0 AND 1000000000000000", name="above"),
        sa.CheckConstraint("num_nonnulls(amount, basis_points) = 1", name="one_figure"),
        sa.CheckConstraint("amount BETWEEN 0 AND 1000000000000000", name="amount"),
        sa.CheckConstraint("basis_points BETWEEN 0 AND 10000", name="basis_points"),
    )


def relief() -> None:
    op.create_table(
        "relief",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("fee_code", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("basis_points", sa.SmallInteger()),
        sa.Column("amount", sa.BigInteger()),
        sa.Column("ground_vi", sa.Text(), nullable=False),
        sa.Column("ground_en", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date()),
        sa.UniqueConstraint("code", "fee_code", "valid_from", postgresql_nulls_not_distinct=True),
        sa.UniqueConstraint("id", "kind"),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="dates"),
        sa.CheckConstraint(
            "(CASE kind WHEN 'exemption' THEN basis_points = 10000 AND amount IS NULL "
            "WHEN 'reduction' THEN num_nonnulls(basis_points, amount) = 1 AND coalesce(basis_points BETWEEN 1 AND 9999, true) "
            "AND coalesce(amount BETWEEN 1 AND 1000000000000000, true) END) IS TRUE",
            name="kind",
        ),
        sa.CheckConstraint("ground_vi <> '' AND ground_en <> ''", name="ground"),
    )


def payment_line() -> None:
    for name, kind in (
        ("declared_value", sa.BigInteger()),
        ("full_amount", sa.BigInteger()),
        ("relief_id", sa.Uuid()),
        ("relief_kind", sa.Text()),
        ("ground", sa.Text()),
    ):
        op.add_column("payment_line", sa.Column(name, kind))
    op.execute("UPDATE payment_line SET full_amount = amount")
    op.alter_column("payment_line", "full_amount", nullable=False)
    op.create_foreign_key(
        op.f("fk_payment_line_relief_id_relief_kind"), "payment_line", "relief", ["relief_id", "relief_kind"], ["id", "kind"]
    )
    op.create_check_constraint(
        op.f("ck_payment_line_relief"), "payment_line", "num_nonnulls(relief_id, relief_kind, ground) IN (0, 3)"
    )
    op.drop_constraint(op.f("ck_payment_line_amount"), "payment_line", type_="check")
    op.create_check_constraint(
        op.f("ck_payment_line_amount"),
        "payment_line",
        "CASE relief_kind WHEN 'exemption' THEN amount = 0 AND full_amount > 0 "
        "WHEN 'reduction' THEN amount > 0 AND amount < full_amount ELSE amount > 0 AND amount = full_amount END",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_payment_total"), "payment", type_="check")
    op.create_check_constraint(op.f("ck_payment_total"), "payment", "total >= 0")
    op.drop_constraint(op.f("ck_payment_line_amount"), "payment_line", type_="check")
    op.create_check_constraint(op.f("ck_payment_line_amount"), "payment_line", "amount >= 0")
    op.drop_constraint(op.f("ck_payment_line_relief"), "payment_line", type_="check")
    for column in ("declared_value", "full_amount", "relief_id", "relief_kind", "ground"):
        op.drop_column("payment_line", column)
    for table in REGISTERS:
        op.drop_table(table)
    for name in ("rule", "most", *RULES):
        op.drop_constraint(op.f(f"ck_fee_{name}"), "fee", type_="check")
    for column in ("basis_points", "round_to", "rounding", "tiering", "measure"):
        op.drop_column("fee", column)
    op.create_check_constraint(op.f("ck_fee_rule"), "fee", OLD_RULE)
