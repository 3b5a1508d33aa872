"""Portals that speak the national contract: their messages, their own hash, a server of theirs that is told, and what they answer."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from payhub import ids
from payhub.hub import Hub
from payhub.ids import public_id
from payhub.imports.applying import fill, on_day
from payhub.imports.tables import REGISTERS
from payhub.payments import closing
from payhub.payments.links import payment_of
from payhub.portals.models import PortalSecret
from payhub.secrets import sealing
from webhooks import endpoints, relay
from webhooks.couriers import Couriers

SECRET = "bi-mat-dung-chung-01"
INIT = "LoaiBanTin PhienBan MaDoiTac MaThamChieu SoTien LoaiHinhThanhToan MaKenhThanhToan MaThietBi NgonNgu MaTienTe MaNganHang ThongTinGiaoDich ThoiGianGD Ip"
ASK = "LoaiBanTin PhienBan MaDoiTac MaThamChieu ThoiGianGD"
CONFIRM = "LoaiBanTin MaLoi MaDoiTac MaThamChieu SoTien MaTienTe MaGiaoDich MaNganHang ThoiGianGD ThongTinGiaoDich"
CONVERSATIONS = Path(__file__).parent / "conversations"


def code_of(message: dict[str, Any], names: str, secret: str = SECRET) -> str:
    """The hash as a portal makes it, written here a second time on purpose."""
    values = ["" if message.get(name) is None else str(message.get(name)) for name in names.split()]
    return hashlib.sha256("|".join([*values, secret]).encode()).hexdigest()


@dataclass
class Portal:
    """A portal of a province."""

    hub: Hub
    client: Any
    partner: str = "H53"
    secret: str = SECRET

    def message(self, reference: str = "dvc0000001H532611200001", amount: Any = "150000", **changes: Any) -> dict[str, Any]:
        receipt = {
            "MaDichVu": "2", "MaDVC": "1.001612.01", "TenDVC": "Đăng ký kết hôn", "MaTTHC": "1.001612", "TenTTHC": "Đăng ký kết hôn",
            "MaDonVi": "000.00.00.H53", "TenDonVi": "UBND tỉnh Tây Ninh", "MaHoSo": "H53.12-261120-0001",
            "PhiLePhi": [{"LoaiPhiLePhi": "2", "MaPhiLePhi": "2", "TenPhiLePhi": "Lệ phí hộ tịch", "SoTien": amount}],
            "TKThuHuong": "", "MaNHThuHuong": "", "TenTKThuHuong": "",
            "HoTenNguoiNop": "Trần Thị Bích Hạnh", "SoCMNDNguoiNop": "072190001234", "DiaChiNguoiNop": "5 Lê Lợi", "TinhNguoiNop": "Tây Ninh",
            "DSKhoanNop": [{"NoiDung": "Lệ phí hộ tịch", "SoTien": amount}],
        }  # fmt: skip
        receipt |= changes.pop("receipt", {})
        return {
            "LoaiBanTin": "INIT", "PhienBan": "1.0.6", "MaDoiTac": self.partner, "MaThamChieu": reference, "SoTien": amount,
            "LoaiHinhThanhToan": "PAY", "MaKenhThanhToan": "1", "MaThietBi": "1", "NgonNgu": "vi-VN", "MaTienTe": "VND",
            "MaNganHang": "PAYMENT", "ThongTinGiaoDich": "THANH TOAN HO SO H53.12-261120-0001", "ThoiGianGD": "20261120021500",
            "Ip": "10.53.0.12", "ThongTinBienLai": receipt, **changes,
        }  # fmt: skip

    def post(self, path: str, message: Any, **headers: str) -> Any:
        body = message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False).encode()
        return self.client.post(path, data=body, content_type=headers.pop("content_type", "application/json"), headers=headers)

    def say(self, message: dict[str, Any], names: str, path: str, **headers: str) -> Any:
        return self.post(path, {**message, "MaXacThuc": code_of(message, names, self.secret)}, **headers)

    def init(self, message: dict[str, Any] | None = None, path: str = "/national/init", **headers: str) -> Any:
        answer = self.say(message or self.message(), INIT, path, **headers)
        assert answer.status_code == 200
        return answer.json

    def ask(self, type_: str, reference: str, path: str, at: str = "20261120021500") -> Any:
        message = {"LoaiBanTin": type_, "PhienBan": "1.0.6", "MaDoiTac": self.partner, "MaThamChieu": reference, "ThoiGianGD": at}
        return self.say(message, ASK, path)

    def query(self, reference: str = "dvc0000001H532611200001", **more: str) -> Any:
        return self.ask("QUERY", reference, "/national/query", **more).json

    def bill(self, reference: str = "dvc0000001H532611200001", **more: str) -> Any:
        return self.ask("GET_BILL", reference, "/national/bill", **more)


def paid_at(hub: Hub, answer: dict[str, Any]) -> Any:
    """The payment behind the address in an answer."""
    return payment_of(hub, urlsplit(answer["UrlThanhToan"]).path.rpartition("/")[2])


@pytest.fixture
def payment_at(hub: Hub) -> Callable[[dict[str, Any]], Any]:
    return lambda answer: paid_at(hub, answer)


@pytest.fixture
def share(hub: Hub) -> Callable[..., None]:
    """Share a secret with a portal, as two people have agreed on."""

    def add(secret: str = SECRET, portal: str = "dvc-tay-ninh", direction: str = "inbound") -> None:
        with hub.db.session() as session:
            owner = next(row.id for row in hub.registers.portals.values() if row.code == portal)
            now = hub.clock.now()
            held = sealing.seal(hub.keyring, "portal_secret", ids.new_id(), secret)
            row = PortalSecret(
                **held, portal_id=owner, direction=direction, state="live", origin="given", created_by=None, created_at=now, live_at=now,
                ended_at=None,
            )  # fmt: skip
            session.add(row)
        hub.cache.fresh()

    return add


@pytest.fixture
def register(hub: Hub) -> Callable[..., None]:
    """Add a row to a register, as if it had always been there."""

    def add(name: str, **values: Any) -> None:
        of = REGISTERS[name]
        row = of.row(**{column.name: values.get(column.name, column.empty) for column in of.columns})
        with hub.db.session() as session:
            on_day(session, date(1900, 1, 1))
            fill(session, of, [row._replace(valid_from=date(2020, 1, 1))])
        hub.cache.fresh()

    return add


@pytest.fixture
def portal(hub: Hub, client: Any, share: Callable[..., None]) -> Portal:
    share()
    return Portal(hub, client)


@pytest.fixture
def td(hub: Hub, client: Any, share: Callable[..., None], register: Callable[..., None]) -> Portal:
    """A portal that wraps answers and takes GET_BILL's for a PDF."""
    share()
    register("national_partners", code="TD53", portal="dvc-tay-ninh", contract="payment_platform", answer="wrapped", bill="pdf")
    return Portal(hub, client, "TD53")


