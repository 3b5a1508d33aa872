"""How each protocol speaks to a portal: what is sent for a delivery, and what its answer means.

*Standard Webhooks* is answered by a status. PaymentPlatform's CONFIRM is answered by MaLoi, and portals answer in their own ways:
both known ones repeat our MaXacThuc, TD leaves MaThamChieu empty and repeats the MaLoi of a failure, OpenCPS answers `return_code`
where it found nothing. So nothing but MaLoi counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from sqlalchemy.orm import Session

from payhub.clock import local_date
from payhub.hub import Hub
from payhub.payments.models import Payment
from payhub.portals.national.codes import FAILURES, Said
from payhub.portals.national.hashing import digest
from payhub.portals.national.messages import CONFIRM
from payhub.portals.national.models import NationalPartner, NationalReference
from payhub.portals.national.partners import confirming
from payhub.portals.national.standing import PENDING, confirmation, standing
from payhub.registers import Registers, in_force
from webhooks import signing
from webhooks.endpoints import Target
from webhooks.messages import Message, Sent

STANDARD, PAYMENT_PLATFORM = "standard", "payment_platform"
UNDECIDED, NO_SECRET, NO_PARTNER, NO_WORD = "undecided", "no_secret", "no_partner", "no_word"
OURS = frozenset({UNDECIDED, NO_SECRET, NO_PARTNER, NO_WORD})
"""Why nothing was sent: none of it is the endpoint's fault."""
_HEADERS = {"Content-Type": "application/json", "User-Agent": "PayHub"}


class NotSpoken(Exception):
    """Nothing can be sent now: why, in one word. The delivery is tried again like one that failed."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted."""

    headers: Mapping[str, str]
    body: bytes


def compose(hub: Hub, target: Target, message: Sent) -> Request:
    """Return the request that tells an endpoint of something; raise `NotSpoken` where it must wait."""
    return _REQUESTS[target.protocol](hub, target, message)


def judge(target: Target, sent: Request, status: int, answer: bytes) -> str | None:
    """Return None where the portal took it, else in one word why not."""
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return f"status_{status}"
    return _confirmed(sent, answer) if target.protocol == PAYMENT_PLATFORM else None


def _standard(hub: Hub, target: Target, message: Sent) -> Request:
    mode = hub.settings.mode
    body = message.body(mode, target.version)
    signed = signing.headers(target.signers, message.public_id(mode), int(hub.clock.now().timestamp()), body)
    return Request({**_HEADERS, **signed}, body)


def _confirm(hub: Hub, _: Target, message: Sent) -> Request:
    """Return CONFIRM: how the payment stands now. What has become untrue since it was due is never told."""
    if not isinstance(message, Message):
        # The contract has no message about nothing: a reference that a portal never gave, it would take for a fault of ours.
        raise NotSpoken(NO_WORD)
    registers = hub.registers
    with hub.db.session() as session:
        name, payment = _named(session, message)
        found = standing(session, registers, payment)
    if found.state == PENDING:
        # Of an attempt nobody has heard the end of, money may come: a failure waits, as long as any delivery does.
        raise NotSpoken(UNDECIDED)
    partner = _partner(registers, name, hub)
    secrets = confirming(registers, partner)
    if not secrets:
        raise NotSpoken(NO_SECRET)
    fields = confirmation(hub.keyring, name, found, partner.confirm_type)
    # The contract has room for one hash: while two secrets live, tries take turns, so that the portal's own is among them.
    secret = secrets[message.tries % len(secrets)]
    hashed = digest([str(fields[field]) for field in CONFIRM], secret)
    return Request({**_HEADERS, "Accept-Encoding": "identity"}, orjson.dumps({**fields, "MaXacThuc": hashed}))


def _named(session: Session, message: Message) -> tuple[NationalReference, Payment]:
    return session.get_one(NationalReference, message.name_id), session.get_one(Payment, message.payment_id)


def _partner(registers: Registers, name: NationalReference, hub: Hub) -> NationalPartner:
    """Return the row of the portal's partner code; one that has ended is still told what it asked for."""
    rows = [row for row in registers.national_partners.get(name.partner, ()) if row.portal_id == name.portal_id]
    found = in_force(rows, local_date(hub.clock.now())) or max(rows, key=lambda row: row.valid_from, default=None)
    if found is None:
        raise NotSpoken(NO_PARTNER)
    return found


def _confirmed(sent: Request, answer: bytes) -> str | None:
    try:
        told: Any = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return "answer_unreadable"
    if not isinstance(told, dict):
        return "answer_unreadable"
    if "MaLoi" not in told:
        return "return_code" if "return_code" in told else "answer_without_code"
    code, asked = str(told["MaLoi"]), orjson.loads(sent.body)["MaLoi"]
    # TD repeats the MaLoi it was told. Of ours none of a failure is `99`, by which OpenCPS says that it failed itself.
    if code == Said.OK.code or (asked in FAILURES and code == asked):
        return None
    return f"code_{code}" if _CODE.fullmatch(code) else "code_other"


_CODE = re.compile("[0-9]{1,4}")
_REQUESTS: Mapping[str, Callable[[Hub, Target, Sent], Request]] = {STANDARD: _standard, PAYMENT_PLATFORM: _confirm}
