"""Couriers: the threads of one process that carry messages to endpoints.

Each endpoint has couriers of its own, at most `PER_ENDPOINT` in a process, so one that is slow delays nobody else. A courier claims
a few deliveries, sends them one after the other with no transaction open, stores how it went, and goes on until nothing is due or
its shift is over. After `PATIENCE` failures in a row the endpoint rests until the earliest of them is tried again, but not longer
than `REST_S`. The rest is remembered in Valkey: where that is lost, the endpoint is asked a few times more, and that is all.
"""

from __future__ import annotations

import math
import threading
import uuid
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic, perf_counter

import requests
from redis.exceptions import RedisError
from requests.exceptions import ConnectionError as Unreachable
from requests.exceptions import RequestException, SSLError, Timeout
from urllib3.exceptions import HTTPError

from payhub import log
from payhub.hub import Hub
from webhooks import addresses, deliveries, endpoints, speaking
from webhooks.addresses import AddressRefused
from webhooks.deliveries import Outcome
from webhooks.endpoints import Target
from webhooks.messages import Message

COURIERS = 64
PER_ENDPOINT = deliveries.COUNTED // deliveries.LOAD
SHIFT_S = 10.0
PATIENCE = 5
REST_S = 60.0
GONE = 410
"""The status by which an endpoint says that it is no more."""
CONNECT_S = 5.0
_REASONS = ((AddressRefused, "address_refused"), (SSLError, "tls"), (Timeout, "timeout"), (Unreachable, "unreachable"))
_log = log.get(__name__)


class _Line:
    """What the couriers of one endpoint share."""

    def __init__(self) -> None:
        self.busy = 0
        self.failed: list[datetime] = []
        """When each of the failures in a row is tried again."""


