-- Payments paid in one month through one gateway account, one line each, with what the books want of them, in the order of time, as
-- their ids are; the same id serves in every table. One in a thousand (place 7) was reversed after it was paid.
--
-- :slice     makes ids and references apart from those of other months and accounts
-- :payments  how many;  :first_on, :days  the month
WITH made AS MATERIALIZED (
  SELECT k,
         (lpad(to_hex((extract(epoch FROM moment.at) * 1000)::bigint), 12, '0') || '70008' || lpad(to_hex(:slice), 3, '0')
           || lpad(to_hex(k), 12, '0'))::uuid AS id,
         'PH' || lpad(to_hex(:slice * 10000000 + k), 12, '0') AS reference,
         lpad((:slice * 10000000 + k)::text, 12, '0') AS number,
         50000 + ((k + :slice * 31) % 97) * 1000 AS amount, k % 1000 = 7 AS reversed, agency.id AS agency_id, agency.account_id AS collecting_account_id,
         fee.id AS fee_id, fee.kind, fee.budget_line, fee.retention_bp,
         (moment.at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS on_, moment.at
  FROM generate_series(1, :payments) AS k
  CROSS JOIN LATERAL (
    SELECT ((:first_on)::timestamp + k * (:days * interval '1 day' / (:payments + 1))) AT TIME ZONE 'Asia/Ho_Chi_Minh' AS at) AS moment
  JOIN seeded_agency AS agency ON agency.place = k % 500
  JOIN seeded_fee AS fee ON fee.place = k % 2
), payments AS (
  INSERT INTO payment (id, portal_id, portal_reference, reference, dossier, state, currency, total, language, created_at,
                       expires_at, paid_at, event_seq)
  SELECT id, :portal_id, 'OLD-' || reference, number, 'OLD-' || reference, CASE WHEN reversed THEN 'reversed' ELSE 'paid' END, 'VND',
         amount, 'vi', at, at + interval '3 days', at, 3
  FROM made
), lines AS (
  INSERT INTO payment_line (id, payment_id, number, fee_id, kind, budget_line, agency_id, asked_agency_id, collecting_account_id,
                            description, full_amount, amount, retention_bp, retained)
  SELECT id, id, 1, fee_id, kind, budget_line, agency_id, agency_id, collecting_account_id, kind, amount, amount, retention_bp,
         amount * retention_bp / 10000
  FROM made
), attempts AS (
  INSERT INTO attempt (id, payment_id, gateway_account_id, code, reference, form_token, state, amount, currency, ordered_at,
                       order_expires_at, ended_at, raw_code, gateway_transaction, method, confirmed, paid_at, paid_at_text,
                       gateway_on, cohort_on, applied, checks)
  SELECT id, id, :account_id, reference, reference, id, CASE WHEN reversed THEN 'reversed' ELSE 'succeeded' END, amount, 'VND', at,
         at + interval '15 minutes', at, '00/00', 'T' || reference, 'NCB', amount, at,
         to_char(at AT TIME ZONE 'Asia/Ho_Chi_Minh', 'YYYYMMDDHH24MISS'), on_, on_, true, 0
  FROM made
), facts AS MATERIALIZED (
  SELECT made.*, fact.name AS fact, fact.sign, fact.journal_id
  FROM made CROSS JOIN LATERAL (VALUES
    ('applied', 1, made.id),
    ('applied_reversed', -1, overlay(made.id::text PLACING '9' FROM 20)::uuid)) AS fact (name, sign, journal_id)
  WHERE fact.sign = 1 OR made.reversed
), journals AS (
  INSERT INTO journal (id, fact, gateway_account_id, payment_id, attempt_id, cohort_on, business_on, recorded_at)
  SELECT journal_id, fact, :account_id, id, id, on_, on_, at FROM facts
)
INSERT INTO posting (journal_id, account, gateway_account_id, agency_id, kind, budget_line, share, payment_line_id, business_on,
                     amount, currency)
SELECT journal_id, side.account, :account_id, agency_id, kind, budget_line, side.share, id, on_, sign * side.amount, 'VND'
FROM facts CROSS JOIN LATERAL (VALUES
  ('receivable', 'all', facts.amount),
  ('owed', 'retained', -(facts.amount * retention_bp / 10000)),
  ('owed', 'budget', facts.amount * retention_bp / 10000 - facts.amount)) AS side (account, share, amount)
WHERE side.amount <> 0
