"""Rollups and what is not folded yet are the ledger at every moment, whoever writes, waits, folds or is killed meanwhile."""

from __future__ import annotations

import uuid
from collections import Counter
from contextlib import ExitStack
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from payhub.ledger import days, facts, figures, moving, rollups
from payhub.ledger.prove import prove
from payhub.ledger.shares import Part

THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
AGENCIES = [uuid.UUID(int=number) for number in (1, 2)]
WRITERS, FOLDERS = 3, 2
TOTALS = text(f"SELECT account, fact, business_on, cohort_on, sum(amount)::bigint, sum(lines)::bigint FROM ({rollups.BOOKED}) AS b GROUP BY 1, 2, 3, 4")
ROLLED = text("SELECT account, fact, business_on, cohort_on, sum(amount)::bigint, sum(lines)::bigint FROM rollup WHERE lines <> 0 GROUP BY 1, 2, 3, 4")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, WRITERS - 1), st.sampled_from(["paid", "fee", "held"]), st.integers(1, 3)),
        st.tuples(st.just("commit"), st.integers(0, WRITERS - 1)),
        st.tuples(st.just("roll back"), st.integers(0, WRITERS - 1)),
        st.tuples(st.just("fold"), st.integers(0, FOLDERS - 1), st.integers(1, 3)),
        st.tuples(st.just("end fold"), st.integers(0, FOLDERS - 1), st.booleans()),
    ),
    max_size=40,
)


class Ledger:
    """Three who write and two who fold, each in a transaction that stays open until told."""

    def __init__(self, hub) -> None:
        self.hub, self.stack = hub, ExitStack()
        # More connections than the hub lends.
        engine = create_engine(hub.settings.database.url, pool_size=WRITERS + FOLDERS)
        self.stack.callback(engine.dispose)
        self.accounts = list(hub.registers.gateway_accounts.values())
        self.writers = [self.stack.enter_context(Session(engine)) for _ in range(WRITERS)]
        self.folders = [self.stack.enter_context(Session(engine)) for _ in range(FOLDERS)]
        self.written: list[Counter] = [Counter() for _ in range(WRITERS)]
        self.committed: Counter = Counter()
        self.folding: int | None = None

    def write(self, who: int, what: str, amount: int) -> None:
        session, account = self.writers[who], self.accounts[amount % len(self.accounts)]
        fact = facts.dated(session, self.hub.registers, account, FRIDAY if amount > 1 else THURSDAY, self.hub.clock.now(), "VND")
        day, written = (fact.business_on, fact.cohort_on), self.written[who]
        parts = [Part(10 * amount, 3 * amount, agency, "phi", "2301") for agency in AGENCIES]
        match what:
            case "paid":
                facts.payout_failed(session, fact, parts)
                # Both agencies' lines, each one line of two shares.
                written["owed", "payout_failed", *day, "amount"] -= 20 * amount
                written["owed", "payout_failed", *day, "lines"] += 2
                written["in_transit", "payout_failed", *day, "amount"] += 20 * amount
                written["in_transit", "payout_failed", *day, "lines"] += 2
            case "fee" | "held":
                name, debit, credit = ("fee_withheld", "gateway_fees", "receivable") if what == "fee" else ("not_applicable", "receivable", "unapplied")
                getattr(facts, name)(session, fact, amount)
                for account_, sign in ((debit, 1), (credit, -1)):
                    written[account_, name, *day, "amount"] += sign * amount
                    written[account_, name, *day, "lines"] += 1

    def end(self, who: int, *, commit: bool) -> None:
        if commit:
            self.writers[who].commit()
            for key, number in self.written[who].items():
                self.committed[key] += number
        else:
            self.writers[who].rollback()
        self.written[who] = Counter()

    def fold(self, who: int, size: int) -> None:
        more = rollups.step(self.folders[who], self.hub.clock.now(), size)
        assert (more is None) == (self.folding is not None and self.folding != who), "two fold at once"
        if more is not None:
            self.folding = who

    def end_fold(self, who: int, *, killed: bool) -> None:
        self.folders[who].rollback() if killed else self.folders[who].commit()
        if self.folding == who:
            self.folding = None

    def read(self, statement=TOTALS) -> dict:
        found = {}
        with self.hub.db.session() as session:
            rollups.ready(session)
            for account, fact, business_on, cohort_on, amount, lines in session.execute(statement):
                found[account, fact, business_on, cohort_on, "amount"] = amount
                found[account, fact, business_on, cohort_on, "lines"] = lines
        return found

    def settle(self) -> None:
        for who in range(FOLDERS):
            self.end_fold(who, killed=False)
        assert rollups.fold(self.hub, 100, size=1) < 100, "there is always an end, also of a transaction that is longer than a step"


def broken(hub) -> list[str]:
    return [proven.law for proven in prove(hub.db.engine, figures.LAWS) if not proven.holds]


