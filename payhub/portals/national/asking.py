"""From INIT to what is asked for: dossier, lines, payer. The account is never the portal's; what it wrote is only compared."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from payhub.errors import Text
from payhub.fees.models import Fee
from payhub.portals.national.codes import Said
from payhub.portals.national.errors import Refused
from payhub.portals.national.fees import Naming
from payhub.portals.national.messages import Message, Receipt, Unreadable
from payhub.registers import Registers, in_force

_NOBODY = re.compile("0*")
"""What stands for an unknown number of identity: `000000000`."""
_UNITS = 10**6
_ASKED = ("MaDichVu", "MaHoSo", "MaDonVi", "MaDVC", "MaTTHC", "MaLoaiHinhThuPhat", "MaCoQuanQD", "SoQD", "NgayQD")
"""What of the receipt block says what is asked for, besides its lines."""
_LONGEST_DOSSIER = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a message asks for, in the words of `payments.schemas`."""

    dossier: str | None
    lines: Sequence[Mapping[str, Any]]
    listed: int
    """The sum of the lines as the portal lists them; another amount than SoTien is a difference for a person."""
    payer: Mapping[str, str]


def wanted(message: Message, naming: Naming, *, strict: bool) -> Wanted:
    """Return what INIT asks for; raise `Refused` for what cannot be."""
    _demand("MaTienTe", message.get("MaTienTe"), {"VND", ""})
    _demand("LoaiHinhThanhToan", message.get("LoaiHinhThanhToan").upper(), {"PAY", ""})
    receipt = message.receipt
    dossier, lines, listed = _fine(message, naming) if receipt.fine else _fees(message, naming)
    if listed != message.amount and (strict or len(lines) > 1):
        text = Text(
            f"SoTien là {message.amount}, các khoản cộng lại {listed}", f"SoTien is {message.amount}, the lines add up to {listed}"
        )
        raise Refused(Said.WRONG_AMOUNT, text)
    if len(lines) == 1:
        # SoTien is proven, the line is not.
        fee = in_force(naming.registers.fees[lines[0]["fee"]], naming.on)
        lines = [{**lines[0], **_priced(fee, message.amount)}] if fee else lines
    return Wanted(dossier, lines, listed, _payer(receipt))


def digest(message: Message) -> bytes:
    """Return what tells whether the same reference asks for the same again, as the portal wrote it: registers may have moved since.

    Who pays is no part of it, and neither are names or accounts.
    """
    receipt = message.receipt
    lines = sorted([line.type or "", line.code, line.amount] for line in receipt.lines if line.amount)
    return digest_of([*(receipt.get(name) for name in _ASKED), *lines])


def digest_of(values: Sequence[Any]) -> bytes:
    """Return the digest of what was asked for, in any contract's values."""
    return hashlib.sha256(orjson.dumps(values)).digest()


def differing(registers: Registers, rows: Sequence[Mapping[str, Any]], receipt: Receipt) -> list[str]:
    """Return what of the beneficiary the portal wrote otherwise than each of these lines' accounts has it."""
    told = {"account": receipt.get("TKThuHuong"), "bank": receipt.get("MaNHThuHuong"), "holder": receipt.get("TenTKThuHuong")}
    known: dict[str, set[str]] = {name: set() for name in told}
    for row in rows:
        [account] = [
            each for each in registers.collecting_accounts[row["agency_id"]] if each.id == row["collecting_account_id"]
        ]
        for name, value in (("account", account.number), ("bank", account.bank_bin), ("holder", account.holder)):
            known[name].add(_bare(value))
    return [name for name, value in told.items() if value and _bare(value) not in known[name]]


def _bare(value: str) -> str:
    return re.sub(r"[\s.-]", "", value).casefold()


def _demand(name: str, value: str, known: set[str]) -> None:
    if value not in known:
        words = ", ".join(sorted(known - {""}))
        raise Refused(Said.UNREADABLE, Text(f"{name} phải là {words}", f"{name} must be {words}"))


def _fees(message: Message, naming: Naming) -> tuple[str | None, list[dict[str, Any]], int]:
    receipt = message.receipt
    # A fee of nothing stands in the message, and in no line: only an exemption by law leaves nothing to pay.
    charged = [line for line in receipt.lines if line.amount]
    if not charged:
        text = Text("PhiLePhi không có khoản nào khác 0", "PhiLePhi has no line above zero")
        raise Refused(Said.UNREADABLE, text)
    lines = []
    for line in charged:
        fee = naming.of_line(line, receipt, alone=len(charged) == 1)
        lines.append(line_of(fee, receipt.get("MaDonVi"), line.amount, line.name, message.get("ThongTinGiaoDich")))
    return _dossier(receipt.get("MaHoSo")) or None, lines, sum(line.amount for line in charged)


def _fine(message: Message, naming: Naming) -> tuple[str | None, list[dict[str, Any]], int]:
    """A fine is one line; its decision is its dossier where it has none, and its amount's basis."""
    receipt = message.receipt
    fee = naming.of_fine(receipt)
    number, decided_on = receipt.get("SoQD"), receipt.get("NgayQD")
    office = receipt.get("MaDonVi") or receipt.get("MaCoQuanQD")
    if not number:
        raise Refused(Said.UNREADABLE, Text("thiếu SoQD", "SoQD is missing"))
    # Offices number their decisions each for itself, and from the beginning every year.
    dossier = receipt.get("MaHoSo") or " ".join(filter(None, (number, decided_on, receipt.get("MaCoQuanQD") or office)))
    basis = " ".join(filter(None, ("QĐ", number, decided_on, receipt.get("TenCoQuanQD"))))
    line = line_of(fee, office, message.amount, receipt.get("TenLoaiHinhThuPhat"), basis)
    return _dossier(dossier), [line], sum(receipt.items) or message.amount


def _dossier(text: str) -> str:
    """Refuse a dossier that would have to be cut: another might begin alike."""
    if len(text) > _LONGEST_DOSSIER:
        raise Unreadable("MaHoSo", "length")
    return text


def line_of(fee: Fee, agency: str, amount: int, description: str, basis: str) -> dict[str, Any]:
    """Return one line as `payments.lines` is asked for it; the basis stands where the schedule leaves the amount open."""
    line = {"fee": fee.code, "agency": agency, "description": description[:250] or None}
    return {**line, **_priced(fee, amount), **({"reason": basis[:250]} if fee.rule == "free" and basis else {})}


def _priced(fee: Fee, amount: int) -> dict[str, Any]:
    """Return the amount, and how many units it must be where the fee is by unit: the contract has no field for a number."""
    each = fee.amount or 0
    if fee.rule == "per_unit" and each and amount % each == 0 and amount // each <= _UNITS:
        return {"amount": amount, "quantity": amount // each}
    return {"amount": amount}


def _payer(receipt: Receipt) -> dict[str, str]:
    """Return who pays, as far as it can be used; the message itself is kept whole."""
    number = receipt.get("SoCMNDNguoiNop")
    address = ", ".join(filter(None, (receipt.get(name) for name in ("DiaChiNguoiNop", "HuyenNguoiNop", "TinhNguoiNop"))))
    told = {
        "name": receipt.get("HoTenNguoiNop")[:200],
        "id_number": "" if _NOBODY.fullmatch(number) or len(number) > 20 else number,
        "address": address[:300],
    }
    return {name: value for name, value in told.items() if value}
