"""Asking for a payment, and looking at it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
from flask import Response
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from payhub import ids
from payhub.clock import local_date
from payhub.db import constraint_of
from payhub.errors import FieldProblem, InvalidInput, NotFound, PayHubError, Text, Unavailable
from payhub.hub import Hub
from payhub.idempotency import Once, RequestInFlight
from payhub.payments import closing, writing
from payhub.payments.errors import DossierAlreadyAsked, NotCancellable, NotReplaceable, PortalReferenceTaken
from payhub.payments.lines import Asking, resolve
from payhub.payments.models import Attempt, Payment, PaymentLine
from payhub.payments.presenting import PAYMENT_VIEW, describe, money_beside
from payhub.payments.sealing import sealed
from payhub.payments.states import UNDECIDED, PaymentState
from payhub.payments.words import asked, opened
from payhub.portals.keys import Caller
from payhub.portals.models import Portal
from payhub.portals.service import portal_on
from payhub.registers import Registers

_TAKEN = {
    "uq_payment_portal_id_portal_reference": PortalReferenceTaken,
    "uq_payment_line_dossier_claim": DossierAlreadyAsked,
    "uq_payment_replaces_id": NotReplaceable,
}
_TRIES = 4


def create(hub: Hub, caller: Caller, once: Once, data: Mapping[str, Any]) -> Response:
    """Ask for the fees of one dossier; return the 201, or the kept answer of the first request with this key."""
    registers = hub.registers
    for _ in range(_TRIES):
        try:
            payment, lines = _build(hub, registers, caller.portal, data)
        except PayHubError:
            # What was accepted once is answered the same for ever, though the registers would refuse it by now.
            answered = once.first_answer(hub.db)
            if answered is not None:
                return answered
            raise
        body = orjson.dumps(PAYMENT_VIEW.dump(describe(hub, registers, payment, lines, set())))
        written = _write(hub, registers, once, payment, lines, body)
        if written == "written":
            return Response(body, 201, mimetype="application/json")
        if written == "changed":
            registers = hub.cache.fresh()
            answered = once.first_answer(hub.db)
            if answered is not None:
                return answered
    raise Unavailable(headers={"Retry-After": "1"})


def _write(hub: Hub, registers: Registers, once: Once, payment: dict[str, Any], lines: list[dict[str, Any]], body: bytes) -> str:
    """Execute the one statement; return `written`, `changed` (registers moved or the key was used) or `again` (number taken)."""
    answer = once.binds(201, body, payment["created_at"], words=payment["words"] is not None)
    binds = {**writing.binds(registers, payment, lines), **answer}
    try:
        done = writing.insert(hub, binds, payment)
    except NotReplaceable:
        # The first request with this very key may be what replaced it.
        if once.first_answer(hub.db) is not None:
            return "changed"
        raise
    except IntegrityError as error:
        constraint = constraint_of(error)
        if constraint == "uq_payment_reference":
            return "again"
        if constraint not in _TAKEN:
            raise
        # The first request with this very key may have written the row that stands in the way.
        if once.first_answer(hub.db) is not None:
            return "changed"
        raise _TAKEN[constraint] from None
    if not done.got:
        raise RequestInFlight
    return "written" if done.written else "changed"


def cancel(hub: Hub, portal: Portal, once: Once, public: str) -> Response:
    """Close a payment at its portal's wish: 200 where it is cancelled, 202 while an attempt may still bring money."""

    def act(session: Session) -> tuple[int, bytes]:
        payment_id = ids.read_public_id("pay", public, hub.settings.mode)
        payment = closing.locked(session, payment_id) if payment_id else None
        if payment is None or payment.portal_id != portal.id:
            raise NotFound
        now = hub.clock.now()
        if payment.state == PaymentState.OPEN:
            closing.close(session, payment, "cancelled", now)
            closing.finish_if_over(session, payment, now)
        if payment.state in {PaymentState.PAID, PaymentState.REVERSED}:
            raise NotCancellable
        session.flush()
        view = PAYMENT_VIEW.dump(_views(hub, session, [payment])[0])
        return 202 if payment.state == PaymentState.OPEN else 200, orjson.dumps(view)

    return once.carry_out(hub.db, hub.clock.now(), act)


