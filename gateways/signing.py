"""Signatures and the text they are made over, for every protocol."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Literal
from urllib.parse import quote_plus

Digest = Literal["sha256", "sha512"]

FORMS = ("~", "*", "~*()!'", "")
"""What form-encoding leaves alone besides letters, digits and `- _ .`, one entry per habit: Python's quote_plus, Java's URLEncoder
and the browsers' URLSearchParams, JavaScript's encodeURIComponent, PHP's urlencode."""


def mac(digest: Digest, secret: str, message: bytes) -> str:
    """HMAC of the message under the secret's UTF-8 bytes, lower-case hex."""
    return hmac.new(secret.encode(), message, digest).hexdigest()


def verifies(digest: Digest, secrets: Iterable[str], messages: Iterable[bytes], claimed: str) -> bool:
    """Whether the claimed hex is the HMAC of any of the messages under any of the secrets.

    Upper and lower case are the same. The comparison takes the same time for every wrong claim of one length.
    """
    given = claimed.lower().encode("utf-8", "backslashreplace")
    texts = tuple(messages)
    found = False
    for secret in secrets:
        for text in texts:
            found |= hmac.compare_digest(mac(digest, secret, text).encode(), given)
    return found


def form_encoded(value: str | bytes, left_alone: str = FORMS[0]) -> str:
    """One value as application/x-www-form-urlencoded (UTF-8, space as `+`), leaving alone what one of `FORMS` says."""
    encoded = quote_plus(value, safe=left_alone)
    return encoded if "~" in left_alone else encoded.replace("~", "%7E")
