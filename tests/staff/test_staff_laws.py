"""The audit chain, and what `payhub prove` notices when somebody with all passwords has been at the rows."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError

from payhub.ledger.prove import prove
from payhub.staff import audit
from payhub.staff.laws import LAWS
from payhub.staff.models import SYSTEM_ID

TWO, CONTENT, STEPS, CHAIN = (law.name for law in LAWS)
UNGUARDED = "SET LOCAL session_replication_role = replica"


@pytest.fixture
def broken(hub):
    return lambda: {proven.law for proven in prove(hub.db.engine, LAWS) if not proven.holds}


@pytest.fixture
def history(propose, minh, lan, hub, executed, broken):
    """A proposal of every ending."""
    from payhub.staff import service

    done, approved, declined, withdrawn = propose("test_act"), propose(), propose(), propose()
    minh.approve(done)
    hub.clock.pass_(seconds=30)
    minh.approve(approved)
    with hub.db.session() as session:
        service.decline(hub, session, declined, minh.person, "không", hub.clock.now())
        service.withdraw(hub, session, withdrawn, lan.person.principal, hub.clock.now())
    executed.seq = 8
    hub.clock.pass_(seconds=30)
    minh.approve(propose("test_act"))
    propose()
    assert broken() == set()
    return done


def test_every_act_is_in_the_chain_in_order(history, rows) -> None:
    acts = [act for (act,) in rows("SELECT act FROM audit_entry ORDER BY seq")]
    assert acts == [
        "person.added", "person.added", *["proposal.proposed"] * 4, "proposal.approved", "proposal.executed", "proposal.approved",
        "proposal.declined", "proposal.withdrawn", "proposal.proposed", "proposal.voided", "proposal.proposed",
    ]  # fmt: skip
    assert [seq for (seq,) in rows("SELECT seq FROM audit_entry ORDER BY seq")] == list(range(1, len(acts) + 1))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET act = 'nothing'",
        "UPDATE audit_entry SET at = at",
        "DELETE FROM audit_entry WHERE seq = 1",
        "TRUNCATE audit_entry",
    ],
)
def test_the_chain_is_append_only(history, run, statement) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        run(statement)


def test_an_entry_with_another_hash_or_on_another_branch_is_refused(history, run) -> None:
    columns = "INSERT INTO audit_entry SELECT max(seq) + 1, now(), :actor, 'a', 't', '{}', 'x', "
    with pytest.raises(IntegrityError, match="ck_audit_entry_hash"):
        run(columns + "sha256('elsewhere'), sha256('anything') FROM audit_entry", actor=SYSTEM_ID)
    with pytest.raises(IntegrityError, match="uq_audit_entry_previous_hash"):
        run(
            columns + "decode(repeat('00', 32), 'hex'), sha256(decode(repeat('00', 32), 'hex') || 'x') FROM audit_entry",
            actor=SYSTEM_ID,
        )


def test_acts_at_once_make_one_chain(hub, broken, rows) -> None:
    barrier = threading.Barrier(4)

    def act(n: int) -> None:
        barrier.wait()
        for m in range(10):
            with hub.db.session() as session:
                audit.append(session, actor=SYSTEM_ID, act="test", target=f"t/{n}", at=hub.clock.now(), data={"m": m})

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(act, n) for n in range(4)]:
            future.result(timeout=30)
    assert rows("SELECT count(*), max(seq) FROM audit_entry") == [(40, 40)]
    assert broken() == set()
    with hub.db.session() as session:
        assert audit.head(session) == tuple(rows("SELECT seq, hash FROM audit_entry ORDER BY seq DESC LIMIT 1")[0])


def test_what_is_rolled_back_leaves_no_gap(hub, broken, rows) -> None:
    for n in range(3):
        with pytest.raises(ZeroDivisionError), hub.db.session() as session:
            audit.append(session, actor=SYSTEM_ID, act="test", target="t", at=hub.clock.now())
            raise ZeroDivisionError
        with hub.db.session() as session:
            assert audit.append(session, actor=SYSTEM_ID, act="test", target="t", at=hub.clock.now()).seq == n + 1
    assert broken() == set()


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("statement", "law"),
    [
        ("UPDATE audit_entry SET act = 'proposal.declined' WHERE seq = 6", CHAIN),
        ("UPDATE audit_entry SET data = '{}' WHERE act = 'proposal.voided'", CHAIN),
        ("UPDATE audit_entry SET actor = '00000000-0000-7000-8000-000000000001' WHERE seq = 4", CHAIN),
        ("UPDATE audit_entry SET at = at + interval '1 microsecond' WHERE seq = 4", CHAIN),
        (
            "UPDATE audit_entry SET data = jsonb_set(data, '{target}', to_jsonb(replace(data ->> 'target', 'payout/', 'forged/'))), entry = replace(entry, 'payout/', 'forged/'), hash = sha256(previous_hash || convert_to(replace(entry, 'payout/', 'forged/'), 'UTF8')) WHERE seq = 5",
            CHAIN,
        ),
        ("UPDATE audit_entry SET previous_hash = sha256('x') WHERE seq = 3", CHAIN),
        ("DELETE FROM audit_entry WHERE seq = 1", CHAIN),
        ("DELETE FROM audit_entry WHERE seq = 5", CHAIN),
        ("DELETE FROM audit_entry WHERE seq >= 5", STEPS),
        ("UPDATE proposal SET decided_by = proposed_by WHERE state = 'executed'", TWO),
        ("UPDATE proposal SET decided_by = (SELECT id FROM principal WHERE kind = 'system') WHERE state = 'approved'", TWO),
        ("UPDATE proposal SET decided_by = (SELECT id FROM principal WHERE kind = 'system') WHERE state = 'approved'", STEPS),
        ("UPDATE principal SET kind = 'system' WHERE name = 'minh'", TWO),
        (
            "UPDATE proposal SET state = 'approved', decided_by = (SELECT id FROM principal WHERE name = 'minh'), decided_at = now() WHERE state = 'proposed'",
            STEPS,
        ),
        ("UPDATE proposal SET content = '{\"amount\": 900000}' WHERE state = 'executed'", CONTENT),
        ("UPDATE proposal SET content_hash = sha256('x') WHERE state = 'executed'", CONTENT),
        ("UPDATE proposal SET content = '{}', content_text = '{}', content_hash = sha256('{}') WHERE state = 'executed'", STEPS),
        ("UPDATE proposal SET state = 'declined', executed_at = NULL WHERE state = 'executed'", STEPS),
    ],
)
def test_prove_notices_what_was_done_behind_every_guard(history, run, broken, statement, law) -> None:
    drop = [
        f"ALTER TABLE {table} DROP CONSTRAINT {name}"
        for table, name in (
            ("proposal", "ck_proposal_two_people"), ("proposal", "ck_proposal_content"), ("audit_entry", "ck_audit_entry_hash"),
            ("principal", "ck_principal_kind"),
        )
    ]  # fmt: skip
    run(UNGUARDED, *drop, statement)
    assert law in broken()


@pytest.mark.breaks_laws
def test_whoever_rewrites_the_whole_chain_still_differs_from_the_head_kept_elsewhere(history, hub, run, broken) -> None:
    """Inside, a chain rewritten from an entry to the end is as good as the real one: that is why its head leaves the hub."""
    with hub.db.session() as session:
        seq, kept = audit.head(session)
    run(UNGUARDED, "DELETE FROM audit_entry WHERE seq = :seq", seq=seq)
    with hub.db.session() as session:
        audit.append(session, actor=SYSTEM_ID, act="forged", target="t", at=hub.clock.now(), data={"id": str(uuid.uuid4())})
    assert CHAIN not in broken()
    with hub.db.session() as session:
        assert audit.head(session) != (seq, kept)
