"""Where gateways call back."""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateways.base import Answer, Incoming
from payhub.errors import NotFound
from payhub.http import the_hub
from payhub.identifiers import network_address
from webhooks.inbox import LARGEST, receive, too_large

bp = Blueprint("callbacks", __name__)


@bp.route("/callbacks/<gateway>/<account_code>", methods=["GET", "POST"])
def callback(gateway: str, account_code: str) -> Response:
    """Take in a gateway's message; the answer is the protocol's own, an error of ours included."""
    hub = the_hub()
    account = hub.registers.gateway_accounts.get(account_code)
    if account is None or account.gateway != gateway:
        raise NotFound
    body = request.stream.read(LARGEST + 1)
    if len(request.query_string) + len(body) > LARGEST:
        return _spoken(too_large(hub, account))
    incoming = Incoming(request.method, request.query_string, dict(request.headers), body)
    return _spoken(receive(hub, account, incoming, network_address(request.remote_addr)))


def _spoken(answer: Answer) -> Response:
    return Response(answer.body, answer.status, content_type=answer.content_type)
