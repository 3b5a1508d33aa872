"""Names for things: sortable ids inside, checked numbers and codes outside."""

from __future__ import annotations

import secrets
import uuid
from datetime import date, datetime, time

from uuid_utils import compat

from payhub.clock import LOCAL

CODE_ALPHABET = "0123456789BCDFGHJKLMNPQRSTVWXZ"
"""No vowels: a code never spells a word. Y is left out with them."""

_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2), (7, 0, 9, 2, 1, 5, 4, 8, 6, 3), (4, 2, 0, 6, 8, 7, 1, 3, 5, 9), (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8), (3, 6, 7, 4, 2, 0, 9, 5, 8, 1), (5, 8, 6, 9, 7, 2, 0, 1, 3, 4), (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5), (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)  # fmt: skip


def new_id() -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562): rows sort by the time they were made."""
    return compat.uuid7()


def first_id(day: date) -> uuid.UUID:
    """Return the least id that `new_id` may make on a local day: an id's first 48 bits are milliseconds since 1970."""
    return uuid.UUID(int=int(datetime.combine(day, time.min, LOCAL).timestamp() * 1000) << 80)


def public_id(kind: str, value: uuid.UUID, mode: str) -> str:
    """Write an id for the outside: `pay_<32 hex>` where the hub is live, `pay_test_<32 hex>` where it is not."""
    return f"{kind}_{value.hex}" if mode == "live" else f"{kind}_test_{value.hex}"


def read_public_id(kind: str, text: str, mode: str) -> uuid.UUID | None:
    """Read what `public_id` wrote; None for anything else, the other mode's ids included."""
    prefix = f"{kind}_" if mode == "live" else f"{kind}_test_"
    digits = text.removeprefix(prefix)
    if len(digits) != 32 or digits == text or not set(digits) <= set("0123456789abcdef"):
        return None
    return uuid.UUID(hex=digits)


def damm_digit(digits: str) -> str:
    """Return the check digit that catches every single wrong digit and every swap of neighbours (H. M. Damm, 2004)."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return str(interim)


def new_reference() -> str:
    """Return a payment's number: 11 random digits, the first never 0, and a Damm check digit."""
    digits = str(secrets.randbelow(9 * 10**10) + 10**10)
    return digits + damm_digit(digits)


def is_reference(text: str) -> bool:
    """Tell whether the text is a payment's number, its check digit included."""
    return len(text) == 12 and text.isascii() and text.isdigit() and damm_digit(text[:11]) == text[11]


def _mod97(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text)) % 97


def new_code() -> str:
    """Return an attempt's code: `PH`, 10 random characters, 2 check digits (ISO/IEC 7064, MOD 97-10).

    The check catches every letter read as another letter, every digit as another digit, and 96 of 97 other slips.
    """
    body = "PH" + "".join(secrets.choice(CODE_ALPHABET) for _ in range(10))
    return f"{body}{98 - _mod97(body + '00'):02d}"


def is_code(text: str) -> bool:
    """Tell whether the text is an attempt's code, its check digits included."""
    return len(text) == 14 and text.startswith("PH") and set(text) <= set(CODE_ALPHABET + "PH") and _mod97(text) == 1
