"""What the facts suggest should be done about a discrepancy, each with its reason. Nothing is done by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.discrepancies.models import Discrepancy
from payhub.errors import Text
from payhub.hub import Hub
from payhub.payments.models import Payment
from payhub.payments.refunds.standing import available
from reconciliation.models import Settlement
from reconciliation.workbench import payouts
from reconciliation.workbench.about import DIFFERENCE, About
from reconciliation.workbench.asking import askable
from reconciliation.workbench.sides import same_money

Suggestion = tuple[str, Text, dict[str, Any]]
"""An act, why, and what to do it with."""
_OPPOSITE = {"missing_at_hub": "missing_at_gateway", "missing_at_gateway": "missing_at_hub"}
_ASK = {
    "unknown_outcome": Text("Cổng thanh toán chưa trả lời rõ; hãy hỏi lại", "The gateway has not said clearly: ask it again"),
    "refund_unknown": Text("Cổng thanh toán chưa trả lời rõ; hãy hỏi lại", "The gateway has not said clearly: ask it again"),
    "missing_at_gateway": Text(
        "Hỏi lại cổng xem khoản này có còn hiệu lực", "Ask the gateway whether it still says that this was paid"
    ),
    "missing_at_hub": Text("Hỏi lại cổng về lần thanh toán mang mã này", "Ask the gateway about the attempt of this reference"),
    "amount_differs": Text("Hỏi lại cổng xem số tiền nào đúng", "Ask the gateway which amount is right"),
    "refund_missing_at_gateway": Text(
        "Hỏi lại cổng xem tiền đã hoàn chưa", "Ask the gateway whether the refund was really made"
    ),
}


def suggest(hub: Hub, session: Session, found: Discrepancy, what: About) -> Iterator[Suggestion]:
    """Yield what could be done, the likeliest first."""
    if found.state == "resolved":
        return
    yield from _rows(session, found, what)
    yield from _money(hub, session, what)
    if found.kind in _ASK and askable(hub, what):
        yield "ask", _ASK[found.kind], {}
    yield from _other_half(hub, session, found)
    yield from payouts.suggest(hub, session, found)


def _rows(session: Session, found: Discrepancy, what: About) -> Iterator[Suggestion]:
    """A row set aside: what the file declares tells its amount where it is the only one, and that may name a payment."""
    settlement = what.settlement
    if found.kind != DIFFERENCE or settlement is None:
        return
    alone = len(what.aside) == 1 and settlement.declared_sum is not None
    short = (settlement.declared_sum or 0) - settlement.line_sum
    for reject in what.aside[:20]:
        with_: dict[str, Any] = {"row": reject.number}
        why = Text(
            f"Dòng {reject.number} bị để riêng ở cột {reject.field}",
            f"Row {reject.number} is set aside because of its column {reject.field}",
        )
        if alone and short > 0:
            with_["amount"] = short
            why = Text(f"{why.vi}; theo số khai báo còn thiếu {short}", f"{why.en}; by what the file declares {short} is missing")
            if (reference := _missing(session, settlement, short)) is not None:
                with_["reference"] = reference
                why = Text(
                    f"{why.vi}, đúng bằng khoản {reference} chưa có trong tệp nào",
                    f"{why.en}, just what {reference} has, which is in no file",
                )
        yield "correct", why, with_


def _missing(session: Session, settlement: Settlement, amount: int) -> str | None:
    """Return the one payment of these days that is in no file and has just this amount."""
    same = (
        Discrepancy.kind == "missing_at_gateway", Discrepancy.gateway_account_id == settlement.gateway_account_id,
        Discrepancy.on.between(settlement.period_on, settlement.until_on), Discrepancy.amount == amount,
        Discrepancy.state != "resolved",
    )  # fmt: skip
    found = session.scalars(select(Discrepancy.evidence["reference"].astext).where(*same).limit(2)).all()
    return found[0] if len(found) == 1 else None


def _money(hub: Hub, session: Session, what: About) -> Iterator[Suggestion]:
    """Money that is held: it pays its own payment if that still wants it whole, another of the same dossier, or goes back."""
    receipt, own = what.receipt, what.payment
    if receipt is None or own is None or (left := available(session, receipt)) <= 0:
        return
    wants = select(Payment).where(
        Payment.portal_id == own.portal_id, Payment.dossier == own.dossier, Payment.state.in_(["open", "expired"]),
        Payment.currency == receipt.currency, Payment.total.between(1, left), Payment.closing_reason.is_distinct_from("cancelled"),
    )  # fmt: skip
    for payment in session.scalars(wants.order_by(Payment.id != own.id, Payment.id).limit(3)):
        which = Text("của chính hồ sơ này", "of the same dossier")
        why = Text(f"Còn khoản thanh toán {which.vi} chưa nộp", f"A payment {which.en} is not paid")
        yield "allocate", why, {"payment": ids.public_id("pay", payment.id, hub.settings.mode)}
    why = Text(f"Đang giữ {left} chưa thuộc khoản nào", f"{left} is held that pays nothing")
    reason = "paid_twice" if receipt.reason == "paid_twice" else "wrong_amount" if "paid" in receipt.reason else "other"
    yield "refund", why, {"amount": left, "reason": reason}


def _other_half(hub: Hub, session: Session, found: Discrepancy) -> Iterator[Suggestion]:
    opposite = _OPPOSITE.get(found.kind)
    for other in same_money(session, found, opposite) if opposite else ():
        why = Text("Cùng ngày, cùng số tiền, lệch chiều ngược lại", "The same money on the same day, the other way round")
        yield "link", why, {"discrepancy": ids.public_id("dsc", other.id, hub.settings.mode)}