class Couriers:
    """The couriers of this process; the threads begin with the first delivery."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(COURIERS, thread_name_prefix="courier")
        self._lines: defaultdict[uuid.UUID, _Line] = defaultdict(_Line)
        self._lock = threading.Lock()

    def deliver_due(self, hub: Hub, patience_s: float | None = None) -> None:
        """Send what is due. After `patience_s` the couriers of slow endpoints are left to themselves."""
        with hub.db.session() as session:
            due = deliveries.waiting(session, hub.clock.now())
        started = [future for place in due for future in self._start(hub, place)]
        wait(started, patience_s)

    def _start(self, hub: Hub, place: deliveries.Waiting) -> list[Future[None]]:
        """Give an endpoint as many couriers as its deliveries are worth."""
        if resting(hub, place.endpoint_id):
            return []
        with self._lock:
            line = self._lines[place.endpoint_id]
            if not line.busy:
                line.failed = []
            wanted = min(PER_ENDPOINT, math.ceil(place.count / deliveries.LOAD)) - line.busy
            line.busy += max(0, wanted)
        return [self._threads.submit(self._work, hub, place.endpoint_id, line) for _ in range(wanted)]

    def _work(self, hub: Hub, endpoint_id: uuid.UUID, line: _Line) -> None:
        told = hub.settings.webhooks
        resolve = addresses.anywhere if told.private_addresses else addresses.public_only
        try:
            with addresses.session(resolve, told.ca_bundle) as http:
                _Shift(hub, endpoint_id, line, http).work()
        except Exception as error:  # noqa: BLE001 - claims run out by themselves; the next shift begins again
            _log.error("courier.failed", endpoint=str(endpoint_id), kind=type(error).__name__)
        finally:
            with self._lock:
                line.busy -= 1


class _Shift:
    """One courier at one endpoint."""

    def __init__(self, hub: Hub, endpoint_id: uuid.UUID, line: _Line, http: requests.Session) -> None:
        self._hub, self._endpoint_id, self._line, self._http = hub, endpoint_id, line, http
        self._ends = monotonic() + SHIFT_S
        self._gone = False

    def work(self) -> None:
        """Carry until nothing is due, the endpoint needs a rest, or the shift is over."""
        while not self._over() and not resting(self._hub, self._endpoint_id):
            with self._hub.db.session() as session:
                target = endpoints.target(self._hub, session, self._endpoint_id)
            load = self._claim() if target else []
            if target is None or not load:
                return
            self._carry(target, load)

    def _over(self) -> bool:
        return self._gone or len(self._line.failed) >= PATIENCE or monotonic() > self._ends

    def _claim(self) -> list[Message]:
        now = self._hub.clock.now()
        until = now + timedelta(seconds=SHIFT_S + 4 * self._hub.settings.webhooks.timeout_s + 30)
        with self._hub.db.session() as session:
            return deliveries.claim(session, self._endpoint_id, now, until)

    def _carry(self, target: Target, load: Sequence[Message]) -> None:
        """Send a load, as far as it goes, and write down how it went."""
        hub, outcomes = self._hub, list[Outcome]()
        for message in load:
            if self._over():
                break
            outcomes.append(send(hub, self._http, target, message))
            self._heed(outcomes[-1])
        now = hub.clock.now()
        with hub.db.session() as session:
            deliveries.store(session, target.id, outcomes, now, hub.settings.webhooks.retry_s)
            deliveries.release(session, load[len(outcomes) :], now)
            if self._gone:
                endpoints.disable(session, target.id, now)

    def _heed(self, outcome: Outcome) -> None:
        """Learn from an outcome whether to go on."""
        self._gone = outcome.status == GONE
        if outcome.error in speaking.OURS:
            return
        if outcome.delivered:
            self._line.failed = []
            return
        now = self._hub.clock.now()
        self._line.failed.append(outcome.next_try_at(now, self._hub.settings.webhooks.retry_s) or now)
        if len(self._line.failed) >= PATIENCE:
            rest(self._hub, self._endpoint_id, min(self._line.failed))


def send(hub: Hub, http: requests.Session, target: Target, message: Message) -> Outcome:
    """Send one message and say how it went; nothing an endpoint does is an error here."""
    timeout_s, began, status, error = hub.settings.webhooks.timeout_s, perf_counter(), None, None
    limits = (min(CONNECT_S, timeout_s), timeout_s)
    try:
        said = speaking.request(hub, target, message)
        with http.post(
            target.url, data=said.body, headers=dict(said.headers), timeout=limits, allow_redirects=False, stream=True
        ) as answer:
            status, heard = answer.status_code, b""
            with suppress(HTTPError, OSError):
                # A short answer is read so that the connection can be used again, and what it says where that counts.
                heard = speaking.heard(target, answer.raw, timeout_s)
            error = speaking.judge(target, said, status, heard)
    except speaking.NotSpoken as failure:
        error = failure.why
    except (AddressRefused, RequestException, HTTPError, OSError) as failure:
        status, error = None, _reason(failure)
    names = {"endpoint": str(target.id), "delivery": str(message.id), "tries": message.tries + 1}
    say = _log.info if error is None else _log.warning
    say("delivery.sent", **names, status=status, error=error, took_ms=round((perf_counter() - began) * 1000, 1))
    return Outcome(message, status, error)


def _reason(failure: Exception) -> str:
    return next((reason for kind, reason in _REASONS if isinstance(failure, kind)), "unusable")


def rest(hub: Hub, endpoint_id: uuid.UUID, until: datetime) -> None:
    """Let an endpoint rest until an instant, at most `REST_S` from now."""
    now = hub.clock.now()
    until = min(until, now + timedelta(seconds=REST_S))
    _log.warning("endpoint.resting", endpoint=str(endpoint_id), until=until.isoformat())
    with suppress(RedisError):
        hub.redis.set(_resting_key(endpoint_id), str(until.timestamp()), ex=int(REST_S) + 1)


def resting(hub: Hub, endpoint_id: uuid.UUID) -> bool:
    """Tell whether an endpoint rests after failures in a row."""
    with suppress(RedisError):
        until = hub.redis.get(_resting_key(endpoint_id))
        return until is not None and hub.clock.now().timestamp() < float(until)
    return False


def _resting_key(endpoint_id: uuid.UUID) -> str:
    return f"payhub:webhooks:resting:{endpoint_id}"
