"""Holding a gateway account back: one person may, because it only keeps citizens from a way to pay; and may release it again."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.accounts.models import GatewayAccount, GatewayHold
from payhub.errors import NotFound, PayHubError, Text
from payhub.registry import Law
from payhub.staff import audit
from payhub.staff.models import Principal

MAY = ("approver", "admin")
"""Who may hold and release, alone."""


class HeldAlready(PayHubError):
    """The account is held, or it is not: the act would change nothing."""

    code, status = "gateway_hold_unchanged", 409
    title: ClassVar[Text] = Text("Tài khoản thanh toán đã ở trạng thái này", "The gateway account is in this state already")


def hold(session: Session, account_code: str, reason: str, by: Principal, now: datetime) -> GatewayHold:
    """Offer an account no more, on every process within `api.register_s`; raise `NotFound` or `HeldAlready`."""
    account = _locked(session, account_code)
    if _open(session, account) is not None:
        raise HeldAlready
    held = GatewayHold(id=ids.new_id(), gateway_account_id=account.id, reason=reason, held_by=by.id, held_at=now)
    session.add(held)
    session.flush()
    _say(session, "gateway.held", account, reason, by, now)
    return held


def release(session: Session, account_code: str, reason: str, by: Principal, now: datetime) -> GatewayHold:
    """Offer a held account again; raise `NotFound` or `HeldAlready`."""
    account = _locked(session, account_code)
    held = _open(session, account)
    if held is None:
        raise HeldAlready
    held.released_by, held.released_at = by.id, now
    session.flush()
    _say(session, "gateway.released", account, reason, by, now)
    return held


def _say(session: Session, act: str, account: GatewayAccount, reason: str, by: Principal, now: datetime) -> None:
    audit.append(session, actor=by.id, act=act, target=f"gateway_account/{account.id}", at=now, data={"reason": reason})


def _locked(session: Session, code: str) -> GatewayAccount:
    account = session.scalar(select(GatewayAccount).where(GatewayAccount.code == code).with_for_update(key_share=True))
    if account is None:
        raise NotFound
    return account


def _open(session: Session, account: GatewayAccount) -> GatewayHold | None:
    wanted = select(GatewayHold).where(GatewayHold.gateway_account_id == account.id, GatewayHold.released_at.is_(None))
    return session.scalar(wanted)


LAWS = (
    Law(
        "every hold of a gateway account, and every release, stands in the audit, by whom it was",
        "SELECT count(*) FROM gateway_hold",
        "SELECT held.id FROM gateway_hold AS held CROSS JOIN LATERAL (VALUES ('gateway.held', held.held_at, held.held_by), "
        "('gateway.released', held.released_at, held.released_by)) AS did (act, at, by) "
        "WHERE did.at IS NOT NULL AND NOT EXISTS (SELECT FROM audit_entry AS said WHERE said.act = did.act AND said.at = did.at "
        "AND said.actor = did.by AND said.target = 'gateway_account/' || held.gateway_account_id)",
    ),
)
