"""What every page of the checkout has: a language, headers that keep it private, and errors that a citizen can read."""

from __future__ import annotations

import traceback
from datetime import datetime, timedelta
from typing import cast

from babel.dates import format_datetime
from flask import Blueprint, Flask, Response, make_response, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from gateways.base import Method, Outcome
from gateways.codes import Code
from payhub import http, log, text
from payhub.checkout.errors import NoSuchPage
from payhub.checkout.words import in_words
from payhub.clock import LOCAL
from payhub.errors import NotFound, PayHubError, Text, Unavailable
from payhub.hub import Hub
from payhub.money import format_amount

_log = log.get(__name__)
_FORMATS = {"vi": "HH:mm 'ngày' d/M/y", "en": "HH:mm, d MMMM y"}
_REFRESH: tuple[tuple[timedelta, int], ...] = (
    (timedelta(minutes=1), 5),
    (timedelta(minutes=5), 15),
    (timedelta(hours=1), 60),
    (timedelta(days=1), 300),
)
"""A page that waits looks again every so many seconds, while it has waited no longer than this."""


def page_blueprint(name: str, import_name: str) -> Blueprint:
    """Return a blueprint whose every answer, errors too, is a private page."""
    bp = Blueprint(name, import_name)
    bp.record_once(_install)
    bp.before_request(_choose_language)
    bp.after_request(_keep_private)
    bp.register_error_handler(Exception, _refuse)
    for filter_ in (money, instant, in_full, said):
        bp.add_app_template_filter(filter_)
    return bp


def _install(state: BlueprintSetupState) -> None:
    text.install(cast(Flask, state.app))


def money(amount: int, currency: str = "VND") -> str:
    """Write an amount with its unit, held together: 1.234.567 đồng."""
    unit = "đồng" if currency == "VND" and text.spoken() == "vi" else currency
    return f"{format_amount(amount)}\N{NO-BREAK SPACE}{unit}"


def in_full(amount: int) -> str:
    """Write an amount of đồng in words."""
    return in_words(amount, text.spoken())


def said(words: Code[Outcome] | Method) -> str:
    """Choose a gateway's words in the language of the page."""
    return words.vi if text.spoken() == "vi" else words.en


def instant(at: datetime) -> str:
    """Write an instant as the clock on the wall in Viet Nam shows it."""
    return format_datetime(at.astimezone(LOCAL), _FORMATS[text.spoken()], locale=text.spoken())


def refresh_s(waited: timedelta) -> int | None:
    """Return after how many seconds a page that has waited so long looks again: ever less often, in the end not at all."""
    return next((seconds for until, seconds in _REFRESH if waited < until), None)


def _choose_language() -> None:
    text.speak(request.args.get("lang") or http.language())


def _keep_private(response: Response) -> Response:
    hub = http.the_hub()
    # Browsers hold the gateway's pages, where the form leads, to form-action as well.
    targets = "'self' https:" if hub.settings.live else "'self' https: http:"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; img-src 'self'; form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Frame-Options"] = "DENY"
    # Not no-referrer, under which browsers send our own form with `Origin: null`.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _refuse(error: Exception) -> Response:
    """Answer an error with a page."""
    fact = _fact(error)
    token = None if isinstance(fact, NoSuchPage) else (request.view_args or {}).get("token")
    page = url_for("checkout.pay", token=token, lang=request.args.get("lang")) if token else None
    shown = render_template("checkout/refused.html", fact=fact, title=fact.title.in_language(text.spoken()), page=page)
    response = make_response(shown, fact.status)
    response.headers.extend(fact.headers)
    return response


class _OurFault(PayHubError):
    code, status = "our_fault", 500
    title = Text("Hệ thống gặp lỗi", "Something went wrong on our side")


class _NotPossible(PayHubError):
    code = "not_possible"


def _fact(error: Exception) -> PayHubError:
    match error:
        case NotFound():
            return NoSuchPage()
        case PayHubError():
            return error
        case HTTPException(code=404):
            return NoSuchPage()
        case HTTPException(code=int(code)) if 400 <= code < 500:
            fact: PayHubError = type("HttpError", (_NotPossible,), {"status": code})()
            return fact
        case OperationalError() | PoolTimeout():
            _log.error("store.unavailable", kind=type(error).__name__)
            return Unavailable(headers={"Retry-After": "5"})
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]
    _log.error("page.failed", kind=type(error).__name__, endpoint=request.endpoint, frames=frames)
    return _OurFault()


def base_origins(hub: Hub) -> set[str]:
    """Return the origins this hub's own pages have."""
    return {_origin(hub.settings.web.base_url), _origin(request.host_url)}


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3])
