"""ZaloPay as the simulator's core sees it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from gateways.simulator.config import App, SimulatorConfig
from gateways.simulator.encoding import with_query
from gateways.simulator.orders import End, Order
from gateways.simulator.protocol import Ended, Protocol, Told
from gateways.simulator.refunds import RefundState, Reply
from gateways.simulator.scenarios import Ending, Scenario, Tells
from gateways.simulator.settlement import Layout
from gateways.simulator.zalopay_messages import callback, signed_callback, way_back

_TRIES = 4
"""The first, and three more after return_code 0."""
_ENDINGS: Mapping[Ending, str] = {Ending.PAID: "1", Ending.CANCELLED: "-329", Ending.EXPIRED: "-54", Ending.REFUSED: "-63"}


class Zalopay(Protocol):
    """API v2: orders by form or JSON, callbacks of money only, answered with return_code."""

    name = "zalopay"
    title = "ZaloPay"
    calls = ("create", "query", "refund", "query_refund")
    cannot = frozenset({Scenario.OTHER_CURRENCY, Scenario.REVERSED, Scenario.OUT_OF_ORDER, Scenario.STALE})
    refusal = re.compile("-[1-9][0-9]{0,3}")
    offered = ("-49", "-217", "-322", "-332", "-1330", "-1340")
    causes: ClassVar[Mapping[str, str]] = {"funds": "-63", "limit": "-1330", "account": "-1340", "issuer": "-217"}
    layout = Layout(
        columns=(
            *("STT", "ZpTransId", "AppTransId", "LoaiGiaoDich", "ThoiGianGiaoDich", "SoTien", "PhiGiaoDich"),
            *("KenhThanhToan", "TrangThai", "PayoutId"),
        ),
        kinds=("PAYMENT", "REFUND", "REVERSAL", "FEE", "ADJUST_IN", "ADJUST_OUT"),
        state="SUCCESS",
        time="%d-%m-%Y %H:%M:%S",
    )
    secrets = ("key1", "key2")
    open_status = "3"
    refund_statuses: ClassVar[Mapping[RefundState, str]] = {
        RefundState.NOT_BOOKED: "",
        RefundState.IN_PROCESS: "3",
        RefundState.SENT: "1",
        RefundState.REFUSED: "2",
    }

    def merchants(self, config: SimulatorConfig) -> Mapping[str, tuple[str, str]]:
        """The apps."""
        return config.zalopay

    def ended(self, ending: Ending, code: str, bank: str) -> Ended:
        """sub_return_code and return_code."""
        paid = ending is Ending.PAID
        return Ended(code or _ENDINGS[ending], "1" if paid else "2", bank, numbered=paid)

    def told(self, config: SimulatorConfig, order: Order, tells: Tells) -> Told | None:
        """A callback's body; none where no money came."""
        body = callback(_app(config, order), order, tells)
        return Told("POST", body=body) if body else None

    def signed(self, config: SimulatorConfig, order: Order, told: Told) -> Told:
        """The same data."""
        return Told(told.method, body=signed_callback(_app(config, order), told.body))

    def judged(self, status: int, body: bytes) -> tuple[str, End]:
        """1 and 2 are taken, 0 asks for another try, any other ends it; what is no such answer is tried again like 0."""
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        code = answer.get("return_code") if status == 200 and isinstance(answer, dict) else None
        if type(code) is not int:
            return "", End.AGAIN
        return str(code), {1: End.ACCEPTED, 2: End.ACCEPTED, 0: End.AGAIN}.get(code, End.GIVEN_UP)

    def tries(self, config: SimulatorConfig) -> int:
        """At most ZaloPay's own number."""
        return min(config.tries, _TRIES)

    def returning(self, config: SimulatorConfig, order: Order) -> str:
        """Follow redirecturl of embed_data, with the result and its checksum."""
        return with_query(order.return_url, way_back(_app(config, order), order)) if order.return_url else ""

    def refund_code(self, reply: Reply, state: RefundState) -> str:
        """return_code and sub_return_code."""
        if reply is Reply.TAKEN:
            return f"{self.refund_statuses[state]}/1"
        return "2/-13" if reply is Reply.REFUSED else "2/-500"

    def refund_takes_s(self, config: SimulatorConfig) -> float:
        """Every refund is in process first."""
        return config.delays.refund_soon_s

    def number(self, plain: int, moment: datetime) -> str:
        """The day and nine digits."""
        return f"{moment:%y%m%d}{plain:09d}"


def _app(config: SimulatorConfig, order: Order) -> App:
    return config.app(order.terminal) or App("", "")