@pytest.mark.breaks_laws  # no payments are behind these journals
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_a_transaction_left_open_while_others_fold_is_neither_lost_nor_doubled(hub, clock, steps) -> None:
    ledger = Ledger(hub)
    with ledger.stack:
        before = ledger.read()
        ledger.committed.update(before)
        for step in steps:
            match step:
                case ("write", who, what, amount):
                    ledger.write(who, what, amount)
                case ("commit" | "roll back" as how, who):
                    ledger.end(who, commit=how == "commit")
                case ("fold", who, size):
                    ledger.fold(who, size)
                case ("end fold", who, killed):
                    ledger.end_fold(who, killed=killed)
            assert ledger.read() == dict(ledger.committed)
        for who in range(WRITERS):
            ledger.end(who, commit=True)
        ledger.settle()
        assert ledger.read(ROLLED) == dict(ledger.committed), "all is folded in the end"
    assert broken(hub) == []


@pytest.mark.breaks_laws
def test_what_a_long_transaction_wrote_is_read_before_it_is_folded_and_folded_after_it_ends(hub, clock) -> None:
    ledger = Ledger(hub)
    with ledger.stack:
        ledger.write(0, "paid", 3)
        for amount in (1, 2, 3):
            ledger.write(1, "fee", amount)
            ledger.end(1, commit=True)
        ledger.fold(0, 100)
        ledger.end_fold(0, killed=False)
        assert ledger.read(ROLLED) == ledger.read() == dict(ledger.committed), "others do not wait for it"
        ledger.end(0, commit=True)
        assert ledger.read() == dict(ledger.committed) != ledger.read(ROLLED)
        ledger.settle()
        assert ledger.read(ROLLED) == dict(ledger.committed)


@pytest.mark.breaks_laws
def test_a_day_that_is_shut_keeps_its_cohort_apart_from_the_day_booked_on(hub, clock) -> None:
    ledger = Ledger(hub)
    with ledger.stack:
        with hub.db.session() as session:
            days.shut(session, THURSDAY, "thu.ha", clock.now())
        ledger.write(0, "held", 1)
        ledger.end(0, commit=True)
        assert {key[2:4] for key in ledger.read()} == {(FRIDAY, THURSDAY)}


@pytest.mark.breaks_laws
def test_the_index_leads_to_what_is_not_folded_however_long_the_ledger_is(hub, clock) -> None:
    ledger = Ledger(hub)
    with ledger.stack, hub.db.session() as session:
        for _ in range(3):
            ledger.write(0, "fee", 1)
        ledger.end(0, commit=True)
        rollups.ready(session)
        plan = session.execute(text(f"EXPLAIN {rollups.BOOKED}")).scalars().all()
    scans = [line for line in plan if "Scan" in line and (" journal" in line or " posting" in line)]
    assert scans
    assert not [line for line in scans if "Seq" in line], plan
    assert any("ix_journal_xact" in line for line in plan), plan


@pytest.mark.breaks_laws
def test_rows_brought_from_another_server_are_refused_until_they_are_folded_anew(hub, clock, rows) -> None:
    ledger = Ledger(hub)
    with ledger.stack:
        for amount in (1, 2, 3):
            ledger.write(0, "paid", amount)
            ledger.end(0, commit=True)
            if amount == 2:
                ledger.settle()
        with hub.db.engine.begin() as connection:
            connection.execute(text("UPDATE fold SET cluster = cluster + 1"))
        with pytest.raises(rollups.LedgerMoved):
            ledger.read()
        with pytest.raises(rollups.LedgerMoved):
            rollups.fold(hub)
        assert broken(hub) == ["the rollups' transactions are those of this database server"]
        for writer in ledger.writers:
            writer.rollback()
        assert (moving.fold_anew_if_moved(hub.db.engine), moving.fold_anew_if_moved(hub.db.engine)) == (True, False)
        assert ledger.read() == dict(ledger.committed)
        ledger.write(1, "fee", 1)
        ledger.end(1, commit=True)
        for _ in range(3):
            ledger.fold(0, 1)
            ledger.end_fold(0, killed=False)
            assert ledger.read() == dict(ledger.committed)
        ledger.settle()
        assert ledger.read(ROLLED) == dict(ledger.committed)
    assert broken(hub) == []


BREAKS = {
    "rollups are a recount of the journals that are folded, by the day booked on and by the day the money came":
        "UPDATE rollup SET cohort_on = cohort_on - 1 WHERE account = 'owed'",
    "rollups and what is not folded yet are a recount of all journals, by either day": "UPDATE fold SET next = next + 1000000",
    "every posting is in one figure of an agency or a gateway account, or in the balance of what gateways, banks and ways hold":
        "UPDATE journal SET fact = 'adjusted' WHERE fact = 'applied'",
    "the rollups' transactions are those of this database server": "UPDATE fold SET cluster = 1",
}  # fmt: skip


@pytest.mark.breaks_laws
@pytest.mark.parametrize("law", figures.LAWS, ids=lambda law: law.name[:30])
def test_each_law_of_rollups_notices_what_breaks_it(hub, paid, clock, law) -> None:
    rollups.fold(hub)
    ledger = Ledger(hub)
    with ledger.stack:
        ledger.write(0, "fee", 1)
        ledger.end(0, commit=True)
    assert next(prove(hub.db.engine, [law])).holds
    with hub.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE journal DISABLE TRIGGER USER"))
        connection.execute(text(BREAKS[law.name]))
    assert not next(prove(hub.db.engine, [law])).holds
