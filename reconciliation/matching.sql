-- The lines of one settlement held against the attempts with confirmed money and the refunds that were sent: one row, and one
-- class, for every one of them.
--
-- :settlement_id, :account_id, :period_on   the settlement, its gateway account and its day
-- :covered                                  whether the files in which a line of that day may still come are all in
-- :grace_days                               how many days after its own a line may still come
WITH accepted AS (
  -- The day's refunds. The gateway books one when it is asked, however late it is known to have accepted it.
  SELECT id, attempt_id, reference, gateway_transaction FROM refund_try
  WHERE gateway_account_id = :account_id AND state = 'accepted'
    AND asked_at >= (:period_on)::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh'
    AND asked_at < (:period_on + 1)::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh'
), refund_names AS (
  -- References and numbers by which files may name these refunds, and by which this settlement names its own.
  SELECT reference AS name FROM accepted
  UNION SELECT gateway_transaction FROM accepted
  UNION SELECT attempt.reference FROM accepted JOIN attempt ON attempt.id = accepted.attempt_id
  UNION SELECT reference FROM settlement_line WHERE settlement_id = :settlement_id AND line_type = 'refund'
  UNION SELECT transaction FROM settlement_line WHERE settlement_id = :settlement_id AND line_type = 'refund'
), refund_lines AS MATERIALIZED (
  -- The lines so named, here and in other files that count, each with the reference of the request that it answers: the one it says,
  -- else that of the gateway's number, else, where it says the order's, that of the only request of its amount that it can be;
  -- requests that failed are looked at last. Where that is not certain it stands for itself.
  SELECT line.id AS line_id, line.settlement_id, line.number, line.amount, line.currency, line.happened_on, file.period_on,
         coalesce(
           (SELECT sent.reference FROM refund_try AS sent
            WHERE sent.gateway_account_id = :account_id AND sent.reference = line.reference),
           (SELECT min(sent.reference) FROM refund_try AS sent
            WHERE sent.gateway_account_id = :account_id AND sent.gateway_transaction = line.transaction HAVING count(*) = 1),
           (SELECT CASE WHEN count(*) = 1 THEN min(sent.reference) END
            FROM attempt JOIN refund ON refund.attempt_id = attempt.id JOIN refund_try AS sent ON sent.refund_id = refund.id
            WHERE attempt.gateway_account_id = :account_id AND attempt.reference = line.reference AND refund.amount = line.amount
              AND (sent.gateway_transaction IS NULL OR line.transaction IS NULL)
              AND sent.asked_at < (line.happened_on + 2)::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh'
              AND (attempt.state <> 'reversed' OR sent.state NOT IN ('refused', 'not_reached'))
            GROUP BY sent.state IN ('refused', 'not_reached')
            ORDER BY sent.state IN ('refused', 'not_reached') LIMIT 1),
           line.reference,
           'transaction ' || line.transaction
         ) AS reference
  FROM (
    SELECT id FROM settlement_line WHERE settlement_id = :settlement_id AND line_type = 'refund'
    UNION
    SELECT listed.id FROM refund_names CROSS JOIN LATERAL (
      SELECT id FROM settlement_line WHERE line_type = 'refund' AND reference = refund_names.name
      UNION ALL
      SELECT id FROM settlement_line WHERE line_type = 'refund' AND transaction = refund_names.name) AS listed
  ) AS wanted
  JOIN settlement_line AS line ON line.id = wanted.id
  JOIN settlement AS file ON file.id = line.settlement_id
  WHERE file.gateway_account_id = :account_id AND file.superseded_by_id IS NULL
), named AS NOT MATERIALIZED (
  -- Any other line without our reference is found by the gateway's own number, and else stands for itself.
  SELECT line.id AS line_id, line.line_type, line.number, line.amount, line.currency, line.happened_on,
         coalesce(
           line.reference,
           (SELECT attempt.reference FROM attempt
            WHERE attempt.gateway_account_id = :account_id AND attempt.gateway_transaction = line.transaction),
           'transaction ' || line.transaction
         ) AS reference
  FROM settlement_line AS line
  WHERE line.settlement_id = :settlement_id AND line.line_type <> 'refund'
), repeated AS (
  -- Lines whose identity the settlement of an earlier day lists already.
  SELECT DISTINCT line_id FROM (
    SELECT line.id AS line_id
    FROM settlement AS earlier
    JOIN settlement_line AS first ON first.settlement_id = earlier.id
    JOIN settlement_line AS line ON line.reference = first.reference AND line.line_type = first.line_type
    WHERE line.settlement_id = :settlement_id AND line.line_type <> 'refund'
      AND earlier.gateway_account_id = :account_id AND earlier.superseded_by_id IS NULL
      AND earlier.period_on BETWEEN :period_on - 31 AND :period_on - 1
    UNION ALL
    SELECT line.line_id
    FROM refund_lines AS first JOIN refund_lines AS line ON line.reference = first.reference
    WHERE line.settlement_id = :settlement_id AND first.period_on BETWEEN :period_on - 31 AND :period_on - 1
  ) AS again
), theirs AS (
  SELECT listed.line_id, listed.line_type, listed.reference, listed.amount, listed.currency, listed.happened_on,
         row_number() OVER (PARTITION BY listed.line_type, listed.reference ORDER BY listed.number)
           + CASE WHEN repeated.line_id IS NULL THEN 0 ELSE 1 END AS ordinal
  FROM (
    SELECT line_id, line_type, number, amount, currency, happened_on, reference FROM named
    UNION ALL
    SELECT line_id, 'refund', number, amount, currency, happened_on, reference FROM refund_lines
    WHERE settlement_id = :settlement_id
  ) AS listed
  LEFT JOIN repeated ON repeated.line_id = listed.line_id
), ours AS (
  -- Attempts with confirmed money: those of the day, and those of other days that the settlement names.
  SELECT id AS our_id, 'payment' AS line_type, reference, 1::bigint AS ordinal,
         payment_id, state, applied, confirmed AS amount, currency, gateway_on
  FROM attempt
  WHERE gateway_account_id = :account_id AND confirmed IS NOT NULL AND gateway_on = :period_on
  UNION ALL
  SELECT id, 'payment', reference, 1, payment_id, state, applied, confirmed, currency, gateway_on
  FROM attempt
  WHERE gateway_account_id = :account_id AND confirmed IS NOT NULL AND (gateway_on < :period_on OR gateway_on > :period_on)
    AND reference IN (SELECT named.reference FROM named WHERE named.line_type = 'payment')
  UNION ALL
  -- Requests to give back: those of the day that were accepted, and any, whatever became of it, that the settlement names.
  SELECT sent.id, 'refund', sent.reference, 1, refund.payment_id, sent.state, false, refund.amount, refund.currency,
         (sent.asked_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date
  FROM (
    SELECT id FROM accepted
    UNION
    SELECT id FROM refund_try
    WHERE gateway_account_id = :account_id
      AND reference IN (SELECT reference FROM refund_lines WHERE settlement_id = :settlement_id)
  ) AS wanted
  JOIN refund_try AS sent ON sent.id = wanted.id
  JOIN refund ON refund.id = sent.refund_id
), sides AS (
  SELECT line_type, reference, ordinal, ours.our_id, ours.payment_id, ours.state, ours.applied, ours.gateway_on, theirs.line_id,
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
      WHEN line_id IS NULL AND line_type = 'refund'
        AND reference IN (SELECT reference FROM refund_lines WHERE settlement_id <> :settlement_id) THEN 'in_other_file'
      WHEN line_id IS NULL AND NOT :covered THEN 'awaited'
      WHEN line_id IS NULL AND line_type = 'refund' THEN 'refund_missing_at_gateway'
      WHEN line_id IS NULL THEN 'missing_at_gateway'
      -- Only the gateway has it.
      WHEN our_id IS NULL AND ordinal > 1 THEN 'duplicate_at_gateway'
      WHEN our_id IS NULL AND line_type IN ('fee', 'adjustment') THEN 'not_a_payment'
      WHEN our_id IS NULL AND line_type IN ('refund', 'reversal') AND (
        SELECT attempt.state = 'reversed' OR sides.line_type = 'reversal' FROM attempt
        WHERE attempt.gateway_account_id = :account_id AND attempt.reference = sides.reference
          AND attempt.confirmed = sides.their_amount) THEN 'reversed'
      WHEN our_id IS NULL THEN 'missing_at_hub'
      -- Both have it. Money is compared to the last unit; only dates have a tolerance.
      WHEN our_currency <> their_currency THEN 'currency_differs'
      WHEN line_type = 'refund' AND state <> 'accepted' THEN 'refund_unknown'
      WHEN line_type = 'refund' AND our_amount <> their_amount THEN 'refund_amount_differs'
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
