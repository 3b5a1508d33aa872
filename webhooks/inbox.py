"""The callback inbox: verify on raw bytes, keep, count repeats, apply, and answer exactly as the protocol prescribes.

The frequent case, an open payment paid whole, is one statement that keeps the message and moves the money together. Everything else
is one transaction under the payment's lock. A message that cannot be verified changes nothing and is kept apart, so that it can
never stand in the way of the genuine one. One that verifies and cannot be done with now is kept and tried again
(`callbacks.waiting`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateways.base import Answer, Incoming, Notice, Outcome, Verdict
from gateways.errors import Forged, GatewayError
from payhub import ids, log
from payhub.accounts.models import GatewayAccount
from payhub.db import word
from payhub.hub import Hub
from payhub.payments.outcomes import success
from payhub.payments.statements import given, parameters, succeed
from webhooks import unverified
from webhooks.callbacks import counting
from webhooks.callbacks.judging import Judged, first_try, judge, miss
from webhooks.callbacks.message import Message, from_listed, read
from webhooks.models import Callback, Standing

_log = log.get(__name__)
LARGEST = 64 * 1024
"""Bytes of a message, its query string among them; no gateway sends a tenth of it."""
_OF_THE_MESSAGE = ("id", "digest", "method", "source", "raw_key", "raw")


def receive(hub: Hub, account: GatewayAccount, incoming: Incoming, source: str) -> Answer:
    """Take one callback in and return what to answer; whatever happens inside, the gateway gets words of its own protocol."""
    message = Message(account, incoming, source, hub.clock.now())
    try:
        notice = read(hub, message)
    except GatewayError as error:
        return hub.gateways[account.gateway].answer(_refuse(hub, message, error))
    try:
        verdict = _apply(hub, message, notice)
    except Exception as error:  # noqa: BLE001 - what is ours to mend must not cost the message, which may never come again
        _log.error("callback.not_recorded", gateway=account.code, kind=type(error).__name__)
        verdict = _keep_for_later(hub, message, notice)
    return hub.gateways[account.gateway].answer(verdict)


def too_large(hub: Hub, account: GatewayAccount) -> Answer:
    """Return what to answer to more bytes than anybody reads; nothing of them is kept but their number."""
    counting.answered(account.code, Verdict.MALFORMED.value)
    counting.not_kept("size")
    _log.warning("callback.too_large", gateway=account.code)
    return hub.gateways[account.gateway].answer(Verdict.MALFORMED)


def _refuse(hub: Hub, message: Message, error: GatewayError) -> Verdict:
    """Keep what nobody has signed for while there is room, and change nothing."""
    verdict = Verdict.FORGED if isinstance(error, Forged) else Verdict.MALFORMED
    counting.answered(message.account.code, verdict.value)
    _log.warning("callback.refused", gateway=message.account.code, verdict=verdict, why=str(error))
    try:
        full = unverified.full(hub, message.account.id, message.source, len(message.kept), message.received_at)
        if full is not None:
            counting.not_kept(full)
            return verdict
        with hub.db.session() as session:
            session.add(Callback(**{**_row(hub, message, verdict.value, None), "digest": None}))
    except Exception as failed:  # noqa: BLE001 - a stranger's message that is lost costs nothing
        counting.not_kept("fault")
        _log.error("callback.not_kept", gateway=message.account.code, kind=type(failed).__name__)
    return verdict


def _apply(hub: Hub, message: Message, notice: Notice) -> Verdict:
    said, verdict = Verdict.RECORDED.value, Verdict.RECORDED
    whole = notice.outcome == Outcome.SUCCEEDED and notice.amount is not None
    if not (whole and from_listed(hub, message) and _by_one_statement(hub, message, notice)):
        judged = _in_a_transaction(hub, message, notice)
        said, verdict = judged.said, judged.answer
    counting.answered(message.account.code, said)
    _log.info("callback.answered", gateway=message.account.code, verdict=said, outcome=notice.outcome, code=notice.raw_code)
    return verdict


def _by_one_statement(hub: Hub, message: Message, notice: Notice) -> bool:
    callback = _row(hub, message, Verdict.RECORDED.value, notice)
    moving = parameters(success(hub, message.account, notice, message.received_at))
    binds = {**moving, **{f"kept_{name}": callback[name] for name in _OF_THE_MESSAGE}}
    try:
        with hub.db.autocommit() as connection:
            return connection.execute(_SUCCEED, binds).one_or_none() is not None
    except IntegrityError:
        return False


def _in_a_transaction(hub: Hub, message: Message, notice: Notice) -> Judged:
    try:
        with hub.db.session() as session:
            return _under_lock(hub, session, message, notice)
    except IntegrityError:
        # Two arrivals of one message met: by now the other's row is there, and this one is counted.
        with hub.db.session() as session:
            return _under_lock(hub, session, message, notice)


def _under_lock(hub: Hub, session: Session, message: Message, notice: Notice) -> Judged:
    """Count a repeat, or keep the message, and do what it says."""
    same = (Callback.gateway_account_id == message.account.id, Callback.digest == message.digest)
    known = session.scalar(select(Callback.id).where(*same)) is not None
    judged = judge(hub, session, message, notice, asks=not known)
    again = session.scalar(select(Callback).where(*same).with_for_update(key_share=True))
    if judged.attempt_id is None:
        miss(session, message, notice, message.received_at, again=again is not None)
    if again is None:
        row = {**_row(hub, message, judged.said, notice), "attempt_id": judged.attempt_id, "standing": judged.standing}
        if judged.standing != Standing.SETTLED:
            row["reference"] = notice.reference
        waits = judged.standing == Standing.WAITING
        session.add(Callback(**row, next_try_at=first_try(hub, message.received_at) if waits else None))
    else:
        again.times, again.last_received_at = again.times + 1, message.received_at
        judged.onto(again, first_try(hub, message.received_at))
    return judged


def _keep_for_later(hub: Hub, message: Message, notice: Notice) -> Verdict:
    """Keep a verified message that something of ours failed on: it is tried again, whether or not it comes again."""
    fault = Verdict.OUR_FAULT
    counting.answered(message.account.code, fault.value)
    try:
        waits = {"standing": Standing.WAITING, "next_try_at": first_try(hub, message.received_at), "reference": notice.reference}
        kept = insert(Callback).values(**_row(hub, message, fault.value, notice), **waits)
        once = kept.on_conflict_do_nothing(index_elements=["gateway_account_id", "digest"], index_where=text("digest IS NOT NULL"))
        with hub.db.session() as session:
            session.execute(once)
    except Exception as error:  # noqa: BLE001 - without a database nothing is kept, and the gateway sends it again
        _log.error("callback.not_kept", gateway=message.account.code, kind=type(error).__name__)
    return fault


def _row(hub: Hub, message: Message, verdict: str, notice: Notice | None) -> dict[str, Any]:
    callback_id = ids.new_id()
    sealed = hub.keyring.seal(message.kept, f"callback {callback_id}")
    return {
        "id": callback_id,
        "gateway_account_id": message.account.id,
        "digest": message.digest,
        "verdict": verdict,
        "last_verdict": verdict,
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
