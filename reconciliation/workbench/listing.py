"""Which discrepancies there are: filtered, page by page, what is due first coming first; and their sums per kind."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVarTuple

from sqlalchemy import Row, Select, exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from payhub import ids
from payhub.agencies.models import Agency
from payhub.discrepancies.models import Discrepancy
from payhub.discrepancies.states import State
from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.hub import Hub
from payhub.payments.models import PaymentLine
from payhub.staff.models import Principal

T = TypeVarTuple("T")


def page(hub: Hub, session: Session, *, limit: int, cursor: str | None = None, **wanted: Any) -> tuple[Sequence[Discrepancy], bool]:
    """Return a page of discrepancies and whether there are more."""
    asked = filtered(hub, select(Discrepancy), wanted).order_by(Discrepancy.due_at, Discrepancy.id).limit(limit + 1)
    if cursor is not None:
        last = aliased(Discrepancy)
        place = select(last.due_at, last.id).where(last.id == _after(hub, cursor)).subquery()
        after = tuple_(Discrepancy.due_at, Discrepancy.id) > tuple_(place.c.due_at, place.c.id)
        asked = asked.join(place, after)
    found = session.scalars(asked).all()
    return found[:limit], len(found) > limit


def sums(hub: Hub, session: Session, **wanted: Any) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return per kind and currency how many there are, with their money."""
    now = hub.clock.now()
    counts = {
        state.value: func.count().filter(Discrepancy.state == state) for state in (State.OPEN, State.ASSIGNED, State.PROPOSED)
    }
    asked: Select[*tuple[Any, ...]] = select(
        Discrepancy.kind,
        Discrepancy.currency,
        func.count().label("number"),
        func.coalesce(func.sum(Discrepancy.amount), 0).label("amount"),
        *(count.label(name) for name, count in counts.items()),
        func.count().filter(Discrepancy.due_at < now, Discrepancy.state != State.RESOLVED).label("overdue"),
        func.count().filter(Discrepancy.owner_id.is_(None)).label("unowned"),
        func.min(Discrepancy.due_at).label("due_at"),
    )
    grouped = filtered(hub, asked, wanted).group_by(Discrepancy.kind, Discrepancy.currency)
    return session.execute(grouped.order_by(func.min(Discrepancy.due_at), Discrepancy.kind, Discrepancy.currency)).all()


def filtered(hub: Hub, asked: Select[*T], wanted: Mapping[str, Any]) -> Select[*T]:
    """Narrow a query to what is wanted; without a state, to what is not resolved."""
    if "state" not in wanted:
        asked = asked.where(Discrepancy.state != State.RESOLVED)
    for column, name in ((Discrepancy.state, "state"), (Discrepancy.kind, "kind"), (Discrepancy.on, "date")):
        if name in wanted:
            asked = asked.where(column == wanted[name])
    if "amount_from" in wanted:
        asked = asked.where(Discrepancy.amount >= wanted["amount_from"])
    if "amount_to" in wanted:
        asked = asked.where(Discrepancy.amount <= wanted["amount_to"])
    if "owner" in wanted:
        asked = asked.where(Discrepancy.owner_id == select(Principal.id).where(Principal.name == wanted["owner"]).scalar_subquery())
    if "owned" in wanted:
        asked = asked.where(Discrepancy.owner_id.is_not(None) if wanted["owned"] == "yes" else Discrepancy.owner_id.is_(None))
    if "overdue" in wanted:
        asked = asked.where(_overdue(hub.clock.now()) if wanted["overdue"] == "yes" else ~_overdue(hub.clock.now()))
    return _about(hub, asked, wanted)


def _about(hub: Hub, asked: Select[*T], wanted: Mapping[str, Any]) -> Select[*T]:
    if "account" in wanted:
        account = hub.registers.gateway_accounts.get(wanted["account"])
        asked = asked.where(Discrepancy.gateway_account_id == (account.id if account else uuid.UUID(int=0)))
    if "payment" in wanted:
        payment_id = ids.read_public_id("pay", wanted["payment"], hub.settings.mode)
        asked = asked.where(Discrepancy.payment_id == (payment_id or uuid.UUID(int=0)))
    if "agency" in wanted:
        theirs = select(Agency.id).where(Agency.code == wanted["agency"])
        asked = asked.where(exists().where(PaymentLine.payment_id == Discrepancy.payment_id, PaymentLine.agency_id.in_(theirs)))
    return asked


def _overdue(now: datetime) -> Any:
    return (Discrepancy.due_at < now) & (Discrepancy.state != State.RESOLVED)


def _after(hub: Hub, cursor: str) -> uuid.UUID:
    found = ids.read_public_id("dsc", cursor, hub.settings.mode)
    if found is None:
        wrong = Text("Con trỏ không hợp lệ", "The cursor is not one of ours")
        raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", wrong)])
    return found
