-- The payments of one settlement laid beside the attempts with confirmed money of its days. What agrees in everything, which nearly all
-- do, is counted here and taken at once; of the rest is kept which lines and attempts they are (`uncertain`), to be looked at closely
-- (matching.sql). One row: how many agree, their money, how many are dated apart, and the payout that all of them name, if it is one.
--
-- :settlement_id, :part, :account_id   the settlement, the table its lines are in, its gateway account
-- :first_on, :last_on                  the days it covers
WITH again AS MATERIALIZED (
  -- References that the settlement lists more than once, or that a line without one is found to mean. That other settlements list
  -- them too is theirs to answer for: they count here, in their own days'.
  SELECT reference FROM repeated_references(:part, :settlement_id) AS reference
  UNION
  SELECT attempt.reference
  FROM settlement_line AS line
  JOIN attempt ON attempt.gateway_account_id = :account_id AND attempt.gateway_transaction = line.transaction
  WHERE line.part = :part AND line.settlement_id = :settlement_id AND line.line_type = 'payment' AND line.reference IS NULL
), close AS MATERIALIZED (
  -- Lines that are never taken at once: those, the lines without our reference, and whatever was ever spoken of by itself.
  SELECT line.number
  FROM again CROSS JOIN LATERAL (
    SELECT number FROM settlement_line
    WHERE part = :part AND settlement_id = :settlement_id AND settlement_line.reference = again.reference OFFSET 0) AS line
  UNION ALL
  SELECT number FROM settlement_line
  WHERE part = :part AND settlement_id = :settlement_id AND line_type = 'payment' AND reference IS NULL
  UNION ALL SELECT number FROM settlement_correction WHERE settlement_id = :settlement_id
  UNION ALL SELECT number FROM line_apart WHERE settlement_id = :settlement_id
  UNION ALL SELECT word.number FROM proof_apart AS word JOIN run ON run.id = word.run_id WHERE run.settlement_id = :settlement_id
), compared AS (
  SELECT theirs.number, ours.id AS our_id, theirs.amount, theirs.payout, theirs.happened_on <> ours.gateway_on AS dated_apart,
         -- Money is compared to the last unit; only dates have a tolerance.
         coalesce(ours.confirmed = theirs.amount AND ours.state = 'succeeded' AND ours.applied AND ours.currency = theirs.currency
           AND abs(theirs.happened_on - ours.gateway_on) <= 1 AND theirs.number NOT IN (SELECT number FROM close), false) AS agrees
  FROM (
    SELECT * FROM attempt
    WHERE gateway_account_id = :account_id AND confirmed IS NOT NULL AND gateway_on BETWEEN :first_on AND :last_on
  ) AS ours
  FULL JOIN (
    SELECT * FROM settlement_line WHERE part = :part AND settlement_id = :settlement_id AND line_type = 'payment'
  ) AS theirs USING (reference)
  OFFSET 0 -- keeps the comparison from being worked out again for each place that names it
), told AS (
  SELECT count(*) FILTER (WHERE agrees) AS count, coalesce(sum(amount) FILTER (WHERE agrees), 0)::bigint AS amount,
         count(*) FILTER (WHERE agrees AND dated_apart) AS dated_apart,
         count(payout) FILTER (WHERE agrees) AS named, min(payout) FILTER (WHERE agrees) AS payout,
         max(payout) FILTER (WHERE agrees) AS last_payout,
         array_agg(number) FILTER (WHERE NOT agrees) AS numbers, array_agg(our_id) FILTER (WHERE NOT agrees) AS attempts
  FROM compared
), kept AS (
  INSERT INTO uncertain (number, our_id) SELECT each.* FROM told CROSS JOIN LATERAL unnest(numbers, attempts) AS each
)
SELECT count, amount, dated_apart,
       CASE WHEN named = 0 THEN '' WHEN named = count AND payout = last_payout THEN payout END AS payout,
       pg_current_snapshot()::text AS seen
FROM told
