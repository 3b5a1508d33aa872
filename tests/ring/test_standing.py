"""Which keys the database hangs on: nothing starts without them, and nobody drops one too early."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, event, text

from payhub.app import registry
from payhub.cli.keys import keys
from payhub.crypto import Keyring
from payhub.db import SEALS_WITH
from payhub.ledger.prove import prove
from payhub.ring import rotation, standing
from payhub.ring.standing import RingUnfit
from payhub.secrets import service as secrets
from payhub.secrets.kinds import PORTAL
from payhub.staff import service as staff
from payhub.staff.models import SYSTEM_ID, Principal


def quiet(_: rotation.Step) -> None:
    """Nobody is told."""


@pytest.fixture
def enter(with_ring):
    """Start a process that has these keys, as far as it looks at them."""

    def start(keys: str, current: int = -1):
        hub = with_ring(keys, current)
        with hub.db.session() as session:
            standing.enter(hub, session)
        hub.db.close()
        return hub

    return start


@pytest.fixture
def leave(hub, settings, eventually):
    """End the process that has yesterday's ring, the test's own hub; a server notices a connection's end a moment later."""
    sealing = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = :name")

    def close() -> None:
        hub.db.close()
        looking, name = create_engine(settings.database.url), f"{SEALS_WITH}{hub.keyring.newest}"
        with looking.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            eventually(lambda: not connection.scalar(sealing, {"name": name}), "it stays connected")
        looking.dispose()

    return close


def test_a_web_process_that_lacks_a_key_in_use_does_not_serve(enter, rings, environ) -> None:
    enter(rings.old)
    begun = subprocess.run([sys.executable, "-c", "import wsgi"], check=False, env=environ(rings.new), capture_output=True, text=True)
    assert begun.returncode == 1
    assert "RingUnfit" in begun.stderr
    assert "lacks a version that still opens values, put it back: 0" in begun.stderr


def test_a_process_that_lacks_a_key_in_use_does_not_start(enter, rings, said) -> None:
    enter(rings.old)
    with pytest.raises(RingUnfit, match="lacks a version that still opens values, put it back: 0"):
        enter(rings.new)
    code, _, error = said(rings.new, "day", "list")
    assert code == 2
    assert "secrets.keys lacks a version that still opens values, put it back: 0" in error
    assert "Traceback" not in error


def test_another_key_under_a_version_that_was_used_does_not_start(enter, rings) -> None:
    enter(rings.both)
    with pytest.raises(RingUnfit, match="holds another key than before, put the former one back under version 1") as refused:
        enter(f"{rings.old},{rings.key(1, 99)}")
    assert rings.key(1, 99)[2:] not in str(refused.value)


def test_a_key_that_never_sealed_may_leave_again(enter, rings) -> None:
    enter(f"{rings.old},{rings.key(1)}", current=0)
    enter(rings.old)


def test_a_key_in_use_leaves_once_nothing_hangs_on_it(enter, leave, rings, everything) -> None:
    enter(rings.old)
    both = enter(rings.both)
    with pytest.raises(RingUnfit):
        enter(rings.new)
    leave()
    rotation.rotate(both, quiet)
    enter(rings.new)
    # And the old ring, which cannot open anything any more, does not.
    with pytest.raises(RingUnfit):
        enter(rings.old)


def test_a_key_held_back_seals_nothing_until_every_process_has_it(with_ring, rings) -> None:
    before, during, after = with_ring(rings.old), with_ring(rings.both, current=0), with_ring(rings.both)
    sealed = during.keyring.seal(b"x", "row")
    assert before.keyring.open(sealed, "row") == b"x"
    assert before.keyring.verify("checkout", b"id", during.keyring.mac("checkout", b"id"))
    assert during.keyring.open(after.keyring.seal(b"x", "row"), "row") == b"x"


def test_what_somebody_sealed_with_an_emptied_key_is_noticed(with_ring, rings, hub, enter, leave) -> None:
    enter(rings.old)
    leave()
    both = with_ring(rings.both)
    rotation.rotate(both, quiet)
    late = with_ring(rings.both, current=0)
    with late.db.session() as session:
        added = secrets.add(
            late, session, PORTAL, PORTAL.find(session, "kbnn"), session.get_one(Principal, SYSTEM_ID), use="inbound"
        )
    broken = [law.law for law in prove(hub.db.engine, registry().laws) if not law.holds]
    assert broken == ["nothing is sealed by a key that was found empty and may have left the ring"]
    with both.db.session() as session:
        assert standing.look(both, session).left(0) == 1
    with pytest.raises(RingUnfit):
        enter(rings.new)
    with late.db.session() as session:
        staff.withdraw(late, session, added.proposal.id, session.get_one(Principal, SYSTEM_ID), late.clock.now())


