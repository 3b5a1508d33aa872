"""How payouts, bank entries and statements look from outside."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import RowMapping

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.hub import Hub
from reconciliation.banking import listing
from reconciliation.banking.models import BankEntry, PayoutState, Statement
from reconciliation.banking.statements import Taken

_FIGURES = (
    "lines", "gross", "refunds", "reversals", "fees", "adjustments", "net", "due_on", "awaited_until", "banked_on",
)  # fmt: skip


class _Row(Protocol):
    id: Any


def describe_taken(hub: Hub, taken: Taken) -> dict[str, Any]:
    """Return the statements of a file that was handed in."""
    return {"already": taken.already, "statements": [_statement(hub, row) for row in taken.statements]}


def page_of_payouts(
    hub: Hub, *, limit: int, cursor: str | None = None, state: str | None = None, account: str | None = None
) -> dict[str, Any]:
    """Return a page of payouts."""
    after = _after(hub, "gpo", cursor)
    account_id = None if account is None else _known(hub.registers.gateway_accounts.get(account), "account").id
    with hub.db.session() as session:
        found = listing.payouts(session, limit=limit + 1, after=after, state=state, account_id=account_id)
        figures = listing.figures(session, [row.id for row in found[:limit]])
    return _page(hub, "gpo", found, limit, (_payout(hub, row, figures[row.id]) for row in found[:limit]))


def page_of_entries(
    hub: Hub, *, limit: int, cursor: str | None = None, state: str | None = None, bank_account: str | None = None
) -> dict[str, Any]:
    """Return a page of movements, each with who told it and what it is, or may be."""
    after, bank_id = _after(hub, "bke", cursor), _bank_id(hub, bank_account)
    with hub.db.session() as session:
        found = listing.entries(session, limit=limit + 1, after=after, state=state, bank_id=bank_id)
        shown = [row.id for row in found[:limit]]
        told, meant = listing.tellers(session, shown), listing.meant(session, shown)
    data = (_entry(hub, row, told.get(row.id, ()), meant.get(row.id, ())) for row in found[:limit])
    return _page(hub, "bke", found, limit, data)


def page_of_statements(hub: Hub, *, limit: int, cursor: str | None = None, bank_account: str | None = None) -> dict[str, Any]:
    """Return a page of statements and notifications."""
    after, bank_id = _after(hub, "bst", cursor), _bank_id(hub, bank_account)
    with hub.db.session() as session:
        found = listing.statements(session, limit=limit + 1, after=after, bank_id=bank_id)
    return _page(hub, "bst", found, limit, (_statement(hub, row) for row in found[:limit]))


def _page(hub: Hub, kind: str, found: Sequence[_Row], limit: int, data: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"data": list(data), "next": _public(hub, kind, found[limit - 1].id) if len(found) > limit else None}


def _after(hub: Hub, kind: str, cursor: str | None) -> uuid.UUID | None:
    after = None if cursor is None else ids.read_public_id(kind, cursor, hub.settings.mode)
    if cursor is not None and after is None:
        problem = Text("Con trỏ không hợp lệ", "The cursor is not one of ours")
        raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", problem)])
    return after


def _bank_id(hub: Hub, code: str | None) -> uuid.UUID | None:
    return None if code is None else _known(hub.registers.bank_accounts.get(code), "bank_account")[0].id


def _known(found: Any, field: str) -> Any:
    if not found:
        raise InvalidInput([FieldProblem(f"/{field}", "unknown", Text("Không có tài khoản này", "There is no such account"))])
    return found


def _public(hub: Hub, kind: str, value: uuid.UUID | None) -> str | None:
    return None if value is None else ids.public_id(kind, value, hub.settings.mode)


def _payout(hub: Hub, row: PayoutState, figures: RowMapping) -> dict[str, Any]:
    return {
        "id": _public(hub, "gpo", row.id),
        "account": hub.registers.gateway_accounts_by_id[row.gateway_account_id].code,
        "reference": row.reference,
        "named": figures["named"],
        "currency": row.currency,
        "state": row.state,
        **{name: figures[name] for name in _FIGURES},
        "entry": _public(hub, "bke", row.bank_entry_id),
        "suggested_entry": _public(hub, "bke", row.suggested_entry_id),
        "agreed_by": _public(hub, "prp", figures["agreed_by"]),
    }


def _entry(hub: Hub, row: BankEntry, told: Sequence[RowMapping], meant: Sequence[RowMapping]) -> dict[str, Any]:
    accounts = hub.registers.gateway_accounts_by_id
    payouts = [
        {"account": accounts[each["gateway_account_id"]].code, "reference": each["reference"], "reason": each["reason"]}
        for each in meant
    ]
    codes = sorted({code for each in told for code in each["codes"]})
    banked = next((each for each in payouts if each["reason"] == "banked"), None)
    return {
        **{name: getattr(row, name) for name in ("booked_on", "value_on", "amount", "currency", "bank_reference", "state")},
        "id": _public(hub, "bke", row.id),
        "bank_account": hub.registers.bank_accounts_by_id[row.bank_account_id].code,
        "told_by": [{**each, "statement": _public(hub, "bst", each["statement"])} for each in told],
        "payout": banked and {name: banked[name] for name in ("account", "reference")},
        "suggestions": [] if banked else [*payouts, *({"reason": "attempt_code", "reference": code} for code in codes)],
    }


def _statement(hub: Hub, row: Statement) -> dict[str, Any]:
    kept = ("kind", "number", "currency", "opening", "closing", "file_name", "received_at")
    return {
        **{name: getattr(row, name) for name in kept},
        "id": _public(hub, "bst", row.id),
        "bank_account": hub.registers.bank_accounts_by_id[row.bank_account_id].code,
        "from": row.from_on,
        "until": row.to_on,
        "lines": row.line_count,
        "sum": row.line_sum,
        "sha256": row.digest.hex(),
        "superseded_by": _public(hub, "bst", row.superseded_by_id),
    }
