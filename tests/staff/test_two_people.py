"""One proposes, another approves, whoever asks and however."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from payhub.errors import NotFound, PayHubError
from payhub.portals.models import ApiKey, Portal
from payhub.staff import people, service
from payhub.staff.errors import (
    AlreadyProposed,
    NotTheProposer,
    NotTwoPeople,
    PrincipalDisabled,
    ProposalDecided,
    ProposalVoid,
    RoleMissing,
)
from payhub.staff.executors import executes
from payhub.staff.models import SYSTEM_ID, Principal
from payhub.staff.words import reason_of

APPROVED = "UPDATE proposal SET state = 'approved', decided_by = :by, decided_at = now() WHERE id = :id"


def together(*jobs) -> None:
    """Run all at once and let no error be lost."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(job) for job in jobs]:
            future.result(timeout=30)


def test_another_person_approves_and_it_is_done_in_the_same_transaction(propose, minh, executed, stored) -> None:
    proposal_id = propose("test_act")
    minh.approve(proposal_id)
    done = stored(proposal_id)
    assert (done.state, done.decided_by, executed) == ("executed", minh.id, [proposal_id])
    assert done.executed_at == done.decided_at


def test_a_kind_nobody_executes_waits_for_whoever_does_it(propose, minh, hub, stored) -> None:
    proposal_id = propose()
    assert minh.approve(proposal_id).state == "approved"
    with hub.db.session() as session:
        service.mark_executed(session, session.get_one(service.Proposal, proposal_id), hub.clock.now())
    assert stored(proposal_id).state == "executed"


def test_what_the_executor_refuses_is_not_approved(propose, minh, executed, stored, monkeypatch) -> None:
    from payhub.staff.executors import EXECUTORS

    def refuse(*_):
        raise ProposalVoid

    monkeypatch.setitem(EXECUTORS, "test_act", refuse)
    proposal_id = propose("test_act")
    with pytest.raises(ProposalVoid):
        minh.approve(proposal_id)
    assert stored(proposal_id).state == "proposed"


def test_two_features_cannot_execute_one_kind(executed) -> None:
    with pytest.raises(ValueError, match="already"):

        @executes("test_act")
        def other(*_):
            pass


def test_whoever_proposed_cannot_approve_nor_decline(propose, lan, hub, stored) -> None:
    proposal_id = propose()
    with pytest.raises(NotTwoPeople):
        lan.approve(proposal_id)
    with pytest.raises(NotTwoPeople), hub.db.session() as session:
        service.decline(hub, session, proposal_id, lan.person, "không", hub.clock.now())
    assert stored(proposal_id).state == "proposed"


def test_a_refusal_known_before_costs_no_code(propose, lan, minh) -> None:
    with pytest.raises(NotTwoPeople):
        lan.approve(propose())
    with pytest.raises(NotFound):
        minh.approve(uuid.uuid4())
    assert minh.approve(propose()).state == "approved"


def test_raw_sql_cannot_let_the_proposer_approve(propose, lan, run) -> None:
    with pytest.raises(IntegrityError, match="two_people"):
        run(APPROVED, by=lan.id, id=propose())


def test_raw_sql_cannot_let_anybody_but_an_approver_approve(propose, hire, hub, run) -> None:
    with hub.db.session() as session:
        portal = service.principal_of_portal(session, session.scalars(select(Portal)).first()).id
    for by in (SYSTEM_ID, portal, hire("thu", "auditor").id, uuid.uuid4()):
        with pytest.raises(IntegrityError, match="only a person"):
            run(APPROVED, by=by, id=propose())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE proposal SET content = '{}', content_text = '{}', content_hash = sha256('{}')",
        "UPDATE proposal SET content = '{\"amount\": 1}'",
        "UPDATE proposal SET target = 'payout/other'",
        "UPDATE proposal SET proposed_by = '00000000-0000-7000-8000-000000000001'",
        "UPDATE proposal SET state = 'executed', executed_at = now(), decided_by = proposed_by, decided_at = now()",
        "UPDATE proposal SET target_seq = 8",
        "DELETE FROM proposal",
        "TRUNCATE proposal CASCADE",
        """INSERT INTO proposal SELECT '00000000-0000-7000-8000-000000000009', kind, 'other', target_seq, content, content_text,
           content_hash, 'approved', proposed_by, proposed_at, (SELECT id FROM principal WHERE name = 'minh'), now() FROM proposal""",
    ],
)
def test_raw_sql_cannot_change_what_was_proposed(propose, minh, run, statement) -> None:
    propose()
    with pytest.raises(IntegrityError):
        run(statement)


