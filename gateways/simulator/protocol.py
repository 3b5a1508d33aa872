"""What the simulator must know of a protocol to decide orders and tell the hub; everything else is its pages' and its API's."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gateways.simulator.config import SimulatorConfig
from gateways.simulator.orders import End, Order
from gateways.simulator.refunds import RefundState, Reply
from gateways.simulator.scenarios import Ending, Scenario, Tells
from gateways.simulator.settlement import Layout


@dataclass(frozen=True, slots=True)
class Ended:
    """An ending in the protocol's own words; `numbered` if the gateway gives it a transaction number."""

    code: str
    status: str
    bank: str
    numbered: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What the hub is sent: a query string, or a JSON body."""

    method: str
    query: str = ""
    body: str = ""


class Protocol(ABC):
    """One protocol as the simulator's core sees it. It has no state."""

    name: ClassVar[str]
    title: ClassVar[str]
    calls: ClassVar[tuple[str, ...]]
    """The API calls that a trouble can befall; `page` besides."""
    cannot: ClassVar[frozenset[Scenario]] = frozenset()
    """Scenarios that it has no words for; such an order is paid as usual."""
    refusal: ClassVar[re.Pattern[str]]
    """What a refused order's code looks like."""
    offered: ClassVar[tuple[str, ...]]
    """Codes of refusals that its page offers besides that of `funds`, which is the usual one."""
    causes: ClassVar[Mapping[str, str]]
    """Why an order is refused, and the code of it: funds, limit, account, issuer."""
    layout: ClassVar[Layout]
    """Of its settlement file; the real one is not public."""
    open_status: ClassVar[str]
    reversed_status: ClassVar[str] = ""
    secrets: ClassVar[tuple[str, ...]]
    """What the secrets of a merchant's account are called, in the order `merchants` has them."""
    refund_statuses: ClassVar[Mapping[RefundState, str]]

    @abstractmethod
    def merchants(self, config: SimulatorConfig) -> Mapping[str, tuple[str, str]]:
        """The merchants' accounts by their code."""

    @abstractmethod
    def ended(self, ending: Ending, code: str, bank: str) -> Ended:
        """Name an ending; `code` is a refusal's, empty for the usual one."""

    @abstractmethod
    def told(self, config: SimulatorConfig, order: Order, tells: Tells) -> Told | None:
        """Write what the hub is told of an order as it now is; None where the protocol has no such message."""

    @abstractmethod
    def signed(self, config: SimulatorConfig, order: Order, told: Told) -> Told:
        """Sign again what was written, as it is sent now."""

    @abstractmethod
    def judged(self, status: int, body: bytes) -> tuple[str, End]:
        """Read the hub's answer: its own word, and what follows from it."""

    @abstractmethod
    def returning(self, config: SimulatorConfig, order: Order) -> str:
        """Where the browser goes after the decision; empty where the order did not say."""

    @abstractmethod
    def refund_code(self, reply: Reply, state: RefundState) -> str:
        """The code that a refund request is answered with."""

    def tries(self, config: SimulatorConfig) -> int:
        """How often one message is sent at most."""
        return config.tries

    def timeout_s(self, config: SimulatorConfig) -> float:
        """How long the hub may take to answer."""
        return config.delays.timeout_s

    def refund_takes_s(self, config: SimulatorConfig) -> float:  # noqa: ARG002 - a protocol that has one reads it
        """How long every refund is in process before it is sent; 0 where it is sent at once."""
        return 0.0

    def number(self, plain: int, moment: datetime) -> str:  # noqa: ARG002 - a protocol that has one reads it
        """Write a transaction number, given one that no other has."""
        return str(plain)

    def english(self, order: Order) -> bool:  # noqa: ARG002 - a protocol that has one reads it
        """Whether the order asks for a page in English."""
        return False
