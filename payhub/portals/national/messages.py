"""Reading what portals send: bytes in, values out. Liberal in types; what is hashed stays as it was written.

Portals write the same field as a number or as text, leave fields out or null, and differ in how they name a fee's type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from payhub.identifiers import HIDDEN
from payhub.money import MAX_AMOUNT

INIT = (
    "LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "SoTien", "LoaiHinhThanhToan", "MaKenhThanhToan", "MaThietBi",
    "NgonNgu", "MaTienTe", "MaNganHang", "ThongTinGiaoDich", "ThoiGianGD", "Ip",
)  # fmt: skip
"""What INIT hashes, in order."""
ASK = ("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD")
"""What QUERY and GET_BILL hash, in order."""
CONFIRM = (
    "LoaiBanTin", "MaLoi", "MaDoiTac", "MaThamChieu", "SoTien", "MaTienTe", "MaGiaoDich", "MaNganHang", "ThoiGianGD",
    "ThongTinGiaoDich",
)  # fmt: skip
"""What CONFIRM hashes, in order; the answer to QUERY has the same fields."""
PHI, LE_PHI = "phi", "le_phi"
_TYPES = {"1": PHI, "phi": PHI, "phí": PHI, "2": LE_PHI, "lephi": LE_PHI, "lệphí": LE_PHI}
_DIGITS = re.compile("[0-9]{1,16}")
_LONGEST_REFERENCE = 255
_LONGEST = 4000


class Unreadable(Exception):
    """A message that cannot be used: which field, and why in one word."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name, self.why = name, why


class _Number(str):
    """A number as its message writes it: `150000` and `150000.0` are not the same to a hash."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FeeLine:
    """One element of PhiLePhi."""

    type: str | None
    """`phi`, `le_phi`, or None where the portal says something else."""
    code: str
    name: str
    amount: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """ThongTinBienLai: what no hash proves. None of it says where money goes."""

    lines: tuple[FeeLine, ...] = ()
    items: tuple[int, ...] = ()
    """The amounts of DSKhoanNop."""
    values: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """Return a field as text; empty where it is not there."""
        return self.values.get(name, "")

    @property
    def fine(self) -> bool:
        """Tell whether it is about an administrative fine."""
        return self.get("MaDichVu") == "1"


@dataclass(frozen=True, slots=True)
class Message:
    """A message as far as all of them are alike."""

    values: Mapping[str, str]
    """Every plain field at the top, as it was written."""
    given: str
    """Its MaXacThuc."""
    receipt: Receipt

    def get(self, name: str) -> str:
        """Return a field as text; empty where it is not there."""
        return self.values.get(name, "")

    def hashed(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return what its hash is of: a field that is missing or null counts as empty."""
        return tuple(self.get(name) for name in names)

    @property
    def reference(self) -> str:
        """MaThamChieu."""
        reference = self.get("MaThamChieu")
        if not reference.strip() or len(reference) > _LONGEST_REFERENCE:
            raise Unreadable("MaThamChieu", "length")
        if HIDDEN.search(reference):
            raise Unreadable("MaThamChieu", "type")
        return reference

    @property
    def amount(self) -> int:
        """SoTien, more than nothing."""
        amount = whole("SoTien", self.get("SoTien"))
        if not amount:
            raise Unreadable("SoTien", "amount")
        return amount


def read(body: bytes) -> Message:
    """Read a message, whatever its media type says; raise `Unreadable`."""
    found = _object(body, "")
    block = found.get("ThongTinBienLai")
    if isinstance(block, str) and not isinstance(block, _Number) and block.strip():
        block = _object(block.encode(), "ThongTinBienLai")
    values = dict(_plain(found))
    given = values.pop("MaXacThuc", "")
    return Message(values, given, _receipt(block) if isinstance(block, dict) else Receipt())


def fields_of(body: bytes) -> dict[str, str]:
    """Return the plain fields of a JSON object; raise `Unreadable`."""
    return dict(_plain(_object(body, "")))


def whole(name: str, text: str) -> int:
    """Read an amount: digits alone, no sign, no fraction, no separator."""
    if not _DIGITS.fullmatch(text.strip()) or int(text) > MAX_AMOUNT:
        raise Unreadable(name, "amount")
    return int(text)


def _object(body: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(
            body.decode("utf-8-sig"), parse_int=_Number, parse_float=_Number, parse_constant=_refused, object_pairs_hook=_once
        )
    except (ValueError, RecursionError):
        raise Unreadable(name, "json") from None
    if not isinstance(found, dict):
        raise Unreadable(name, "json")
    return found


def _refused(_: str) -> None:
    raise ValueError


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    # Of a field that is there twice, one might be hashed and the other be used.
    if len(found) < len(pairs):
        raise ValueError
    return found


def _plain(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        if value is None:
            yield name, ""
        elif isinstance(value, str):
            # A lone half of a pair cannot be hashed, stored or sent.
            if len(value) > _LONGEST or (not value.isascii() and _HALF.search(value)):
                raise Unreadable(name, "length")
            yield name, str(value)
        elif isinstance(value, bool):
            raise Unreadable(name, "type")


_HALF = re.compile("[\ud800-\udfff]")


def _receipt(block: Mapping[str, Any]) -> Receipt:
    lines = tuple(_line(each) for each in _list(block.get("PhiLePhi"), "PhiLePhi"))
    items = tuple(_amount(each, "DSKhoanNop") for each in _list(block.get("DSKhoanNop"), "DSKhoanNop"))
    values = {name: HIDDEN.sub(" ", value).strip() for name, value in _plain(block)}
    return Receipt(lines, items, values)


def _list(value: Any, name: str) -> list[Mapping[str, Any]]:
    """Return a list of objects; one object alone is a list of one."""
    if isinstance(value, dict):
        return [value]
    if value in (None, "", []):
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Unreadable(name, "type")
    return value


def _line(each: Mapping[str, Any]) -> FeeLine:
    values = dict(_plain(each))
    kind = _TYPES.get(re.sub(r"[\s_]", "", values.get("LoaiPhiLePhi", "")).casefold())
    name = HIDDEN.sub(" ", values.get("TenPhiLePhi", "")).strip()
    return FeeLine(kind, values.get("MaPhiLePhi", "").strip(), name, _amount(each, "PhiLePhi"))


def _amount(each: Mapping[str, Any], name: str) -> int:
    text = dict(_plain(each)).get("SoTien", "")
    return whole(f"{name}.SoTien", text) if text.strip() else 0
