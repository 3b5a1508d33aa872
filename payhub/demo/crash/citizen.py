"""A citizen who reloads the page where the hub does not answer, and goes on where that leads."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from payhub.demo.citizen import Citizen, Form, leads_away
from payhub.demo.crash.portal import AGAIN_S, PATIENCE_S
from payhub.demo.errors import DemoFailed
from payhub.demo.stories import Case

Answer = TypeVar("Answer")
_RELOADS = 20


class _Expired(DemoFailed):
    """The bank no longer takes the order."""


class PatientCitizen(Citizen):
    """One browser and somebody who reloads the page; `failures` counts the answers that said nothing. `over` sends them home.

    `references` are the orders that were brought to the bank.
    """

    def __init__(self, over: threading.Event, way: str = "") -> None:
        super().__init__(way)
        self._over, self.failures, self.references = over, Counter[str](), list[str]()
        self._http.hooks["response"].append(self._look)

    def pay(self, url: str, case: Case) -> None:
        """Live a story at a payment's page as far as it goes: the bank may close an order while the hub is down."""
        story, used = case.story, set[str]()
        forms = deque(self._until_answered(lambda: self.find(url)) for _ in range(story.tabs))
        for decision, scenario in story.tries:
            form = forms.popleft() if forms else self._reopened(url, used)
            if form is None:
                return
            used.add(form.token)
            pay_url = self._pressed(url, form, story.clicks)
            # Where the payment takes no more tries, pressing Pay leads back to its page.
            if pay_url is None or not leads_away(pay_url, url):
                return
            try:
                reference = self._until_answered(partial(self.look, pay_url))
                self.references += [reference] if reference else []
                self._until_answered(partial(self.decide, pay_url, decision, scenario, comes_back=story.comes_back))
            except _Expired:
                return

    def _pressed(self, url: str, form: Form, clicks: int) -> str | None:
        """Press Pay; where that is not answered, reload the page and press what it offers now, or send the same form again."""
        asked: Form | None = form
        deadline = time.monotonic() + PATIENCE_S
        while asked is not None and time.monotonic() < deadline:
            try:
                return self._click(asked, clicks)
            except requests.RequestException:
                self._pause()
            # A page that shows nothing to press may be that of another tab's try.
            asked = self._until_answered(lambda: self.find(url)) or form
        return None

    def _click(self, form: Form, clicks: int) -> str:
        if clicks == 1:
            return self.start(form)
        with ThreadPoolExecutor(clicks) as fingers:
            return list(fingers.map(self.start, [form] * clicks))[-1]

    def _reopened(self, url: str, used: set[str]) -> Form | None:
        """Reload the page until it offers a new try; a few times, for the last one may have paid."""
        for _ in range(_RELOADS):
            form = self._until_answered(lambda: self.find(url))
            if form is not None and form.token not in used:
                return form
            self._pause()
        return None

    def _until_answered(self, action: Callable[[], Answer]) -> Answer:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return action()
            except requests.RequestException as error:
                if time.monotonic() > deadline:
                    raise DemoFailed(f"a citizen waited {PATIENCE_S:.0f} s in vain: {type(error).__name__}") from None
                self._pause()

    def _pause(self) -> None:
        if self._over.wait(AGAIN_S):
            raise DemoFailed("a citizen was sent home")

    def _look(self, answer: requests.Response, **_: Any) -> None:
        """Take an answer that says nothing for no answer."""
        if answer.status_code == HTTPStatus.GONE:
            raise _Expired(answer.url)
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.failures[f"{answer.status_code} {answer.request.method} {urlsplit(answer.url).path.split('/')[1]}"] += 1
            answer.raise_for_status()
