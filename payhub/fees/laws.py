"""What must hold of the fee schedule and of what was priced by it, recomputed from rows."""

from payhub.registry import Law

LAWS = [
    Law(
        "a tiered fee has tiers from zero as soon as it begins, with the figures its tiering wants, and no other fee has any",
        "SELECT count(*) FROM fee",
        "SELECT f.id, f.code, f.valid_from FROM fee f LEFT JOIN fee_tier t ON t.fee_id = f.id GROUP BY f.id "
        "HAVING CASE WHEN f.rule <> 'tiered' THEN count(t.id) > 0 "
        "ELSE (min(t.above) IS DISTINCT FROM 0 AND f.valid_from <= register_day() AND f.valid_to IS DISTINCT FROM f.valid_from) "
        "OR count(t.basis_points) <> CASE WHEN f.tiering = 'marginal' AND f.measure = 'value' THEN count(t.id) ELSE 0 END END",
    ),
    # A row that ends on its first day was planned and taken back: it is never in force.
    Law(
        "no two fees of one code, and no two reliefs of one code and fee, are in force on the same day",
        "SELECT (SELECT count(*) FROM fee) + (SELECT count(*) FROM relief)",
        "SELECT a.id, b.id FROM fee a JOIN fee b ON a.code = b.code AND a.valid_from < b.valid_from "
        "WHERE coalesce(a.valid_to, 'infinity') > b.valid_from AND coalesce(b.valid_to, 'infinity') > b.valid_from "
        "UNION ALL SELECT a.id, b.id FROM relief a JOIN relief b ON a.code = b.code "
        "AND a.fee_code IS NOT DISTINCT FROM b.fee_code AND a.valid_from < b.valid_from "
        "WHERE coalesce(a.valid_to, 'infinity') > b.valid_from AND coalesce(b.valid_to, 'infinity') > b.valid_from",
    ),
    Law(
        "a line's relief is one of its own fee, and takes off what it says",
        "SELECT count(*) FROM payment_line WHERE relief_id IS NOT NULL",
        "SELECT l.id, l.full_amount, l.amount, r.code FROM payment_line l JOIN relief r ON r.id = l.relief_id "
        "JOIN fee f ON f.id = l.fee_id WHERE r.fee_code <> f.code OR l.full_amount - l.amount <> "
        "coalesce(r.amount, l.full_amount / 10000 * r.basis_points + l.full_amount % 10000 * r.basis_points / 10000)",
    ),
]
