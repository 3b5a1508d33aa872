"""Payouts of a discrepancy: what at the bank they may be, and proposing it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, Uuid

from payhub import ids
from payhub.discrepancies import proposing
from payhub.discrepancies.errors import ActImpossible
from payhub.discrepancies.models import Discrepancy
from payhub.errors import Text
from payhub.hub import Hub
from payhub.staff.models import Principal
from reconciliation.banking import agreeing, listing, settling
from reconciliation.banking.models import PayoutState

# The open entries whose text names a payout, and all that each of them names.
_NAMING = text(
    """
    SELECT entry.id, entry.amount, array_agg(DISTINCT state.id) AS payouts
    FROM payout_state AS meant
    JOIN payout_naming AS this ON this.gateway_account_id = meant.gateway_account_id AND this.reference = meant.reference
    JOIN statement_line AS line ON line.id = this.statement_line_id
    JOIN statement AS file ON file.id = line.statement_id AND file.superseded_by_id IS NULL
    JOIN bank_entry AS entry ON entry.id = line.bank_entry_id AND entry.state = 'open' AND entry.currency = meant.currency
    JOIN payout_naming AS naming ON naming.statement_line_id = line.id
    JOIN payout_state AS state ON state.gateway_account_id = naming.gateway_account_id AND state.reference = naming.reference
      AND state.currency = entry.currency AND state.state NOT IN ('banked', 'withdrawn')
    WHERE meant.id = :payout_id GROUP BY entry.id ORDER BY entry.booked_on, entry.id
    """
).bindparams(bindparam("payout_id", type_=Uuid())).columns(payouts=ARRAY(Uuid()))


def payout_of(session: Session, found: Discrepancy) -> PayoutState | None:
    """Return the payout that a discrepancy is about, where it is about one."""
    if found.kind not in settling.KINDS:
        return None
    named = (PayoutState.reference == found.evidence["payout"]["reference"], PayoutState.currency == found.currency)
    return session.scalar(select(PayoutState).where(PayoutState.gateway_account_id == found.gateway_account_id, *named))


def match(hub: Hub, session: Session, discrepancy_id: uuid.UUID, data: Mapping[str, Any], by: Principal) -> None:
    """Propose that entries at the bank are the payout of a discrepancy, alone or with others."""
    payout = payout_of(session, proposing.proposable(session, discrepancy_id))
    if payout is None:
        raise ActImpossible("no_payout")
    public = ids.public_id("gpo", payout.id, hub.settings.mode)
    agreeing.propose(hub, session, [public, *data.get("payouts", ())], data["entries"], by)


def suggest(hub: Hub, session: Session, found: Discrepancy) -> Iterator[tuple[str, Text, dict[str, Any]]]:
    """Yield what the payout may be: the entry of its amount and days, entries that add up to it, one that is several payouts."""
    payout, mode = payout_of(session, found), hub.settings.mode
    if payout is None:
        return
    if payout.suggested_entry_id is not None:
        why = Text("Bút toán duy nhất cùng số tiền và ngày", "The only entry of its amount and days")
        yield "match", why, {"entries": [ids.public_id("bke", payout.suggested_entry_id, mode)]}
    named = session.execute(_NAMING, {"payout_id": payout.id}).all()
    figures = listing.figures(session, {payout.id, *(other for row in named for other in row.payouts)})
    own = [row for row in named if row.payouts == [payout.id]]
    if own and sum(row.amount for row in own) == figures[payout.id]["net"]:
        why = Text(f"{len(own)} bút toán cộng lại vừa đủ", f"{len(own)} entries that name it add up to it")
        yield "match", why, {"entries": [ids.public_id("bke", row.id, mode) for row in own]}
    for row in named:
        others = [other for other in row.payouts if other != payout.id]
        if others and row.amount == sum(figures[each]["net"] for each in row.payouts):
            why = Text(f"Một bút toán gộp {len(row.payouts)} khoản", f"One entry is {len(row.payouts)} payouts, and names them all")
            payouts = [ids.public_id("gpo", each, mode) for each in others]
            yield "match", why, {"entries": [ids.public_id("bke", row.id, mode)], "payouts": payouts}

