-- Payments paid on one past day, one line each, with everything the books want of them. The same id serves in every table.
-- day_number    makes ids and references apart from those of other days
-- day           the day, in Viet Nam and at the treasury
-- payments      how many
WITH made AS MATERIALIZED (
  SELECT k, ('01000000-0000-7000-8' || lpad(to_hex(:day_number), 3, '0') || '-' || lpad(to_hex(k), 12, '0'))::uuid AS id,
         'PH' || lpad(to_hex(:day_number * 100000000 + k), 12, '0') AS reference,
         '00' || lpad((:day_number * 100000000 + k)::text, 10, '0') AS number,
         50000 + (k % 97) * 1000 AS amount,
         ((:day)::timestamp + (5 + k * 86000 / :payments) * interval '1 second') AT TIME ZONE 'Asia/Ho_Chi_Minh' AS at
  FROM generate_series(1, :payments) AS k
), payments AS (
  INSERT INTO payment (id, portal_id, portal_reference, reference, dossier, state, currency, total, language, created_at,
                       expires_at, paid_at, event_seq)
  SELECT id, :portal_id, 'OLD-' || reference, number, 'OLD-' || reference, 'paid', 'VND',
         amount, 'vi', at, at + interval '3 days', at, 3
  FROM made
), lines AS (
  INSERT INTO payment_line (id, payment_id, number, fee_id, kind, budget_line, agency_id, asked_agency_id, collecting_account_id,
                            description, full_amount, amount, retention_bp, retained)
  SELECT id, id, 1, :fee_id, :kind, :budget_line, :agency_id, :agency_id, :collecting_account_id, 'LP-LLTP', amount, amount, 0, 0
  FROM made
), attempts AS (
  INSERT INTO attempt (id, payment_id, gateway_account_id, code, reference, form_token, state, amount, currency, ordered_at,
                       order_expires_at, ended_at, raw_code, gateway_transaction, method, confirmed, paid_at, paid_at_text,
                       gateway_on, cohort_on, applied, checks)
  SELECT id, id, :account_id, reference, reference, id, 'succeeded', amount, 'VND', at, at + interval '15 minutes', at, '00/00',
         'T' || reference, 'NCB', amount, at, to_char(at AT TIME ZONE 'Asia/Ho_Chi_Minh', 'YYYYMMDDHH24MISS'), :day, :day, true, 0
  FROM made
), journals AS (
  INSERT INTO journal (id, fact, gateway_account_id, payment_id, attempt_id, cohort_on, business_on, recorded_at)
  SELECT id, 'applied', :account_id, id, id, :day, :day, at FROM made
), postings AS (
  INSERT INTO posting (journal_id, account, gateway_account_id, agency_id, kind, budget_line, share, payment_line_id, business_on,
                       amount, currency)
  SELECT id, side.account, :account_id, :agency_id, :kind, :budget_line, side.share, id, :day, side.sign * amount, 'VND'
  FROM made CROSS JOIN (VALUES ('receivable', 'all', 1), ('owed', 'budget', -1)) AS side (account, share, sign)
)
INSERT INTO event (id, payment_id, seq, type, data, occurred_at, position, portal_id)
SELECT ('01000000-0000-7000-9' || lpad(to_hex(:day_number), 3, '0') || '-' || lpad(to_hex(k * 4 + fact.seq), 12, '0'))::uuid,
       id, fact.seq, fact.type, fact.data, at, :events_before + 3 * (k - 1) + fact.seq, :portal_id
FROM made CROSS JOIN LATERAL (VALUES
  (1, 'payment.created', jsonb_build_object('state', 'open', 'reference', number, 'total', amount, 'currency', 'VND')),
  (2, 'attempt.created', jsonb_build_object('attempt', id, 'attempt_state', 'created', 'gateway_account', (:account)::text, 'reference', reference)),
  (3, 'payment.paid', jsonb_build_object('attempt', id, 'attempt_state', 'succeeded', 'state', 'paid', 'gateway_account', (:account)::text,
                                         'amount', amount, 'currency', 'VND'))
) AS fact (seq, type, data)
