"""INIT at work: a reference names a payment, for ever; a second one for the same fees of a dossier is another name of it."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from payhub import ids
from payhub.clock import local_date
from payhub.crypto import Keyring
from payhub.db import constraint_of
from payhub.discrepancies.service import open_ as open_discrepancy
from payhub.errors import InvalidInput, Unavailable
from payhub.hub import Hub
from payhub.idempotency import Once
from payhub.identifiers import identifier, instant_text
from payhub.payments import closing, writing
from payhub.payments.errors import PortalReferenceTaken
from payhub.payments.lines import Asking, resolve
from payhub.payments.models import Payment, PaymentLine
from payhub.payments.recording import record
from payhub.payments.sealing import demand_apart
from payhub.payments.service import new_payment
from payhub.people.indexing import plain
from payhub.portals.models import Portal
from payhub.portals.national.asking import Wanted, differing
from payhub.portals.national.codes import Said
from payhub.portals.national.errors import Refused, about_amounts
from payhub.portals.national.messages import Receipt
from payhub.portals.national.models import NationalPartner, NationalReference
from payhub.portals.service import portal_on
from payhub.registers import Registers
from payhub.sealed import context_of

_TRIES = 4
_AGAIN = {"uq_payment_reference", "uq_national_reference_portal_id_reference", "uq_payment_line_dossier_claim"}
"""Somebody was quicker: what they wrote is found the next time."""
_USED = "uq_payment_portal_id_portal_reference"


@dataclass(frozen=True, slots=True)
class Order:
    """One request under one reference, whatever contract it came by."""

    portal: Portal
    partner: NationalPartner
    reference: str
    amount: int
    asked_at_text: str
    digest: bytes
    """Of what is asked for (`asking.digest`)."""
    wanted: Wanted
    receipt: Receipt
    body: bytes
    """The message, as it came."""
    language: str = "vi"
    return_url: str | None = None
    strict: bool = True


def take(hub: Hub, order: Order) -> uuid.UUID:
    """Return the payment that a reference names: the one it has named, the one its dossier has, or a new one."""
    registers = hub.registers
    for _ in range(_TRIES):
        try:
            with hub.db.session() as session:
                found = _Taking(hub, registers, session, order).payment()
        except IntegrityError as error:
            constraint = constraint_of(error)
            if constraint == _USED and known(hub, order.portal.id, order.reference) is None:
                # The portal gave it to a payment that it asked for otherwise.
                raise PortalReferenceTaken from None
            if constraint not in {*_AGAIN, _USED}:
                raise
            continue
        if found is not None:
            return found
        registers = hub.cache.fresh()
    raise Unavailable


def again(hub: Hub, portal_id: uuid.UUID, reference: str, amount: int, asked: bytes) -> uuid.UUID | None:
    """Return the payment that a reference has named already, whatever the registers say by now; None where it names nothing yet."""
    name = known(hub, portal_id, reference)
    return _same(name, amount, asked) if name else None


def known(hub: Hub, portal_id: uuid.UUID, reference: str) -> NationalReference | None:
    """Return the name that a portal gave by this reference, or None."""
    with hub.db.session() as session:
        return _named(session, portal_id, reference)


def _named(session: Session, portal_id: uuid.UUID, reference: str) -> NationalReference | None:
    of = (NationalReference.portal_id == portal_id, NationalReference.reference == reference)
    return session.scalar(select(NationalReference).where(*of))


def _same(name: NationalReference, amount: int, asked: bytes) -> uuid.UUID:
    """Return what a name means, if it is asked for the very same."""
    if name.amount != amount or not hmac.compare_digest(name.digest, asked):
        raise Refused(Said.REFERENCE_USED)
    return name.payment_id


class _Taking:
    """One order in one transaction."""

    def __init__(self, hub: Hub, registers: Registers, session: Session, order: Order) -> None:
        self._hub, self._registers, self._session, self._order = hub, registers, session, order
        self._now: datetime = hub.clock.now()

    def payment(self) -> uuid.UUID | None:
        """Return the payment; None where the registers have moved since, and nothing was written."""
        order = self._order
        # Two orders for one dossier wait for each other here, before either looks: locks of payments come after.
        about = f"national {order.portal.id} {order.wanted.dossier or order.reference}"
        self._session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(about, 0))))
        name = _named(self._session, order.portal.id, order.reference)
        if name is not None:
            return _same(name, order.amount, order.digest)
        rows, declared = self._lines()
        holder = self._holder(rows)
        return self._another_name(holder, rows) if holder else self._new(rows, declared)

    def _lines(self) -> tuple[list[dict[str, Any]], InvalidInput | None]:
        """Return the rows of the lines, and what the schedule has against amounts that are taken as they were sent."""
        order = self._order
        asking = Asking(self._registers, order.portal, order.wanted.dossier, local_date(self._now))
        try:
            return resolve(asking, order.wanted.lines), None
        except InvalidInput as error:
            if order.strict or not about_amounts(error):
                raise
            as_sent = Asking(asking.registers, asking.portal, asking.dossier, asking.on, as_sent=True)
            return resolve(as_sent, order.wanted.lines), error

    def _holder(self, rows: Sequence[Mapping[str, Any]]) -> Payment | None:
        """Return the payment, locked, that holds these fees of the dossier, open or paid; None where they are free."""
        claims = [row["dossier_claim"] for row in rows if row["dossier_claim"] is not None]
        holding = select(PaymentLine.payment_id).where(PaymentLine.dossier_claim.in_(claims)).distinct()
        holders = self._session.scalars(holding).all() if claims else ()
        for payment_id in sorted(holders):
            payment = closing.locked(self._session, payment_id)
            if payment is not None:
                # Whether it is over must not depend on when the job that ends payments last ran.
                closing.finish_if_over(self._session, payment, self._now)
                self._session.flush()
        still = self._session.scalars(holding).all() if claims else ()
        if len(still) > 1:
            raise Refused(Said.ASKED_OTHERWISE)
        return self._session.get_one(Payment, still[0]) if still else None

    def _another_name(self, payment: Payment, rows: Sequence[Mapping[str, Any]]) -> uuid.UUID:
        """Give a payment that stands a further name, if it asks for the very same."""
        of = select(PaymentLine.dossier_claim, PaymentLine.amount).where(PaymentLine.payment_id == payment.id)
        if sorted(map(tuple, self._session.execute(of))) != sorted((row["dossier_claim"], row["amount"]) for row in rows):
            raise Refused(Said.ASKED_OTHERWISE)
        identifiers = {"portal_reference": self._order.reference, "dossier": self._order.wanted.dossier}
        demand_apart(identifiers, plain(self._order.wanted.payer))
        name_id = ids.new_id()
        told = {"state": payment.state, "name": str(name_id), "amount": payment.total, "currency": payment.currency}
        record(self._session, payment, "payment.named", self._now, told)
        self._name(name_id, payment.id, payment.event_seq, rows)
        return payment.id

    def _new(self, rows: list[dict[str, Any]], declared: InvalidInput | None) -> uuid.UUID | None:
        order, registers = self._order, self._registers
        payment = new_payment(self._hub, registers, order.portal, self._data(), rows)
        once = Once.of(order.portal.id, f"national {order.reference}", order.body)
        statement = {**writing.binds(registers, payment, rows), **once.binds(200, b"", self._now, words=False)}
        if not writing.insert_with(self._session, statement, payment).written:
            self._session.rollback()
            return None
        payment_id: uuid.UUID = payment["id"]
        self._name(ids.new_id(), payment_id, 1, rows)
        if declared is not None or order.wanted.listed != order.amount:
            self._tell_a_person(payment_id, declared)
        return payment_id

    def _data(self) -> dict[str, Any]:
        order = self._order
        portal = portal_on(self._registers, order.portal, local_date(self._now))
        url = order.return_url
        registered = url is not None and portal is not None and any(_on(origin, url) for origin in portal.return_origins)
        return {
            "portal_reference": order.reference, "dossier": order.wanted.dossier, "currency": "VND", "lines": order.wanted.lines,
            "payer": order.wanted.payer, "language": order.language, "return_url": url if registered else None, "metadata": {},
            "additional": False,
        }  # fmt: skip

    def _name(self, name_id: uuid.UUID, payment_id: uuid.UUID, seq: int, rows: Sequence[Mapping[str, Any]]) -> None:
        order = self._order
        row = NationalReference(
            id=name_id, portal_id=order.portal.id, reference=order.reference, payment_id=payment_id,
            partner=order.partner.code, contract=order.partner.contract,
            asked_at_text=instant_text(order.asked_at_text), amount=order.amount, digest=order.digest, event_seq=seq,
            differs=differing(self._registers, rows, order.receipt), created_at=self._now,
            **_sealed(self._hub.keyring, name_id, order.body),
        )  # fmt: skip
        self._session.add(row)
        self._session.flush()

    def _tell_a_person(self, payment_id: uuid.UUID, declared: InvalidInput | None) -> None:
        order = self._order
        said = [{"line": problem.pointer, "code": problem.code} for problem in declared.problems] if declared else []
        open_discrepancy(
            self._session,
            kind="declared_amount_differs",
            key=f"national/{order.portal.code}/{identifier(order.reference)}",
            on=local_date(self._now),
            amount=order.amount,
            currency="VND",
            evidence={"declared": order.amount, "listed": order.wanted.listed, "schedule": said},
            now=self._now,
            payment_id=payment_id,
        )


def _on(origin: str, url: str) -> bool:
    return url == origin or url.startswith((f"{origin}/", f"{origin}?"))


def _sealed(keyring: Keyring, name_id: uuid.UUID, body: bytes) -> dict[str, bytes]:
    sealed = keyring.seal(body, context_of("national_reference", id=name_id))
    return {"message_key": sealed.key, "message": sealed.data}
