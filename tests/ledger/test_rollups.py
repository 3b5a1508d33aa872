"""Rollups and what is not folded yet are the ledger at every moment, whoever writes, waits, folds or is killed meanwhile."""

from __future__ import annotations

import uuid
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from gateways.base import Notice, Outcome
from payhub import migrate
from payhub.ledger import days, facts, figures, moving, rollups
from payhub.ledger.prove import prove
from payhub.ledger.shares import Part
from payhub.payments import outcomes

THURSDAY, FRIDAY, SATURDAY, MONDAY = (date(2026, 11, day) for day in (19, 20, 21, 23))
AGENCIES = [uuid.UUID(int=number) for number in (1, 2)]
WRITERS, FOLDERS = 3, 2
TOTALS = text(f"SELECT account, fact, business_on, cohort_on, sum(amount)::bigint, sum(lines)::bigint FROM ({rollups.BOOKED}) AS b GROUP BY 1, 2, 3, 4")
SEEN = text(f"SELECT account, fact, business_on, cohort_on, sum(amount)::bigint, sum(lines)::bigint FROM ({rollups.SEEN}) AS b GROUP BY 1, 2, 3, 4")
LOOK = text("SELECT pg_current_snapshot()::text")
OWED = "SELECT fact, gateway_on, cohort_on, sum(-amount)::bigint FROM ({}) AS b WHERE account = 'owed' GROUP BY 1, 2, 3 ORDER BY 2, 3, 1"
COLLECTED = f"""
    SELECT gateway_on, sum(-amount)::bigint FROM ({rollups.SEEN}) AS booked
    WHERE gateway_account_id = :account_id AND gateway_on BETWEEN :first_on AND :last_on AND fact = 'applied' AND account = 'owed'
    GROUP BY 1 HAVING sum(amount) <> 0 ORDER BY 1
"""
ROLLED = text("SELECT account, fact, business_on, cohort_on, sum(amount)::bigint, sum(lines)::bigint FROM rollup WHERE lines <> 0 GROUP BY 1, 2, 3, 4")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, WRITERS - 1), st.sampled_from(["paid", "fee", "held"]), st.integers(1, 3)),
        st.tuples(st.just("commit"), st.integers(0, WRITERS - 1)),
        st.tuples(st.just("roll back"), st.integers(0, WRITERS - 1)),
        st.tuples(st.just("fold"), st.integers(0, FOLDERS - 1), st.integers(1, 3)),
        st.tuples(st.just("end fold"), st.integers(0, FOLDERS - 1), st.booleans()),
        st.tuples(st.just("look")),
    ),
    min_size=12,
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
        self.seen: tuple[str, dict] | None = None
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

    def look(self) -> None:
        """Remember a moment, and what was committed then."""
        with self.hub.db.session() as session:
            self.seen = session.scalar(LOOK), dict(self.committed)

    def read(self, statement=TOTALS, **binds) -> dict:
        found = {}
        with self.hub.db.session() as session:
            rollups.ready(session)
            for account, fact, business_on, cohort_on, amount, lines in session.execute(statement, binds):
                if lines or amount:
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
                case ("look",):
                    ledger.look()
            assert ledger.read() == dict(ledger.committed)
            if ledger.seen:
                snapshot, committed = ledger.seen
                assert ledger.read(SEEN, seen=snapshot) == committed, "as that moment saw it"
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


