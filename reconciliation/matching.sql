-- The lines of one settlement held against the attempts with confirmed money and the refunds that were sent: one row, and one
-- class, for each that is `uncertain`; what pairing.sql took at once is not among them.
--
-- :settlement_id, :part, :account_id   the settlement, the table its lines are in, its gateway account
-- :first_on, :last_on                  the days it covers
-- :earlier, :earlier_parts             the settlements of the month before it that count, and the tables of their lines
-- :other, :other_parts                 all others of the account that count, and the tables of their lines
-- :covered                             whether the files in which a line of these days may still come are all in
-- :grace_days                          how many days after its own a line may still come
--
-- OFFSET 0 keeps what stands before it from being worked out again for each place that names it.
WITH accepted AS (
  -- The refunds of these days. The gateway books one when it is asked, however late it is known to have accepted it.
  SELECT id, attempt_id, reference, gateway_transaction FROM refund_try
  WHERE gateway_account_id = :account_id AND state = 'accepted'
    AND asked_at >= (:first_on)::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh'
    AND asked_at < (:last_on + 1)::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh'
), refund_names AS (
  -- References and numbers by which files may name these refunds, and by which this settlement names its own.
  SELECT reference AS name FROM accepted
  UNION SELECT gateway_transaction FROM accepted
  UNION SELECT attempt.reference FROM accepted JOIN attempt ON attempt.id = accepted.attempt_id
  UNION SELECT reference FROM settlement_line WHERE part = :part AND settlement_id = :settlement_id AND line_type = 'refund'
  UNION SELECT transaction FROM settlement_line WHERE part = :part AND settlement_id = :settlement_id AND line_type = 'refund'
), refund_lines AS MATERIALIZED (
  -- The lines so named, here and in other files that count, each with the reference of the request that it answers: the one it says,
  -- else that of the gateway's number, else, where it says the order's, that of the only request of its amount that it can be;
  -- requests that failed are looked at last. Where that is not certain it stands for itself.
  SELECT line.settlement_id, line.number, line.amount, line.currency, line.happened_on, line.payout, file.until_on,
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
    SELECT part, settlement_id, number FROM settlement_line
    WHERE part = :part AND settlement_id = :settlement_id AND line_type = 'refund'
    UNION
    SELECT listed.* FROM refund_names CROSS JOIN LATERAL (
      SELECT part, settlement_id, number FROM settlement_line WHERE line_type = 'refund' AND reference = refund_names.name
      UNION ALL
      SELECT part, settlement_id, number FROM settlement_line WHERE line_type = 'refund' AND transaction = refund_names.name
    ) AS listed
  ) AS wanted
  JOIN settlement_line AS line USING (part, settlement_id, number)
  JOIN settlement AS file ON file.id = line.settlement_id
  WHERE file.gateway_account_id = :account_id AND file.superseded_by_id IS NULL
), named AS MATERIALIZED (
  -- Any other line without our reference is found by the gateway's own number, and else stands for itself.
  SELECT line.line_type, line.number, line.amount, line.currency, line.happened_on, line.payout,
         coalesce(
           line.reference,
           (SELECT attempt.reference FROM attempt
            WHERE attempt.gateway_account_id = :account_id AND attempt.gateway_transaction = line.transaction),
           'transaction ' || line.transaction
         ) AS reference
  FROM settlement_line AS line
  WHERE line.part = :part AND line.settlement_id = :settlement_id AND line.line_type <> 'refund'
    AND (line.line_type <> 'payment' OR line.number IN (SELECT number FROM uncertain))
), listed AS MATERIALIZED (
  SELECT line_type, number, amount, currency, happened_on, payout, reference FROM named
  UNION ALL
  SELECT 'refund', number, amount, currency, happened_on, payout, reference FROM refund_lines WHERE settlement_id = :settlement_id
), repeated AS MATERIALIZED (
  -- Identities that another settlement lists, and that count there: a payment in that of its own days, and what is not in that in the
  -- first that lists it. Those looked up here are few.
  SELECT DISTINCT line_type, reference
  FROM (
    SELECT line_type, reference,
           CASE line_type WHEN 'payment' THEN (
             SELECT gateway_on FROM attempt
             WHERE gateway_account_id = :account_id AND attempt.reference = listed.reference AND confirmed IS NOT NULL)
           END AS own_on
    FROM listed OFFSET 0
  ) AS each
  WHERE CASE
    WHEN own_on BETWEEN :first_on AND :last_on THEN false
    WHEN line_type = 'refund' THEN EXISTS (
      SELECT FROM refund_lines AS first
      WHERE first.reference = each.reference AND first.until_on BETWEEN :first_on - 31 AND :first_on - 1)
    ELSE (
      SELECT first.number FROM settlement_line AS first
      WHERE first.part = ANY (:earlier_parts) AND first.settlement_id = ANY (:earlier)
        AND first.line_type = each.line_type AND first.reference = each.reference
      LIMIT 1) IS NOT NULL
    OR (
      SELECT line.number FROM settlement AS own JOIN settlement_line AS line ON line.part = own.part AND line.settlement_id = own.id
      WHERE own.gateway_account_id = :account_id AND own.superseded_by_id IS NULL AND own_on BETWEEN own.period_on AND own.until_on
        AND line.line_type = 'payment' AND line.reference = each.reference
      LIMIT 1) IS NOT NULL
    END
), several AS MATERIALIZED (
  -- Identities that it lists more than once.
  SELECT line_type, reference FROM listed GROUP BY line_type, reference HAVING count(*) > 1
), theirs AS (
  -- Nearly every identity is listed once: only the others are numbered.
  SELECT listed.*, 1::bigint AS ordinal FROM listed
  WHERE (line_type, reference) NOT IN (SELECT line_type, reference FROM several UNION ALL SELECT line_type, reference FROM repeated)
  UNION ALL
  SELECT listed.*, row_number() OVER (PARTITION BY line_type, reference ORDER BY number)
    + CASE WHEN (line_type, reference) IN (SELECT line_type, reference FROM repeated) THEN 1 ELSE 0 END
  FROM listed
  WHERE (line_type, reference) IN (SELECT line_type, reference FROM several UNION ALL SELECT line_type, reference FROM repeated)
), ours AS (
  -- Attempts with confirmed money of these days.
  SELECT id AS our_id, 'payment' AS line_type, reference, 1::bigint AS ordinal,
         payment_id, state, applied, confirmed AS amount, currency, gateway_on, cohort_on
  FROM attempt
  WHERE id IN (SELECT our_id FROM uncertain)
  UNION ALL
  -- Requests to give back: those of these days that were accepted, and any, whatever became of it, that the settlement names.
  SELECT sent.id, 'refund', sent.reference, 1, refund.payment_id, sent.state, false, refund.amount, refund.currency,
         (sent.asked_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, NULL
  FROM (
    SELECT id FROM accepted
    UNION
    SELECT id FROM refund_try
    WHERE gateway_account_id = :account_id
      AND reference IN (SELECT reference FROM refund_lines WHERE settlement_id = :settlement_id)
  ) AS wanted
  JOIN refund_try AS sent ON sent.id = wanted.id
  JOIN refund ON refund.id = sent.refund_id
), joined AS (
  SELECT line_type, reference, ordinal, ours.our_id, ours.payment_id, ours.state, ours.applied, ours.gateway_on, ours.cohort_on,
         theirs.number, theirs.happened_on, theirs.payout, ours.amount AS our_amount, ours.currency AS our_currency,
         theirs.amount AS their_amount, theirs.currency AS their_currency
  FROM ours FULL JOIN theirs USING (line_type, reference, ordinal)
), looked_up AS (
  -- An attempt of other days is looked up where a line names it that none of these days answers: there are few.
  SELECT joined.*,
    CASE WHEN our_id IS NULL AND line_type = 'payment' AND ordinal = 1 THEN (
      SELECT attempt FROM attempt
      WHERE attempt.gateway_account_id = :account_id AND attempt.reference = joined.reference AND attempt.confirmed IS NOT NULL)
    END AS other
  FROM joined OFFSET 0
), sides AS (
  SELECT line_type, reference, ordinal, number, happened_on, payout, their_amount, their_currency,
         coalesce(our_id, (other).id) AS our_id, coalesce(payment_id, (other).payment_id) AS payment_id,
         coalesce(state, (other).state) AS state, coalesce(applied, (other).applied) AS applied,
         coalesce(gateway_on, (other).gateway_on) AS gateway_on, coalesce(cohort_on, (other).cohort_on) AS cohort_on,
         coalesce(our_amount, (other).confirmed) AS our_amount, coalesce(our_currency, (other).currency) AS our_currency
  FROM looked_up OFFSET 0
), classified AS (
  SELECT sides.*,
    CASE
      -- Only the hub has it.
      WHEN number IS NULL AND state = 'reversed' THEN 'reversed'
      WHEN number IS NULL AND (
        SELECT line.number FROM settlement_line AS line
        WHERE line.part = ANY (:other_parts) AND line.settlement_id = ANY (:other)
          AND line.line_type = 'payment' AND line.reference = sides.reference
        LIMIT 1) IS NOT NULL THEN 'in_other_file'
      WHEN number IS NULL AND line_type = 'refund'
        AND reference IN (SELECT reference FROM refund_lines WHERE settlement_id <> :settlement_id) THEN 'in_other_file'
      WHEN number IS NULL AND NOT :covered THEN 'awaited'
      WHEN number IS NULL AND line_type = 'refund' THEN 'refund_missing_at_gateway'
      WHEN number IS NULL THEN 'missing_at_gateway'
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
      WHEN abs(happened_on - gateway_on) > 1 OR gateway_on < :first_on - greatest(1, :grace_days) OR gateway_on > :last_on + 1 THEN 'late'
      ELSE 'matched'
    END AS class
  FROM sides OFFSET 0
)
SELECT classified.*,
  gateway_on <> happened_on OR gateway_on NOT BETWEEN :first_on AND :last_on AS dated_apart,
  -- Whether a person must look at it: what the two agree on, and what another file or day tells, needs nobody.
  CASE class
    WHEN 'reversed' THEN
      CASE line_type
        WHEN 'payment' THEN number IS NOT NULL AND (
          SELECT line.number FROM settlement_line AS line
          WHERE line.part = ANY (array_append(:other_parts, :part)) AND line.settlement_id = ANY (array_append(:other, :settlement_id))
            AND line.line_type IN ('refund', 'reversal') AND line.reference = classified.reference
          LIMIT 1) IS NULL
        ELSE (
          SELECT attempt.state <> 'reversed' FROM attempt
          WHERE attempt.gateway_account_id = :account_id AND attempt.reference = classified.reference)
      END
    ELSE class NOT IN ('matched', 'conflicted', 'in_other_file', 'awaited', 'not_a_payment')
  END AS disputed
FROM classified
