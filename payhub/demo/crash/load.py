"""The load of a round: portals ask, citizens pay, and some of it is given back, several at a time, until told that it is enough."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from payhub.demo.crash.citizen import PatientCitizen
from payhub.demo.crash.portal import PersistentPortal
from payhub.demo.crash.refunds import Refunds
from payhub.demo.errors import DemoFailed
from payhub.demo.stories import Case, cases

_BATCH = 300
_GIVEN_BACK = 3
"""Of so many cases one is given back, if it was paid."""
_EXPIRES_S = 15.0
"""A portal gives a payment at least so long: while the hub is down it may have to ask for a while."""


def endless(seed: int, folder: Path, on: date) -> Iterator[Case]:
    """Make cases without end: the same seed and date give the same ones."""
    for batch in count():
        for case in cases(_BATCH, seed + batch, folder, on):
            request = {name: f"{case.request[name]}-{batch}" for name in ("portal_reference", "dossier")}
            yield replace(case, request={**case.request, **request})


class Load:
    """Citizens at work while the context lasts; leaving it early sends them home. `over` is set when nobody is to wait any more."""

    def __init__(
        self, portals: Mapping[str, PersistentPortal], cases: Iterator[Case], refunds: Refunds, citizens: int, over: threading.Event
    ) -> None:
        self._portals, self._cases, self._refunds, self._over = portals, cases, refunds, over
        self._enough, self._lock = threading.Event(), threading.Lock()
        self._threads = ThreadPoolExecutor(citizens, thread_name_prefix="citizen")
        self._citizens = citizens
        self._working: list[Future[None]] = []
        self.failures: Counter[str] = Counter()
        """Answers that said nothing, by status, method and page."""

    def __enter__(self) -> Self:
        self._working = [self._threads.submit(self._work) for _ in range(self._citizens)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._enough.set()
        self._over.set()
        self._threads.shutdown()

    def end(self) -> None:
        """Let everybody finish what they have begun, and nothing new."""
        self._enough.set()

    def ended(self) -> bool:
        """Tell whether all have; raise what went wrong with the first of them."""
        done, working = wait(self._working, 0)
        for each in done:
            each.result()
        return not working

    def _work(self) -> None:
        while not self._enough.is_set():
            with self._lock:
                case = next(self._cases)
            try:
                self._live(case)
            except DemoFailed as error:
                raise DemoFailed(f"{case.story.name}, {case.request['portal_reference']}: {error}") from error

    def _live(self, case: Case) -> None:
        portal, story = self._portals[case.portal], case.story
        body = {**case.request, "return_url": f"{portal.origin}/back/{case.number}"}
        if story.expires_s is not None:
            body["expires_at"] = (datetime.now(UTC) + timedelta(seconds=max(story.expires_s, _EXPIRES_S))).isoformat()
        payment = portal.ask(body, twice=story.repeats > 1)
        with PatientCitizen(self._over, case.way) as citizen:
            try:
                citizen.pay(payment["checkout_url"], case)
            finally:
                with self._lock:
                    self.failures.update(citizen.failures)
        if case.number % _GIVEN_BACK == 0:
            self._refunds.give_back(portal, payment, case.number // _GIVEN_BACK, citizen.references)