def test_raw_sql_cannot_reopen_what_was_decided(propose, minh, hoa, run) -> None:
    proposal_id = propose()
    minh.approve(proposal_id)
    for change in (
        "state = 'proposed', decided_by = NULL, decided_at = NULL",
        f"decided_by = '{hoa.id}'",
        "state = 'declined'",
    ):
        with pytest.raises(IntegrityError):
            run(f"UPDATE proposal SET {change} WHERE id = :id", id=proposal_id)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE principal SET kind = 'person' WHERE name = 'system'",
        "UPDATE principal SET name = 'somebody else' WHERE name = 'lan'",
        "DELETE FROM principal WHERE name = 'lan'",
    ],
)
def test_raw_sql_cannot_make_a_principal_another(lan, run, statement) -> None:
    with pytest.raises(IntegrityError):
        run(statement)


def test_two_keys_of_one_portal_are_one_principal(hub) -> None:
    with hub.db.session() as session:
        first = session.scalars(select(ApiKey)).first()
        portal = session.get_one(Portal, first.portal_id)
        twin = {c.name: getattr(first, c.name) for c in ApiKey.__table__.columns} | {"id": uuid.uuid4(), "prefix": "second00"}
        session.add(ApiKey(**twin))
    seen = set()
    for _ in range(2):
        with hub.db.session() as session:
            seen.add(service.principal_of_portal(session, portal).id)
    assert len(seen) == 1
    with pytest.raises(IntegrityError), hub.db.session() as session:
        values = {"kind": "portal", "name": "portal/again", "portal_id": portal.id, "created_at": hub.clock.now()}
        session.add(Principal(id=uuid.uuid4(), **values))


def test_a_portal_met_by_many_at_once_is_one_principal(hub) -> None:
    with hub.db.session() as session:
        portal = session.scalars(select(Portal)).first()
    barrier, seen = threading.Barrier(4), []

    def meet() -> None:
        with hub.db.session() as session:
            session.connection()
            barrier.wait()
            seen.append(service.principal_of_portal(session, portal).id)

    together(*[meet] * 4)
    assert len(seen) == 4
    assert len(set(seen)) == 1


def test_a_key_may_propose(hub, propose, minh) -> None:
    with hub.db.session() as session:
        portal = service.principal_of_portal(session, session.scalars(select(Portal)).first())
    assert minh.approve(propose(by=portal)).decided_by == minh.id


def test_of_two_approvers_at_once_one_wins(propose, minh, hoa, executed, stored) -> None:
    proposal_id = propose("test_act")
    barrier, outcomes = threading.Barrier(2), []

    def approve(who) -> None:
        barrier.wait()
        try:
            outcomes.append(who.approve(proposal_id).state)
        except PayHubError as error:
            outcomes.append(error.code)

    together(lambda: approve(minh), lambda: approve(hoa))
    assert sorted(outcomes) == ["executed", "proposal_decided"]
    assert executed == [proposal_id]
    assert stored(proposal_id).decided_by in {minh.id, hoa.id}


def test_of_one_approver_twice_at_once_it_is_done_once(propose, minh, executed) -> None:
    proposal_id = propose("test_act")
    barrier, outcomes = threading.Barrier(2), []

    def approve() -> None:
        barrier.wait()
        try:
            outcomes.append(minh.approve(proposal_id).state)
        except PayHubError as error:
            outcomes.append(error.code)

    together(approve, approve)
    assert executed == [proposal_id]
    assert "executed" in outcomes
    assert set(outcomes) <= {"executed", "totp_used"}


def test_many_approvals_at_once_do_not_starve_the_pool(propose, hire, executed) -> None:
    people_, wanted = [hire(f"approver{n}", "approver") for n in range(8)], [propose("test_act") for _ in range(8)]
    barrier, states = threading.Barrier(8), []

    def approve(who, proposal_id) -> None:
        barrier.wait()
        states.append(who.approve(proposal_id).state)

    together(*[lambda w=w, p=p: approve(w, p) for w, p in zip(people_, wanted, strict=True)])
    assert states == ["executed"] * 8


def test_the_same_person_again_is_answered_with_what_is(propose, minh, executed) -> None:
    proposal_id = propose("test_act")
    minh.approve(proposal_id)
    assert minh.approve(proposal_id, "000000").state == "executed"
    assert executed == [proposal_id]


def test_who_lost_the_role_meanwhile_cannot_approve(propose, minh, run, hire) -> None:
    proposal_id = propose()
    with pytest.raises(RoleMissing):
        hire("thu", "clerk", "auditor", "admin").approve(proposal_id)
    run("DELETE FROM staff_role WHERE principal_id = :id", id=minh.id)
    with pytest.raises(RoleMissing):
        minh.approve(proposal_id)


