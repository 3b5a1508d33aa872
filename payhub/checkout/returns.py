"""The browser's way back from a gateway. It shows and never decides: state moves by the gateway's own message or by asking."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from redis.exceptions import RedisError
from sqlalchemy import select
from werkzeug.wrappers import Response as Answer

from gateways.base import Incoming
from gateways.errors import GatewayError
from payhub import jobs, log
from payhub.accounts.models import GatewayAccount
from payhub.checkout.errors import NoSuchPage
from payhub.checkout.pages import page_blueprint
from payhub.http import the_hub
from payhub.hub import Hub
from payhub.payments.links import token
from payhub.payments.models import Attempt
from payhub.payments.states import UNDECIDED

bp = page_blueprint("returns", __name__)
_log = log.get(__name__)
_ASKED_FOR_S = 24 * 3600
_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@bp.get("/return/<account_code>")
def come_back(account_code: str) -> Answer:
    """Lead a citizen who comes from the gateway to the payment's page; without a signature that verifies, nowhere."""
    hub = the_hub()
    account = hub.registers.gateway_accounts.get(account_code)
    if account is None or account.gateway not in hub.gateways:
        raise NoSuchPage
    attempt = _attempt(hub, account, Incoming("GET", request.query_string, dict(request.headers), b""))
    if attempt is None:
        return _not_known()
    if attempt.state in UNDECIDED:
        _ask_soon(hub, attempt.id)
    return redirect(url_for("checkout.pay", token=token(hub, attempt.payment_id)), 303)


@bp.route("/return", methods=_EVERY_METHOD)
@bp.route("/return/", methods=_EVERY_METHOD)
@bp.route("/return/<path:anything>", methods=_EVERY_METHOD)
def nothing(anything: str = "") -> Response:  # noqa: ARG001 - whatever it is
    """Say that nothing is here, in words for a person."""
    raise NoSuchPage


def _not_known() -> Response:
    return make_response(render_template("checkout/returned.html"), 400)


def _attempt(hub: Hub, account: GatewayAccount, incoming: Incoming) -> Any:
    """Return the attempt that a verified message speaks of, or None."""
    try:
        notice = hub.gateways[account.gateway].read_return(hub.registers.protocol_accounts[account.id], incoming)
    except GatewayError as error:
        _log.warning("return.refused", gateway=account.code, kind=type(error).__name__, why=str(error))
        return None
    wanted = select(Attempt.id, Attempt.payment_id, Attempt.state).where(
        Attempt.gateway_account_id == account.id, Attempt.reference == notice.reference
    )
    with hub.db.autocommit() as connection:
        return connection.execute(wanted).one_or_none()


def _ask_soon(hub: Hub, attempt_id: uuid.UUID) -> None:
    """Have the gateway asked, once however often the page is loaded; the checks ask anyway, so losing this costs only time."""
    try:
        if hub.redis.set(f"payhub:returned:{attempt_id}", b"", nx=True, ex=_ASKED_FOR_S):
            jobs.enqueue(hub, "payhub.payments.jobs.check", str(attempt_id))
    except RedisError as error:
        _log.warning("return.not_asked", kind=type(error).__name__)
