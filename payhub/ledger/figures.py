"""What the ledger's movements are called in totals: every posting is in one figure, or in the balance of an account that has none.

Figures of agencies are what is owed to them, and what of it is banked. Figures of gateway accounts belong to no agency: what was
withheld, and money that is nobody's yet. What gateways hold, what is on its way and what stands at the bank are balances.
"""

from __future__ import annotations

from dataclasses import dataclass

from payhub.ledger.rollups import BOOKED, KEY
from payhub.registry import Law

BALANCES = ("receivable", "refunds_due", "bank", "in_transit")
"""Accounts whose movements are the other side of figures."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Some facts' movements on one account; credits are positive where `sign` is -1. `whose`: of agencies or of none."""

    name: str
    account: str
    facts: tuple[str, ...]
    sign: int
    whose: bool | None = None

    @property
    def condition(self) -> str:
        """Return the figure's rows in SQL."""
        facts = ", ".join(f"'{fact}'" for fact in self.facts)
        whose = "" if self.whose is None else f" AND agency_id IS {'NOT ' if self.whose else ''}NULL"
        return f"account = '{self.account}' AND fact IN ({facts}){whose}"

    def sum(self, column: str = "amount") -> str:
        """Return the figure's sum in SQL, over rows as `BOOKED` has them."""
        return f"coalesce({'-' if self.sign < 0 else ''}sum({column}) FILTER (WHERE {self.condition}), 0)::bigint"


AGENCY_FIGURES = (
    Figure("collected", "owed", ("applied", "allocated"), -1),
    Figure("reversed", "owed", ("applied_reversed",), 1),
    Figure("refunded", "owed", ("refund_submitted", "refund_failed"), 1),
    Figure("charged_back", "owed", ("charged_back",), 1),
    Figure("paid_out", "owed", ("payout_sent", "payout_failed", "paid_directly"), 1),
    Figure("written_off", "owed", ("written_off",), 1),
    Figure("banked", "receivable", ("banked",), -1, whose=True),
)
ACCOUNT_FIGURES = (
    Figure("fees", "gateway_fees", ("fee_withheld",), 1),
    Figure("fees_funded", "gateway_fees", ("fee_funded",), -1),
    Figure("adjusted", "differences", ("adjusted",), 1),
    Figure("held", "unapplied", ("not_applicable",), -1),
    Figure("allocated", "unapplied", ("allocated",), 1),
    Figure("held_refunded", "unapplied", ("refund_submitted", "refund_failed"), 1),
    Figure("held_reversed", "unapplied", ("unapplied_reversed",), 1),
    Figure("held_written_off", "unapplied", ("written_off",), 1),
    Figure("left_twice", "differences", ("applied_reversed", "unapplied_reversed", "charged_back", "refund_failed"), 1),
    Figure("given_up", "differences", ("written_off",), 1),
    Figure("banked_rest", "receivable", ("banked",), -1, whose=False),
    Figure("net", "bank", ("banked",), 1),
)
OWED = Figure("owed", "owed", tuple(fact for each in AGENCY_FIGURES[:4] for fact in each.facts), -1)
"""What the facts about payments leave owed to an agency: collected less what was taken of it."""
DUE = Figure("due", "owed", tuple(fact for each in AGENCY_FIGURES[:6] for fact in each.facts), -1)
"""The same less what was paid out to it or written off: what is still to be paid out."""
BY_NAME = {each.name: each for each in (*AGENCY_FIGURES, *ACCOUNT_FIGURES, OWED, DUE)}


_OF_FIGURES = " + ".join(f"({figure.condition})::int" for figure in (*AGENCY_FIGURES, *ACCOUNT_FIGURES))
_FIGURES_OF = f"({_OF_FIGURES})"
_BALANCES = ", ".join(f"'{account}'" for account in BALANCES)
# Lines are counted anew too: both shares of one are one.
_RECOUNT = """
    SELECT j.business_on, CASE WHEN j.attempt_id IS NULL THEN j.cohort_on ELSE a.cohort_on END AS cohort_on, a.gateway_on,
           j.gateway_account_id, p.agency_id, p.kind, p.budget_line, p.currency, j.fact, p.account,
           count(DISTINCT (j.id, p.payment_line_id)) AS lines, sum(p.amount) AS amount,
           coalesce(sum(p.amount) FILTER (WHERE p.share = 'retained'), 0) AS retained
    FROM posting p JOIN journal j ON j.id = p.journal_id LEFT JOIN attempt a ON a.id = j.attempt_id
    WHERE {which} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
"""
_KEY = ", ".join(KEY)
_DIFFERENT = f"""
    SELECT {_KEY}, sum(lines), sum(amount), sum(retained) FROM (
      SELECT {_KEY}, lines, amount, retained FROM ({{totals}}) AS totals
      UNION ALL SELECT {_KEY}, -lines, -amount, -retained FROM ({{recount}}) AS recount
    ) AS each
    GROUP BY {_KEY} HAVING (sum(lines), sum(amount), sum(retained)) <> (0, 0, 0)
"""  # noqa: S608 - our own pieces
_FOLDED = "(SELECT xact IS NULL AND j.id <= before OR xact < next AND xact <> ALL (running) FROM fold)"
LAWS = [
    Law(
        "rollups are a recount of the journals that are folded, by the day booked on, the day the money came and the gateway's",
        "SELECT count(*) FROM rollup",
        _DIFFERENT.format(totals="SELECT * FROM rollup", recount=_RECOUNT.format(which=_FOLDED)),
    ),
    Law(
        "rollups and what is not folded yet are a recount of all journals, by each of these days",
        "SELECT count(*) FROM journal",
        _DIFFERENT.format(totals=BOOKED, recount=_RECOUNT.format(which="true")),
    ),
    Law(
        "every posting is in one figure of an agency or a gateway account, or in the balance of what gateways, banks and ways hold",
        "SELECT count(*) FROM posting",
        f"SELECT posting.id, fact, account FROM posting JOIN journal ON journal.id = posting.journal_id "  # noqa: S608 - ours
        f"WHERE {_FIGURES_OF} > 1 OR {_FIGURES_OF} = 0 AND account NOT IN ({_BALANCES}) "
        f"OR account = 'owed' AND (agency_id IS NULL OR kind IS NULL OR budget_line IS NULL)",
    ),
    Law(
        "the rollups' transactions are those of this database server",
        "SELECT count(*) FROM fold",
        "SELECT cluster FROM fold WHERE cluster <> (SELECT system_identifier FROM pg_control_system())",
    ),
]
