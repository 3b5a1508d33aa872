"""Saying which entries at the bank are which payouts, where they do not say so themselves: one person proposes, another agrees.

What they say is a row beside those of gateways and banks; where payouts stand is then decided anew, from all of them. It moves
nothing that gateway and bank do not agree on: what entries and payouts add up to must be the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.discrepancies import proposing
from payhub.discrepancies.models import Discrepancy
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.staff import service as staff
from payhub.staff.executors import executes
from payhub.staff.models import Principal, Proposal
from reconciliation import telling
from reconciliation.banking import agreements, listing, settling
from reconciliation.banking.accounts import Till, till
from reconciliation.banking.errors import NothingAgreed
from reconciliation.banking.matching import REACH
from reconciliation.banking.models import AgreedEntry, AgreedPayout, BankEntry, PayoutAgreement, PayoutState

KIND, END = "payout_agreement", "payout_agreement_end"
TOGETHER = REACH / 2
"""How far apart all of it may be: what changes any of it then finds the rest."""
_AS_IT_WAS = 0
"""The version of entries and payouts that stand as the proposer saw them; 1 is any other."""


@dataclass(frozen=True, slots=True)
class _Meant:
    """Entries and the payouts that they are said to be; `nets` and `due` in the order of the payouts."""

    entries: Sequence[BankEntry]
    payouts: Sequence[PayoutState]
    nets: Sequence[int]
    due: Sequence[date]

    @property
    def days(self) -> list[date]:
        """Every day it is about."""
        return [*(entry.booked_on for entry in self.entries), *self.due]

    def content(self, hub: Hub) -> dict[str, Any]:
        """Return what the second person approves: which movements, which payouts, and how much each."""
        accounts = hub.registers.gateway_accounts_by_id
        return {
            "bank_account": str(self.entries[0].bank_account_id),
            "entries": [{"entry": str(each.id), "on": str(each.booked_on), "amount": each.amount} for each in self.entries],
            "payouts": [
                {
                    "payout": str(each.id), "account": accounts[each.gateway_account_id].code, "reference": each.reference,
                    "currency": each.currency, "net": net,
                }
                for each, net in zip(self.payouts, self.nets, strict=True)
            ],
        }  # fmt: skip


def propose(hub: Hub, session: Session, payouts: Sequence[str], entries: Sequence[str], by: Principal) -> Proposal:
    """Propose that entries are payouts, together and whole; their discrepancies wait for what comes of it. Both by outside ids."""
    meant = _meant(session, _read(hub, "gpo", payouts), _read(hub, "bke", entries))
    if problems := list(_problems(hub, session, meant)):
        raise InvalidInput(problems)
    target, now = f"payout/{meant.payouts[0].id}", hub.clock.now()
    proposal = staff.propose(session, kind=KIND, target=target, content=meant.content(hub), by=by, now=now, target_seq=_AS_IT_WAS)
    for found in _open_ones(hub, session, meant.payouts):
        proposing.propose(session, proposing.proposable(session, found), proposal, now)
    return proposal


@executes(KIND)
def agree(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Write down what two people say, if all of it still stands as it was, and decide anew where payouts stand."""
    content, now = proposal.content, hub.clock.now()
    place = _place(hub, uuid.UUID(content["bank_account"]))
    place.lock(session)
    entries, payouts = [each["entry"] for each in content["entries"]], [each["payout"] for each in content["payouts"]]
    meant = _meant(session, [uuid.UUID(each) for each in payouts], [uuid.UUID(each) for each in entries])
    changed = any(True for _ in _problems(hub, session, meant)) or meant.content(hub) != content
    if staff.void_if_changed(session, proposal, _AS_IT_WAS + changed, now):
        return
    agreement = PayoutAgreement(
        id=ids.new_id(), bank_account_id=place.bank_id, proposal_id=proposal.id, agreed_at=now, ended_by_id=None
    )
    session.add(agreement)
    session.flush()
    session.add_all(AgreedEntry(agreement_id=agreement.id, bank_entry_id=each.id) for each in meant.entries)
    session.add_all(
        AgreedPayout(
            agreement_id=agreement.id, gateway_account_id=each.gateway_account_id, reference=each.reference, currency=each.currency
        )
        for each in meant.payouts
    )
    _decide(hub, session, place, meant.days, proposal)


def propose_end(hub: Hub, session: Session, payout: str, by: Principal) -> Proposal:
    """Propose to take back what was said of a payout, and of all that was said with it."""
    [payout_id] = _read(hub, "gpo", [payout])
    row = session.get(PayoutState, payout_id) if payout_id else None
    if row is None:
        raise NotFound
    standing = agreements.about(session, row.gateway_account_id, row.reference, row.currency)
    if standing is None:
        raise NothingAgreed
    was = session.get_one(Proposal, standing.proposal_id).content
    content = {"agreement": str(standing.id), "agreed_by": str(standing.proposal_id), **was}
    target, now = f"agreement/{standing.id}", hub.clock.now()
    return staff.propose(session, kind=END, target=target, content=content, by=by, now=now, target_seq=_AS_IT_WAS)


