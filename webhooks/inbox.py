"""The callback inbox: verify on raw bytes, keep, count repeats, apply, and answer exactly as the protocol prescribes.

The frequent case, an open payment paid whole, is one statement that keeps the message and moves the money together. Everything else
is one transaction under the payment's lock. A message that cannot be verified changes nothing and is kept apart, so that it can
never stand in the way of the genuine one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from gateways.base import Answer, Incoming, Notice, Outcome, Verdict
from gateways.errors import Forged, GatewayError
from payhub import ids, log
from payhub.accounts.models import GatewayAccount
from payhub.clock import local_date
from payhub.db import word
from payhub.discrepancies.service import open_ as open_discrepancy
from payhub.hub import Hub
from payhub.payments.notices import by_form
from payhub.payments.outcomes import find, success, under_lock
from payhub.payments.statements import given, parameters, succeed
from webhooks import unverified
from webhooks.models import Callback

_log = log.get(__name__)
_OF_THE_MESSAGE = ("id", "digest", "method", "source", "raw_key", "raw")
_KEPT_HEADERS = frozenset({"content-type", "user-agent", "content-length", "x-request-id"})


@dataclass(frozen=True, slots=True)
class Message:
    """A callback as it came, and who sent it."""

    account: GatewayAccount
    incoming: Incoming
    source: str
    received_at: datetime

    @property
    def raw(self) -> bytes:
        """The bytes that make it what it is."""
        return self.incoming.query + b"\0" + self.incoming.body

    @property
    def kept(self) -> bytes:
        """What is sealed: the bytes as they came and, after another NUL byte, the headers worth keeping."""
        headers = {name.lower(): value[:200] for name, value in self.incoming.headers.items() if name.lower() in _KEPT_HEADERS}
        return self.raw + b"\0" + orjson.dumps(headers)

    @property
    def digest(self) -> bytes:
        """What makes a verified message the same as another: its bytes."""
        return hashlib.sha256(self.raw).digest()


def receive(hub: Hub, account: GatewayAccount, incoming: Incoming, source: str) -> Answer:
    """Take one callback in and return what to answer; whatever happens inside, the gateway gets words of its own protocol."""
    gateway = hub.gateways[account.gateway]
    message = Message(account, incoming, source, hub.clock.now())
    try:
        verdict = _take(hub, message)
    except SQLAlchemyError as error:
        # One transaction number for two of our orders, two arrivals that met, or no database: nothing is written, it comes again.
        _log.error("callback.not_recorded", gateway=account.code, kind=type(error).__name__)
        verdict = Verdict.OUR_FAULT
    return gateway.answer(verdict)


def _take(hub: Hub, message: Message) -> Verdict:
    account = message.account
    try:
        notice = by_form(hub.gateways[account.gateway].read_callback(hub.registers.protocol_accounts[account.id], message.incoming))
    except GatewayError as error:
        verdict = Verdict.FORGED if isinstance(error, Forged) else Verdict.MALFORMED
        if unverified.room_for(hub, message.source, message.received_at):
            _keep_unverified(hub, message, verdict)
        _log.warning("callback.refused", gateway=account.code, verdict=verdict, why=str(error))
        return verdict
    verdict = _apply(hub, message, notice)
    _log.info("callback.answered", gateway=account.code, verdict=verdict, outcome=notice.outcome, code=notice.raw_code)
    return verdict


def _apply(hub: Hub, message: Message, notice: Notice) -> Verdict:
    if notice.outcome == Outcome.SUCCEEDED and notice.amount is not None and _by_one_statement(hub, message, notice):
        return Verdict.RECORDED
    with hub.db.session() as session:
        return _under_lock(hub, session, message, notice)


def _by_one_statement(hub: Hub, message: Message, notice: Notice) -> bool:
    callback = _row(hub, message, Verdict.RECORDED, notice)
    moving = parameters(success(hub, message.account, notice, message.received_at))
    binds = {**moving, **{f"kept_{name}": callback[name] for name in _OF_THE_MESSAGE}}
    try:
        with hub.db.autocommit() as connection:
            return connection.execute(_SUCCEED, binds).one_or_none() is not None
    except IntegrityError:
        return False


def _under_lock(hub: Hub, session: Session, message: Message, notice: Notice) -> Verdict:
    """Count a repeat, or keep the message and do what it says."""
    found = find(session, message.account, notice.reference)
    again = session.scalar(
        select(Callback)
        .where(Callback.gateway_account_id == message.account.id, Callback.digest == message.digest)
        .with_for_update(key_share=True)
    )
    if found is None:
        verdict = Verdict.UNKNOWN_REFERENCE
        _unknown_reference(session, message, notice)
    else:
        verdict = under_lock(hub, session, message.account, notice, *found)
    if again is None:
        row = _row(hub, message, verdict, notice)
        session.add(Callback(**row, attempt_id=found[1].id if found else None))
    else:
        again.times, again.last_received_at, again.last_verdict = again.times + 1, message.received_at, verdict
    return verdict


def _unknown_reference(session: Session, message: Message, notice: Notice) -> None:
    """Verified money for an order we never made: nothing is posted on a stranger's word, and a person is told at once."""
    if notice.outcome != Outcome.SUCCEEDED:
        return
    open_discrepancy(
        session,
        kind="missing_at_hub",
        key=f"{message.account.code}/payment/{notice.reference}",
        on=local_date(notice.paid_at or message.received_at),
        amount=notice.amount or 0,
        currency=notice.currency,
        evidence={"transaction": notice.transaction, "raw_code": notice.raw_code, "told_by": "callback"},
        now=message.received_at,
        gateway_account_id=message.account.id,
    )


def _keep_unverified(hub: Hub, message: Message, verdict: Verdict) -> None:
    with hub.db.session() as session:
        session.add(Callback(**{**_row(hub, message, verdict, None), "digest": None}))


def _row(hub: Hub, message: Message, verdict: Verdict, notice: Notice | None) -> dict[str, Any]:
    callback_id = ids.new_id()
    sealed = hub.keyring.seal(message.kept, f"callback {callback_id}")
    return {
        "id": callback_id,
        "gateway_account_id": message.account.id,
        "digest": message.digest,
        "verdict": verdict.value,
        "last_verdict": verdict.value,
        "outcome": notice.outcome.value if notice else None,
        "raw_code": notice.raw_code if notice else None,
        "method": message.incoming.method,
        "source": message.source,
        "raw_key": sealed.key,
        "raw": sealed.data,
        "times": 1,
        "received_at": message.received_at,
        "last_received_at": message.received_at,
    }


def _succeed_and_keep() -> Any:
    moved, rest = succeed()
    column = Callback.__table__.c
    row = {
        **{name: bindparam(f"kept_{name}", type_=column[name].type) for name in _OF_THE_MESSAGE},
        # What the step that pays is told anyway, and what is always the same here: the statement stays short enough for the
        # driver to remember how it is read.
        **{name: given(name, column[name].type) for name in ("gateway_account_id", "raw_code")},
        **{name: given("now", column[name].type) for name in ("received_at", "last_received_at")},
        **{name: word(Verdict.RECORDED.value) for name in ("verdict", "last_verdict")},
        "outcome": word(Outcome.SUCCEEDED.value),
        "times": word(1),
        "attempt_id": moved.c.attempt_id,
    }
    callback = insert(Callback).from_select(list(row), select(*row.values())).cte("callback_row")
    return select(moved.c.attempt_id).add_cte(callback, *rest)


_SUCCEED = _succeed_and_keep()
