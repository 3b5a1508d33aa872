"""Held money of a discrepancy: proposing that it pays a payment, or goes back. The proposal knows the discrepancy."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.discrepancies import proposing
from payhub.discrepancies.errors import ActImpossible
from payhub.discrepancies.models import Discrepancy
from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.payments import allocating
from payhub.payments.models import Payment, UnappliedReceipt
from payhub.payments.refunds import service as refunding
from payhub.staff.models import Principal, Proposal
from reconciliation.workbench.about import about


def allocate(hub: Hub, session: Session, discrepancy_id: uuid.UUID, public: str, by: Principal) -> None:
    """Propose that the money held because of a discrepancy pays a payment whole."""
    found, receipt = _held(hub, session, discrepancy_id)
    target = ids.read_public_id("pay", public, hub.settings.mode)
    found = _hold(session, found.id, receipt, target)
    proposal = allocating.propose(hub, session, receipt.id, public, by, discrepancy_id=found.id)
    proposing.propose(session, found, proposal, hub.clock.now())


def refund(hub: Hub, session: Session, discrepancy_id: uuid.UUID, data: Mapping[str, Any], by: Principal) -> None:
    """Propose that the money held because of a discrepancy goes back, all that is available without an amount."""
    found, receipt = _held(hub, session, discrepancy_id)
    found = _hold(session, found.id, receipt, None)
    asked = {**data, "unapplied": ids.public_id("uap", receipt.id, hub.settings.mode)}
    made = refunding.request(hub, session, receipt.payment_id, asked, by, portal_id=None, discrepancy_id=found.id)
    proposing.propose(session, found, session.get_one(Proposal, made.proposal_id), hub.clock.now())


def _held(hub: Hub, session: Session, discrepancy_id: uuid.UUID) -> tuple[Discrepancy, UnappliedReceipt]:
    found = session.get(Discrepancy, discrepancy_id)
    if found is None:
        raise NotFound
    receipt = about(hub, session, found).receipt
    if receipt is None or not receipt.remaining:
        # What is resolved says so before it says that there is nothing left.
        proposing.proposable(session, discrepancy_id)
        raise ActImpossible("nothing_held")
    return found, receipt


def _hold(session: Session, discrepancy_id: uuid.UUID, receipt: UnappliedReceipt, target: uuid.UUID | None) -> Discrepancy:
    """Lock the payments that are touched, by id, and only then the discrepancy: so does whatever else changes them."""
    wanted = [each for each in (receipt.payment_id, target) if each is not None]
    session.execute(select(Payment.id).where(Payment.id.in_(wanted)).order_by(Payment.id).with_for_update(key_share=True))
    # What was read before may have changed while the locks were waited for.
    session.expire_all()
    return proposing.proposable(session, discrepancy_id)
