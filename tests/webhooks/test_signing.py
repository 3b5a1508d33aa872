"""Signatures by what others verify them with: the standard's own library for `v1`, `cryptography` alone for `v1a`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from webhooks import signing


def published() -> Callable[[str, dict[str, str], bytes], None]:
    """Return what docs/reference/webhooks.md gives to portals: `cryptography` and nothing else."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "webhooks.md").read_text()
    [code] = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def verify" in block]
    found: dict[str, Any] = {}
    exec(code, found)
    return found["verify"]


verify = published()


def test_the_standards_own_example_of_an_asymmetric_signature_is_ours() -> None:
    sign = signing.signer("whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=")
    headers = signing.headers([sign], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    expected = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
    assert headers["webhook-signature"] == expected


@given(st.binary(min_size=1), st.integers(0, 10**6))
def test_a_public_key_proves_the_very_bytes_and_no_others(body: bytes, place: int) -> None:
    secret = signing.new_secret("ed25519")
    headers = signing.headers([signing.signer(secret)], "msg_1", int(time.time()), body)
    verify(signing.public_key(secret), headers, body)
    changed = bytearray(body)
    changed[place % len(body)] ^= 1
    for forged, key in ((bytes(changed), secret), (body, signing.new_secret("ed25519"))):
        with pytest.raises(ValueError, match="no signature of this key"):
            verify(signing.public_key(key), headers, forged)
    with pytest.raises(ValueError, match="too old"):
        verify(signing.public_key(secret), {**headers, "webhook-timestamp": "1"}, body)


@given(st.text())
def test_while_two_schemes_are_live_either_verifies(text: str) -> None:
    shared, pair = map(signing.new_secret, signing.SCHEMES)
    body = text.encode("utf-8", "replace")
    headers = signing.headers(map(signing.signer, (pair, shared)), "msg_1", int(time.time()), body)
    Webhook(shared).verify(body, headers, json_parse=False)
    verify(signing.shown(pair), headers, body)
    assert signing.shown(shared) == shared
    assert pair.removeprefix("whsk_") not in signing.shown(pair)
