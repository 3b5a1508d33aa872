"""Couriers: the threads of one process that carry messages to endpoints.

An endpoint begins with one courier. It claims a few deliveries, sends them one after the other with no transaction open, stores how
it went, and goes on until nothing is due or its shift is over. When the first of a whole load was taken, another courier joins, up
to `PER_ENDPOINT`: who takes messages has them side by side, and who is silent holds up one thread, not those of the others.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from time import monotonic

from payhub import log
from payhub.hub import Hub
from webhooks import deliveries, endpoints, speaking
from webhooks.connections import Connection
from webhooks.deliveries import LOAD, SHIFT_S, Outcome
from webhooks.endpoints import Target
from webhooks.messages import Message
from webhooks.resting import PATIENCE, rest, resting, troubles, well
from webhooks.sending import GONE, TOO_MANY, Try, connection_to, send

COURIERS = 64
PER_ENDPOINT = 8
_log = log.get(__name__)


class _Line:
    """What the couriers of one endpoint in this process share."""

    def __init__(self) -> None:
        self.busy = 0
        self.failures = 0
        """In a row."""
        self.troubled = False
        """Whether it has rested, and taken nothing since."""


class Couriers:
    """The couriers of this process; the threads begin with the first delivery."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(COURIERS, thread_name_prefix="courier")
        self._lines: defaultdict[uuid.UUID, _Line] = defaultdict(_Line)
        self._lock = threading.Lock()
        self._at_work: set[Future[None]] = set()

    def begin(self, hub: Hub) -> None:
        """See that every endpoint with something due has a courier, and leave them to their work."""
        now = hub.clock.now()
        with hub.db.session() as session:
            due = deliveries.waiting(session, now)
        troubled = troubles(hub, due)
        for endpoint_id in due:
            trouble = troubled.get(endpoint_id)
            if trouble and now < trouble.until:
                continue
            line = self._lines[endpoint_id]
            if not line.busy:
                line.failures, line.troubled = 0, trouble is not None
                self.join(hub, endpoint_id, line)

    def deliver_due(self, hub: Hub) -> None:
        """Send what is due, and return when all of it was tried."""
        self.begin(hub)
        while at_work := self._at_work.copy():
            wait(at_work)
            self._at_work -= at_work

    def join(self, hub: Hub, endpoint_id: uuid.UUID, line: _Line) -> None:
        """Give an endpoint one more courier, if it may have one."""
        with self._lock:
            if line.busy >= PER_ENDPOINT or _ending():
                return
            line.busy += 1
        begun = self._threads.submit(self._work, hub, endpoint_id, line)
        self._at_work.add(begun)
        begun.add_done_callback(self._at_work.discard)

    def _work(self, hub: Hub, endpoint_id: uuid.UUID, line: _Line) -> None:
        shift = _Shift(hub, endpoint_id, line, self)
        try:
            shift.work()
        except Exception as error:  # noqa: BLE001 - claims run out by themselves; the next shift begins again
            _log.error("courier.failed", endpoint=str(endpoint_id), kind=type(error).__name__)
        finally:
            with self._lock:
                line.busy -= 1
        if shift.unfinished:
            # Behind the others: when there are more endpoints than threads, each has its turn.
            self.join(hub, endpoint_id, line)


class _Shift:
    """One courier at one endpoint."""

    def __init__(self, hub: Hub, endpoint_id: uuid.UUID, line: _Line, others: Couriers) -> None:
        self._hub, self._endpoint_id, self._line, self._others = hub, endpoint_id, line, others
        self._ends = monotonic() + SHIFT_S
        self.unfinished = False
        """Whether it ended by the clock, with more to be told."""
        self._gone = False
        self._connection: Connection | None = None

    def work(self) -> None:
        """Carry until nothing is due, the endpoint needs a rest, or the shift is over."""
        try:
            while not self._over() and not resting(self._hub, self._endpoint_id):
                target, until, load = self._claim()
                if target is None or not load:
                    return
                self._carry(target, until, load)
            self.unfinished = monotonic() > self._ends and not self._gone and self._line.failures == 0
        finally:
            if self._connection:
                self._connection.close()

    def _over(self) -> bool:
        return self._gone or self._line.failures >= self._patience or monotonic() > self._ends or _ending()

    @property
    def _patience(self) -> int:
        return 1 if self._line.troubled else PATIENCE

    def _claim(self) -> tuple[Target | None, datetime, list[Message]]:
        now = self._hub.clock.now()
        until = now + deliveries.claimed_for(self._hub.settings.webhooks)
        with self._hub.db.session() as session:
            target = endpoints.target(self._hub, session, self._endpoint_id)
            return target, until, deliveries.claim(session, self._endpoint_id, now, until) if target else []

    def _carry(self, target: Target, until: datetime, load: Sequence[Message]) -> None:
        """Send a load, as far as it goes, and write down how it went."""
        hub, outcomes = self._hub, list[Outcome]()
        self._connection = self._connection or connection_to(target, hub.settings.webhooks)
        for message in load:
            if self._over():
                break
            outcomes.append(Outcome(message, send(hub, self._connection, target, message)))
            self._heed(outcomes[-1].tried)
            if len(outcomes) == 1 and len(load) == LOAD and outcomes[0].delivered:
                self._others.join(hub, self._endpoint_id, self._line)
        with hub.db.session() as session:
            deliveries.store(session, hub.keyring, target.id, outcomes, hub.settings.webhooks)
            if left := load[len(outcomes) :]:
                deliveries.release(session, left, until, hub.clock.now())
            if self._gone:
                endpoints.disable(session, target.id, hub.clock.now())

    def _heed(self, tried: Try) -> None:
        """Learn from a try whether to go on."""
        line = self._line
        if tried.error in speaking.OURS:
            return
        if tried.error is None:
            line.failures = 0
            if line.troubled:
                line.troubled = False
                well(self._hub, self._endpoint_id)
            return
        self._gone = tried.status == GONE
        throttled = tried.not_before is not None or tried.status == TOO_MANY
        line.failures = max(line.failures + 1, self._patience if throttled else 0)
        if line.failures >= self._patience:
            line.troubled = True
            rest(self._hub, self._endpoint_id, tried.not_before)


def _ending() -> bool:
    """Tell whether the process is about to end: then the message in hand is the last, and the rest of a load is given back."""
    return not threading.main_thread().is_alive()
