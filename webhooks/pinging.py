"""Pings: a message that is sent now, about nothing, and how it went. It is no event and stands in no payment's order."""

from __future__ import annotations

import threading
import uuid
from typing import Any, ClassVar

from payhub import ids
from payhub.errors import NotFound, PayHubError, Text
from payhub.hub import Hub
from webhooks import endpoints
from webhooks.messages import Ping
from webhooks.replies import printable
from webhooks.sending import connection_to, send

LIMIT_S = 5.0
"""Who pings waits for the answer, and so does a thread of the web process."""
_ONE = threading.BoundedSemaphore(1)
"""One at a time in a process: endpoints that do not answer must not take the threads that citizens wait for."""


class PingBusy(PayHubError):
    """Another ping is on its way."""

    code, status = "ping_busy", 429
    title: ClassVar[Text] = Text("Đang gửi thử tới địa chỉ khác, hãy thử lại sau giây lát", "Another ping is on its way; try again")


def ping(hub: Hub, endpoint_id: uuid.UUID) -> dict[str, Any]:
    """Send a ping to an endpoint, a disabled one too, and return what came of it."""
    with hub.db.session() as session:
        target = endpoints.target(hub, session, endpoint_id, disabled=True)
    if target is None:
        raise NotFound
    if not _ONE.acquire(blocking=False):
        raise PingBusy(headers={"Retry-After": str(round(LIMIT_S))})
    message = Ping(ids.new_id(), endpoint_id, hub.clock.now())
    connection = connection_to(target, hub.settings.webhooks)
    try:
        tried = send(hub, connection, target, message, min(LIMIT_S, hub.settings.webhooks.timeout_s))
    finally:
        connection.close()
        _ONE.release()
    return {
        "id": message.public_id(hub.settings.mode),
        "at": tried.at,
        "status": tried.status,
        "error": tried.error,
        "took_ms": tried.took_ms,
        "reply": printable(tried.first) or None,
    }
