"""What gateways report and banks show, per day: sums of what the runs proved."""

from __future__ import annotations

from collections.abc import Mapping

MODES = ("activity", "cohort")
DAYS: Mapping[str, str] = {"activity": "business_on", "cohort": "cohort_on"}
"""Which day counts in which mode. The two are never mixed: no figure of one is held against a figure of the other."""

# The payout in which a settlement's line came, where it stands on a statement.
BANKED = """
  JOIN gateway_payout AS part ON part.settlement_id = file.id AND part.currency = {total}.currency
    AND CASE WHEN part.named THEN part.reference ELSE '' END = {total}.payout
  JOIN payout_state AS state ON state.gateway_account_id = part.gateway_account_id AND state.reference = part.reference
    AND state.currency = part.currency AND state.state = 'banked'
"""
LATEST = """(
      SELECT latest.id FROM run AS latest WHERE latest.settlement_id = file.id AND latest.state = 'done'
      ORDER BY latest.id DESC LIMIT 1)"""
_REPORTED = """
  SELECT file.gateway_account_id, total.agency_id, total.kind, total.budget_line, total.currency, total.amount AS reported,
         0::bigint AS banked
  FROM run_total AS total JOIN run ON run.id = total.run_id
  JOIN settlement AS file ON file.id = run.settlement_id AND file.superseded_by_id IS NULL
  WHERE total.{day} BETWEEN :first_on AND :last_on
"""
# The journals of payouts have the bank's day. What of a cohort is banked follows from its proofs, less the refunds that the last
# run of each settlement found in it.
_BANKED = f"""
  UNION ALL
  SELECT file.gateway_account_id, total.agency_id, total.kind, total.budget_line, total.currency, 0, total.amount
  FROM run_total AS total JOIN run ON run.id = total.run_id
  JOIN settlement AS file ON file.id = run.settlement_id AND file.superseded_by_id IS NULL
  {BANKED.format(total="total")}
  WHERE total.cohort_on BETWEEN :first_on AND :last_on
  UNION ALL
  SELECT file.gateway_account_id, given.agency_id, given.kind, given.budget_line, given.currency, 0, -given.amount
  FROM run_refund AS given JOIN run ON run.id = given.run_id
  JOIN settlement AS file ON file.id = run.settlement_id AND file.superseded_by_id IS NULL
  {BANKED.format(total="given")}
  WHERE given.cohort_on BETWEEN :first_on AND :last_on
    AND run.id = {LATEST}
"""  # noqa: S608 - our own pieces


def proven(mode: str) -> str:
    """Return the statement of what is proven of some days, `reported` and `banked`; in activity the ledger says what is banked."""
    reported = _REPORTED.format(day=DAYS[mode])
    return reported + _BANKED if mode == "cohort" else reported
