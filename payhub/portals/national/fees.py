"""Which fees of the schedule a portal means. It never writes our codes: OpenCPS writes `2` for every fee, TD the procedure.

The partner's own register of codes comes first, then a code that is one of ours, then the procedure a fee is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from payhub.errors import Text
from payhub.fees.models import Fee
from payhub.portals.models import Portal
from payhub.portals.national.codes import Said
from payhub.portals.national.errors import Refused
from payhub.portals.national.messages import FeeLine, Receipt
from payhub.registers import Registers, in_force

_SERVICE = re.compile(r"(.+)\.[0-9]{2}")
"""MaDVC is the procedure and two digits."""


@dataclass(frozen=True, slots=True)
class Naming:
    """A portal's words for fees, on a date."""

    registers: Registers
    portal: Portal
    on: date

    def of_line(self, line: FeeLine, receipt: Receipt, *, alone: bool) -> Fee:
        """Return the fee of one line; `alone` says that the receipt has no other that costs anything."""
        own, of_procedure = _known((line.code,)), _known((receipt.get("MaDVC"), receipt.get("MaTTHC")))
        fee = self._mapped(own, line.type) or self._schedule(line.code) or self._mapped(of_procedure, line.type)
        return fee or self._procedure(receipt, line.type, alone=alone) or self._nobody((*own, *of_procedure))

    def of_fine(self, receipt: Receipt) -> Fee:
        """Return the fee that an administrative fine is collected as: it has no PhiLePhi."""
        codes = _known((receipt.get("MaLoaiHinhThuPhat"), receipt.get("MaDVC"), receipt.get("MaTTHC")))
        fee = self._mapped(codes, "fine")
        for code in codes:
            fee = fee or self._schedule(code)
        return fee or self._only_fine() or self._nobody(codes)

    def of_service(self, code: str) -> Fee:
        """Return the fee of PayGov's serviceCode."""
        return self._mapped((code,), None) or self._schedule(code) or self._nobody((code,))

    def _mapped(self, codes: Sequence[str], type_: str | None) -> Fee | None:
        """Look a code up in the partner's own register: with its type, then with any."""
        for code in codes:
            rows = self.registers.national_fees.get((self.portal.id, code), ())
            for wanted in (type_, "any"):
                row = in_force([each for each in rows if each.type == wanted], self.on)
                fee = self._schedule(row.fee_code) if row else None
                if fee is not None:
                    return fee
        return None

    def _schedule(self, code: str) -> Fee | None:
        return in_force(self.registers.fees.get(code, ()), self.on)

    def _procedure(self, receipt: Receipt, type_: str | None, *, alone: bool) -> Fee | None:
        """Find the one fee of a procedure. TD calls the only line of any dossier a phí: alone, its type says nothing."""
        service = _SERVICE.fullmatch(receipt.get("MaDVC"))
        procedures = {receipt.get("MaTTHC"), service.group(1) if service else receipt.get("MaDVC")} - {""}
        fees = [fee for fee in self._in_force() if fee.procedure in procedures]
        of_type = [fee for fee in fees if fee.kind == type_]
        found = of_type or (fees if alone else [])
        return found[0] if len(found) == 1 else None

    def _only_fine(self) -> Fee | None:
        fines = [fee for fee in self._in_force() if fee.kind == "fine"]
        return fines[0] if len(fines) == 1 else None

    def _in_force(self) -> Iterator[Fee]:
        for rows in self.registers.fees.values():
            fee = in_force(rows, self.on)
            if fee is not None:
                yield fee

    def _nobody(self, codes: Sequence[str]) -> Fee:
        named = ", ".join(code[:60] for code in codes)
        text = Text(f"chưa khai báo khoản thu cho mã {named}", f"no fee is registered for the codes {named}")
        raise Refused(Said.UNKNOWN_FEE, text)


def _known(codes: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code for code in codes if code))
