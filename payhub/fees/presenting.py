"""The fee schedule in outside words. It is public; what a portal may ask for is marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from payhub import searching
from payhub.agencies.models import Agency
from payhub.agencies.service import collecting_account, successor_in_force
from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.fees.models import Fee
from payhub.fees.service import reliefs_of, retention_bp
from payhub.portals.grants import granted
from payhub.portals.models import Portal
from payhub.registers import Registers, in_force

_COLUMNS = (
    "code", "kind", "name_vi", "name_en", "budget_line", "procedure", "rule", "amount", "minimum", "maximum", "basis_points",
    "round_to", "rounding", "tiering", "measure", "source", "valid_from", "valid_to",
)  # fmt: skip
_TIER = ("above", "amount", "basis_points")
_RELIEF = ("code", "kind", "basis_points", "amount", "ground_vi", "ground_en", "source", "valid_from", "valid_to")


@dataclass(frozen=True, slots=True)
class _Looking:
    """Who looks, on which day, and at which agency's fees (none is everybody's)."""

    registers: Registers
    portal: Portal
    on: date
    asked: Agency | None

    @property
    def agency(self) -> Agency | None:
        """The agency that collects for the one that was named."""
        return successor_in_force(self.registers, self.asked, self.on) if self.asked else None

    def shows(self, fee: Fee) -> bool:
        """Tell whether the named agency, if any, has an account for the fee."""
        if self.asked is None:
            return True
        return self.agency is not None and collecting_account(self.registers, self.agency, fee.kind, self.on) is not None

    def grants(self, fee: Fee) -> bool:
        """Tell whether the portal may ask for it."""
        named = [agency.id for agency in (self.asked, self.agency) if agency]
        return granted(self.registers, self.portal, self.on, fee_code=fee.code, agencies=named or None)


def page(
    registers: Registers, portal: Portal, on: date, *, limit: int, cursor: str | None = None, agency: str | None = None,
    search: str | None = None, kind: str | None = None, only: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return a page of the fees in force on a day, by code."""
    looking = _Looking(registers, portal, on, _named(registers, agency))
    found = (
        fee
        for fee in _in_force(registers, on)
        if kind in {None, fee.kind}
        and looking.shows(fee)
        and searching.finds(search, fee.code, fee.name_vi, fee.name_en, fee.procedure)
        and only in {None, "true" if looking.grants(fee) else "false"}
    )
    shown, more = searching.page(found, limit, cursor)
    return {"data": [_describe(looking, fee) for fee in shown], "next": more}


def _in_force(registers: Registers, on: date) -> Iterator[Fee]:
    for versions in registers.fees.values():
        fee = in_force(versions, on)
        if fee is not None:
            yield fee


def _named(registers: Registers, code: str | None) -> Agency | None:
    if code is not None and code not in registers.agencies:
        text = Text("Không có cơ quan mang mã này", "No agency has this code")
        raise InvalidInput([FieldProblem("/agency", "unknown_agency", text)])
    return registers.agencies[code] if code else None


def _describe(looking: _Looking, fee: Fee) -> dict[str, Any]:
    registers, agency = looking.registers, looking.agency
    return {
        **_columns(fee, _COLUMNS),
        "tiers": [_columns(tier, _TIER) for tier in registers.tiers.get(fee.id, ())],
        "reliefs": [_columns(relief, _RELIEF) for relief in reliefs_of(registers, fee, looking.on)],
        "retention_bp": retention_bp(registers, agency, fee, looking.on) if agency else None,
        "granted": looking.grants(fee),
    }


def _columns(row: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
