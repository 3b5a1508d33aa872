"""Every fact of the ledger: which accounts it moves, for whom, and that what it divides sums exactly."""

from __future__ import annotations

import inspect
import subprocess
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from payhub.clock import local_date
from payhub.ledger import facts, shares
from payhub.ledger.shares import Part
from payhub.money import share
from payhub.payments.models import PaymentLine

AGENCY = uuid.UUID(int=1)
LINE = Part(1_000, 333, AGENCY, "phi", "2301")
"""So much of one agency's phí, 333 of it the agency's own."""
NOBODYS = Part(1_000)
OWED = [("owed", "budget", 667), ("owed", "retained", 333)]

CASES: list[tuple[str, tuple[Any, ...], dict[str, Any], list[tuple[str, str, int]]]] = [
    ("not_applicable", (1_000,), {}, [("receivable", "all", 1_000), ("unapplied", "all", -1_000)]),
    ("refund_submitted", ([LINE],), {}, [*OWED, ("refunds_due", "all", -1_000)]),
    ("refund_submitted", ([NOBODYS],), {}, [("refunds_due", "all", -1_000), ("unapplied", "all", 1_000)]),
    ("refund_failed", ([LINE],), {}, [("owed", "budget", -667), ("owed", "retained", -333), ("refunds_due", "all", 1_000)]),
    ("refund_failed", ([NOBODYS],), {}, [("refunds_due", "all", 1_000), ("unapplied", "all", -1_000)]),
    ("refund_failed", ([LINE],), {"gone": True}, [("differences", "all", -1_000), ("refunds_due", "all", 1_000)]),
    ("refund_taken", ([LINE],), {}, [("receivable", "all", -1_000), ("refunds_due", "all", 1_000)]),
    ("refund_not_taken", ([LINE],), {}, [("receivable", "all", 1_000), ("refunds_due", "all", -1_000)]),
    ("refund_by_bank", ([LINE],), {}, [("bank", "all", -1_000), ("refunds_due", "all", 1_000)]),
    ("applied_reversed", ([LINE], []), {}, [*OWED, ("receivable", "all", -1_000)]),
    ("applied_reversed", ([], [LINE]), {}, [("differences", "all", 1_000), ("receivable", "all", -1_000)]),
    ("unapplied_reversed", (600, 400), {}, [
        ("differences", "all", 400), ("receivable", "all", -600), ("receivable", "all", -400), ("unapplied", "all", 600),
    ]),
    ("charged_back", ([LINE], []), {}, [*OWED, ("receivable", "all", -1_000)]),
    ("fee_withheld", (1_000,), {}, [("gateway_fees", "all", 1_000), ("receivable", "all", -1_000)]),
    ("adjusted", (1_000,), {}, [("differences", "all", 1_000), ("receivable", "all", -1_000)]),
    ("adjusted", (-1_000,), {}, [("differences", "all", -1_000), ("receivable", "all", 1_000)]),
    ("banked", ([LINE, Part(-400, 0, AGENCY, "phi", "2301")], 50), {}, [
        ("bank", "all", 550), ("receivable", "all", -1_000), ("receivable", "all", 50), ("receivable", "all", 400),
    ]),
    ("paid_directly", ([LINE],), {}, [*OWED, ("receivable", "all", -1_000)]),
    ("payout_sent", ([LINE],), {}, [("in_transit", "all", -1_000), *OWED]),
    ("payout_failed", ([LINE],), {}, [("in_transit", "all", 1_000), ("owed", "budget", -667), ("owed", "retained", -333)]),
    ("payout_confirmed", ([LINE],), {}, [("bank", "all", -1_000), ("in_transit", "all", 1_000)]),
    ("fee_funded", (1_000,), {}, [("bank", "all", 1_000), ("gateway_fees", "all", -1_000)]),
    ("written_off", ("unapplied", [NOBODYS]), {}, [("differences", "all", 1_000), ("unapplied", "all", -1_000)]),
]  # fmt: skip


@pytest.fixture
def fact(hub, session) -> facts.Fact:
    account = next(iter(hub.registers.gateway_accounts.values()))
    now = hub.clock.now()
    return facts.dated(session, hub.registers, account, local_date(now), now, "VND")


@pytest.mark.breaks_laws
@pytest.mark.parametrize(("name", "arguments", "options", "sides"), CASES, ids=[f"{case[0]}-{at}" for at, case in enumerate(CASES)])
def test_a_fact_moves_what_its_sentence_says(session, fact, name, arguments, options, sides) -> None:
    getattr(facts, name)(session, fact, *arguments, **options)
    written = session.execute(text("SELECT account, share, amount, agency_id, kind, budget_line FROM posting ORDER BY account, amount")).all()
    assert sorted((row.account, row.share, row.amount) for row in written) == sorted(sides)
    assert sum(row.amount for row in written) == 0
    for row in written:
        whose = (row.agency_id, row.kind, row.budget_line)
        if row.account in {"owed", "in_transit"}:
            assert whose == (AGENCY, "phi", "2301")
        if row.account in {"unapplied", "gateway_fees", "bank"}:
            assert whose == (None, None, None)
    assert session.execute(text("SELECT fact FROM journal")).scalars().all() == [name]


def test_every_fact_is_tried() -> None:
    functions = {name for name, each in inspect.getmembers(facts, inspect.isfunction) if not name.startswith("_") and each.__module__ == facts.__name__}
    # These three write whole payments, and are tried by paying and allocating them.
    assert functions - {"dated", "applied", "allocated"} == {case[0] for case in CASES}


def test_only_named_facts_write_journals() -> None:
    """No other function of the package inserts into the books."""
    root = Path(facts.__file__).parents[2]
    found = subprocess.run(
        ["grep", "-rlE", r"insert\((Journal|Posting)\)|INTO (journal|posting)|(Journal|Posting)\(", "--include=*.py", "--include=*.sql", "payhub", "webhooks", "reconciliation"],
        cwd=root, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {Path(name).name for name in found if "migrations" not in name} == {"facts.py", "statements.py", "models.py"}


def line_of(amount: int, bp: int) -> PaymentLine:
    return PaymentLine(amount=amount, retention_bp=bp, retained=share(amount, bp), agency_id=AGENCY, kind="phi", budget_line="2301")


@given(st.integers(1, 10**15), st.integers(0, 10_000), st.lists(st.floats(0, 1), max_size=6), st.data())
def test_any_steps_in_any_order_take_back_exactly_the_share(amount, bp, cuts, data) -> None:
    line = line_of(amount, bp)
    levels = sorted({0, amount, *(int(amount * cut) for cut in cuts)})
    steps = [shares.between(line, less, more) for less, more in pairwise(levels)]
    assert sum(step.amount for step in steps) == amount
    assert sum(step.retained for step in steps) == line.retained
    assert all(0 <= step.retained <= step.amount for step in steps)
    level = data.draw(st.sampled_from(levels))
    left = [step for step, more in zip(steps, levels[1:], strict=True) if more > level]
    assert sum(step.retained for step in left) == share(amount - level, bp)


@pytest.mark.parametrize(("less", "more"), [(-1, 5), (5, 4), (0, 11)])
def test_no_step_leaves_the_line(less, more) -> None:
    with pytest.raises(ValueError, match="is no step within"):
        shares.between(line_of(10, 5_000), less, more)
