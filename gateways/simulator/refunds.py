"""What can become of a refund, as data, and a refund as the gateway knows it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class RefundState(StrEnum):
    """How a refund stands, whatever its gateway calls that."""

    NOT_BOOKED = ""
    IN_PROCESS = "in_process"
    SENT = "sent"
    REFUSED = "refused"


class Reply(StrEnum):
    """What a request to give back is answered with."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class RefundScenario(StrEnum):
    """What the gateway does with a refund that it could carry out."""

    ACCEPTED = "accepted"
    """Sent to the bank at once, or as soon as the gateway ever does."""
    REFUSED = "refused"
    """Refused at once; nothing is booked."""
    SLOW = "slow"
    """In process, and sent to the bank `refund_s` later."""
    REFUSED_LATER = "refused_later"
    """In process, and refused `refund_s` later."""
    LOST = "lost"
    """Sent to the bank, and the connection is dropped instead of an answer."""
    UNKNOWN_DONE = "unknown_done"
    """Sent to the bank, and the answer says nothing."""
    UNKNOWN_NOT_DONE = "unknown_not_done"
    """Not booked, and the answer says nothing."""


@dataclass(frozen=True, slots=True)
class RefundScript:
    """The answer, the state a refund has at once, and the one it has later."""

    reply: Reply = Reply.TAKEN
    state: RefundState = RefundState.SENT
    later: RefundState = RefundState.NOT_BOOKED
    dropped: bool = False


REFUND_SCRIPTS: Mapping[RefundScenario, RefundScript] = {
    RefundScenario.ACCEPTED: RefundScript(),
    RefundScenario.REFUSED: RefundScript(Reply.REFUSED, RefundState.NOT_BOOKED),
    RefundScenario.SLOW: RefundScript(state=RefundState.IN_PROCESS, later=RefundState.SENT),
    RefundScenario.REFUSED_LATER: RefundScript(state=RefundState.IN_PROCESS, later=RefundState.REFUSED),
    RefundScenario.LOST: RefundScript(dropped=True),
    RefundScenario.UNKNOWN_DONE: RefundScript(Reply.UNKNOWN),
    RefundScenario.UNKNOWN_NOT_DONE: RefundScript(Reply.UNKNOWN, RefundState.NOT_BOOKED),
}


@dataclass(frozen=True, slots=True)
class Refund:
    """One request to give back and what was answered. Amount in VND; times are GMT+7 as yyyyMMddHHmmss."""

    gateway: str
    terminal: str
    reference: str
    """The merchant's own, of this try."""
    order_key: str
    """Empty where no such order is in the books."""
    original_reference: str
    kind: str
    """As the gateway names it, for those that have kinds."""
    amount: int
    asked_by: str
    asked_at: str
    info: str
    code: str
    """As answered, also when the answer was lost."""
    scenario: str = ""
    """Empty for what the gateway's own rules turned away."""
    state_at_once: str = ""
    state_later: str = ""
    later_at: float = 0.0
    """Unix time."""
    transaction: str = ""
    pay_date: str = ""

    @property
    def state(self) -> RefundState:
        """How it stands now."""
        return RefundState(self.state_later if self.state_later and time.time() >= self.later_at else self.state_at_once)

    @property
    def taken(self) -> bool:
        """Whether the money goes back, or may still: booked and not refused."""
        return self.state in {RefundState.IN_PROCESS, RefundState.SENT}
