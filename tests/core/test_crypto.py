"""Sealing and proving."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payhub.crypto import CryptoError, Keyring, Sealed


def ring(*versions: int) -> Keyring:
    return Keyring.parse(",".join(f"{version}:{base64.b64encode(bytes([version]) * 32).decode()}" for version in versions))


@given(st.binary(max_size=500), st.text(max_size=20))
def test_what_is_sealed_opens_in_its_own_place_only(plain: bytes, context: str) -> None:
    keys = ring(1)
    sealed = keys.seal(plain, context)
    assert keys.open(sealed, context) == plain
    with pytest.raises(CryptoError):
        keys.open(sealed, context + "x")


@given(st.integers(0, 200))
def test_one_changed_bit_does_not_open(place: int) -> None:
    keys = ring(1)
    sealed = keys.seal(b"x" * 200, "row")
    data = bytearray(sealed.data)
    data[place] ^= 1
    with pytest.raises(CryptoError):
        keys.open(Sealed(sealed.key, bytes(data)), "row")


def test_an_older_key_still_opens_and_the_newest_wraps() -> None:
    old = ring(1).seal(b"secret", "row")
    assert ring(1, 2).open(old, "row") == b"secret"
    assert ring(1, 2).seal(b"secret", "row").key[0] == 2
    with pytest.raises(CryptoError):
        ring(2).open(old, "row")


def test_a_mac_verifies_with_any_key_of_the_ring_and_its_own_purpose() -> None:
    made = ring(1).mac("checkout", b"id")
    assert ring(1, 2).verify("checkout", b"id", made[:12])
    assert not ring(1, 2).verify("other", b"id", made[:12])
    assert not ring(2).verify("checkout", b"id", made[:12])


def test_a_key_that_was_cut_off_is_named_and_not_quoted() -> None:
    whole = base64.b64encode(bytes(range(32))).decode()
    with pytest.raises(ValueError, match=r"32 bytes in base64, and this version is not: 2$"):
        Keyring.parse(f"1:{whole},2:{whole[:20]}")


@pytest.mark.parametrize("text", ["", "1", "1:xx", "a:" + base64.b64encode(bytes(32)).decode(), "1:" + base64.b64encode(b"short").decode()])
def test_a_bad_ring_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"secrets\.keys") as caught:
        Keyring.parse(text)
    assert len(text) < 3 or text not in str(caught.value)
