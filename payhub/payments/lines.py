"""From what a portal asks to the lines of a payment: granted, priced, and owed to an account of our own register."""

from __future__ import annotations

import hashlib
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from payhub.agencies.models import Agency
from payhub.agencies.service import collecting_account, successor_in_force
from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.fees.models import Fee
from payhub.fees.pricing import Asked, Priced, price
from payhub.fees.service import relief_in_force, retention_bp
from payhub.ids import new_id
from payhub.money import share
from payhub.payments.errors import AgencyNotGranted
from payhub.portals.grants import granted
from payhub.portals.models import Portal
from payhub.registers import Registers, in_force


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for lines, when, and for which dossier they hold the fees (None where they hold none)."""

    registers: Registers
    portal: Portal
    dossier: str | None
    on: date
    as_sent: bool = False
    """Whether an amount that the schedule does not say is taken as it was sent; whoever asks tells a person of it."""


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
    if not granted(registers, asking.portal, asking.on, fee_code=fee.code, agencies={asked.id, agency.id}):
        raise AgencyNotGranted(pointer=pointer)
    account = collecting_account(registers, agency, fee.kind, asking.on)
    if account is None:
        problems.append(FieldProblem(f"{pointer}/agency", "no_collecting_account", _NO_ACCOUNT))
        return None
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
        **{name: line.get(name) for name in ("quantity", "declared_value", "reason")},
        "dossier_claim": _claim(asking.portal, asking.dossier, fee) if asking.dossier else None,
        **_price(asking, fee, agency, line, pointer, problems),
    }


def _price(
    asking: Asking, fee: Fee, agency: Agency, line: Mapping[str, Any], pointer: str, problems: list[FieldProblem]
) -> dict[str, Any]:
    """Return the columns of a line's money; none after saying in `problems` what stands against its price."""
    registers = asking.registers
    relief = relief_in_force(registers, line["relief"], fee, asking.on) if line.get("relief") else None
    if relief is None and line.get("relief"):
        problems.append(FieldProblem(f"{pointer}/relief", "unknown_relief", _UNKNOWN_RELIEF))
        return {}
    asked = Asked(**{name: line.get(name) for name in ("quantity", "declared_value", "full_amount", "amount", "reason")})
    priced = price(fee, registers.tiers.get(fee.id, ()), relief, asked)
    if isinstance(priced, FieldProblem) and asking.as_sent and line.get("amount"):
        priced = Priced(line["amount"], line["amount"])
    if isinstance(priced, FieldProblem):
        problems.append(replace(priced, pointer=f"{pointer}{priced.pointer}"))
        return {}
    kept_bp = retention_bp(registers, agency, fee, asking.on)
    return {
        "full_amount": priced.full_amount,
        "relief_id": relief and relief.id,
        "relief_kind": relief and relief.kind,
        "ground": relief and relief.ground_vi,
        "amount": priced.amount,
        "retention_bp": kept_bp,
        "retained": share(priced.amount, kept_bp),
    }


_UNKNOWN_FEE = Text("Không có khoản này trong biểu phí đang áp dụng", "No such fee is in force")
_UNKNOWN_AGENCY = Text("Không có cơ quan mang mã này", "No agency has this code")
_UNKNOWN_RELIEF = Text("Không có diện miễn, giảm này đang áp dụng cho khoản thu", "No such relief is in force for this fee")
_FEE_REPEATED = Text(
    "Mỗi khoản của một hồ sơ chỉ ghi một dòng; dùng quantity, hoặc gửi additional nếu thực sự thu thêm",
    "One line per fee and dossier: use quantity, or say additional if it really is one more",
)
_AGENCY_CLOSED = Text("Cơ quan đã ngừng hoạt động, không có cơ quan kế thừa", "The agency is closed and has no successor")
_NO_ACCOUNT = Text("Cơ quan chưa đăng ký tài khoản thu cho khoản này", "The agency has no account for this kind of fee")


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
