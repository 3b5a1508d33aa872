"""The protocols that the simulator plays."""

from __future__ import annotations

from collections.abc import Mapping

from gateways.simulator.config import SimulatorConfig
from gateways.simulator.momo import Momo
from gateways.simulator.protocol import Protocol
from gateways.simulator.vnpay import Vnpay
from gateways.simulator.zalopay import Zalopay

PROTOCOLS: Mapping[str, Protocol] = {protocol.name: protocol for protocol in (Vnpay(), Momo(), Zalopay())}


def protocol_of_terminal(config: SimulatorConfig, terminal: str) -> Protocol | None:
    """Find whose merchant this is; a code stands for one merchant of one gateway."""
    return next((protocol for protocol in PROTOCOLS.values() if terminal in protocol.merchants(config)), None)


def merchants(config: SimulatorConfig) -> list[str]:
    """List the codes of all merchants' accounts."""
    return [code for protocol in PROTOCOLS.values() for code in protocol.merchants(config)]
