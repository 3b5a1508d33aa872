"""What of a gateway's word goes into rows: codes and numbers. Anything else it may have written stays in the sealed message."""

from __future__ import annotations

from dataclasses import replace

from gateways.base import Notice, RefundNotice
from payhub.identifiers import identifier, instant_text, is_identifier


def by_form(notice: Notice) -> Notice:
    """Return a notice whose texts all have the form they must have."""
    texts = (notice.reference, notice.raw_code, notice.method, notice.transaction or "")
    if all(map(is_identifier, texts)) and instant_text(notice.paid_at_text) == notice.paid_at_text:
        return notice
    return replace(
        notice,
        reference=identifier(notice.reference),
        raw_code=identifier(notice.raw_code),
        method=_known(notice.method) or "",
        transaction=_known(notice.transaction),
        paid_at_text=instant_text(notice.paid_at_text),
    )


def refund_by_form(notice: RefundNotice) -> RefundNotice:
    """Return a notice of a refund whose texts all have the form they must have."""
    return replace(notice, raw_code=identifier(notice.raw_code), transaction=_known(notice.transaction))


def _known(text: str | None) -> str | None:
    return text if text and is_identifier(text) else None
