"""The bill of a dossier, pulled by a portal that may ask for its fees: in the form in which OpenCPS gives one.

Who pays is not in it: the hub never gives that back, and whoever pulls a bill knows who asked them for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.agencies.models import CollectingAccount
from payhub.agencies.service import known_as
from payhub.clock import local_date
from payhub.hub import Hub
from payhub.payments.links import checkout_url
from payhub.payments.models import Payment, PaymentLine
from payhub.payments.states import PaymentState
from payhub.portals.grants import granted
from payhub.portals.keys import Caller
from payhub.portals.national import answers
from payhub.portals.national.messages import fields_of
from payhub.portals.national.standing import written
from payhub.registers import Registers

_FOUND, _NONE, _WRONG = 1, 0, -1
_LOOKED_AT = 20
_TYPES = {"phi": "1", "le_phi": "2"}
_EMPTY = (
    "MaLoaiHinhThuPhat", "TenLoaiHinhThuPhat", "MaCoQuanQD", "TenCoQuanQD", "KhoBac", "NgayQD", "SoQD", "ThoiGianViPham",
    "DiaDiemViPham", "TenNguoiViPham", "TaiKhoanThuNSNN", "HoTenNguoiNop", "SoCMNDNguoiNop", "DiaChiNguoiNop", "HuyenNguoiNop",
    "TinhNguoiNop",
)  # fmt: skip


def pull(hub: Hub, caller: Caller, body: bytes) -> Response:
    """Give the oldest payable bill of a dossier: `error_code` 1 and the bill, or 0 where there is none."""
    dossier = fields_of(body).get("MaHoSo", "").strip()
    if not dossier:
        return refused()
    registers, now = hub.registers, hub.clock.now()
    payable = (Payment.state == PaymentState.OPEN, Payment.closing_at.is_(None), Payment.expires_at > now)
    with hub.db.session() as session:
        # `ix_payment_open_dossier` finds them: nothing else looks a payment up by its dossier.
        wanted = select(Payment).where(Payment.dossier == dossier, *payable).order_by(Payment.id).limit(_LOOKED_AT)
        for payment in session.scalars(wanted):
            lines = _lines(session, payment)
            if _may_see(registers, caller, lines, hub):
                return answers.direct({"error_code": _FOUND, "message": _bill(hub, registers, payment, lines)})
    return answers.direct({"error_code": _NONE, "message": []})


def refused() -> Response:
    """Answer what cannot be answered."""
    return answers.direct({"error_code": _WRONG, "message": []})


def _lines(session: Session, payment: Payment) -> Sequence[PaymentLine]:
    return session.scalars(select(PaymentLine).where(PaymentLine.payment_id == payment.id).order_by(PaymentLine.number)).all()


def _may_see(registers: Registers, caller: Caller, lines: Sequence[PaymentLine], hub: Hub) -> bool:
    """Tell whether the caller might have asked for every line itself."""
    on = local_date(hub.clock.now())
    return all(
        granted(
            registers, caller.portal, on,
            fee_code=registers.fees_by_id[line.fee_id].code, agencies={line.agency_id, line.asked_agency_id},
        )
        for line in lines
    )  # fmt: skip


def _bill(hub: Hub, registers: Registers, payment: Payment, lines: Sequence[PaymentLine]) -> dict[str, Any]:
    first, now = lines[0], hub.clock.now()
    agency = known_as(registers, registers.agencies_by_id[first.agency_id], local_date(now))
    account = _account(registers, first)
    fee = registers.fees_by_id[first.fee_id]
    return {
        "MaTraCuuTT": f"{payment.dossier}{written(now)}",
        "transaction_id": payment.reference,
        "MaDichVu": "1" if first.kind == "fine" else "2",
        "MaDVC": fee.procedure or "", "TenDVC": fee.name_vi, "MaTTHC": fee.procedure or "", "TenTTHC": fee.name_vi,
        "MaDonVi": agency.code, "TenDonVi": agency.name_vi,
        "MaHoSo": payment.dossier or "",
        "PhiLePhi": [_fee(registers, line) for line in lines],
        "TKThuHuong": account.number, "MaNHThuHuong": account.bank_bin, "TenTKThuHuong": account.holder,
        **dict.fromkeys(_EMPTY, ""),
        "NoiDungThanhToan": f"THANH TOAN HO SO {payment.dossier}",
        "DSKhoanNop": [{"NoiDung": line.description, "SoTien": str(line.amount)} for line in lines],
        "SoTien": str(payment.total),
        "UrlThanhToan": checkout_url(hub, payment.id),
    }  # fmt: skip


def _account(registers: Registers, line: PaymentLine) -> CollectingAccount:
    return next(each for each in registers.collecting_accounts[line.agency_id] if each.id == line.collecting_account_id)


def _fee(registers: Registers, line: PaymentLine) -> dict[str, Any]:
    fee = registers.fees_by_id[line.fee_id]
    return {"LoaiPhiLePhi": _TYPES.get(line.kind, ""), "MaPhiLePhi": fee.code, "TenPhiLePhi": fee.name_vi, "SoTien": line.amount}
