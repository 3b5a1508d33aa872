-- Payments of one portal with an event each, not numbered yet: what the hub has to tell. The same id serves in both tables.
-- number   makes ids apart from those of other calls
-- events   how many
WITH made AS MATERIALIZED (
  SELECT k, ('02' || lpad(to_hex(:number), 6, '0') || '-0000-7000-8000-' || lpad(to_hex(k), 12, '0'))::uuid AS id,
         lpad((:number * 1000000 + k)::text, 12, '0') AS reference
  FROM generate_series(1, :events) AS k
), payments AS (
  INSERT INTO payment (id, portal_id, portal_reference, reference, state, currency, total, language, created_at, expires_at,
                       paid_at, event_seq)
  SELECT id, :portal_id, 'B-' || reference, reference, 'paid', 'VND', 200000, 'vi', clock_timestamp(),
         clock_timestamp() + interval '3 days', clock_timestamp(), 1
  FROM made
)
INSERT INTO event (id, payment_id, seq, type, data, occurred_at)
SELECT id, id, 1, :type, jsonb_build_object('attempt', id, 'attempt_state', 'succeeded', 'state', 'paid', 'amount', 200000,
                                             'gateway_account', 'vnpay-main', 'currency', 'VND'), clock_timestamp()
FROM made
