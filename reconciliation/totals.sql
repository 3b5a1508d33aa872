-- Some days, of one gateway account or of all, per agency, kind of fee and line of the budget table: what the ledger says beside what
-- gateways report and banks show. {day} is the day that counts: `business_on`, on which each movement was booked, or `cohort_on`, on which
-- the money came that all of them are about.
--
-- count, collected: lines whose payment was paid, by its own attempt or by money allocated to it; count less lines reversed.
-- reversed:         what a gateway took back as if it had never been; of what refunds had taken before, nothing was owed any more.
-- refunded:         refunds sent, less what came back from those that failed.
-- charged_back:     what lost disputes took.
-- owed:             collected - reversed - refunded - charged_back; retained is the agency's own part of it, budget the rest.
-- paid_out:         what was sent to the agency, less what came back; written_off: what two people gave up.
-- due:              owed - paid_out - written_off.
-- reported:         what the runs proved of these lines, by settlements that still count.
-- difference:       collected - reversed - reported. What leaves later leaves what was reported as it is.
-- banked:           what payouts of the gateways that stand on the bank's statements brought of it, refunds taken off, fees not.
WITH moved AS (
  SELECT gateway_account_id, agency_id, kind, budget_line, currency, {moved}
  FROM ({booked}) AS booked
  WHERE {day} BETWEEN :first_on AND :last_on AND agency_id IS NOT NULL AND {within}
    AND (CAST(:account_id AS uuid) IS NULL OR gateway_account_id = :account_id)
  GROUP BY 1, 2, 3, 4, 5
), proven AS (
  SELECT gateway_account_id, agency_id, kind, budget_line, currency, {proven_as}
  FROM ({proven}) AS proof
  WHERE CAST(:account_id AS uuid) IS NULL OR gateway_account_id = :account_id
  GROUP BY 1, 2, 3, 4, 5
), named AS (
  -- A code has one row after another: the name is that of the day.
  SELECT DISTINCT ON (known.id) known.id, known.code, shown.name_vi, shown.name_en
  FROM agency AS known
  JOIN agency AS shown ON shown.code = known.code AND (shown.id = known.id OR shown.valid_to IS DISTINCT FROM shown.valid_from)
  ORDER BY known.id, shown.valid_from <= :last_on DESC, abs(shown.valid_from - :last_on)
)
SELECT named.code AS agency, named.name_vi AS agency_name_vi, named.name_en AS agency_name_en,
       CASE WHEN CAST(:by_account AS boolean) THEN gateway_account.code END AS gateway_account, kind, budget_line, each.currency, {sums}
FROM (SELECT * FROM moved UNION ALL SELECT * FROM proven) AS each
JOIN named ON named.id = each.agency_id
JOIN gateway_account ON gateway_account.id = each.gateway_account_id
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY 1, 4, 5, 6, 7
