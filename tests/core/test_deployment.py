"""Live and test never meet, and secrets never reach the log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from payhub import deployment
from payhub.log import REDACTED, redact


def test_a_database_belongs_to_the_mode_it_was_stamped_with(hub, session) -> None:
    deployment.stamp(session, "test", hub.clock.now())
    session.flush()
    deployment.stamp(session, "test", hub.clock.now())
    with pytest.raises(deployment.WrongMode, match="test deployment"):
        deployment.stamp(session, "live", hub.clock.now())


@pytest.mark.parametrize(("other", "refused"), [("test", False), ("live", True)])
def test_of_processes_that_start_at_once_on_a_fresh_database_the_first_stamps_it(hub, blocked, other, refused) -> None:
    def second() -> None:
        with hub.db.session() as session:
            deployment.stamp(session, other, hub.clock.now())

    with ThreadPoolExecutor(1) as process:
        with hub.db.session() as first:
            deployment.stamp(first, "test", hub.clock.now())
            started = process.submit(second)
            blocked()
        with pytest.raises(deployment.WrongMode, match="test deployment") if refused else nullcontext():
            started.result(10)


def test_a_field_named_like_a_secret_is_blanked() -> None:
    fields = redact(None, "", {"event": "x", "api_key": "phk", "vnp_SecureHash": "ab", "payer_name": "An", "payment": "123"})
    assert fields == {"event": "x", "api_key": REDACTED, "vnp_SecureHash": REDACTED, "payer_name": REDACTED, "payment": "123"}


@pytest.mark.parametrize("form", ["json", "text"])
def test_neither_the_text_of_an_exception_nor_the_values_around_it_reach_the_log(form) -> None:
    import subprocess
    import sys

    script = f"""
import logging
from payhub import log
from payhub.settings import Log
log.configure(Log(format={form!r}))
def work():
    payer = "Nguyen Van A"
    raise ValueError("001099012345")
try:
    work()
except ValueError:
    logging.getLogger("some.package").exception("failed")
    log.get("ours").error("ours.failed", exc_info=True)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.count("ValueError") >= 2
    assert "Nguyen" not in done.stderr
    assert "001099012345" not in done.stderr
