"""Standard Webhooks: how a portal knows that a message is ours, whole and fresh (https://www.standardwebhooks.com).

A secret says itself how it signs: `whsec_` and 32 bytes with HMAC-SHA256 (`v1`), `whsk_` and the seed of a key pair with Ed25519
(`v1a`). The first is known to both sides; of the second the portal has the public key, `whpk_`, and can prove nothing to others
that we did not sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SCHEMES = ("hmac", "ed25519")
Signer = Callable[[bytes], str]
"""Takes what is signed and returns one signature as the header has it."""
_SHARED, _PRIVATE, _PUBLIC = "whsec_", "whsk_", "whpk_"
_BYTES = 32


def new_secret(scheme: str) -> str:
    """Return a new signing secret in the form the standard gives it."""
    return {"hmac": _SHARED, "ed25519": _PRIVATE}[scheme] + _written(secrets.token_bytes(_BYTES))


def scheme_of(secret: str) -> str:
    """Return the scheme a secret is of."""
    return "ed25519" if secret.startswith(_PRIVATE) else "hmac"


def shown(secret: str) -> str:
    """Return what the portal is given: a shared secret itself, of a key pair the public key."""
    return secret if scheme_of(secret) == "hmac" else public_key(secret)


def public_key(secret: str) -> str:
    """Return the public key that belongs to a private one."""
    return _PUBLIC + _written(_pair(secret).public_key().public_bytes_raw())


def signer(secret: str) -> Signer:
    """Return what signs with a secret; to be made once for many messages."""
    if scheme_of(secret) == "ed25519":
        pair = _pair(secret)
        return lambda signed: "v1a," + _written(pair.sign(signed))
    key = _read(secret, _SHARED)
    return lambda signed: "v1," + _written(hmac.digest(key, signed, hashlib.sha256))


def headers(signers: Iterable[Signer], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of the standard; the id stays the same however often a message is sent.

    There is one signature per live secret, so that a portal may change secrets without a gap.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(signed) for sign in signers),
    }


def _pair(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_read(secret, _PRIVATE))


def _read(secret: str, prefix: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(prefix), validate=True)
    except binascii.Error:
        raise ValueError(f"a webhook secret is {prefix} and base64") from None


def _written(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
