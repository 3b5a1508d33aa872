"""Live and test never meet, and secrets never reach the log."""

from __future__ import annotations

import pytest

from payhub import deployment
from payhub.log import REDACTED, redact


def test_a_database_belongs_to_the_mode_it_was_stamped_with(hub, session) -> None:
    deployment.stamp(session, "test", hub.clock.now())
    session.flush()
    deployment.stamp(session, "test", hub.clock.now())
    with pytest.raises(deployment.WrongMode, match="test deployment"):
        deployment.stamp(session, "live", hub.clock.now())


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
