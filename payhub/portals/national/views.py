"""Where portals speak the national contract: one address for each message, and one for all of them.

Every answer is in the contract's own words with status 200, an error of ours included: portals read no other.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, request
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from payhub import log
from payhub.clock import local_date
from payhub.errors import BodyTooLarge, PayHubError, Unavailable
from payhub.http import frames, requires, the_hub
from payhub.portals.national import answers, bills, paygov, service
from payhub.portals.national.codes import Said
from payhub.portals.national.errors import Refused, spoken
from payhub.portals.national.messages import Unreadable, read
from payhub.registers import in_force

bp = Blueprint("national", __name__, url_prefix="/national")
LARGEST = 65_536
_log = log.get(__name__)


@bp.post("")
def any_message() -> Response:
    """Take any message, by its LoaiBanTin."""
    body = _body()
    type_ = service.TYPES.get(read(body).get("LoaiBanTin"))
    if type_ is None:
        raise Refused(Said.UNKNOWN_TYPE)
    return _take(body, type_)


@bp.post("/init")
def init() -> Response:
    """Take INIT."""
    return _take(_body(), "init")


@bp.post("/query")
def query() -> Response:
    """Take QUERY."""
    return _take(_body(), "query")


@bp.post("/bill")
def bill() -> Response:
    """Take GET_BILL."""
    return _take(_body(), "bill")


@bp.post("/bills")
@requires("payments:read")
def pull() -> Response:
    """Give the bill of a dossier to a portal that may ask for its fees: the form has nothing but an API key to prove who asks."""
    return bills.pull(the_hub(), g.caller, _body())


@bp.post("/paygov")
def paygov_request() -> Response:
    """Take PayGov's request form."""
    return paygov.take(the_hub(), _body())


def _take(body: bytes, type_: str) -> Response:
    g.national, g.national_type = read(body), type_
    it = service.incoming(the_hub(), g.national, body, type_)
    g.national_partner = it.partner
    return service.ACTS[type_](it)


def _body() -> bytes:
    if (request.content_length or 0) <= LARGEST:
        body = request.stream.read(LARGEST + 1)
        if len(body) <= LARGEST:
            return body
    raise BodyTooLarge


@bp.errorhandler(PayHubError)
@bp.errorhandler(Unreadable)
def refused(error: PayHubError | Unreadable) -> Response:
    """Answer a refusal in the words of the address it was said at."""
    if isinstance(error, Unavailable):
        return unavailable(error)
    said = spoken(error)
    _log.info("national.refused", code=said.said.code, of=_of())
    return _said(said)


@bp.errorhandler(OperationalError)
@bp.errorhandler(PoolTimeout)
@bp.errorhandler(RedisError)
def unavailable(error: Exception) -> Response:
    """Have the portal send it again."""
    _log.error("national.unavailable", kind=type(error).__name__)
    return _said(Refused(Said.TRY_AGAIN), shape="direct")


@bp.errorhandler(Exception)
def unexpected(error: Exception) -> Response:
    """Say that it was our own fault."""
    _log.error("national.failed", kind=type(error).__name__, of=_of(), frames=frames(error))
    return _said(Refused(Said.OUR_FAULT), shape="direct")


def _said(error: Refused, shape: str = "") -> Response:
    endpoint = _of()
    if endpoint == "pull":
        return bills.refused()
    if endpoint == "paygov_request":
        return paygov.refused(error)
    message = g.get("national")
    values = message.values if message else {}
    fields = answers.answer(error.said, values, the_hub().clock.now(), g.get("national_partner"), detail=error.detail)
    return answers.shaped(fields, shape or _shape(values.get("MaDoiTac", "")))


def _shape(code: str) -> str:
    """Return how the partner that a message names is answered; only INIT is ever wrapped."""
    if g.get("national_type") != "init":
        return "direct"
    hub = the_hub()
    row = in_force(hub.registers.national_partners.get(code, ()), local_date(hub.clock.now()))
    return row.answer if row else "direct"


def _of() -> str:
    return (request.endpoint or "").rpartition(".")[2]
