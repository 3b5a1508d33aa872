"""Whatever gateways say, in whatever order and however often: money is applied at most once, and every dong has its place."""

from __future__ import annotations

import uuid

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from payhub.app import registry
from payhub.ledger.prove import prove

SAYS = {
    "success": {},
    "cancelled": {"code": "24", "status": "02", "number": "0"},
    "failed": {"code": "51", "status": "02", "number": "0"},
    "pending": {"code": "99", "status": "01", "number": "0"},
    "unknown": {"code": "07", "status": "07"},
    "short": {"amount": 199_000},
    "reversed": {"status": "04"},
}
MESSAGES = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(sorted(SAYS))), min_size=1, max_size=10)


def modelled(messages) -> tuple[str, int, int]:
    """The rules in a few lines: (payment's state, money owed, money unapplied)."""
    payment, attempts = "open", ["created"] * 3
    applied, held, undone = None, {}, set()
    for which, said in messages:
        state = attempts[which]
        if said == "reversed" and state not in {"succeeded", "conflicted", "reversed"}:
            undone.add(which)
        if said in {"success", "short"} and which in undone and state not in {"succeeded", "conflicted", "reversed"}:
            continue
        if said in {"success", "short"} and state not in {"succeeded", "conflicted", "reversed"}:
            whole = said == "success"
            attempts[which] = "succeeded" if whole else "conflicted"
            if whole and payment == "open":
                payment, applied = "paid", which
            else:
                held[which] = 200_000 if whole else 199_000
        elif said == "reversed" and state == "succeeded":
            attempts[which] = "reversed"
            if which == applied:
                payment = "reversed"
            else:
                held[which] = 0
        elif said in {"cancelled", "failed"} and state in {"created", "started", "unknown"}:
            attempts[which] = said
        elif said in {"unknown", "reversed"} and state in {"created", "started"}:
            attempts[which] = "unknown"
        elif said == "pending" and state == "created":
            attempts[which] = "started"
    return payment, 200_000 if payment == "paid" else 0, sum(held.values())


@given(messages=MESSAGES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_books_say_what_the_rules_say(messages, hub, ask, order, citizen_of) -> None:
    citizen = citizen_of(ask({**order, "portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex}))
    references = [citizen.try_() for _ in range(3)]
    for which, said in messages:
        citizen.says(references[which], **SAYS[said])
    state, owed, unapplied = modelled(messages)
    with hub.db.engine.connect() as connection:
        row = connection.execute(text("SELECT state FROM payment WHERE id = :id"), {"id": citizen.id}).scalar_one()
        sums = dict(
            connection.execute(
                text(
                    "SELECT account, -sum(amount)::bigint FROM posting JOIN journal j ON j.id = journal_id WHERE j.payment_id = :id GROUP BY 1"
                ),
                {"id": citizen.id},
            ).all()
        )
    assert row == state
    assert (sums.get("owed", 0), sums.get("unapplied", 0), -sums.get("receivable", 0)) == (owed, unapplied, owed + unapplied)
    assert [law for law in prove(hub.db.engine, registry().laws) if not law.holds] == []
