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
