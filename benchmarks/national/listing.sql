-- What a gateway lists of one month, in the order of time: each of its payments and its fee, but for those made to differ, one in a
-- thousand of each kind.
WITH paid AS (
  SELECT gateway_transaction AS transaction, attempt.reference, confirmed AS amount, right(payment.reference, 7)::int % 1000 AS place,
         attempt.paid_at AT TIME ZONE 'Asia/Ho_Chi_Minh' AS at
  FROM attempt JOIN payment ON payment.id = attempt.payment_id
  WHERE attempt.gateway_account_id = '{account_id}' AND attempt.gateway_on BETWEEN '{first_on}' AND '{last_on}'
), listed AS (
  SELECT transaction, reference, amount + CASE place WHEN {amount_differs} THEN 1000 ELSE 0 END AS amount,
         at + CASE place WHEN {late} THEN interval '3 days' ELSE interval '0' END AS at,
         {fee} + CASE place WHEN {fee_differs} THEN 100 ELSE 0 END AS fee,
         CASE place WHEN {currency_differs} THEN 'USD' ELSE 'VND' END AS currency
  FROM paid WHERE place <> {missing_at_gateway}
  UNION ALL SELECT transaction || 'X', reference || 'X', amount, at, {fee}, 'VND' FROM paid WHERE place = {missing_at_hub}
  UNION ALL SELECT transaction || 'Y', reference, amount, at, {fee}, 'VND' FROM paid WHERE place = {duplicate_at_gateway}
)
SELECT row_number() OVER (ORDER BY at, transaction), transaction, reference, 'THANH_TOAN', to_char(at, 'DD/MM/YYYY HH24:MI:SS'),
       amount, fee, currency
FROM listed ORDER BY at, transaction
