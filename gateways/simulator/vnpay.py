"""VNPAY as the simulator's core sees it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import ClassVar

from gateways.simulator.config import SimulatorConfig
from gateways.simulator.encoding import with_query
from gateways.simulator.orders import End, Order
from gateways.simulator.protocol import Ended, Protocol, Told
from gateways.simulator.refunds import RefundState, Reply
from gateways.simulator.scenarios import Ending, Tells
from gateways.simulator.settlement import Layout
from gateways.simulator.vnpay_messages import signed_query, statement


class Vnpay(Protocol):
    """vnp_Version 2.1.0: a signed URL, IPNs by GET, answers {RspCode}."""

    name = "vnpay"
    title = "VNPAY"
    calls = ("api",)
    refusal = re.compile("(?!00|24)[0-9]{2}")
    offered = ("07", "09", "10", "11", "12", "13", "65", "75", "79", "99")
    causes: ClassVar[Mapping[str, str]] = {"funds": "51", "limit": "65", "account": "12", "issuer": "75"}
    layout = Layout()
    secrets = ("secret",)
    open_status = "01"
    reversed_status = "04"
    refund_statuses: ClassVar[Mapping[RefundState, str]] = {
        RefundState.NOT_BOOKED: "",
        RefundState.IN_PROCESS: "05",
        RefundState.SENT: "06",
        RefundState.REFUSED: "09",
    }

    def merchants(self, config: SimulatorConfig) -> Mapping[str, tuple[str, str]]:
        """The terminals."""
        return config.terminals

    def ended(self, ending: Ending, code: str, bank: str) -> Ended:
        """vnp_ResponseCode and vnp_TransactionStatus."""
        if ending is Ending.CANCELLED:
            return Ended("24", "02", "VNPAY", numbered=False)
        if ending is Ending.EXPIRED:
            return Ended("11", "02", bank or "NCB", numbered=False)
        if ending is Ending.REFUSED:
            return Ended(code or "51", "07" if code == "07" else "02", bank or "NCB", numbered=True)
        return Ended("00", "00", bank or "NCB", numbered=True)

    def told(self, config: SimulatorConfig, order: Order, tells: Tells) -> Told:
        """An IPN's query string."""
        return Told("GET", query=statement(self._secret(config, order), order, tells))

    def signed(self, config: SimulatorConfig, order: Order, told: Told) -> Told:
        """The same fields."""
        return Told(told.method, query=signed_query(self._secret(config, order), told.query.rpartition("&vnp_SecureHash=")[0]))

    def judged(self, status: int, body: bytes) -> tuple[str, End]:
        """VNPAY stops at RspCode 00 and 02 and sends again after any other."""
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        word = str(answer.get("RspCode", "")) if status == 200 and isinstance(answer, dict) else ""
        return word, End.ACCEPTED if word in {"00", "02"} else End.AGAIN

    def returning(self, config: SimulatorConfig, order: Order) -> str:
        """vnp_ReturnUrl with the signed result."""
        return with_query(order.return_url, statement(self._secret(config, order), order))

    def refund_code(self, reply: Reply, state: RefundState) -> str:  # noqa: ARG002 - the base class names it
        """vnp_ResponseCode."""
        return {Reply.TAKEN: "00", Reply.REFUSED: "95", Reply.UNKNOWN: "99"}[reply]

    def english(self, order: Order) -> bool:
        """As vnp_Locale says."""
        return order.contents["vnp_Locale"] == "en"

    def _secret(self, config: SimulatorConfig, order: Order) -> str:
        terminal = config.terminal(order.terminal)
        return terminal.secret if terminal else ""
