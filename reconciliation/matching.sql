-- The lines of one settlement held against the attempts with confirmed money: one row, and one class, for every one of both.
--
-- :settlement_id, :account_id, :period_on   the settlement, its gateway account and its day
-- :covered                                  whether the files in which a payment of that day may still come are all in
-- :grace_days                               how many days after its own a payment may still come
WITH named AS NOT MATERIALIZED (
  -- A line without our reference is found by the gateway's own number, and else stands for itself.
  SELECT line.id AS line_id, line.line_type, line.number, line.amount, line.currency, line.happened_on,
         coalesce(
           line.reference,
           (SELECT attempt.reference FROM attempt
            WHERE attempt.gateway_account_id = :account_id AND attempt.gateway_transaction = line.transaction),
           'transaction ' || line.transaction
         ) AS reference
  FROM settlement_line AS line
  WHERE line.settlement_id = :settlement_id
), repeated AS (
  -- Lines whose identity the settlement of an earlier day lists already.
  SELECT DISTINCT line.id AS line_id
  FROM settlement AS earlier
  JOIN settlement_line AS first ON first.settlement_id = earlier.id
  JOIN settlement_line AS line ON line.reference = first.reference AND line.line_type = first.line_type
  WHERE line.settlement_id = :settlement_id
    AND earlier.gateway_account_id = :account_id AND earlier.superseded_by_id IS NULL
    AND earlier.period_on BETWEEN :period_on - 31 AND :period_on - 1
), theirs AS (
  SELECT named.line_id, named.line_type, named.reference, named.amount, named.currency, named.happened_on,
         row_number() OVER (PARTITION BY named.line_type, named.reference ORDER BY named.number)
           + CASE WHEN repeated.line_id IS NULL THEN 0 ELSE 1 END AS ordinal
  FROM named LEFT JOIN repeated ON repeated.line_id = named.line_id
), ours AS (
  -- Attempts with confirmed money: those of the day, and those of other days that the settlement names.
  SELECT id AS attempt_id, 'payment' AS line_type, reference, 1::bigint AS ordinal,
         payment_id, state, applied, confirmed AS amount, currency, gateway_on
  FROM attempt
  WHERE gateway_account_id = :account_id AND confirmed IS NOT NULL AND gateway_on = :period_on
  UNION ALL
  SELECT id, 'payment', reference, 1, payment_id, state, applied, confirmed, currency, gateway_on
  FROM attempt
  WHERE gateway_account_id = :account_id AND confirmed IS NOT NULL AND (gateway_on < :period_on OR gateway_on > :period_on)
    AND reference IN (SELECT named.reference FROM named WHERE named.line_type = 'payment')
), sides AS (
  SELECT line_type, reference, ordinal, ours.attempt_id, ours.payment_id, ours.state, ours.applied, ours.gateway_on, theirs.line_id,
         theirs.happened_on, ours.amount AS our_amount, ours.currency AS our_currency, theirs.amount AS their_amount,
         theirs.currency AS their_currency
  FROM ours FULL JOIN theirs USING (line_type, reference, ordinal)
), classified AS (
  SELECT sides.*,
    CASE
      -- Only the hub has it.
      WHEN line_id IS NULL AND state = 'reversed' THEN 'reversed'
      WHEN line_id IS NULL AND (
        SELECT other.id FROM settlement_line AS line JOIN settlement AS other ON other.id = line.settlement_id
        WHERE line.reference = sides.reference AND line.line_type = 'payment'
          AND other.gateway_account_id = :account_id AND other.superseded_by_id IS NULL AND other.id <> :settlement_id
        LIMIT 1) IS NOT NULL THEN 'in_other_file'
      WHEN line_id IS NULL AND NOT :covered THEN 'awaited'
      WHEN line_id IS NULL THEN 'missing_at_gateway'
      -- Only the gateway has it.
      WHEN attempt_id IS NULL AND ordinal > 1 THEN 'duplicate_at_gateway'
      WHEN attempt_id IS NULL AND line_type IN ('fee', 'adjustment') THEN 'not_a_payment'
      WHEN attempt_id IS NULL AND line_type IN ('refund', 'reversal') AND (
        SELECT attempt.state = 'reversed' OR sides.line_type = 'reversal' FROM attempt
        WHERE attempt.gateway_account_id = :account_id AND attempt.reference = sides.reference
          AND attempt.confirmed = sides.their_amount) THEN 'reversed'
      WHEN attempt_id IS NULL THEN 'missing_at_hub'
      -- Both have it. Money is compared to the last unit; only dates have a tolerance.
      WHEN our_currency <> their_currency THEN 'currency_differs'
      WHEN our_amount <> their_amount THEN 'amount_differs'
      WHEN state = 'reversed' THEN 'reversed'
      WHEN state = 'conflicted' THEN 'conflicted'
      WHEN abs(happened_on - gateway_on) > 1 OR :period_on - gateway_on NOT BETWEEN -1 AND greatest(1, :grace_days) THEN 'late'
      ELSE 'matched'
    END AS class
  FROM sides
)
SELECT classified.*,
  gateway_on <> happened_on OR gateway_on <> :period_on AS dated_apart,
  -- Whether a person must look at it: what the two agree on, and what another file or day tells, needs nobody.
  CASE class
    WHEN 'reversed' THEN
      CASE line_type
        WHEN 'payment' THEN line_id IS NOT NULL AND (
          SELECT line.id FROM settlement_line AS line JOIN settlement AS other ON other.id = line.settlement_id
          WHERE line.reference = classified.reference AND line.line_type IN ('refund', 'reversal')
            AND other.gateway_account_id = :account_id AND other.superseded_by_id IS NULL
          LIMIT 1) IS NULL
        ELSE (
          SELECT attempt.state <> 'reversed' FROM attempt
          WHERE attempt.gateway_account_id = :account_id AND attempt.reference = classified.reference)
      END
    ELSE class NOT IN ('matched', 'conflicted', 'in_other_file', 'awaited', 'not_a_payment')
  END AS disputed
FROM classified
