"""Sealing who pays, and opening it again: group by group, each with a data key of its own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import orjson

from payhub.crypto import Keyring, Sealed
from payhub.people.indexing import digests
from payhub.people.models import Payer

GROUPS = {"record": ("name", "id_number", "address"), "contact": ("phone", "email")}
"""What is sealed together. A treasury voucher (C1-02/NS) and the national platform's receipt name who pays, their number and their
address, so these stay as long as accounting records do; nothing in the books needs a telephone number or an e-mail."""


def binds(keyring: Keyring, payment_id: uuid.UUID, payer: Mapping[str, str], values: Mapping[str, str]) -> dict[str, Any]:
    """Return what the statement that writes a payment takes of its payer: the sealed groups, and the index of `plain` values."""
    made: dict[str, Any] = {}
    written = str(payment_id)
    for group, names in GROUPS.items():
        told = {name: payer[name] for name in names if name in payer}
        sealed = keyring.seal(orjson.dumps(told), context(group, written)) if told else None
        made[f"{group}_key"], made[group] = (sealed.key, sealed.data) if sealed else (None, None)
    version, found_by = keyring.newest, digests(keyring, values)
    rows = [{"field": field, "version": version, "digest": digest.hex()} for field, digest in found_by.items()]
    return {**made, "payer_index": rows}


def context(group: str, payment_id: uuid.UUID | str) -> str:
    """Return what binds a group to its row, as `payhub.sealed` says it."""
    return f"payer {group} {payment_id}"


def opened(keyring: Keyring, payer: Payer | None) -> dict[str, str]:
    """Return what is still there of a payer, by field."""
    found: dict[str, str] = {}
    for group in GROUPS if payer is not None else ():
        key, data = getattr(payer, f"{group}_key"), getattr(payer, group)
        if key is not None and data is not None and payer is not None:
            found |= orjson.loads(keyring.open(Sealed(key, data), context(group, payer.payment_id)))
    return found