# The portal's own server.

Answer = Callable[[dict[str, Any]], Any]


@dataclass
class Told:
    """What CONFIRM came, and what is answered to each."""

    hub: Hub
    url: str
    answer: Answer
    received: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def listen(self, *types: str, url: str = "") -> Any:
        with self.hub.db.session() as session:
            owner = next(row.id for row in self.hub.registers.portals.values() if row.code == "dvc-tay-ninh")
            return endpoints.add(self.hub, session, owner, url or self.url, types or endpoints.CONFIRMED, protocol="payment_platform")[0]

    def tell(self) -> None:
        relay.run(self.hub.db, self.hub.clock.now())
        Couriers().deliver_due(self.hub)

    def codes(self) -> list[tuple[str, str]]:
        return [(message["MaThamChieu"], message["MaLoi"]) for message in self.received]


def accepted(message: dict[str, Any]) -> dict[str, Any]:
    return {name: message[name] for name in ("MaDoiTac", "MaThamChieu", "ThoiGianGD", "MaXacThuc")} | {"MaLoi": "00", "MoTaLoi": ""}


@pytest.fixture
def told(hub: Hub) -> Iterator[Told]:
    class Server(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            message = json.loads(body)
            made.bodies.append(body)
            made.received.append(message)
            said = made.answer(message)
            status, said = said if isinstance(said, tuple) else (200, said)
            answer = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    made = Told(hub, f"http://127.0.0.1:{server.server_port}/dpnhankqthanhtoanhs", accepted)
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hub(hub: Hub) -> Hub:
    webhooks = replace(hub.settings.webhooks, retry_s=(5, 60, 300), spread_percent=0, timeout_s=2.0, private_addresses=True)
    return replace(hub, settings=replace(hub.settings, webhooks=webhooks))


@pytest.fixture
def end(hub: Hub, clock: Any) -> Callable[..., None]:
    """Let a payment's time run out."""

    def over(payment_id: Any) -> None:
        clock.pass_(days=2)
        closing.finish(hub, payment_id)

    return over


@pytest.fixture
def payer_of(hub: Hub, citizen_of: Callable[[Any], Any]) -> Callable[..., Any]:
    """A citizen who pays the payment behind an answer."""

    def make(answer: dict[str, Any], total: int = 150_000) -> Any:
        return citizen_of(SimpleNamespace(json={"id": public_id("pay", paid_at(hub, answer), "test"), "total": total}))

    return make