@pytest.fixture
def another(ask, order, citizen_of):
    """A citizen with a payment of 200,000 of their own."""
    return lambda: citizen_of(ask({**order, "portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex}))


def test_the_gateways_day_is_kept_apart_from_the_cohorts(hub, another, reverse, rows) -> None:
    """The cut-off is at four in the afternoon, and nobody works on Saturdays."""
    payer, given_back = another(), another().try_()
    tries = [(another().try_(), on) for on in ("20261120155959", "20261120160000", "20261121090000")]
    twice = [(payer.try_(), on) for on in ("20261120100000", "20261120170000")]
    for reference, on in (*tries, *twice, (given_back, "20261121091500")):
        assert payer.says(reference, on=on) == "00"
    assert reverse(given_back) == "00"
    booked = rows(OWED.format(rollups.BOOKED))
    assert booked == [
        ("applied", FRIDAY, FRIDAY, 400_000), ("applied", FRIDAY, MONDAY, 200_000), ("applied", SATURDAY, MONDAY, 400_000),
        ("applied_reversed", SATURDAY, MONDAY, -200_000),
    ]  # fmt: skip
    assert rollups.fold(hub) == 1
    assert rows(OWED.format("SELECT * FROM rollup")) == booked
    held = "SELECT DISTINCT gateway_on, cohort_on FROM rollup WHERE fact = 'not_applicable'"
    assert rows(held) == [(FRIDAY, MONDAY)], "the second money for one payment"


def pay(hub, session, reference: str, day: int) -> None:
    """Do the callback's work in a transaction that stays open."""
    account = hub.registers.gateway_accounts["vnpay-main"]
    payment, attempt = outcomes.find(session, account, reference)
    notice = Notice(
        reference=reference, terminal="PAYHUB01", outcome=Outcome.SUCCEEDED, raw_code="00/00", currency="VND", amount=attempt.amount,
        transaction=reference, paid_at=datetime(2026, 11, day, 3, 0, tzinfo=UTC), paid_at_text="", method="NCB",
    )  # fmt: skip
    outcomes.under_lock(hub, session, account, notice, payment, attempt)
    session.flush()


def test_the_ledger_is_read_as_an_earlier_statement_saw_it_whoever_commits_and_folds_since(hub, another) -> None:
    payers = [another() for _ in range(4)]
    references = [each.try_() for each in payers]
    asked = {"account_id": hub.registers.gateway_accounts["vnpay-main"].id, "first_on": FRIDAY, "last_on": SATURDAY}

    def collected(reader, seen: str) -> list:
        return [tuple(row) for row in reader.execute(text(COLLECTED), {**asked, "seen": seen})]

    payers[0].says(references[0])
    with ExitStack() as stack:
        reader, running = (stack.enter_context(hub.db.session()) for _ in range(2))
        rollups.ready(reader)
        pay(hub, running, references[1], 20)
        seen = [reader.scalar(LOOK)]
        payers[2].says(references[2], on="20261121093000")
        seen.append(reader.scalar(LOOK))
        assert [collected(reader, each) for each in seen] == [[(FRIDAY, 200_000)], [(FRIDAY, 200_000), (SATURDAY, 200_000)]]
        running.commit()
        pay(hub, reader, references[3], 21)
        everything = [(FRIDAY, 400_000), (SATURDAY, 400_000)]
        for _ in range(2):
            assert collected(reader, seen[0]) == [(FRIDAY, 200_000), (SATURDAY, 200_000)], "its own writing counts"
            assert collected(reader, seen[1]) == [(FRIDAY, 200_000), (SATURDAY, 400_000)]
            assert collected(reader, reader.scalar(LOOK)) == everything
            rollups.fold(hub)


def test_an_index_leads_to_the_gateways_days_of_an_account_and_to_what_came_since(hub, paid) -> None:
    rollups.fold(hub)
    asked = {"account_id": hub.registers.gateway_accounts["vnpay-main"].id, "first_on": FRIDAY, "last_on": SATURDAY}
    with hub.db.session() as session:
        rollups.ready(session)
        plan = session.execute(text(f"EXPLAIN {COLLECTED}"), {**asked, "seen": session.scalar(LOOK)}).scalars().all()
    told = "\n".join(plan)
    assert "ix_rollup_collected" in told, told
    assert told.count("ix_journal_xact") == 3, told
    assert "Seq Scan on rollup" not in told, told
    assert "Seq Scan on attempt" not in told, told


def test_rollups_that_lack_the_gateways_day_are_folded_anew(hub, another, rows) -> None:
    """Some journals are folded, some are not, and one is being written while the tables change."""
    payers = [another() for _ in range(4)]
    references = [each.try_() for each in payers]
    for payer, reference in zip(payers[:2], references, strict=False):
        payer.says(reference, on="20261120170000")
    rollups.fold(hub)
    keep(hub, "CREATE TABLE kept AS SELECT * FROM rollup", "CREATE TABLE kept_fold AS SELECT * FROM fold")
    payers[2].says(references[2], on="20261121093000")
    hub.db.engine.dispose()
    with hub.db.session() as running:
        pay(hub, running, references[3], 20)
        migrate.downgrade(hub.db.engine, "0025")
        columns = ", ".join(name for name in rollups.KEY if name != "gateway_on")
        keep(
            hub,
            f"INSERT INTO rollup ({columns}, lines, amount, retained) "
            f"SELECT {columns}, sum(lines), sum(amount), sum(retained) FROM kept GROUP BY {columns}",
            "UPDATE fold SET (next, running, before) = (SELECT next, running, before FROM kept_fold)",
            "DROP TABLE kept, kept_fold",
        )
        migrate.upgrade(hub.db.engine)
        before = [("applied", FRIDAY, MONDAY, 400_000), ("applied", SATURDAY, MONDAY, 200_000)]
        assert (rows("SELECT count(*) FROM rollup"), rows(OWED.format(rollups.BOOKED))) == ([(0,)], before)
    booked = [("applied", FRIDAY, FRIDAY, 200_000), *before]
    more = True
    while more:
        with hub.db.session() as session:
            more = rollups.step(session, hub.clock.now(), 1)
        assert rows(OWED.format(rollups.BOOKED)) == booked
    assert rows(OWED.format("SELECT * FROM rollup")) == booked
    assert broken(hub) == []


def keep(hub, *statements: str) -> None:
    with hub.db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


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
    "rollups are a recount of the journals that are folded, by the day booked on, the day the money came and the gateway's":
        "UPDATE rollup SET gateway_on = gateway_on - 1 WHERE account = 'owed'",
    "rollups and what is not folded yet are a recount of all journals, by each of these days": "UPDATE fold SET next = next + 1000000",
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