@executes(END)
def end(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Let payouts stand as they do without what people had said of them."""
    content, now = proposal.content, hub.clock.now()
    place = _place(hub, uuid.UUID(content["bank_account"]))
    place.lock(session)
    agreement = session.get_one(PayoutAgreement, uuid.UUID(content["agreement"]), with_for_update=True, populate_existing=True)
    if staff.void_if_changed(session, proposal, _AS_IT_WAS + (agreement.ended_by_id is not None), now):
        return
    agreement.ended_by_id = proposal.id
    payouts = [uuid.UUID(each["payout"]) for each in content["payouts"]]
    meant = _meant(session, payouts, [uuid.UUID(each["entry"]) for each in content["entries"]])
    _decide(hub, session, place, meant.days, proposal)


def _decide(hub: Hub, session: Session, place: Till, days: Collection[date], proposal: Proposal) -> None:
    session.flush()
    now = hub.clock.now()
    proposing.over(session, proposal.id, str(proposal.decided_by), now, "matched")
    settling.settle(hub, session, place, min(days), max(days), now=now, actor=f"proposal {proposal.id}")
    telling.ask(hub, session, now)


def _read(hub: Hub, kind: str, public: Sequence[str]) -> list[uuid.UUID | None]:
    return [ids.read_public_id(kind, each, hub.settings.mode) for each in dict.fromkeys(public)]


def _meant(session: Session, payouts: Sequence[uuid.UUID | None], entries: Sequence[uuid.UUID | None]) -> _Meant:
    """Return what ids name, as it stands now; raise with those that name nothing."""
    rows = select(PayoutState).where(PayoutState.id.in_(payouts)).execution_options(populate_existing=True)
    movements = select(BankEntry).where(BankEntry.id.in_(entries)).execution_options(populate_existing=True)
    found, told = session.scalars(rows.order_by(PayoutState.id)).all(), session.scalars(movements.order_by(BankEntry.id)).all()
    problems = [
        FieldProblem(f"/{name}", "unknown", Text("Có mã không tồn tại", "One of them is not there"))
        for name, asked, there in (("payouts", payouts, found), ("entries", entries, told))
        if len(asked) != len(there)
    ]
    if problems:
        raise InvalidInput(problems)
    figures = listing.figures(session, [each.id for each in found])
    return _Meant(told, found, [int(figures[each.id]["net"]) for each in found], [figures[each.id]["due_on"] for each in found])


def _problems(hub: Hub, session: Session, meant: _Meant) -> Iterator[FieldProblem]:
    """Say why these entries cannot be these payouts."""
    accounts = hub.registers.gateway_accounts_by_id
    banks = {accounts[each.gateway_account_id].bank_account_id for each in meant.payouts}
    if len(banks) > 1 or any(entry.bank_account_id not in banks for entry in meant.entries):
        text = Text("Bút toán phải ở tài khoản nhận tiền quyết toán", "Entries must be on the bank account that is paid")
        yield FieldProblem("/entries", "other_bank_account", text)
    if any(entry.state != "open" for entry in meant.entries):
        text = Text("Có bút toán không còn chờ", "An entry is a payout already, or does not count")
        yield FieldProblem("/entries", "entry_not_open", text)
    standing = [agreements.about(session, each.gateway_account_id, each.reference, each.currency) for each in meant.payouts]
    if any(each.state in {"banked", "withdrawn"} for each in meant.payouts) or any(each is not None for each in standing):
        text = Text("Có khoản đã về hoặc đã rút", "A payout is banked or withdrawn, or people have said what it is")
        yield FieldProblem("/payouts", "payout_not_awaited", text)
    total, due = sum(entry.amount for entry in meant.entries), sum(meant.nets)
    currencies = {entry.currency for entry in meant.entries} | {payout.currency for payout in meant.payouts}
    if total != due or len(currencies) > 1:
        text = Text(f"Bút toán cộng lại {total}, quyết toán {due}", f"The entries add up to {total}, the payouts to {due}")
        yield FieldProblem("/entries", "amounts_differ", text)
    if max(meant.days) - min(meant.days) > TOGETHER:
        text = Text(f"Không được cách nhau quá {TOGETHER.days} ngày", f"No more than {TOGETHER.days} days may lie between them")
        yield FieldProblem("/entries", "too_far_apart", text)


def _place(hub: Hub, bank_id: uuid.UUID) -> Till:
    return till(hub.registers, hub.registers.bank_accounts_by_id[bank_id])


def _open_ones(hub: Hub, session: Session, payouts: Sequence[PayoutState]) -> Sequence[uuid.UUID]:
    """Return the discrepancies of payouts that are not resolved."""
    keys = [(each.gateway_account_id, each.reference, each.currency) for each in payouts]
    names = [settling.called(hub.registers, key) for key in keys]
    wanted = (Discrepancy.kind.in_(settling.KINDS), Discrepancy.key.in_(names), Discrepancy.state != "resolved")
    return session.scalars(select(Discrepancy.id).where(*wanted).order_by(Discrepancy.id)).all()