def test_who_was_disabled_meanwhile_can_do_nothing(propose, lan, minh, hub) -> None:
    proposal_id = propose()
    with hub.db.session() as session:
        people.disable(hub, session, "minh")
        people.disable(hub, session, "lan")
    with pytest.raises(RoleMissing):
        minh.approve(proposal_id)
    with hub.db.session() as session:
        assert people.authenticate_person(hub, session, minh.token) is None
        gone = session.get_one(Principal, lan.id)
    with pytest.raises(PrincipalDisabled):
        propose(by=gone)


def test_what_has_changed_since_is_void_and_may_be_proposed_again(propose, minh, hoa, executed, stored) -> None:
    executed.seq = 8
    proposal_id = propose("test_act", "payout/1")
    assert minh.approve(proposal_id).state == "void"
    assert executed == []
    assert stored(proposal_id).voided_at is not None
    for who in (minh, hoa):
        with pytest.raises(ProposalVoid):
            who.approve(proposal_id)
    executed.seq = 9
    assert hoa.approve(propose("test_act", "payout/1", seq=9)).state == "executed"


def test_what_waits_can_be_voided_without_an_approver(propose, hub, stored) -> None:
    kept, gone, timeless = propose(seq=7), propose(seq=6), propose(seq=None)
    for proposal_id, void in ((kept, False), (gone, True), (gone, True), (timeless, False)):
        with hub.db.session() as session:
            found = session.get_one(service.Proposal, proposal_id)
            assert service.void_if_changed(session, found, 7, hub.clock.now()) is void
    assert [stored(i).state for i in (kept, gone, timeless)] == ["proposed", "void", "proposed"]


def test_the_same_act_waits_once(propose, minh, lan, hub) -> None:
    first = propose("payout", "payout/1", {"a": 1, "b": [True, None]})
    with pytest.raises(AlreadyProposed) as refused:
        propose("payout", "payout/1", {"b": [True, None], "a": 1})
    assert refused.value.proposal_id == first
    propose("payout", "payout/1", {"a": 2})
    with hub.db.session() as session:
        service.withdraw(hub, session, first, lan.person.principal, hub.clock.now())
    assert propose("payout", "payout/1", {"a": 1, "b": [True, None]}) != first


def test_a_fraction_cannot_be_proposed(propose) -> None:
    for content in ({"amount": 1.5}, {"on": uuid.uuid4()}, {"text": "a\0"}, {"tiền": 1}):
        with pytest.raises(ValueError, match=r"canonical|NUL|ASCII"):
            propose(content=content)


def test_only_the_proposer_withdraws_and_only_while_it_waits(propose, lan, minh, hub) -> None:
    def withdraw(proposal_id, who) -> str:
        with hub.db.session() as session:
            return service.withdraw(hub, session, proposal_id, who.person.principal, hub.clock.now()).state

    waits, decided = propose(), propose()
    with pytest.raises(NotTheProposer):
        withdraw(waits, minh)
    assert [withdraw(waits, lan) for _ in range(2)] == ["withdrawn"] * 2
    minh.approve(decided)
    with pytest.raises(ProposalDecided):
        withdraw(decided, lan)


def test_a_declined_proposal_says_why_and_stays_declined(propose, minh, hoa, hub, stored) -> None:
    proposal_id = propose()
    for _ in range(2):
        with hub.db.session() as session:
            service.decline(hub, session, proposal_id, minh.person, "Sai số tiền", hub.clock.now())
    declined = stored(proposal_id)
    assert (declined.state, reason_of(hub.keyring, declined)) == ("declined", "Sai số tiền")
    for who in (minh, hoa):
        with pytest.raises(ProposalDecided):
            who.approve(proposal_id)


def test_states_are_what_the_database_lets_through() -> None:
    from payhub.staff.models import Proposal
    from payhub.staff.states import PROPOSAL

    checks = " ".join(str(getattr(constraint, "sqltext", "")) for constraint in Proposal.__table__.constraints)
    assert all(f"'{state}'" in checks for state in PROPOSAL)
    reached = set().union(*PROPOSAL.values(), {"proposed"})
    assert reached == set(PROPOSAL)


def test_the_system_is_a_principal_from_the_beginning(hub) -> None:
    with hub.db.session() as session:
        assert service.system(session).kind == "system"
        assert session.scalar(text("SELECT count(*) FROM principal WHERE kind = 'system'")) == 1
