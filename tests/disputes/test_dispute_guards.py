"""What the database refuses about disputes, whoever asks, and what the laws notice beside it."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from payhub.app import registry
from payhub.ledger.prove import prove

ENDED = "version = 2, ended_at = now()"


@pytest.fixture
def run(hub):
    """Run statements in a transaction of their own, as somebody with a password to the database would."""

    def execute(*statements: str, **values) -> None:
        with hub.db.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), values)

    return execute


@pytest.fixture
def dispute(pay, bank):
    return bank.opened(pay(), 150_000)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE dispute SET amount = amount + 1",
        "UPDATE dispute SET gateway_case = 'another'",
        "UPDATE dispute SET opened_by = '00000000-0000-7000-8000-000000000001'",
        "UPDATE dispute SET opened_at = opened_at + interval '1 second'",
        "UPDATE dispute SET number = 2",
        "UPDATE dispute SET attempt_id = gen_random_uuid()",
        "UPDATE dispute SET state = 'declined'",
        "DELETE FROM dispute",
        "TRUNCATE dispute CASCADE",
        "UPDATE dispute_line SET amount = 1",
        "UPDATE dispute_line SET charged_back = 1",
        "DELETE FROM dispute_line",
        f"UPDATE dispute SET state = 'lost', {ENDED}",
        """INSERT INTO dispute SELECT (d.x).* FROM (SELECT jsonb_populate_record(dispute, jsonb_build_object('id', gen_random_uuid(),
           'number', 2, 'gateway_case', '2', 'state', 'lost', 'ended_at', now())) AS x FROM dispute) d""",
    ],
)
def test_a_dispute_is_not_changed_behind_its_back(dispute, run, statement) -> None:
    with pytest.raises(DBAPIError):
        run(statement)


def test_one_persons_proposal_does_not_lose_a_dispute(dispute, bank, run) -> None:
    bank.proposed_lost(dispute)
    with pytest.raises(DBAPIError, match="not lost by the word of two people"):
        run(f"UPDATE dispute SET state = 'lost', {ENDED}")


def test_another_disputes_approval_does_not_lose_this_one(dispute, pay, bank, run) -> None:
    bank.lost(bank.opened(pay(), 150_000))
    with pytest.raises(DBAPIError, match="not lost by the word of two people"):
        run(f"UPDATE dispute SET state = 'lost', proposal_id = (SELECT id FROM proposal WHERE state = 'executed'), {ENDED} WHERE state = 'opened'")


@pytest.mark.parametrize("end", ["won", "lost"])
def test_what_has_ended_stays_ended(dispute, bank, run, end) -> None:
    bank.won(dispute) if end == "won" else bank.lost(dispute)
    for change in ("state = 'opened', ended_at = NULL", "state = 'won'", "state = 'lost'", "ended_at = ended_at + interval '1 day'", "proposal_id = NULL", "version = 9"):
        if change != f"state = '{end}'" and (end, change) != ("won", "proposal_id = NULL"):
            with pytest.raises(DBAPIError, match="does not change"):
                run(f"UPDATE dispute SET {change}")


def test_what_was_taken_is_not_given_back_behind_the_books(dispute, bank, run) -> None:
    bank.lost(dispute)
    with pytest.raises(DBAPIError, match="does not change"):
        run("UPDATE dispute_line SET charged_back = 0")


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("statement", "law"),
    [
        (f"UPDATE dispute SET state = 'won', {ENDED} WHERE state = 'opened'", "folding a payment's events gives its disputes"),
        (
            "INSERT INTO dispute_line SELECT d.id, l.id, 1, 0 FROM dispute d, payment_line l WHERE d.state = 'opened' AND l.payment_id <> d.payment_id",
            "a dispute is of lines of its payment that sum to it",
        ),
        (
            "UPDATE payment_line SET amount = 100000, full_amount = 100000, retained = 0 WHERE payment_id = (SELECT payment_id FROM dispute WHERE state = 'lost')",
            "no more of a line is disputed than was paid, won disputes aside",
        ),
        ("UPDATE payment SET state = 'paid' WHERE state = 'reversed'", "a payment of which banks took back everything is reversed"),
        (
            "DELETE FROM discrepancy_act; DELETE FROM discrepancy",
            "what of a lost dispute left twice stands before a person",
        ),
        (
            "UPDATE refund SET state = 'failed', ended_at = now() WHERE state = 'succeeded'",
            "only a dispute that was lost took anything, and it left nothing on a line before it counted as gone twice",
        ),
    ],
)
def test_prove_notices_what_the_guards_cannot(pay, bank, desk, hub, run, statement, law) -> None:
    bank.opened(pay(), 150_000)
    payment = pay()
    desk.refund(payment, 50_000)
    bank.lost(bank.opened(payment))
    if "discrepancy_act" in statement:
        run("ALTER TABLE discrepancy_act DISABLE TRIGGER ALL")
    run(*statement.split("; "))
    broken = {proven.law: proven.broken for proven in prove(hub.db.engine, registry().laws) if not proven.holds}
    assert law in broken
    assert isinstance(broken[law][0][0], uuid.UUID)
