"""What can become of a refund, as data, and a refund as the gateway knows it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

IN_PROCESS, SENT, REFUSED = "05", "06", "09"


class RefundScenario(StrEnum):
    """What the gateway does with a refund that it could carry out."""

    ACCEPTED = "accepted"
    """Sent to the bank at once."""
    REFUSED = "refused"
    """Code 95; nothing is booked."""
    SLOW = "slow"
    """In process, and sent to the bank `refund_s` later."""
    REFUSED_LATER = "refused_later"
    """In process, and refused `refund_s` later."""
    LOST = "lost"
    """Sent to the bank, and the connection is dropped instead of an answer."""
    UNKNOWN_DONE = "unknown_done"
    """Sent to the bank, and the answer is code 99."""
    UNKNOWN_NOT_DONE = "unknown_not_done"
    """Not booked, and the answer is code 99."""


@dataclass(frozen=True, slots=True)
class RefundScript:
    """The answer's code, the status a booked refund has at once (none: it is not booked), and the one it has later."""

    code: str = "00"
    status: str = SENT
    later: str = ""
    dropped: bool = False


REFUND_SCRIPTS: Mapping[RefundScenario, RefundScript] = {
    RefundScenario.ACCEPTED: RefundScript(),
    RefundScenario.REFUSED: RefundScript(code="95", status=""),
    RefundScenario.SLOW: RefundScript(status=IN_PROCESS, later=SENT),
    RefundScenario.REFUSED_LATER: RefundScript(status=IN_PROCESS, later=REFUSED),
    RefundScenario.LOST: RefundScript(dropped=True),
    RefundScenario.UNKNOWN_DONE: RefundScript(code="99"),
    RefundScenario.UNKNOWN_NOT_DONE: RefundScript(code="99", status=""),
}


@dataclass(frozen=True, slots=True)
class Refund:
    """One request to give back and what was answered. Amount in VND; times are GMT+7 as yyyyMMddHHmmss."""

    terminal: str
    reference: str
    """vnp_RequestId: the merchant's reference of this try."""
    order_key: str
    """Empty where no such order is in the books."""
    original_reference: str
    kind: str
    amount: int
    asked_by: str
    asked_at: str
    info: str
    code: str
    """As answered, also when the answer was lost."""
    scenario: str = ""
    """Empty for what the gateway's own rules turned away."""
    status_at_once: str = ""
    """Empty for what was not booked."""
    status_later: str = ""
    later_at: float = 0.0
    """Unix time."""
    transaction: str = ""
    pay_date: str = ""

    @property
    def status(self) -> str:
        """vnp_TransactionStatus now: 05, 06, 09, or empty for what was not booked."""
        return self.status_later if self.status_later and time.time() >= self.later_at else self.status_at_once

    @property
    def taken(self) -> bool:
        """Whether the money goes back, or may still: booked and not refused."""
        return self.status in {IN_PROCESS, SENT}
