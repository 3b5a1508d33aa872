-- The payments of one settlement laid beside the attempts with confirmed money of its days, so that what agrees in everything, which
-- nearly all do, is known at once (`plain`), and only the rest need be looked at closely (matching.sql).
--
-- :settlement_id, :part, :account_id   the settlement, the table its lines are in, its gateway account
-- :first_on, :last_on                  the days it covers
WITH listed AS NOT MATERIALIZED (
  -- A line without our reference is found by the gateway's own number, and else stands for itself.
  SELECT line.number, line.amount, line.currency, line.happened_on, line.payout, line.reference IS NOT NULL AS named,
         coalesce(
           line.reference,
           (SELECT attempt.reference FROM attempt
            WHERE attempt.gateway_account_id = :account_id AND attempt.gateway_transaction = line.transaction),
           'transaction ' || line.transaction
         ) AS reference
  FROM settlement_line AS line
  WHERE line.part = :part AND line.settlement_id = :settlement_id AND line.line_type = 'payment'
), again AS MATERIALIZED (
  -- What the settlement lists more than once is never plain, and by digests of four bytes that is known in half the time; a few others
  -- that share one are looked at closely too. That other settlements list it is theirs to answer for: it counts here, in its own days'.
  SELECT hashtext(reference) AS digest FROM listed GROUP BY hashtext(reference) HAVING count(*) > 1
)
SELECT theirs.number, ours.id AS our_id, reference, ours.payment_id, ours.confirmed AS amount, ours.currency, theirs.payout,
       theirs.happened_on, theirs.named, ours.gateway_on, ours.cohort_on,
       -- Money is compared to the last unit; only dates have a tolerance.
       coalesce(ours.state = 'succeeded' AND ours.applied AND ours.confirmed = theirs.amount AND ours.currency = theirs.currency
         AND abs(theirs.happened_on - ours.gateway_on) <= 1 AND hashtext(reference) NOT IN (SELECT digest FROM again), false) AS plain
FROM (
  SELECT * FROM attempt
  WHERE gateway_account_id = :account_id AND confirmed IS NOT NULL AND gateway_on BETWEEN :first_on AND :last_on
) AS ours
FULL JOIN listed AS theirs USING (reference)
