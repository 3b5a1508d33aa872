-- One business day, per agency, kind of fee and line of the budget table: what the ledger says was collected beside what gateways report.
--
-- collected: credits of `owed` by `applied` less its debits by `applied_reversed`, each on the day it was booked on.
-- reported: the proofs of the lines applied on that day, as long as a settlement that counts still shows them.
WITH booked AS (
  SELECT journal.fact, journal.attempt_id, posting.payment_line_id, posting.agency_id, posting.kind, posting.budget_line,
         posting.currency, -sum(posting.amount) AS amount
  FROM posting JOIN journal ON journal.id = posting.journal_id
  WHERE posting.business_on = :business_on AND posting.account = 'owed' AND journal.fact IN ('applied', 'applied_reversed')
  GROUP BY 1, 2, 3, 4, 5, 6, 7
)
SELECT agency.code AS agency, agency.name_vi AS agency_name_vi, agency.name_en AS agency_name_en, booked.kind, booked.budget_line,
       booked.currency,
       count(*) FILTER (WHERE booked.fact = 'applied') - count(*) FILTER (WHERE booked.fact = 'applied_reversed') AS count,
       sum(booked.amount)::bigint AS collected,
       coalesce(sum(shown.amount), 0)::bigint AS reported,
       (sum(booked.amount) - coalesce(sum(shown.amount), 0))::bigint AS difference
FROM booked
JOIN agency ON agency.id = booked.agency_id
LEFT JOIN LATERAL (
  SELECT proof.amount FROM proof
  JOIN settlement_line AS line ON line.id = proof.settlement_line_id
  JOIN settlement ON settlement.id = line.settlement_id
  WHERE proof.payment_line_id = booked.payment_line_id AND proof.kind = 'reported' AND proof.attempt_id = booked.attempt_id
    AND (settlement.superseded_by_id IS NULL OR (
      SELECT again.id FROM settlement_line AS again JOIN settlement AS now ON now.id = again.settlement_id
      WHERE again.reference = line.reference AND again.line_type = line.line_type AND again.amount = line.amount
        AND again.currency = line.currency AND now.gateway_account_id = settlement.gateway_account_id AND now.superseded_by_id IS NULL
      LIMIT 1) IS NOT NULL)
  LIMIT 1
) AS shown ON booked.fact = 'applied'
GROUP BY agency.code, agency.name_vi, agency.name_en, booked.kind, booked.budget_line, booked.currency
ORDER BY agency.code, booked.kind, booked.budget_line, booked.currency