def _build(hub: Hub, registers: Registers, portal: Portal, data: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    claimed = None if data["additional"] else data.get("dossier")
    lines = resolve(Asking(registers, portal, claimed, local_date(hub.clock.now())), data["lines"])
    return new_payment(hub, registers, portal, data, lines), lines


def new_payment(
    hub: Hub, registers: Registers, portal: Portal, data: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the row of a payment of these lines, as `statements.CREATE` takes it."""
    now = hub.clock.now()
    payment_id = ids.new_id()
    total = sum(line["amount"] for line in lines)
    words = asked(data, _return_url(portal_on(registers, portal, local_date(now)), data.get("return_url")))
    expires_at = _expiry(hub, data.get("expires_at"), now)
    return {
        "id": payment_id,
        "portal_id": portal.id,
        "portal_reference": data["portal_reference"],
        "reference": ids.new_reference(),
        "dossier": data.get("dossier"),
        "state": (PaymentState.OPEN if total else PaymentState.PAID).value,
        "currency": data["currency"],
        "total": total,
        "language": data["language"],
        **words.of_payment,
        **sealed(hub, payment_id, data, words, now, expires_at),
        "replaces_id": _replaced(hub, portal, data.get("replaces")),
        "closing_reason": None,
        "created_at": now,
        "expires_at": expires_at,
        "paid_at": None if total else now,
        "event_seq": 1,
    }


def _replaced(hub: Hub, portal: Portal, public: str | None) -> uuid.UUID | None:
    if public is None:
        return None
    replaced = ids.read_public_id("pay", public, hub.settings.mode)
    if replaced is not None:
        with hub.db.session() as session:
            if session.scalar(select(Payment.portal_id).where(Payment.id == replaced)) == portal.id:
                return replaced
    text = Text("Không có khoản thanh toán này", "There is no such payment")
    raise InvalidInput([FieldProblem("/replaces", "unknown_payment", text)])


def _return_url(portal: Portal | None, url: str | None) -> str | None:
    """Accept only addresses on an origin the portal has registered: a citizen is never sent anywhere else."""
    if url is None:
        return None
    parts = urlsplit(url)
    if portal is not None and parts.username is None and f"{parts.scheme}://{parts.netloc}" in portal.return_origins:
        return url
    text = Text("Địa chỉ không thuộc các nguồn mà cổng đã đăng ký", "The address is not on an origin registered for the portal")
    raise InvalidInput([FieldProblem("/return_url", "origin_not_registered", text)])


def _expiry(hub: Hub, asked: datetime | None, now: datetime) -> datetime:
    if asked is None:
        return now + timedelta(seconds=hub.settings.payments.expires_s)
    if now < asked <= now + timedelta(days=366):
        return asked
    text = Text("Phải ở tương lai, trong vòng một năm", "Must be in the future and within a year")
    raise InvalidInput([FieldProblem("/expires_at", "expiry_out_of_range", text)])


def get(hub: Hub, portal: Portal, public: str) -> dict[str, Any]:
    """Return one payment of the portal as its view wants it."""
    payment_id = ids.read_public_id("pay", public, hub.settings.mode)
    if payment_id is None:
        raise NotFound
    with hub.db.session() as session:
        payment = session.scalar(select(Payment).where(Payment.id == payment_id, Payment.portal_id == portal.id))
        if payment is None:
            raise NotFound
        return _views(hub, session, [payment])[0]


def page(
    hub: Hub,
    portal: Portal,
    *,
    limit: int,
    cursor: str | None = None,
    state: str | None = None,
    portal_reference: str | None = None,
) -> dict[str, Any]:
    """Return a page of the portal's payments, newest first."""
    wanted = select(Payment).where(Payment.portal_id == portal.id).order_by(Payment.id.desc()).limit(limit + 1)
    if cursor is not None:
        after = ids.read_public_id("pay", cursor, hub.settings.mode)
        if after is None:
            raise InvalidInput(
                [FieldProblem("/cursor", "cursor_invalid", Text("Con trỏ không hợp lệ", "The cursor is not one of ours"))]
            )
        wanted = wanted.where(Payment.id < after)
    if state is not None:
        wanted = wanted.where(Payment.state == state)
    if portal_reference is not None:
        wanted = wanted.where(Payment.portal_reference == portal_reference)
    with hub.db.session() as session:
        found = session.scalars(wanted).all()
        shown = found[:limit]
        more = ids.public_id("pay", shown[-1].id, hub.settings.mode) if len(found) > limit else None
        return {"data": _views(hub, session, shown), "next": more}


def _views(hub: Hub, session: Session, payments: Any) -> list[dict[str, Any]]:
    wanted = [payment.id for payment in payments]
    lines: dict[uuid.UUID, list[dict[str, Any]]] = {key: [] for key in wanted}
    said = {payment.id: opened(hub.keyring, payment) for payment in payments}
    for line in session.scalars(select(PaymentLine).where(PaymentLine.payment_id.in_(wanted)).order_by(PaymentLine.number)):
        lines[line.payment_id].append(said[line.payment_id].of_line(vars(line)))
    undecided = set(
        session.scalars(select(Attempt.payment_id).where(Attempt.payment_id.in_(wanted), Attempt.state.in_(sorted(UNDECIDED))))
    )
    beside, registers = money_beside(hub, session, wanted), hub.registers
    rows = ({**vars(payment), **said[payment.id].of_payment} for payment in payments)
    return [{**describe(hub, registers, row, lines[row["id"]], undecided), **beside[row["id"]]} for row in rows]
