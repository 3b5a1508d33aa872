"""From what a portal asks to the lines of a payment: granted, priced, and owed to an account of our own register."""

from __future__ import annotations

import hashlib
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for lines, when, and for which dossier they hold the fees (None where they hold none)."""

    registers: Registers
    portal: Portal
    dossier: str | None
    on: date


def resolve(asking: Asking, asked: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of `payment_line` for what was asked, or raise with every field that cannot be used."""
    problems: list[FieldProblem] = []
    rows = [_row(asking, line, number, problems) for number, line in enumerate(asked, start=1)]
    kept = [row for row in rows if row is not None]
    problems += _repeated(kept)
    if problems:
        raise InvalidInput(problems)
    return kept


def _row(asking: Asking, line: Mapping[str, Any], number: int, problems: list[FieldProblem]) -> dict[str, Any] | None:
    """Return one row, or None after saying in `problems` what stands against it."""
    registers, pointer = asking.registers, f"/lines/{number - 1}"
    fee = in_force(registers.fees.get(line["fee"], ()), asking.on)
    asked = registers.agencies.get(line["agency"])
    if fee is None:
        problems.append(FieldProblem(f"{pointer}/fee", "unknown_fee", _UNKNOWN_FEE))
    if asked is None:
        problems.append(FieldProblem(f"{pointer}/agency", "unknown_agency", _UNKNOWN_AGENCY))
    if fee is None or asked is None:
        return None
    agency = successor_in_force(registers, asked, asking.on)
    if agency is None:
        problems.append(FieldProblem(f"{pointer}/agency", "agency_closed", _AGENCY_CLOSED))
        return None
    _demand_grant(asking, {asked.id, agency.id}, fee, pointer)
    account = collecting_account(registers, agency, fee.kind, asking.on)
    if account is None:
        problems.append(FieldProblem(f"{pointer}/agency", "no_collecting_account", _NO_ACCOUNT))
        return None
    wrong = check_amount(fee, line["amount"], line.get("quantity"), pointer)
    if wrong:
        problems.append(wrong)
    retention_bp = _retention(asking, agency, fee)
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
        "retention_bp": retention_bp,
        "retained": share(line["amount"], retention_bp),
        "dossier_claim": _claim(asking.portal, asking.dossier, fee) if asking.dossier else None,
    }


_UNKNOWN_FEE = Text("Không có khoản này trong biểu phí đang áp dụng", "No such fee is in force")
_UNKNOWN_AGENCY = Text("Không có cơ quan mang mã này", "No agency has this code")
_FEE_REPEATED = Text(
    "Mỗi khoản của một hồ sơ chỉ ghi một dòng; dùng quantity, hoặc gửi additional nếu thực sự thu thêm",
    "One line per fee and dossier: use quantity, or say additional if it really is one more",
)
_AGENCY_CLOSED = Text("Cơ quan đã ngừng hoạt động, không có cơ quan kế thừa", "The agency is closed and has no successor")
_NO_ACCOUNT = Text("Cơ quan chưa đăng ký tài khoản thu cho khoản này", "The agency has no account for this kind of fee")


def _demand_grant(asking: Asking, agencies: set[uuid.UUID], fee: Fee, pointer: str) -> None:
    """Raise unless a grant in force covers the fee and the agency, as named or as succeeded."""
    for grant in asking.registers.grants.get(asking.portal.id, ()):
        covers = (grant.agency_id is None or grant.agency_id in agencies) and grant.fee_code in {None, fee.code}
        if covers and in_force([grant], asking.on) is not None:
            return
    raise AgencyNotGranted(pointer=pointer)


def _retention(asking: Asking, agency: Agency, fee: Fee) -> int:
    """Return the basis points of a phí that its agency keeps; everything else is the budget's (Luật 97/2015)."""
    if fee.kind != "phi":
        return 0
    retention = in_force(asking.registers.retentions.get((agency.id, fee.code), ()), asking.on)
    return retention.basis_points if retention else 0


def _repeated(rows: Iterable[Mapping[str, Any]]) -> Iterator[FieldProblem]:
    """Name every line that claims what a line before it claims, whatever agency each is for."""
    claimed = set[uuid.UUID]()
    for row in rows:
        claim = row["dossier_claim"]
        if claim in claimed:
            yield FieldProblem(f"/lines/{row['number'] - 1}/fee", "fee_repeated", _FEE_REPEATED)
        if claim is not None:
            claimed.add(claim)


def _claim(portal: Portal, dossier: str, fee: Fee) -> uuid.UUID:
    # An accented letter is written as one character or as two; to a person it is the same dossier.
    dossier = unicodedata.normalize("NFC", dossier)
    material = f"{portal.id}\n{dossier}\n{fee.code}".encode()
    return uuid.UUID(bytes=hashlib.sha256(material).digest()[:16])
