"""What of a request for a payment is sealed, and when it is first looked at again to be destroyed."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.hub import Hub
from payhub.payments import words
from payhub.payments.words import Words
from payhub.people import retention
from payhub.people import sealing as people
from payhub.people.indexing import plain

_NOTHING = {"words_key": None, "words": None, "basis_key": None, "basis": None, "destroy_after": None}
_IDENTIFIERS = ("portal_reference", "dossier")
_SIGNS = {ord(sign): None for sign in " -_./:,+()@"}
_TELLING = 6
"""A number shorter than this says nothing of a person, wherever it stands."""
_WORDS = 3
"""Without its accents a shorter name is as often a province's: Thái Bình, Hòa Bình."""
_ACCENTS = dict.fromkeys(range(0x300, 0x370))


def sealed(
    hub: Hub, payment_id: uuid.UUID, data: Mapping[str, Any], said: Words, now: datetime, expires_at: datetime
) -> dict[str, Any]:
    """Return the columns of a payment that are sealed and, where somebody is named, what is written of the payer."""
    payer = data.get("payer")
    if not payer and said == words.NONE:
        return _NOTHING
    columns: dict[str, Any] = words.seal(hub.keyring, payment_id, said)
    if payer:
        values = plain(payer)
        demand_apart(data, values)
        columns |= people.binds(hub.keyring, payment_id, payer, values)
    return {**columns, "destroy_after": retention.first_look(hub.settings.people, now, expires_at)}


def demand_apart(data: Mapping[str, Any], values: Mapping[str, str]) -> None:
    """Refuse references made of the payer's own data: they are never sealed, and stand in the books for ever."""
    told = [part for field, value in values.items() for part in _recognised(field, value) if len(part) >= _TELLING]
    problems = []
    for name in _IDENTIFIERS:
        bare = (data.get(name) or "").casefold().translate(_SIGNS)
        # What is compared of the payer is composed; of a reference only one with accents can be otherwise.
        bare = bare if bare.isascii() else unicodedata.normalize("NFC", bare)
        if any(part in bare for part in told):
            problems.append(FieldProblem(f"/{name}", "personal_data", _PERSONAL))
    if problems:
        raise InvalidInput(problems)


def _recognised(field: str, value: str) -> tuple[str, ...]:
    """Return what of a value gives the person away inside a reference, however portals make references of it."""
    bare = value.translate(_SIGNS)
    if field == "phone":
        return (bare.removeprefix("0"),)
    if field != "name" or value.isascii() or value.count(" ") < _WORDS - 1:
        return (bare,)
    return (bare, unicodedata.normalize("NFD", bare.replace("đ", "d")).translate(_ACCENTS))


_PERSONAL = Text(
    "Không dùng họ tên, số giấy tờ, điện thoại hay thư điện tử của người nộp làm mã",
    "A reference must not be made of the payer's name, number of identity, telephone number or e-mail",
)
