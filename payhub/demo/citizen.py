"""A citizen with a browser: opens the hub's page, chooses a way, goes to the gateway's page, decides there, and comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html.parser import HTMLParser
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import requests

from payhub.demo.errors import DemoFailed

_PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Form:
    """What is sent when the form's button is pressed."""

    url: str
    fields: dict[str, str]
    ways: tuple[str, ...] = ()
    """What can be chosen among, in the page's order."""
    refused: tuple[str, ...] = ()
    """What is shown and cannot be chosen now."""

    @property
    def token(self) -> str:
        """The form's one-use token: with the same one it is the same try."""
        return self.fields.get("form_token", "")

    def choosing(self, way: str) -> Form:
        """Return the form with this way chosen, where the page offers it; else with the page's own first."""
        return replace(self, fields={**self.fields, "way": way}) if way in self.ways else self


class Citizen:
    """One browser, with cookies of its own, of somebody who prefers one way to pay."""

    def __init__(self, way: str = "") -> None:
        self._way = way
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
        if reader.action is None:
            return None
        form = Form(urljoin(page.url, reader.action), reader.fields, tuple(reader.ways), tuple(reader.refused))
        return form.choosing(self._way)

    def start(self, form: Form) -> str:
        """Press Pay; return the address to which the hub sends us: the gateway's, or its own page where there is no order."""
        answer = self._http.post(form.url, form.fields, allow_redirects=False, timeout=_PATIENCE_S)
        if answer.status_code != HTTPStatus.SEE_OTHER:
            raise DemoFailed(f"pressing Pay answered {answer.status_code}: {answer.text[:300]}")
        return urljoin(form.url, answer.headers["Location"])

    def look(self, pay_url: str) -> str | None:
        """Open the gateway's page; return the reference it shows, or None where the order is decided and we are sent back."""
        reader = _ReferenceReader()
        reader.feed(self._get(pay_url).text)
        return reader.reference

    def decide(self, pay_url: str, decision: str, scenario: str, *, comes_back: bool) -> None:
        """Decide on that page; the gateway does as the scenario has it. Come back to the hub's page, or close the browser there."""
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


def leads_away(url: str, checkout_url: str) -> bool:
    """Tell whether pressing Pay led to a gateway, and not back to the hub's own page."""
    return urlsplit(url).netloc != urlsplit(checkout_url).netloc


class _ReferenceReader(HTMLParser):
    """Reads the order's reference from a gateway's page, where every gateway shows it."""

    def __init__(self) -> None:
        super().__init__()
        self.reference: str | None = None
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base class names it
        """Note where the reference begins."""
        self._inside = ("id", "reference") in attrs

    def handle_data(self, data: str) -> None:
        """Take the reference."""
        if self._inside:
            self.reference, self._inside = data.strip(), False


class _FormReader(HTMLParser):
    """Reads the first form that is posted: its hidden fields, the ways it offers, the first one chosen, and its first button."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.ways: list[str] = []
        self.refused: list[str] = []
        self._inside = self._pressed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form's beginning and its fields."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None and given.get("method", "").lower() == "post":
            self.action, self._inside = given.get("action", ""), True
        elif self._inside and tag == "input" and given.get("type") == "radio" and "disabled" in given:
            self.refused.append(given.get("value", ""))
        elif self._inside and tag == "input" and given.get("type", "text") in {"hidden", "radio"} and "name" in given:
            self.fields.setdefault(given["name"], given.get("value", ""))
            self.ways += [given.get("value", "")] if given.get("type") == "radio" else []
        elif self._inside and tag == "button" and not self._pressed:
            self._pressed = True
            if "name" in given:
                self.fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """Note a form's end."""
        if tag == "form":
            self._inside = False
