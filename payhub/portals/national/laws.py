"""What must hold of the names that portals give payments, recomputed from rows."""

from payhub.registry import Law

LAWS = (
    Law(
        "a name belongs to a payment of its portal, and asks for what the payment asks for",
        "SELECT count(*) FROM national_reference",
        "SELECT n.id, n.payment_id FROM national_reference n JOIN payment p ON p.id = n.payment_id "
        "WHERE p.portal_id <> n.portal_id OR p.total <> n.amount",
    ),
    Law(
        "a name was given by an event of its payment, and every such event gave one",
        "SELECT count(*) FROM national_reference",
        "SELECT n.id, n.event_seq FROM national_reference n "
        "LEFT JOIN event e ON e.payment_id = n.payment_id AND e.seq = n.event_seq "
        "WHERE e.id IS NULL OR CASE e.type WHEN 'payment.created' THEN false "
        "WHEN 'payment.named' THEN e.data ->> 'name' <> CAST(n.id AS text) ELSE true END "
        "UNION ALL SELECT e.id, e.seq FROM event e WHERE e.type = 'payment.named' AND NOT EXISTS ("
        "SELECT FROM national_reference n WHERE n.payment_id = e.payment_id AND n.event_seq = e.seq)",
    ),
    Law(
        "no two partners of one code, and no two meanings of a portal's code, hold on the same day",
        "SELECT (SELECT count(*) FROM national_partner) + (SELECT count(*) FROM national_fee)",
        "SELECT id, about FROM (SELECT id, about, valid_from, valid_to, "
        "lead(valid_from) OVER (PARTITION BY about ORDER BY valid_from) AS next FROM ("
        "SELECT id, 'partner/' || code AS about, valid_from, valid_to FROM national_partner "
        "UNION ALL SELECT id, 'fee/' || portal_id || '/' || type || '/' || code, valid_from, valid_to FROM national_fee"
        ") AS rows WHERE valid_to IS DISTINCT FROM valid_from) AS followed WHERE next < coalesce(valid_to, 'infinity')",
    ),
    Law(
        "of an erased payer's payments no portal's message from before is left",
        "SELECT count(*) FROM payment WHERE erased_at IS NOT NULL",
        "SELECT n.id, n.created_at FROM national_reference n JOIN payment p ON p.id = n.payment_id "
        "WHERE p.erased_at IS NOT NULL AND n.message_key IS NOT NULL AND n.created_at < p.erased_at - interval '1 minute'",
    ),
)
