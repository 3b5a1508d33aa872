"""MoMo as the simulator's core sees it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from gateways.simulator.config import Partner, SimulatorConfig
from gateways.simulator.encoding import with_query
from gateways.simulator.momo_messages import ipn, signed_ipn, way_back
from gateways.simulator.orders import End, Order
from gateways.simulator.protocol import Ended, Protocol, Told
from gateways.simulator.refunds import RefundState, Reply
from gateways.simulator.scenarios import Ending, Scenario, Tells
from gateways.simulator.settlement import Layout

_ANSWER_S = 15.0
_ENDINGS: Mapping[Ending, str] = {Ending.PAID: "0", Ending.CANCELLED: "1006", Ending.EXPIRED: "1005", Ending.REFUSED: "1001"}


class Momo(Protocol):
    """Payment gateway v2: orders by JSON, IPNs by POST, answered with HTTP 204 within 15 seconds."""

    name = "momo"
    title = "MoMo"
    calls = ("create", "query", "refund", "refund_query")
    cannot = frozenset({Scenario.OTHER_CURRENCY})
    refusal = re.compile("98|99|100[1247]|1017|1026|2019|400[12]|4100")
    offered = ("1002", "1004", "1007", "4001", "4002", "4100", "98", "99")
    causes: ClassVar[Mapping[str, str]] = {"funds": "1001", "limit": "1004", "account": "1007", "issuer": "1002"}
    layout = Layout(
        columns=(
            *("STT", "MaGiaoDichMoMo", "MaDonHang", "LoaiGiaoDich", "NgayGiaoDich", "GiaTriGiaoDich", "PhiGiaoDich"),
            *("NguonTien", "KetQua", "MaLenhChi"),
        ),
        kinds=("Thanh toan", "Hoan tien", "Dao giao dich", "Phi dich vu", "Dieu chinh tang", "Dieu chinh giam"),
        state="Thanh cong",
        time="%Y-%m-%d %H:%M:%S",
    )
    secrets = ("access_key", "secret_key")
    open_status = "1000"
    reversed_status = "1003"
    refund_statuses: ClassVar[Mapping[RefundState, str]] = {
        RefundState.NOT_BOOKED: "",
        RefundState.IN_PROCESS: "7002",
        RefundState.SENT: "0",
        RefundState.REFUSED: "1080",
    }

    def merchants(self, config: SimulatorConfig) -> Mapping[str, tuple[str, str]]:
        """The partners."""
        return config.momo

    def ended(self, ending: Ending, code: str, bank: str) -> Ended:
        """resultCode, and payType."""
        said = code or _ENDINGS[ending]
        paid = ending is Ending.PAID
        return Ended(said, said, bank or ("qr" if paid else ""), numbered=paid)

    def told(self, config: SimulatorConfig, order: Order, tells: Tells) -> Told:
        """An IPN's body."""
        return Told("POST", body=ipn(_partner(config, order), order, tells))

    def signed(self, config: SimulatorConfig, order: Order, told: Told) -> Told:
        """The same fields."""
        return Told(told.method, body=signed_ipn(_partner(config, order), told.body))

    def judged(self, status: int, body: bytes) -> tuple[str, End]:  # noqa: ARG002 - MoMo goes by the status alone
        """204 is taken; what MoMo does after another answer is not published: here it sends again."""
        return str(status), End.ACCEPTED if status == 204 else End.AGAIN

    def timeout_s(self, config: SimulatorConfig) -> float:
        """At most MoMo's 15 seconds."""
        return min(config.delays.timeout_s, _ANSWER_S)

    def returning(self, config: SimulatorConfig, order: Order) -> str:
        """Follow redirectUrl with the signed result."""
        return with_query(order.return_url, way_back(_partner(config, order), order))

    def refund_code(self, reply: Reply, state: RefundState) -> str:
        """resultCode; 99 says nothing of a refund."""
        codes = {Reply.TAKEN: self.refund_statuses[state], Reply.REFUSED: "1080", Reply.UNKNOWN: "99"}
        return codes[reply]

    def english(self, order: Order) -> bool:
        """As lang says."""
        return order.contents["lang"] == "en"


def _partner(config: SimulatorConfig, order: Order) -> Partner:
    return config.partner(order.terminal) or Partner("", "")
