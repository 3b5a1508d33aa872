"""The three messages of a portal: INIT, QUERY, GET_BILL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response

from payhub import log
from payhub.clock import local_date
from payhub.hub import Hub
from payhub.payments.links import checkout_url
from payhub.payments.models import Payment
from payhub.portals.national import answers, naming
from payhub.portals.national.asking import digest, wanted
from payhub.portals.national.codes import Said
from payhub.portals.national.errors import Refused
from payhub.portals.national.fees import Naming
from payhub.portals.national.messages import ASK, CONFIRM, INIT, Message
from payhub.portals.national.models import NationalReference
from payhub.portals.national.naming import Order
from payhub.portals.national.partners import Partner, proven
from payhub.portals.national.standing import confirmation, standing

TYPES = {"INIT": "init", "QUERY": "query", "GET_BILL": "bill"}
"""LoaiBanTin, where all messages come to one address; to an address of its own a message may call itself anything."""
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message and who sent it, as far as that was proven."""

    hub: Hub
    message: Message
    body: bytes
    partner: Partner

    def answer(self, said: Said, more: Mapping[str, str], code: str = "") -> dict[str, Any]:
        """Return the fields of an answer."""
        return answers.answer(said, self.message.values, self.hub.clock.now(), self.partner, more=more, code=code)


def incoming(hub: Hub, message: Message, body: bytes, type_: str) -> Incoming:
    """Prove a message; raise `Refused` where it is nobody's."""
    names = INIT if type_ == "init" else ASK
    return Incoming(hub, message, body, proven(hub.registers, message, names, local_date(hub.clock.now())))


def init(it: Incoming) -> Response:
    """Ask for a payment: its address, the same for the same reference for ever."""
    hub, message = it.hub, it.message
    known = naming.again(hub, it.partner.portal.id, message.reference, message.amount, digest(message))
    payment_id = known or naming.take(hub, _order(it))
    return answers.shaped(it.answer(Said.OK, {"UrlThanhToan": checkout_url(hub, payment_id)}), it.partner.row.answer)


def _order(it: Incoming) -> Order:
    hub, message, row = it.hub, it.message, it.partner.row
    words = Naming(hub.registers, it.partner.portal, local_date(hub.clock.now()))
    strict = row.amounts == "strict"
    return Order(
        portal=it.partner.portal, partner=row, reference=message.reference, amount=message.amount,
        asked_at_text=message.get("ThoiGianGD"), digest=digest(message), wanted=wanted(message, words, strict=strict),
        receipt=message.receipt, body=it.body, language="en" if message.get("NgonNgu").lower().startswith("en") else "vi",
        return_url=row.return_url, strict=strict,
    )  # fmt: skip


def query(it: Incoming) -> Response:
    """Say how a payment stands: the fields of CONFIRM and TrangThaiGD, never in a wrapping."""
    name = _named(it)
    with it.hub.db.session() as session:
        found = standing(session, it.hub.registers, session.get_one(Payment, name.payment_id))
    # MaLoi says that the question was answered, TrangThaiGD what the answer is.
    fields = {**confirmation(it.hub.keyring, name, found, it.message.get("LoaiBanTin")), "MaLoi": Said.OK.code}
    said = {"MoTaLoi": Said.OK.text(), "TrangThaiGD": found.state}
    hashed = [str(fields[field]) for field in CONFIRM]
    return answers.direct({**fields, **said, "MaXacThuc": answers.signed(hashed, it.partner)})


def bill(it: Incoming) -> Response:
    """Answer GET_BILL: no receipt is issued by the hub yet, which is the partner's own code for it, or nothing for a PDF."""
    _named(it)
    if it.partner.row.bill == "pdf":
        return answers.no_bill_yet()
    return answers.direct(it.answer(Said.UNISSUED, {"UrlBienLai": ""}, it.partner.row.unissued))


def _named(it: Incoming) -> NationalReference:
    """Return the name a message asks about.

    ThoiGianGD is compared as a text and its difference only noted: OpenCPS repeats CONFIRM's, TD writes INIT's by a clock of twelve
    hours, and the reference alone has been used once for ever.
    """
    name = naming.known(it.hub, it.partner.portal.id, it.message.reference)
    if name is None:
        raise Refused(Said.UNKNOWN_REFERENCE)
    if it.message.get("ThoiGianGD") != name.asked_at_text:
        _log.info("national.time_differs", name=str(name.id), partner=it.partner.row.code)
    return name


ACTS = {"init": init, "query": query, "bill": bill}
