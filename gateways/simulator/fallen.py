"""How a call goes that meets a trouble of its gateway's, or the trouble that its amount stands for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from flask import Response

from gateways.simulator.magic import magic_of
from gateways.simulator.simulation import Simulation
from gateways.simulator.troubles import Trouble, failed, hung

_failures = count()


def fallen(gateway: Simulation, trouble: Trouble, by_s: float, closed: Callable[[], Response]) -> Response | None:
    """What the call gets; None where it is answered as usual, at once or late."""
    if trouble is Trouble.ERRORS:
        return failed(next(_failures))
    if trouble is Trouble.HANG:
        return hung(gateway.troubles.closing, gateway.config.delays.hang_s)
    if trouble is Trouble.MAINTENANCE:
        return closed()
    if trouble is Trouble.SLOW:
        gateway.troubles.closing.wait(by_s)
    return None


def fallen_by_amount(gateway: Simulation, amount: int, closed: Callable[[], Response]) -> Response | None:
    """The same for the call that makes an order of a magic amount."""
    trouble = magic_of(amount).trouble if gateway.config.magic_amounts else None
    return fallen(gateway, trouble, 0.0, closed) if trouble else None
