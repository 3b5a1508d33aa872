"""Sealing what must not be read in a stolen database, and proving what must not be guessed.

A personal value is sealed with a data key of its own (AES-256-GCM); the data key is stored wrapped by the newest key of the ring.
Destroying the wrapped key erases the value, however many copies of the sealed bytes there are. Associated data binds a sealed
value to its row, so that bytes moved to another row do not open.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import ssl
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE, _KEY = 12, 32
_VERSIONS = frozenset(range(256))


class CryptoError(Exception):
    """Sealed bytes cannot be opened: another row's, another ring's, or damaged."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value and the wrapped key that alone opens it."""

    key: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Keyring:
    """Versioned 32-byte keys; the newest wraps, all of them unwrap.

    `current` names an older one that wraps instead: while a new key is given to every process, none may use it yet.
    """

    keys: dict[int, bytes] = field(repr=False)
    current: int | None = None

    @classmethod
    def parse(cls, text: str, current: int | None = None) -> Keyring:
        """Read `version:base64,version:base64`; raise ValueError without quoting what it read."""
        entries = [entry.strip().partition(":") for entry in text.split(",")]
        try:
            keys = {int(version): base64.b64decode(encoded, validate=True) for version, _, encoded in entries}
        except ValueError:
            raise ValueError("secrets.keys must be version:base64 pairs separated by commas") from None
        short = ", ".join(str(version) for version, key in keys.items() if len(key) != _KEY)
        if short:
            raise ValueError(f"each key of secrets.keys must be 32 bytes in base64, and this version is not: {short}")
        if not set(keys) <= _VERSIONS:
            raise ValueError("the versions of secrets.keys must be 0 to 255")
        if len(set(keys.values())) < len(entries):
            raise ValueError("secrets.keys must not hold a version or a key twice")
        if current is not None and current not in keys:
            raise ValueError("secrets.current must be a version of secrets.keys")
        return cls(keys, current)

    @property
    def newest(self) -> int:
        """Return the version that wraps."""
        return max(self.keys) if self.current is None else self.current

    def check_value(self, version: int) -> bytes:
        """Return 8 bytes by which a key is recognised and nothing else is learned."""
        return self.mac("check value", b"", version)[:8]

    def seal(self, plain: bytes, context: str) -> Sealed:
        """Seal a value with a fresh data key; `context` names the row it belongs to."""
        place, version, chance = context.encode(), self.newest, os.urandom(_KEY + 2 * _NONCE)
        data_key, nonce, wrapping = chance[:_KEY], chance[_KEY:-_NONCE], chance[-_NONCE:]
        wrapped = _ready(self.keys[version]).encrypt(wrapping, data_key, b"key " + place)
        data = AESGCM(data_key).encrypt(nonce, plain, place)
        return Sealed(version.to_bytes(1, "big") + wrapping + wrapped, nonce + data)

    def open(self, sealed: Sealed, context: str) -> bytes:
        """Return what was sealed; raise `CryptoError` where key, bytes or context do not belong together."""
        return decrypt(self.unwrap(sealed.key, context), sealed.data, context)

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """Return the data key in a wrapped one: a byte of version, nonce, ciphertext."""
        key = self.keys.get(wrapped[0]) if wrapped else None
        if key is None:
            raise CryptoError("the key that wrapped this is not on the ring")
        return decrypt(key, wrapped[1:], f"key {context}")

    def mac(self, purpose: str, message: bytes, version: int | None = None) -> bytes:
        """Return 32 bytes nobody without the ring can make; `purpose` keeps the uses apart."""
        key = self.keys[self.newest if version is None else version]
        return hmac.digest(hmac.digest(key, purpose.encode(), hashlib.sha256), message, hashlib.sha256)

    def verify(self, purpose: str, message: bytes, mac: bytes) -> bool:
        """Tell, in constant time, whether any key of the ring made this (possibly truncated) mac."""
        matches = [hmac.compare_digest(self.mac(purpose, message, version)[: len(mac)], mac) for version in self.keys]
        return any(matches)


@lru_cache(maxsize=256)
def _ready(ring_key: bytes) -> AESGCM:
    """Return a cipher that stays: a ring has few keys, and they wrap everything."""
    return AESGCM(ring_key)


def encrypt(key: bytes, plain: bytes, context: str) -> bytes:
    """Encrypt with AES-256-GCM: nonce, then ciphertext and tag."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def decrypt(key: bytes, data: bytes, context: str) -> bytes:
    """Undo `encrypt`; raise `CryptoError` where anything differs."""
    try:
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], context.encode())
    except (InvalidTag, ValueError):
        raise CryptoError("sealed bytes do not open with this key and context") from None


def new_key() -> str:
    """Return a fresh key in the form the ring is written in."""
    return base64.b64encode(os.urandom(32)).decode()


def holds_certificates(name: str) -> bool:
    """Tell whether a file is one of certificates in PEM that can be read."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=name)
    except OSError:
        return False
    return True
