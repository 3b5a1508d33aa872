-- One business day, of one gateway account or of all, per agency, kind of fee and line of the budget table: what the ledger says beside
-- what gateways report. Every movement of `owed` stands in one column, on the day it was booked on; only payouts to agencies stand in
-- none.
--
-- count, collected: lines whose payment was paid, by its own attempt or by money allocated to it; count less lines reversed.
-- reversed:         what a gateway took back as if it had never been; of what refunds had taken before, nothing was owed any more.
-- refunded:         refunds sent, less what came back from those that failed.
-- charged_back:     what lost disputes took.
-- owed:             collected - reversed - refunded - charged_back.
-- reported:         the proofs of the lines collected on that day, as long as a settlement that counts still shows them.
-- difference:       collected - reversed - reported. What leaves later leaves what was reported as it is.
WITH booked AS (
  SELECT CASE
           WHEN journal.fact IN ('applied', 'allocated') THEN 'collected'
           WHEN journal.fact = 'applied_reversed' THEN 'reversed'
           WHEN journal.fact IN ('refund_submitted', 'refund_failed') THEN 'refunded'
           ELSE 'charged_back'
         END AS movement,
         journal.attempt_id, posting.payment_line_id, posting.agency_id, posting.kind, posting.budget_line, posting.currency,
         -sum(posting.amount) AS amount
  FROM posting JOIN journal ON journal.id = posting.journal_id
  WHERE posting.business_on = :business_on AND posting.account = 'owed'
    AND (CAST(:account_id AS uuid) IS NULL OR journal.gateway_account_id = :account_id)
    AND journal.fact IN ('applied', 'allocated', 'applied_reversed', 'refund_submitted', 'refund_failed', 'charged_back')
  GROUP BY 1, 2, 3, 4, 5, 6, 7
), named AS (
  -- A code has one row after another: the name is that of the day.
  SELECT DISTINCT ON (known.id) known.id, known.code, shown.name_vi, shown.name_en
  FROM agency AS known
  JOIN agency AS shown ON shown.code = known.code AND (shown.id = known.id OR shown.valid_to IS DISTINCT FROM shown.valid_from)
  ORDER BY known.id, shown.valid_from <= :business_on DESC, abs(shown.valid_from - :business_on)
), added AS (
  SELECT agency.code, agency.name_vi, agency.name_en, booked.kind, booked.budget_line, booked.currency,
         count(*) FILTER (WHERE movement = 'collected') - count(*) FILTER (WHERE movement = 'reversed') AS count,
         coalesce(sum(booked.amount) FILTER (WHERE movement = 'collected'), 0)::bigint AS collected,
         coalesce(-sum(booked.amount) FILTER (WHERE movement = 'reversed'), 0)::bigint AS reversed,
         coalesce(-sum(booked.amount) FILTER (WHERE movement = 'refunded'), 0)::bigint AS refunded,
         coalesce(-sum(booked.amount) FILTER (WHERE movement = 'charged_back'), 0)::bigint AS charged_back,
         sum(booked.amount)::bigint AS owed,
         coalesce(sum(shown.amount), 0)::bigint AS reported
  FROM booked
  JOIN named AS agency ON agency.id = booked.agency_id
  LEFT JOIN LATERAL (
    SELECT proof.amount FROM proof
    JOIN settlement_line AS line ON line.id = proof.settlement_line_id
    JOIN settlement ON settlement.id = line.settlement_id
    WHERE proof.payment_line_id = booked.payment_line_id AND proof.kind = 'reported' AND proof.attempt_id = booked.attempt_id
      AND (settlement.superseded_by_id IS NULL OR (
        SELECT again.id FROM settlement_line AS again JOIN settlement AS now ON now.id = again.settlement_id
        WHERE again.reference = line.reference AND again.line_type = line.line_type AND again.amount = line.amount
          AND again.currency = line.currency AND now.gateway_account_id = settlement.gateway_account_id
          AND now.superseded_by_id IS NULL
        LIMIT 1) IS NOT NULL)
    LIMIT 1
  ) AS shown ON booked.movement = 'collected'
  GROUP BY agency.code, agency.name_vi, agency.name_en, booked.kind, booked.budget_line, booked.currency
)
SELECT code AS agency, name_vi AS agency_name_vi, name_en AS agency_name_en, kind, budget_line, currency,
       count, collected, reversed, refunded, charged_back, owed, reported, collected - reversed - reported AS difference
FROM added
ORDER BY code, kind, budget_line, currency
