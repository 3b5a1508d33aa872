"""The blind index: a keyed digest of each value a person is found by, the same for every way of writing it.

A stolen database tells which payments have the same payer, and not who that is: without the ring nobody can try names or numbers.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from payhub.crypto import Keyring
from payhub.people.models import FIELDS

_PURPOSE, _SIZE = "payer index", 16
_COUNTRY, _NATIONAL = "84", 11


def normalised(field: str, value: str) -> str:
    """Return what two ways of writing one value have in common; nothing for a value that says nothing."""
    text = unicodedata.normalize("NFC", value).casefold()
    if field == "phone":
        return _national("".join(filter(str.isdecimal, text)))
    if field == "id_number":
        # A citizen's number is digits alone; a passport's begins with a letter.
        return "".join(filter(str.isalnum, text))
    return " ".join(text.split()) if field == "name" else "".join(text.split())


def _national(digits: str) -> str:
    """Return a Vietnamese number as it is dialled at home: +84 912 345 678 is 0912 345 678."""
    short = digits.removeprefix("00")
    return f"0{short[2:]}" if short.startswith(_COUNTRY) and len(short) >= _NATIONAL else digits


def plain(payer: Mapping[str, str]) -> dict[str, str]:
    """Return what a payer is found by, in the form in which it is compared."""
    values = {field: normalised(field, payer[field]) for field in FIELDS if field in payer}
    return {field: value for field, value in values.items() if value}


def digests(keyring: Keyring, values: Mapping[str, str], version: int | None = None) -> dict[str, bytes]:
    """Return the digests of `plain` values, made by the key that seals or by another of the ring."""
    key = _key(keyring.keys[keyring.newest if version is None else version])
    return {field: hmac.digest(key, f"{field}\n{value}".encode(), "sha256")[:_SIZE] for field, value in values.items()}


def wanted(keyring: Keyring, field: str, value: str) -> list[bytes]:
    """Return every digest a value may stand under: one for each key of the ring."""
    values = plain({field: value})
    return [digest for version in keyring.keys for digest in digests(keyring, values, version).values()]


@lru_cache(maxsize=64)
def _key(ring_key: bytes) -> bytes:
    return hmac.digest(ring_key, _PURPOSE.encode(), "sha256")
