"""A citizen with a browser: opens the hub's page, goes to the bank's page, decides there, and comes back."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from payhub.demo.errors import DemoFailed

_PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Form:
    """What is sent when the form's button is pressed."""

    url: str
    fields: dict[str, str]

    @property
    def token(self) -> str:
        """The form's one-use token: with the same one it is the same try."""
        return self.fields.get("form_token", "")


class Citizen:
    """One browser, with cookies of its own."""

    def __init__(self) -> None:
        self._http = requests.Session()
        self._http.headers["Accept-Language"] = "vi"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def open(self, checkout_url: str) -> Form:
        """Open the page of a payment; return the form with which it is paid."""
        form = self.find(checkout_url)
        if form is None:
            raise DemoFailed(f"the page of a payment offers nothing to press: {checkout_url}")
        return form

    def find(self, checkout_url: str) -> Form | None:
        """Open the page; return its form, or None where there is nothing to press now."""
        page = self._get(checkout_url)
        reader = _FormReader()
        reader.feed(page.text)
        return None if reader.action is None else Form(urljoin(page.url, reader.action), reader.fields)

    def start(self, form: Form) -> str:
        """Press Pay; return the address at the bank to which the hub sends us."""
        answer = self._http.post(form.url, form.fields, allow_redirects=False, timeout=_PATIENCE_S)
        if answer.status_code != HTTPStatus.SEE_OTHER:
            raise DemoFailed(f"pressing Pay answered {answer.status_code}: {answer.text[:300]}")
        return urljoin(form.url, answer.headers["Location"])

    def decide(self, pay_url: str, decision: str, scenario: str, *, comes_back: bool) -> None:
        """Decide at the bank, which then does as the scenario has it; come back to the hub's page, or close the browser there."""
        self._get(pay_url)
        told = {"decision": decision, "scenario": scenario}
        back = self._http.post(pay_url, told, allow_redirects=False, timeout=_PATIENCE_S)
        if back.is_redirect and comes_back:
            self._get(urljoin(pay_url, back.headers["Location"]))
        elif not back.is_redirect and back.status_code != HTTPStatus.OK:
            raise DemoFailed(f"the gateway's page answered {back.status_code}: {back.text[:300]}")

    def _get(self, url: str) -> requests.Response:
        answer = self._http.get(url, timeout=_PATIENCE_S)
        if answer.status_code != HTTPStatus.OK:
            raise DemoFailed(f"GET {urlsplit(answer.url).path} answered {answer.status_code}: {answer.text[:300]}")
        return answer


def reference_of(pay_url: str) -> str:
    """Return the reference of the order a pay URL is for; raise `DemoFailed` where it leads elsewhere."""
    found = parse_qs(urlsplit(pay_url).query).get("vnp_TxnRef")
    if not found:
        raise DemoFailed(f"pressing Pay led to {urlsplit(pay_url).path} and not to the bank")
    return found[0]


class _FormReader(HTMLParser):
    """Reads the first form that is posted: its hidden fields, the first of each group of choices, and its first button."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._inside = self._pressed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form's beginning and its fields."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None and given.get("method", "").lower() == "post":
            self.action, self._inside = given.get("action", ""), True
        elif self._inside and tag == "input" and given.get("type", "text") in {"hidden", "radio"} and "name" in given:
            self.fields.setdefault(given["name"], given.get("value", ""))
        elif self._inside and tag == "button" and not self._pressed:
            self._pressed = True
            if "name" in given:
                self.fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """Note a form's end."""
        if tag == "form":
            self._inside = False
