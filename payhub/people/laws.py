"""What must hold of personal data, recomputed from rows: what is said to be destroyed is."""

from payhub.people.holdings import ABOUT
from payhub.registry import Law

LAWS = (
    Law(
        "of an erased payer nothing is left that no accounting record needs, and nothing finds what is left",
        "SELECT count(*) FROM payment WHERE erased_at IS NOT NULL",
        # What somebody was writing at that very moment goes with the next run of the job.
        f"WITH written AS (SELECT p.id FROM payment p JOIN ({ABOUT}) AS said ON said.payment = CAST(p.id AS text) "  # noqa: S608 - our own names
        "WHERE p.erased_at IS NOT NULL AND CASE WHEN said.words_key IS NOT NULL THEN said.proposed_at ELSE said.decided_at END "
        "< p.erased_at - interval '1 minute') "
        "SELECT p.id, p.erased_at FROM payment p LEFT JOIN payer ON payer.payment_id = p.id WHERE p.erased_at IS NOT NULL "
        "AND (p.words_key IS NOT NULL OR payer.contact_key IS NOT NULL "
        "OR EXISTS (SELECT FROM payer_index i WHERE i.payment_id = p.id) "
        "OR EXISTS (SELECT FROM refund r WHERE r.payment_id = p.id AND r.note_key IS NOT NULL) "
        "OR EXISTS (SELECT FROM discrepancy d JOIN discrepancy_note n ON n.discrepancy_id = d.id WHERE d.payment_id = p.id "
        "AND n.note_key IS NOT NULL AND n.written_at < p.erased_at - interval '1 minute') "
        "OR EXISTS (SELECT FROM attempt a WHERE a.payment_id = p.id AND a.client_ip IS NOT NULL AND a.ordered_at < p.erased_at) "
        "OR p.id IN (SELECT id FROM written))",
    ),
    Law(
        "an erased payer was erased by two people",
        "SELECT count(*) FROM payment WHERE erased_at IS NOT NULL",
        "SELECT p.id, p.erased_at FROM payment p WHERE p.erased_at IS NOT NULL AND NOT EXISTS (SELECT FROM proposal q "
        "WHERE q.kind = 'payer_erasure' AND q.state = 'executed' AND q.content -> 'payments' ? CAST(p.id AS text))",
    ),
    Law(
        "whatever is sealed of a payer has a day on which it is destroyed or looked at again",
        "SELECT count(*) FROM payment WHERE destroy_after IS NOT NULL",
        "SELECT p.id FROM payment p LEFT JOIN payer ON payer.payment_id = p.id WHERE p.destroy_after IS NULL "
        "AND num_nonnulls(p.words_key, p.basis_key, payer.record_key, payer.contact_key) > 0",
    ),
    Law(
        "nothing was past its term when it was last said that nothing is",
        "SELECT count(*) FROM payment WHERE destroy_after IS NOT NULL",
        "SELECT id, destroy_after FROM payment WHERE destroy_after < (SELECT CAST(data ->> 'upto' AS date) FROM audit_entry "
        "WHERE target = 'people/destruction' ORDER BY seq DESC LIMIT 1)",
    ),
    Law(
        "who pays belongs to a payment",
        "SELECT count(*) FROM payer",
        "SELECT payment_id FROM payer WHERE NOT EXISTS (SELECT FROM payment WHERE payment.id = payer.payment_id)",
    ),
    Law(
        "whoever is found is still there to be found",
        "SELECT count(*) FROM payer_index",
        "SELECT i.payment_id, i.field FROM payer_index i LEFT JOIN payer ON payer.payment_id = i.payment_id "
        "WHERE CASE WHEN i.field IN ('phone', 'email') THEN payer.contact_key ELSE payer.record_key END IS NULL",
    ),
)
