"""Signing what others keep: Ed25519, with keys that are never in the database, so that whoever can write rows cannot sign.

`signing.keys` is PEM, one block after another. The first private key signs. All others are only published, so that what they signed
is still verified and what they will sign already is: a retired key stays as a block of its public half.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

_BLOCK = re.compile(r"-----BEGIN (PRIVATE|PUBLIC) KEY-----[A-Za-z0-9+/=\s]+-----END \1 KEY-----")
_MADE = "signing.pem"


@dataclass(frozen=True, slots=True)
class Signing:
    """`keys` is PEM: Ed25519 keys, the one that signs first. Where money is not real one is made under `paths.home`."""

    keys: str = field(default="", repr=False)

    def wrong(self, *, live: bool) -> Iterator[str]:
        """Say what cannot be."""
        if live and not self.keys:
            yield "PAYHUB_SIGNING__KEYS (signing.keys) is missing: make a key with `payhub signing-keys new FILE`"
        if self.keys:
            try:
                read(self.keys)
            except ValueError as error:
                yield str(error)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key: what it is known by, and the half that signs where it is here."""

    id: str
    """Its thumbprint (RFC 7638)."""
    public: bytes
    private: Ed25519PrivateKey | None = field(repr=False)

    @classmethod
    def of(cls, public: Ed25519PublicKey, private: Ed25519PrivateKey | None = None) -> SigningKey:
        """Name a key."""
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        named = f'{{"crv":"Ed25519","kty":"OKP","x":"{_base64url(raw)}"}}'
        return cls(_base64url(hashlib.sha256(named.encode()).digest()), raw, private)

    def jwk(self) -> dict[str, str]:
        """Return the public half as RFC 8037 writes it."""
        return {"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": _base64url(self.public), "use": "sig", "alg": "EdDSA"}


class Attester:
    """The keys of one deployment."""

    def __init__(self, signing: Signing, home: Path, *, live: bool) -> None:
        """Nothing is read, or made, before it is needed."""
        self._signing, self._home, self._live = signing, home, live
        self._read: Mapping[str, SigningKey] | None = None

    @property
    def keys(self) -> Mapping[str, SigningKey]:
        """The keys by id, the one that signs first."""
        if self._read is None:
            pem = self._signing.keys or ("" if self._live else _kept(self._home / _MADE))
            self._read = {key.id: key for key in read(pem)}
        return self._read

    @property
    def signs(self) -> SigningKey:
        """The key that signs."""
        return next(each for each in self.keys.values() if each.private is not None)

    def sign(self, message: bytes) -> tuple[str, bytes]:
        """Return the id of the key that signs, and the 64 bytes of its signature."""
        key = self.signs
        assert key.private is not None  # noqa: S101 - it is the one that can
        return key.id, key.private.sign(message)

    def verifies(self, key_id: str, message: bytes, signature: bytes) -> bool:
        """Tell whether a key of ours signed this."""
        key = self.keys.get(key_id)
        if key is None:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def jwks(self) -> dict[str, Any]:
        """Return what is published: a JSON Web Key Set (RFC 7517)."""
        return {"keys": [key.jwk() for key in self.keys.values()]}


def read(pem: str) -> Sequence[SigningKey]:
    """Read blocks of PEM; raise ValueError, quoting nothing, where one is no Ed25519 key or none can sign."""
    found, rest = [], _BLOCK.sub("", pem)
    for block in _BLOCK.finditer(pem):
        try:
            private = load_pem_private_key(block[0].encode(), None) if block[1] == "PRIVATE" else None
            public = private.public_key() if private is not None else load_pem_public_key(block[0].encode())
        except (ValueError, TypeError):
            raise ValueError("signing.keys holds a block of PEM that cannot be read") from None
        if not isinstance(public, Ed25519PublicKey) or not isinstance(private, Ed25519PrivateKey | None):
            raise ValueError("signing.keys must hold Ed25519 keys and no others")  # noqa: TRY004 - it is the setting that is wrong
        found.append(SigningKey.of(public, private))
    if rest.strip() or not any(key.private for key in found) or len({key.id for key in found}) < len(found):
        raise ValueError("signing.keys must be PEM, PRIVATE KEY and PUBLIC KEY blocks, each key once and one of them private")
    return found


def new_key() -> str:
    """Return a fresh private key in PEM."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def write(path: Path, pem: str) -> None:
    """Write a key for its owner alone; raise FileExistsError rather than write over one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: processes that start together read the one that came first.
    draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(pem)
    try:
        path.hardlink_to(draft)
    finally:
        draft.unlink()


def public_half(key: SigningKey) -> str:
    """Return a key's public half in PEM."""
    public = Ed25519PublicKey.from_public_bytes(key.public)
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _kept(path: Path) -> str:
    if not path.exists():
        with suppress(FileExistsError):
            write(path, new_key())
    return path.read_text(encoding="ascii")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
