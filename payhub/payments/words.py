"""What a portal writes with a payment in words of its own: kept sealed, because any of it may name a person.

Two values with a data key each: what no accounting record needs (metadata, return address, what the portal calls a line), and the
notice or decision that sets a free amount, which one does.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from payhub.crypto import Keyring, Sealed
from payhub.registers import Registers


@dataclass(frozen=True, slots=True)
class Words:
    """A portal's words; of lines, by number."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    return_url: str | None = None
    descriptions: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def of_payment(self) -> dict[str, Any]:
        """Return what a payment's answer shows of them."""
        return {"metadata": self.metadata, "return_url": self.return_url}

    def of_line(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """Return a line with what the portal calls it and says of its amount."""
        number = str(line["number"])
        return {
            **line,
            "description": self.descriptions.get(number, line["description"]),
            "reason": self.reasons.get(number),
        }


NONE = Words()


def asked(data: Mapping[str, Any], return_url: str | None) -> Words:
    """Return the words of a request."""
    lines = data["lines"]
    return Words(data["metadata"], return_url, _of_lines(lines, "description"), _of_lines(lines, "reason"))


def _of_lines(lines: Sequence[Mapping[str, Any]], name: str) -> dict[str, str]:
    return {str(number): line[name] for number, line in enumerate(lines, start=1) if line.get(name)}


def plain_line(registers: Registers, line: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a line's row without the portal's words: its description is the fee's name."""
    return {**line, "description": registers.fees_by_id[line["fee_id"]].name_vi, "reason": None}


def seal(keyring: Keyring, payment_id: uuid.UUID, words: Words) -> dict[str, bytes | None]:
    """Return the columns of a payment that hold its words; nothing is sealed where there is nothing."""
    parts = {"metadata": words.metadata, "return_url": words.return_url, "descriptions": words.descriptions}
    free = {name: part for name, part in parts.items() if part}
    return {**_seal(keyring, "words", payment_id, free), **_seal(keyring, "basis", payment_id, words.reasons)}


def _seal(keyring: Keyring, column: str, payment_id: uuid.UUID, value: Mapping[str, Any]) -> dict[str, bytes | None]:
    if not value:
        return {f"{column}_key": None, column: None}
    sealed = keyring.seal(orjson.dumps(value), f"payment {column} {payment_id}")
    return {f"{column}_key": sealed.key, column: sealed.data}


def opened(keyring: Keyring, payment: Any) -> Words:
    """Return what is still there of the words of a payment's row; of an erased one nothing is shown."""
    if payment.erased_at is not None or (payment.words is None and payment.basis is None):
        return NONE
    return Words(**_open(keyring, "words", payment), reasons=_open(keyring, "basis", payment))


def return_url(keyring: Keyring, payment: Any) -> str | None:
    """Return where the portal wants its citizen back, if it is still there."""
    address: str | None = _open(keyring, "words", payment).get("return_url")
    return address


def _open(keyring: Keyring, column: str, payment: Any) -> dict[str, Any]:
    key, data = getattr(payment, f"{column}_key"), getattr(payment, column)
    if key is None or data is None:
        return {}
    value: dict[str, Any] = orjson.loads(keyring.open(Sealed(key, data), f"payment {column} {payment.id}"))
    return value
