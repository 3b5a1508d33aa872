"""Sending to gateways: timed, bounded, redacted. A failure is of one of two kinds, and the difference is money.

*Not reached*: the request cannot have arrived, so nothing happened there. *Unknown*: it may have, and only the gateway can say.
"""

from __future__ import annotations

import threading
from time import perf_counter
from urllib.parse import urlsplit

import requests
from requests.exceptions import ConnectTimeout, RequestException
from urllib3.exceptions import HTTPError

from gateways.base import Request, Response
from payhub import log

_log = log.get(__name__)
_LARGEST = 1024 * 1024
_local = threading.local()


class ExchangeError(Exception):
    """A call to a gateway gave no answer that can be used."""


class NotReached(ExchangeError):
    """The gateway cannot have seen the request."""


class OutcomeUnknown(ExchangeError):
    """The gateway may have seen the request; what it did is not known."""


def send(request: Request, *, largest: int = _LARGEST) -> Response:
    """Send a request and return its answer, whatever its status; raise `NotReached` or `OutcomeUnknown`."""
    started, host = perf_counter(), urlsplit(request.url).hostname
    try:
        with _session().request(
            request.method,
            request.url,
            data=request.body or None,
            headers=dict(request.headers),
            timeout=(min(5.0, request.timeout_s), request.timeout_s),
            allow_redirects=False,
            stream=True,
        ) as answer:
            # By urllib3, because requests knows no limit: what breaks off here is an error of urllib3's own.
            body = answer.raw.read(largest + 1, decode_content=True)
            response = Response(answer.status_code, dict(answer.headers), body)
    except ConnectTimeout:
        _log.warning("gateway.not_reached", host=host)
        raise NotReached(host) from None
    except (RequestException, HTTPError, OSError) as error:
        refused = "Connection refused" in str(error) or "Name or service not known" in str(error)
        _log.warning("gateway.no_answer", host=host, kind=type(error).__name__, refused=refused)
        raise (NotReached if refused else OutcomeUnknown)(host) from None
    if len(body) > largest:
        raise OutcomeUnknown(host)
    _log.info("gateway.answered", host=host, status=response.status, took_ms=round((perf_counter() - started) * 1000, 1))
    return response


def _session() -> requests.Session:
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
    session: requests.Session = _local.session
    return session
