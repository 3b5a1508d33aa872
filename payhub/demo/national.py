"""A portal that speaks the national contract alone: it asks by INIT, and is told by CONFIRM, as portals of provinces are.

It has its own reading of the contract, and answers as real ones do: it repeats our hash, leaves its reference out, and now and then
says that it failed itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any

import requests

from payhub.demo.errors import DemoFailed
from payhub.demo.listening import STUMBLES, Listener
from payhub.demo.tables import Row

_INIT = (
    "LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "SoTien", "LoaiHinhThanhToan", "MaKenhThanhToan", "MaThietBi",
    "NgonNgu", "MaTienTe", "MaNganHang", "ThongTinGiaoDich", "ThoiGianGD", "Ip",
)  # fmt: skip
_CONFIRM = (
    "LoaiBanTin", "MaLoi", "MaDoiTac", "MaThamChieu", "SoTien", "MaTienTe", "MaGiaoDich", "MaNganHang", "ThoiGianGD",
    "ThongTinGiaoDich",
)  # fmt: skip
_ALWAYS = {
    "LoaiBanTin": "INIT", "PhienBan": "1.0.6", "LoaiHinhThanhToan": "PAY", "MaKenhThanhToan": "1", "MaThietBi": "1",
    "MaTienTe": "VND", "MaNganHang": "PAYMENT", "Ip": "127.0.0.1",
}  # fmt: skip
_TYPES = {"phi": 1, "le_phi": 2}
_LOCAL = timezone(timedelta(hours=7))
_LONGEST = 20
"""OpenCPS cuts a reference off here."""
TAKEN, FAILED = "00", "99"


class NationalPortal(Listener):
    """One portal, its partner code and the secret that both directions are proven with."""

    def __init__(self, code: str, api: str, partner: str, secret: str, words: Mapping[str, Row]) -> None:
        super().__init__(code)
        self._api, self._partner, self._secret, self._words = api, partner, secret, words
        self.heard: dict[str, list[dict[str, Any]]] = {}
        """What it took of CONFIRM, by reference, in the order in which it came."""

    def ask(self, body: Mapping[str, Any], *, twice: bool = False) -> dict[str, Any]:
        """Ask for a payment; when `twice`, under a second reference too, which must lead to the very same."""
        reference = str(body["portal_reference"])[-_LONGEST:]
        address = self._init(body, reference)
        if twice and self._init(body, f"{reference[:-2]}-2") != address:
            raise DemoFailed(f"{self.code} asked for the same dossier twice and was sent to two payments")
        return {"id": reference, "checkout_url": address}

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:  # noqa: ARG002 - the contract has none
        """Take one CONFIRM in."""
        told = json.loads(body)
        with self._lock:
            if told.get("MaXacThuc") != _hashed(told, _CONFIRM, self._secret):
                self.counts["refused"] += 1
                return self._said(FAILED, told)
            self.counts["verified"] += 1
            if self.counts["verified"] % STUMBLES == 0:
                self.counts["stumbled"] += 1
                return self._said(FAILED, told)
            self.heard.setdefault(told["MaThamChieu"], []).append(told)
        return self._said(TAKEN, told)

    def _said(self, code: str, told: Mapping[str, Any]) -> tuple[int, bytes]:
        said = {"MaLoi": code, "MoTaLoi": "", "MaDoiTac": self._partner, "MaThamChieu": "", "MaXacThuc": told.get("MaXacThuc")}
        return HTTPStatus.OK, json.dumps(said).encode()

    def _init(self, body: Mapping[str, Any], reference: str) -> str:
        lines = body["lines"]
        message = {
            **_ALWAYS, "MaDoiTac": self._partner, "MaThamChieu": reference, "SoTien": str(sum(line["amount"] for line in lines)),
            "NgonNgu": "en-US" if body["language"] == "en" else "vi-VN", "ThongTinGiaoDich": f"THANH TOAN HO SO {body['dossier']}",
            "ThoiGianGD": f"{datetime.now(UTC).astimezone(_LOCAL):%Y%m%d%H%M%S}",
        }  # fmt: skip
        told = {**message, "ThongTinBienLai": self._receipt(body, lines), "MaXacThuc": _hashed(message, _INIT, self._secret)}
        answer = requests.post(f"{self._api}/national/init", json=told, timeout=30)
        # Its answers come wrapped: the fields as JSON in a string.
        wrapping = answer.json()
        said = json.loads(wrapping["message"]) if wrapping.get("error_code") == "0" else wrapping
        if not said.get("UrlThanhToan"):
            raise DemoFailed(f"INIT answered {answer.status_code}: {answer.text[:300]}")
        return str(said["UrlThanhToan"])

    def _receipt(self, body: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        known = {"HoTenNguoiNop": body["payer"]["name"], "SoCMNDNguoiNop": "000000000", "MaDonVi": lines[0]["agency"]}
        word = self._words[lines[0]["fee"]]
        if word["type"] == "fine":
            number = str(body["dossier"]).rpartition("-")[2]
            decided = {"SoQD": f"{number}/QĐ-XPHC", "NgayQD": "20261105", "MaCoQuanQD": lines[0]["agency"]}
            return {**known, **decided, "MaDichVu": "1", "MaLoaiHinhThuPhat": word["code"], "TenLoaiHinhThuPhat": "Vượt quá tốc độ"}
        fees = [
            {"LoaiPhiLePhi": _TYPES[self._words[line["fee"]]["type"]], "MaPhiLePhi": self._words[line["fee"]]["code"],
             "TenPhiLePhi": line["fee"], "SoTien": line["amount"]}
            for line in lines
        ]  # fmt: skip
        if len(fees) == 1:
            # OpenCPS always sends two, of which one costs nothing.
            fees.append({"LoaiPhiLePhi": 3 - fees[0]["LoaiPhiLePhi"], "MaPhiLePhi": "", "TenPhiLePhi": "", "SoTien": 0})
        return {**known, "MaDichVu": 2, "MaHoSo": body["dossier"], "PhiLePhi": fees}


def _hashed(values: Mapping[str, Any], names: Sequence[str], secret: str) -> str:
    return hashlib.sha256("|".join([*(str(values.get(name, "")) for name in names), secret]).encode()).hexdigest()
