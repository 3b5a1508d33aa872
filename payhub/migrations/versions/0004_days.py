"""Treasury days that are shut, in date order, and never booked on after."""

from alembic import op
import sqlalchemy as sa

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Whoever writes on a day holds the day's lock shared, whoever shuts it exclusively. There are 64 locks and each day has one of them, so
# that a transaction can hold those of all days. Tables are named with their schema: a temporary table of the same name must not stand
# in their place. Looking after waiting needs a new snapshot, which only READ COMMITTED takes. The text is put into each function that
# needs it, because calling it costs more than doing it.
HOLD = """
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the books are written under READ COMMITTED' USING ERRCODE = 'invalid_transaction_state';
  END IF;
  PERFORM pg_advisory_xact_lock_shared(7289405, (day - DATE '2000-01-01') & 63);
  IF EXISTS (SELECT FROM public.business_day WHERE business_on >= day AND shut_at IS NOT NULL) THEN
    RAISE EXCEPTION 'business day % is shut', day
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'business_day_is_shut', DETAIL = day;
  END IF;
"""

FUNCTIONS = f"""
-- A fact counts on its cohort's day; on a later one only because that day is shut, and then it was recorded after that, whatever the
-- clock of the machine that wrote it says.
CREATE FUNCTION refuse_shut_day() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  day CONSTANT date := NEW.business_on;
  since timestamptz;
BEGIN
  {HOLD}
  IF NEW.business_on <> NEW.cohort_on THEN
    SELECT shut_at INTO since FROM public.business_day
    WHERE business_on >= NEW.cohort_on AND business_on < NEW.business_on AND shut_at IS NOT NULL ORDER BY business_on LIMIT 1;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'business day % is open, so its facts count on it and not on %', NEW.cohort_on, NEW.business_on
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'business_day_is_the_cohorts';
    END IF;
    NEW.recorded_at := greatest(NEW.recorded_at, since);
  END IF;
  RETURN NEW;
END $$;

-- Postings may not slip onto a shut day under a journal that stands there already. One look at them tells their days too.
CREATE OR REPLACE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong uuid;
  day date;
  last date;
BEGIN
  SELECT (array_agg(journal_id) FILTER (WHERE sum <> 0))[1], min(first_on), max(last_on) INTO wrong, day, last
  FROM (SELECT journal_id, sum(amount), min(business_on) AS first_on, max(business_on) AS last_on
        FROM inserted GROUP BY journal_id, currency) AS balance;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'journal % does not balance', wrong USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  WHILE day IS NOT NULL LOOP
    {HOLD}
    EXIT WHEN day = last;
    SELECT min(business_on) INTO day FROM inserted WHERE business_on > day;
  END LOOP;
  RETURN NULL;
END $$;

-- Shutting a day ends all days before it that are still open, so their locks are taken too: nothing is on its way onto any of them.
CREATE FUNCTION refuse_disorder() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  latest date;
  latest_at timestamptz;
  unshut date;
  epoch CONSTANT date := '2000-01-01';
BEGIN
  IF TG_OP = 'UPDATE' AND (OLD.shut_at IS NOT NULL OR NEW.business_on <> OLD.business_on) THEN
    RAISE EXCEPTION 'business day % stays as it is', OLD.business_on
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'business_day_is_shut';
  END IF;
  IF NEW.shut_at IS NULL THEN
    RETURN NEW;
  END IF;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'a business day is shut under READ COMMITTED' USING ERRCODE = 'invalid_transaction_state';
  END IF;
  SELECT max(business_on) INTO latest FROM public.business_day WHERE shut_at IS NOT NULL;
  FOR day IN greatest(latest + 1, NEW.business_on - 63) - epoch .. NEW.business_on - epoch LOOP
    PERFORM pg_advisory_xact_lock(7289405, day & 63);
  END LOOP;
  SELECT max(business_on), max(shut_at) INTO latest, latest_at FROM public.business_day WHERE shut_at IS NOT NULL;
  -- A day that was shut while this waited is left to the primary key.
  IF latest > NEW.business_on
     AND NOT EXISTS (SELECT FROM public.business_day WHERE business_on = NEW.business_on AND shut_at IS NOT NULL) THEN
    RAISE EXCEPTION 'business day % is shut already, and days are shut in date order', latest
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'business_day_later_shut', DETAIL = latest;
  END IF;
  SELECT min(business_on) INTO unshut FROM public.posting
  WHERE business_on > coalesce(latest, '-infinity') AND business_on < NEW.business_on;
  IF unshut IS NOT NULL THEN
    RAISE EXCEPTION 'business day % must be shut first', unshut
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'business_day_earlier_open', DETAIL = unshut;
  END IF;
  -- Clocks of several machines differ; what stands on the day was recorded before it was shut.
  NEW.shut_at := greatest(NEW.shut_at, latest_at, (
    SELECT max(journal.recorded_at) FROM public.journal
    WHERE id IN (SELECT journal_id FROM public.posting WHERE posting.business_on = NEW.business_on)));
  RETURN NEW;
END $$;
"""

BALANCE_ONLY = """
CREATE OR REPLACE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong uuid;
BEGIN
  SELECT journal_id INTO wrong FROM inserted GROUP BY journal_id, currency HAVING sum(amount) <> 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'journal % does not balance', wrong USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.create_table(
        "business_day",
        sa.Column("business_on", sa.Date(), nullable=False),
        sa.Column("shut_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shut_by", sa.Text(), nullable=True),
        sa.CheckConstraint("(shut_at IS NULL) = (shut_by IS NULL)", name=op.f("ck_business_day_shut")),
        sa.CheckConstraint("(shut_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date > business_on", name=op.f("ck_business_day_over")),
        sa.PrimaryKeyConstraint("business_on", name=op.f("pk_business_day")),
    )
    op.execute(FUNCTIONS)
    op.execute("CREATE TRIGGER open_day BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION refuse_shut_day()")
    op.execute("CREATE TRIGGER in_order BEFORE INSERT OR UPDATE ON business_day FOR EACH ROW EXECUTE FUNCTION refuse_disorder()")
    op.execute("CREATE TRIGGER never_deleted BEFORE DELETE ON business_day FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.execute("CREATE TRIGGER never_emptied BEFORE TRUNCATE ON business_day FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    op.execute(BALANCE_ONLY)
    op.drop_table("business_day")
    for function in ("refuse_shut_day", "refuse_disorder"):
        op.execute(f"DROP FUNCTION {function} CASCADE")
