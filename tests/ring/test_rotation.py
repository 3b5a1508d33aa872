"""Everything sealed moves to the newest key: whole, once, beside live traffic, and after being killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import event, text

from payhub.app import create_app
from payhub.cli.keys import keys as keys_command
from payhub.crypto import CryptoError
from payhub.ring import rotation, standing
from payhub.sealed import SEALED


def quiet(_: rotation.Step) -> None:
    """Nobody is told."""


def test_everything_opens_afterwards_with_the_new_key_alone(everything, rings, with_ring, opened, ciphertexts, rows) -> None:
    both, new = with_ring(rings.both), with_ring(rings.new)
    plain, before = opened(both), ciphertexts()
    assert {name for name, _ in plain} == {value.name for value in SEALED}
    with pytest.raises(CryptoError):
        opened(new)
    steps: list[rotation.Step] = []
    assert rotation.rotate(both, steps.append) == 0
    assert opened(new) == plain
    # Not one byte of what an old key opened is left, neither wrapped keys nor what they sealed.
    assert not before & ciphertexts()
    assert rows("SELECT DISTINCT version FROM payer_index") == [(1,)]
    sealed = {value.name for value in SEALED}
    assert sum(step.moved.done for step in steps if step.value in sealed) == len(plain)


def test_a_second_rotation_finds_nothing_to_do(everything, rings, with_ring, ciphertexts) -> None:
    both = with_ring(rings.both)
    rotation.rotate(both, quiet)
    before, steps = ciphertexts(), []
    rotation.rotate(both, steps.append)
    assert ciphertexts() == before
    assert [step for step in steps if step.moved.done] == []


def test_without_a_new_key_nothing_moves(everything, hub, ciphertexts) -> None:
    before = ciphertexts()
    rotation.rotate(hub, quiet)
    assert ciphertexts() == before


def test_what_yesterdays_process_seals_after_a_rotation_is_found_by_the_next(hub, rings, with_ring, callbacks, opened) -> None:
    both = with_ring(rings.both)
    rotation.rotate(both, quiet)
    callbacks(3, with_ring(rings.both, current=0))
    steps: list[rotation.Step] = []
    rotation.rotate(both, steps.append)
    assert sum(step.moved.done for step in steps) == 3
    assert opened(with_ring(rings.new))


def test_killed_in_the_middle_it_goes_on_where_it_was(rings, with_ring, callbacks, opened, payhub, said, rows) -> None:
    callbacks(3000)
    both = with_ring(rings.both)
    plain = opened(both)
    process = payhub(rings.both, "keys", "rotate", "--anyway", "--batch", "5")
    progress = "SELECT done, last_id, finished_at FROM key_rotation WHERE value = 'callback.raw'"
    deadline = time.monotonic() + 60
    while not (rows(progress) and rows(progress)[0][0] >= 200):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    [(done, last_id, finished)] = rows(progress)
    assert 200 <= done < 3000
    assert finished is None
    [(moved,)] = rows("SELECT count(*) FROM callback WHERE get_byte(raw_key, 0) = 1")
    [(behind,)] = rows(f"SELECT count(*) FROM callback WHERE id <= '{last_id}'")
    assert moved == behind == done
    assert opened(both) == plain
    code, out, error = said(rings.both, "keys", "rotate", "--anyway")
    assert code == 0, error
    assert out == f"{len(plain) - process_done(rows, done):,} values moved to key 1\n"
    assert opened(with_ring(rings.new)) == plain
    [(total,)] = rows("SELECT done FROM key_rotation WHERE value = 'callback.raw'")
    assert total == 3000


def process_done(rows: Callable[[str], list[Any]], callbacks_done: int) -> int:
    """How much the killed process had done: what else there was it did before it came to the callbacks."""
    [(others,)] = rows("SELECT sum(done) FROM key_rotation WHERE value <> 'callback.raw'")
    return callbacks_done + int(others)


def test_two_at_once_do_the_work_once(rings, with_ring, callbacks, opened, rows) -> None:
    callbacks(600)
    plain = opened(with_ring(rings.both))
    hubs = [with_ring(rings.both) for _ in range(3)]
    done: list[rotation.Step] = []
    together = threading.Barrier(len(hubs))

    def work(hub: Any) -> None:
        together.wait(20)
        rotation.rotate(hub, done.append, 10)

    with ThreadPoolExecutor(len(hubs)) as pool:
        list(pool.map(work, hubs))
    assert sum(step.moved.done for step in done) == len(plain)
    assert rows("SELECT sum(done), count(*) FILTER (WHERE finished_at IS NULL) FROM key_rotation") == [(len(plain), 0)]
    assert opened(with_ring(rings.new)) == plain


def test_what_is_erased_meanwhile_stays_erased(rings, with_ring, callbacks, hub, rows, opened) -> None:
    callbacks(40)
    both = with_ring(rings.both)
    [(erased,)] = rows("SELECT id FROM callback ORDER BY id OFFSET 7 LIMIT 1")
    happened: list[bool] = []

    # Between the reading of a batch and its writing, on another connection.
    def erase(*arguments: Any) -> None:
        if "UPDATE callback" in arguments[2] and not happened:
            happened.append(True)
            with hub.db.engine.begin() as connection:
                connection.execute(text("UPDATE callback SET raw_key = NULL, raw = NULL WHERE id = :id"), {"id": erased})

    event.listen(both.db.resting, "before_cursor_execute", erase)
    assert rotation.rotate(both, quiet, 20) == 0
    assert happened
    assert rows(f"SELECT raw_key, raw FROM callback WHERE id = '{erased}'") == [(None, None)]
    assert len([name for name, _ in opened(with_ring(rings.new)) if name == "callback.raw"]) == 39


def test_what_somebody_holds_is_not_waited_for_and_comes_later(rings, with_ring, callbacks, hub, rows, opened) -> None:
    callbacks(30)
    both = with_ring(rings.both)
    [(held,)] = rows("SELECT id FROM callback ORDER BY id OFFSET 3 LIMIT 1")
    seen: list[rotation.Step] = []
    holding = hub.db.engine.connect()
    holding.execute(text("SELECT FROM callback WHERE id = :id FOR UPDATE"), {"id": held})

    def told(step: rotation.Step) -> None:
        seen.append(step)
        if step.value == "callback.raw" and step.moved.looked_at == 0:
            # All else is done; let go before the next pass.
            assert rows("SELECT count(*) FROM callback WHERE get_byte(raw_key, 0) = 0") == [(1,)]
            holding.rollback()

    assert rotation.rotate(both, told, 10) == 0
    holding.close()
    assert [step.moved.done for step in seen if step.value == "callback.raw"] == [9, 10, 10, 0, 1]
    assert opened(with_ring(rings.new))


def test_what_cannot_be_opened_is_named_and_stops_nobody(rings, with_ring, callbacks, rows) -> None:
    callbacks(10)
    [(damaged,)] = rows("SELECT id FROM callback ORDER BY id LIMIT 1")
    both = with_ring(rings.both)
    with both.db.engine.begin() as connection:
        connection.execute(text("UPDATE callback SET raw = raw || '\\x00' WHERE id = :id"), {"id": damaged})
    done = CliRunner().invoke(keys_command, ["rotate", "--anyway"], obj=lambda: both)
    assert done.exit_code == 1
    assert "1 values could not be opened" in done.output
    assert f"callback.raw {damaged} cannot be opened" in done.output
    assert rows("SELECT count(*) FROM callback WHERE get_byte(raw_key, 0) = 0") == [(1,)]
    with both.db.session() as session:
        assert standing.look(both, session).left(0) == 1


def test_a_large_value_is_a_batch_alone(rings, with_ring, callbacks, hub, rows, opened) -> None:
    callbacks(4)
    [(large,)] = rows("SELECT id FROM callback ORDER BY id OFFSET 1 LIMIT 1")
    body = os.urandom(1024) * 1024 * 17
    sealed = hub.keyring.seal(body, f"callback {large}")
    with hub.db.engine.begin() as connection:
        connection.execute(
            text("UPDATE callback SET raw_key = :key, raw = :data WHERE id = :id"),
            {"id": large, "key": sealed.key, "data": sealed.data},
        )
    both, steps = with_ring(rings.both), []
    rotation.rotate(both, steps.append)
    assert [step.moved.looked_at for step in steps if step.value == "callback.raw"] == [1, 1, 2]
    assert opened(with_ring(rings.new))["callback.raw", large] == body


def test_links_given_out_before_still_open(ask, order, rings, with_ring) -> None:
    from urllib.parse import urlsplit

    url = urlsplit(ask(order).json["checkout_url"]).path
    both = with_ring(rings.both)
    rotation.rotate(both, quiet)
    assert create_app(hub=both).test_client().get(url).status_code == 200
    assert create_app(hub=with_ring(rings.new)).test_client().get(url).status_code == 404


def test_a_rotation_stands_in_the_audit(rings, with_ring, callbacks, rows) -> None:
    callbacks(2)
    both = with_ring(rings.both)
    rotation.rotate(both, quiet)
    acts = rows("SELECT act, target, data -> 'failed' FROM audit_entry WHERE act LIKE 'keys.%' ORDER BY seq")
    assert acts == [("keys.rotation_started", "key/1", None), ("keys.rotation_finished", "key/1", 0)]
