"""What is shown of who pays to those who need not know: enough to recognise, too little to use."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping

HIDDEN = "*"
_SHOWN, _LEAST = 3, 7


def masked(payer: Mapping[str, str]) -> dict[str, str]:
    """Return a payer with every value masked in its own way."""
    return {name: _MASKS[name](value) for name, value in payer.items() if name in _MASKS}


def _name(value: str) -> str:
    """Show the first letter of each word: N***** V** A."""
    return " ".join(_first(word) for word in unicodedata.normalize("NFC", value).split())


def _number(value: str) -> str:
    """Show the last three characters of a number that is long enough to keep the rest to itself."""
    kept = "".join(value.split())
    shown = kept[-_SHOWN:] if len(kept) >= _LEAST else ""
    return HIDDEN * (len(kept) - len(shown)) + shown


def _email(value: str) -> str:
    """Show the first letter of either side: n*******@g****.com."""
    user, at, host = value.rpartition("@")
    if not at:
        return _first(value)
    domain, dot, last = host.rpartition(".")
    return f"{_first(user)}@{_first(domain)}{dot}{last}" if dot else f"{_first(user)}@{_first(host)}"


def _address(value: str) -> str:
    """Show what comes last, which is the province, where there is more before it."""
    before, comma, last = value.rpartition(",")
    return f"{HIDDEN * 3}, {last.strip()}" if comma and before.strip() else HIDDEN * 3


def _first(word: str) -> str:
    return word[:1] + HIDDEN * (len(word) - 1)


_MASKS: Mapping[str, Callable[[str], str]] = {
    "name": _name,
    "id_number": _number,
    "phone": _number,
    "email": _email,
    "address": _address,
}
