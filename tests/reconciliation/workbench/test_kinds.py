"""Kinds of discrepancies, their terms and their states: the same in code, settings, database and reference."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from payhub.discrepancies import kinds, service, terms
from payhub.discrepancies.models import KINDS
from payhub.discrepancies.states import TRANSITIONS, State
from payhub.ledger.prove import prove


def test_every_kind_has_a_name_and_a_term() -> None:
    assert set(kinds.TABLE) == set(KINDS)
    assert all(1 <= kind.days <= 5 and kind.title.vi and kind.title.en for kind in kinds.TABLE.values())
    assert kinds.TABLE["paid_twice"].urgent
    assert (kinds.TABLE["missing_at_gateway"].days, kinds.TABLE["paid_twice"].days) == (2, 1)


@pytest.mark.parametrize(
    ("days", "readable"), [("", True), ("late:7,paid_twice:2", True), ("late", False), ("nothing:1", False), ("late:0", False), ("late:7,", False)]
)
def test_a_deployment_has_terms_of_its_own_for_kinds_there_are(days, readable) -> None:
    assert terms.Discrepancies(days).readable is readable
    if readable and days:
        assert terms.Discrepancies(days).by_kind()["late"] == 7
        assert terms.Discrepancies(days).by_kind()["reversed"] == kinds.TABLE["reversed"].days


def test_a_discrepancy_is_due_by_the_terms_of_its_deployment(hub, clock, rows) -> None:
    from payhub.db import Database

    db = Database(hub.settings.database, "apart", {terms.INFO: terms.Discrepancies("late:9").by_kind()})
    with db.session() as session:
        assert service.open_(session, kind="late", key="k", on=clock.now().date(), amount=1, currency="VND", evidence={}, now=clock.now())
    db.close()
    assert rows("SELECT (due_at - opened_at)::text FROM discrepancy") == [("9 days",)]


def test_the_database_knows_the_same_transitions(hub, stranger, lan) -> None:
    proposal = {"id": uuid.uuid4(), "by": lan.id}
    with hub.db.engine.connect() as connection, connection.begin() as whole:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(_PROPOSAL), proposal)
        for before in State:
            for after in State:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
                connection.execute(text(_PUT), _columns(before, lan.id, proposal["id"]))
                connection.execute(text("SET LOCAL session_replication_role = origin"))
                took = True
                try:
                    with connection.begin_nested():
                        connection.execute(text(_PUT), _columns(after, lan.id, proposal["id"]))
                except DBAPIError:
                    took = False
                assert took is (after in TRANSITIONS[before] or after is before), (before, after)
        whole.rollback()


_PROPOSAL = (
    "INSERT INTO proposal (id, kind, target, content, content_text, content_hash, state, proposed_by, proposed_at) "
    "VALUES (:id, 'k', 't', '{}', '{}', sha256('{}'), 'proposed', :by, now())"
)
_PUT = "UPDATE discrepancy SET state = :state, owner_id = :owner_id, proposal_id = :proposal_id, resolved_at = :resolved_at"


def _columns(state: State, owner: uuid.UUID, proposal: uuid.UUID) -> dict[str, Any]:
    return {
        "state": state.value, "owner_id": owner, "proposal_id": proposal if state is State.PROPOSED else None,
        "resolved_at": datetime(2026, 11, 20, tzinfo=UTC) if state is State.RESOLVED else None,
    }  # fmt: skip


def test_the_reference_has_every_kind_with_its_term() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "discrepancies.md").read_text(encoding="utf-8").split("## States")[0]
    told = {
        kind: (int(days), bool(urgent))
        for names, days, urgent in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\d+)( \*\*urgent\*\*)? \|", page, re.MULTILINE)
        for kind in re.findall(r"`(\w+)`", names)
    }
    assert told == {name: (kind.days, kind.urgent) for name, kind in kinds.TABLE.items()}


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE discrepancy SET accepted = false",
        "UPDATE discrepancy SET version = version + 1",
        "UPDATE discrepancy SET evidence = '{}'",
        "UPDATE discrepancy SET owner_id = (SELECT id FROM principal WHERE name = 'minh')",
        "UPDATE discrepancy SET state = 'proposed', accepted = false, resolved_at = NULL, proposal_id = (SELECT id FROM proposal LIMIT 1)",
    ],
)
def test_prove_notices_what_breaks_a_discrepancy(bench, stranger, hub, statement) -> None:
    from payhub.discrepancies.laws import LAWS

    bench.done(stranger, "assign")
    bench.accept(stranger)
    assert all(proven.holds for proven in prove(hub.db.engine, LAWS))
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))
    assert not all(proven.holds for proven in prove(hub.db.engine, LAWS))
