"""A business day: portals ask, citizens pay or do not, several at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from payhub.demo.citizen import Citizen, Form, leads_away
from payhub.demo.errors import DemoFailed
from payhub.demo.national import NationalPortal
from payhub.demo.portal import Portal
from payhub.demo.stories import Case

AT_ONCE = 8
_RELOAD_S = 0.3
_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Lived:
    """What came of a case: the payment as its portal knows it, and the references of the orders at the gateway."""

    case: Case
    payment: str
    references: tuple[str, ...]


def live(portals: Mapping[str, Portal | NationalPortal], cases: Sequence[Case], progress: Callable[[], None]) -> list[Lived]:
    """Live every case over HTTP; raise `DemoFailed` with the first that could not be lived."""
    executor = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="citizen")
    lived = []
    try:
        for done in as_completed([executor.submit(_live, portals[case.portal], case) for case in cases]):
            lived.append(done.result())
            progress()
    finally:
        executor.shutdown(cancel_futures=True)
    return sorted(lived, key=lambda each: each.case.number)


def _live(portal: Portal | NationalPortal, case: Case) -> Lived:
    story = case.story
    body = {**case.request, "return_url": f"{portal.origin}/back/{case.number}"}
    if story.expires_s is not None:
        body["expires_at"] = (datetime.now(UTC) + timedelta(seconds=story.expires_s)).isoformat()
    payment = portal.ask(body, twice=story.repeats > 1)
    references: list[str] = []
    with Citizen(case.way) as citizen:
        if not story.tries:
            _demand_nothing_to_pay(citizen, payment)
            return Lived(case, payment["id"], ())
        forms = [citizen.open(payment["checkout_url"]) for _ in range(story.tabs)]
        pressed = deque(_press(citizen, form, story.clicks) for form in forms)
        for decision, scenario in story.tries:
            if not pressed:
                forms.append(_reopened(citizen, payment["checkout_url"], forms))
                pressed.append(_press(citizen, forms[-1], story.clicks))
            pay_url = pressed.popleft()
            references.append(_reference(citizen, pay_url))
            citizen.decide(pay_url, decision, scenario, comes_back=story.comes_back)
    return Lived(case, payment["id"], tuple(references))


def _demand_nothing_to_pay(citizen: Citizen, payment: Mapping[str, Any]) -> None:
    """Look at a payment that is exempt: it was paid when it was asked for, and its page has nothing to press."""
    if payment["state"] != "paid" or payment["total"] != 0 or citizen.find(payment["checkout_url"]) is not None:
        raise DemoFailed(f"an exempt payment is to be paid all the same: {payment['checkout_url']}")


def _press(citizen: Citizen, form: Form, clicks: int) -> str:
    """Press Pay, twice at once where the citizen is impatient: it must lead to one order."""
    if clicks == 1:
        return citizen.start(form)
    with ThreadPoolExecutor(clicks) as fingers:
        urls = list(fingers.map(citizen.start, [form] * clicks))
    # Where the gateway is asked first, the second click comes while it has not answered, and leads back to the page.
    away = [url for url in urls if leads_away(url, form.url)]
    if len({_reference(citizen, url) for url in away}) != 1:
        raise DemoFailed(f"a double click made {len(away)} orders")
    return away[0]


def _reference(citizen: Citizen, pay_url: str) -> str:
    found = citizen.look(pay_url)
    if found is None:
        raise DemoFailed(f"pressing Pay led to {pay_url} and not to a gateway's page")
    return found


def _reopened(citizen: Citizen, checkout_url: str, used: Sequence[Form]) -> Form:
    """Reload the page until it offers to pay again: the hub first waits to hear how the last try ended."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        form = citizen.find(checkout_url)
        # The page of a try that is still undecided leads back to that try.
        if form is not None and form.token not in {each.token for each in used}:
            return form
        time.sleep(_RELOAD_S)
    raise DemoFailed(f"nothing to press {_PATIENCE_S:.0f} s after a try that failed: {checkout_url}")
