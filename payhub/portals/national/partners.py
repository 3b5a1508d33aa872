"""Whose message it is, and whether it is proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from payhub.portals.models import Portal
from payhub.portals.national.codes import Said
from payhub.portals.national.errors import Refused
from payhub.portals.national.hashing import proven_by
from payhub.portals.national.messages import Message
from payhub.portals.national.models import NationalPartner
from payhub.portals.service import portal_on
from payhub.registers import Registers, in_force


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner whose message was proven, its portal, and the secret that proved it."""

    row: NationalPartner
    portal: Portal
    secret: str = field(repr=False)


def proven(registers: Registers, message: Message, names: Sequence[str], on: date) -> Partner:
    """Return the partner a message comes from; raise `Refused` where it is unknown, or the message is not its own."""
    row = registered(registers, message.get("MaDoiTac"), "payment_platform", on)
    portal = registers.portals[row.portal_id]
    secret = proven_by(message.hashed(names), inbound(registers, portal), message.given)
    if secret is None:
        raise Refused(Said.NOT_PROVEN)
    return Partner(row, portal, secret)


def registered(registers: Registers, code: str, contract: str, on: date) -> NationalPartner:
    """Return the row of a partner code of an open portal; raise `Refused` where none is in force."""
    row = in_force(registers.national_partners.get(code, ()), on)
    if row is None or row.contract != contract or portal_on(registers, registers.portals[row.portal_id], on) is None:
        raise Refused(Said.UNKNOWN_PARTNER)
    return row


def inbound(registers: Registers, portal: Portal) -> tuple[str, ...]:
    """Return the live secrets that a portal's messages are proven with."""
    return registers.portal_secrets.get(portal.id, {}).get("inbound", ())


def confirming(registers: Registers, row: NationalPartner) -> tuple[str, ...]:
    """Return the live secrets that CONFIRM is proven with, the newest first."""
    return registers.portal_secrets.get(row.portal_id, {}).get(row.confirm_secret, ())