@pytest.fixture
def run():
    """Run `payhub keys …` for a hub."""

    def invoke(hub, *arguments: str) -> str:
        done = CliRunner().invoke(keys, arguments, obj=lambda: hub)
        assert done.exit_code == 0, done.output
        return done.output

    return invoke


def test_status_says_what_hangs_on_which_key_and_when_it_may_go(run, leave, with_ring, rings, everything, rows) -> None:
    both = with_ring(rings.both)
    out = run(both, "status")
    [payments] = [line.split()[1:] for line in out.splitlines() if line.startswith("payment.words")]
    [(sealed,)] = rows("SELECT count(*) FROM payment WHERE words_key IS NOT NULL")
    assert payments == [str(sealed), "0"]
    assert "key 0 must stay: it opens" in out
    assert "key 1 seals" in out
    assert "values moved to key 1" in run(both, "rotate", "--anyway")
    assert "key 0 must stay: processes with" in run(both, "status")
    leave()
    assert "key 0 must stay until 1 proposals of secrets are decided" in run(both, "status")


def test_nothing_moves_while_a_process_may_lack_the_new_key(run, leave, hub, with_ring, rings, everything, rows) -> None:
    both = with_ring(rings.both)
    refused = CliRunner().invoke(keys, ["rotate"], obj=lambda: both)
    assert refused.exit_code == 1
    assert "processes seal with another key than 1 still" in refused.output
    assert "connections with key 0): start them again with this ring" in refused.output
    assert rows("SELECT count(*) FROM key_rotation") == [(0,)]
    # It has the old ring alone, and goes on.
    assert hub.cache.fresh().protocol_accounts
    leave()
    assert "values moved to key 1" in run(both, "rotate")


def test_who_begins_to_seal_with_an_old_key_while_it_is_counted_keeps_it(leave, with_ring, rings, hub, enter, rows) -> None:
    enter(rings.old)
    leave()
    both, late = with_ring(rings.both), with_ring(rings.both, current=0)

    def begin(*arguments: Any) -> None:
        if "FROM file_part" in arguments[2]:
            with late.db.session() as session:
                standing.enter(late, session)

    rotation.rotate(both, quiet)
    both.db.close()
    with both.db.engine.begin() as connection:
        connection.execute(text("UPDATE key_version SET emptied_at = NULL"))
    event.listen(both.db.resting, "before_cursor_execute", begin)
    leave()
    with both.db.session() as session:
        standing.look(both, session)
    assert rows("SELECT emptied_at FROM key_version WHERE version = 0") == [(None,)]


def test_an_old_key_stays_as_long_as_links_of_it_may_be_open(run, leave, with_ring, rings, ask, order, clock) -> None:
    ask(order)
    both = with_ring(rings.both)
    clock.pass_(hours=1)
    leave()
    run(both, "rotate")
    assert "key 0 opens nothing; 1 open payments may have links of it: drop it after 2026-11-21 10:00" in run(both, "status")
    with both.db.engine.begin() as connection:
        connection.execute(text("UPDATE key_rotation SET started_at = started_at - interval '1 day'"))
    assert "key 0 may be dropped from secrets.keys" in run(both, "status")


def test_status_names_a_key_that_is_missing(hub, rings, with_ring) -> None:
    done = CliRunner().invoke(keys, ["status"], obj=lambda: with_ring(rings.new))
    assert done.exit_code == 1
    assert "key 0 is not on the ring, and" in done.output


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("1:{a},1:{b}", "must not hold a version or a key twice"), ("1:{a},2:{a}", "must not hold a version or a key twice"),
        ("256:{a}", "must be 0 to 255"), ("-1:{a}", "must be 0 to 255"),
    ],
)  # fmt: skip
def test_a_ring_that_means_two_things_is_refused(keys, problem, rings) -> None:
    given = keys.format(a=rings.key(1)[2:], b=rings.key(2)[2:])
    with pytest.raises(ValueError, match=problem) as refused:
        Keyring.parse(given)
    assert rings.key(1)[2:] not in str(refused.value)


def test_a_current_key_that_is_not_there_is_refused(rings) -> None:
    with pytest.raises(ValueError, match=r"secrets\.current must be a version"):
        Keyring.parse(rings.old, 3)
