-- One business day, of one gateway account or of all, per agency, kind of fee and line of the budget table: what the ledger says beside
-- what gateways report. Every movement of `owed` stands in one column, on the day it was booked on; only payouts to agencies stand in
-- none.
--
-- count, collected: lines whose payment was paid, by its own attempt or by money allocated to it; count less lines reversed.
-- reversed:         what a gateway took back as if it had never been; of what refunds had taken before, nothing was owed any more.
-- refunded:         refunds sent, less what came back from those that failed.
-- charged_back:     what lost disputes took.
-- owed:             collected - reversed - refunded - charged_back.
-- reported:         what the runs proved of the lines collected on that day, by settlements that still count.
-- difference:       collected - reversed - reported. What leaves later leaves what was reported as it is.
WITH booked AS (
  SELECT CASE
           WHEN journal.fact IN ('applied', 'allocated') THEN 'collected'
           WHEN journal.fact = 'applied_reversed' THEN 'reversed'
           WHEN journal.fact IN ('refund_submitted', 'refund_failed') THEN 'refunded'
           ELSE 'charged_back'
         END AS movement,
         posting.payment_line_id, posting.agency_id, posting.kind, posting.budget_line, posting.currency,
         -sum(posting.amount) AS amount
  FROM posting JOIN journal ON journal.id = posting.journal_id
  WHERE posting.business_on = :business_on AND posting.account = 'owed'
    AND (CAST(:account_id AS uuid) IS NULL OR journal.gateway_account_id = :account_id)
    AND journal.fact IN ('applied', 'allocated', 'applied_reversed', 'refund_submitted', 'refund_failed', 'charged_back')
  GROUP BY 1, 2, 3, 4, 5, 6
), reported AS (
  SELECT total.agency_id, total.kind, total.budget_line, total.currency, sum(total.amount) AS amount
  FROM run_total AS total
  JOIN run ON run.id = total.run_id
  JOIN settlement ON settlement.id = run.settlement_id
  WHERE total.business_on = :business_on AND settlement.superseded_by_id IS NULL
    AND (CAST(:account_id AS uuid) IS NULL OR run.gateway_account_id = :account_id)
  GROUP BY 1, 2, 3, 4
), named AS (
  -- A code has one row after another: the name is that of the day.
  SELECT DISTINCT ON (known.id) known.id, known.code, shown.name_vi, shown.name_en
  FROM agency AS known
  JOIN agency AS shown ON shown.code = known.code AND (shown.id = known.id OR shown.valid_to IS DISTINCT FROM shown.valid_from)
  ORDER BY known.id, shown.valid_from <= :business_on DESC, abs(shown.valid_from - :business_on)
), moved AS (
  SELECT agency_id, kind, budget_line, currency,
         count(*) FILTER (WHERE movement = 'collected') - count(*) FILTER (WHERE movement = 'reversed') AS count,
         coalesce(sum(amount) FILTER (WHERE movement = 'collected'), 0)::bigint AS collected,
         coalesce(-sum(amount) FILTER (WHERE movement = 'reversed'), 0)::bigint AS reversed,
         coalesce(-sum(amount) FILTER (WHERE movement = 'refunded'), 0)::bigint AS refunded,
         coalesce(-sum(amount) FILTER (WHERE movement = 'charged_back'), 0)::bigint AS charged_back,
         sum(amount)::bigint AS owed
  FROM booked GROUP BY 1, 2, 3, 4
), added AS (
  SELECT code, name_vi, name_en, moved.kind, moved.budget_line, moved.currency, sum(count)::bigint AS count,
         sum(collected)::bigint AS collected, sum(reversed)::bigint AS reversed, sum(refunded)::bigint AS refunded,
         sum(charged_back)::bigint AS charged_back, sum(owed)::bigint AS owed, coalesce(sum(reported.amount), 0)::bigint AS reported
  FROM moved
  JOIN named AS agency ON agency.id = moved.agency_id
  LEFT JOIN reported USING (agency_id, kind, budget_line, currency)
  GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT code AS agency, name_vi AS agency_name_vi, name_en AS agency_name_en, kind, budget_line, currency,
       count, collected, reversed, refunded, charged_back, owed, reported, collected - reversed - reported AS difference
FROM added
ORDER BY code, kind, budget_line, currency
