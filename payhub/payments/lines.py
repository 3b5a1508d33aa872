"""From what a portal asks to the lines of a payment: granted, priced, and owed to an account of our own register."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from payhub.agencies.models import Agency
from payhub.agencies.service import collecting_account, successor_in_force
from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.fees.models import Fee
from payhub.fees.pricing import check_amount
from payhub.ids import new_id
from payhub.money import share
from payhub.payments.errors import AgencyNotGranted
from payhub.portals.models import Portal
from payhub.registers import Registers, in_force


def resolve(registers: Registers, portal: Portal, asked: Sequence[Mapping[str, Any]], claim: str | None, on: date) -> list[dict[str, Any]]:
    """Return the rows of `payment_line` for what was asked, or raise with every field that cannot be used.

    `claim` is the dossier that these lines hold for themselves, None where they hold none.
    """
    problems: list[FieldProblem] = []
    rows = [_row(registers, portal, line, claim, number, on, problems) for number, line in enumerate(asked, start=1)]
    if problems:
        raise InvalidInput(problems)
    return [row for row in rows if row is not None]


def _row(
    registers: Registers, portal: Portal, line: Mapping[str, Any], claim: str | None, number: int, on: date, problems: list[FieldProblem]
) -> dict[str, Any] | None:
    pointer = f"/lines/{number - 1}"
    fee = in_force(registers.fees.get(line["fee"], ()), on)
    asked = registers.agencies.get(line["agency"])
    if fee is None:
        problems.append(_problem(f"{pointer}/fee", "unknown_fee", "Không có khoản này trong biểu phí đang áp dụng", "No such fee is in force"))
    if asked is None:
        problems.append(_problem(f"{pointer}/agency", "unknown_agency", "Không có cơ quan mang mã này", "No agency has this code"))
    if fee is None or asked is None:
        return None
    agency = successor_in_force(registers, asked, on)
    if agency is None:
        problems.append(_problem(f"{pointer}/agency", "agency_closed", "Cơ quan đã ngừng hoạt động, không có cơ quan kế thừa", "The agency is closed and has no successor"))
        return None
    _demand_grant(registers, portal, {asked.id, agency.id}, fee, pointer, on)
    account = collecting_account(registers, agency, fee.kind, on)
    if account is None:
        problems.append(_problem(f"{pointer}/agency", "no_collecting_account", "Cơ quan chưa đăng ký tài khoản thu cho khoản này", "The agency has no account for this kind of fee"))
        return None
    wrong = check_amount(fee, line["amount"], line.get("quantity"), pointer)
    if wrong:
        problems.append(wrong)
    return {
        "id": new_id(),
        "number": number,
        "fee_id": fee.id,
        "kind": fee.kind,
        "budget_line": fee.budget_line,
        "agency_id": agency.id,
        "asked_agency_id": asked.id,
        "collecting_account_id": account.id,
        "description": line.get("description") or fee.name_vi,
        "quantity": line.get("quantity"),
        "amount": line["amount"],
        "retained": _retained(registers, agency, fee, line["amount"], on),
        "dossier_claim": _claim(portal, claim, fee) if claim else None,
    }


def _problem(pointer: str, code: str, vi: str, en: str) -> FieldProblem:
    return FieldProblem(pointer, code, Text(vi, en))


def _demand_grant(registers: Registers, portal: Portal, agencies: set[uuid.UUID], fee: Fee, pointer: str, on: date) -> None:
    """Raise unless a grant in force covers the fee and the agency, as named or as succeeded."""
    for grant in registers.grants.get(portal.id, ()):
        covers = (grant.agency_id is None or grant.agency_id in agencies) and grant.fee_code in {None, fee.code}
        if covers and in_force([grant], on):
            return
    raise AgencyNotGranted(pointer=pointer)


def _retained(registers: Registers, agency: Agency, fee: Fee, amount: int, on: date) -> int:
    """Return what the agency keeps of a phí; everything else is the budget's (Luật 97/2015)."""
    retention = in_force(registers.retentions.get((agency.id, fee.code), ()), on) if fee.kind == "phi" else None
    return share(amount, retention.basis_points) if retention else 0


def _claim(portal: Portal, dossier: str, fee: Fee) -> uuid.UUID:
    material = f"{portal.id}\n{dossier}\n{fee.code}".encode()
    return uuid.UUID(bytes=hashlib.sha256(material).digest()[:16])
