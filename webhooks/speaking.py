"""How the hub speaks to an endpoint: the request that carries a message, and what a reply to it means."""

from __future__ import annotations

from datetime import datetime

from webhooks import signing
from webhooks.endpoints import Target
from webhooks.messages import Sent

AGENT = "PayHub"


def compose(target: Target, message: Sent, mode: str, now: datetime) -> tuple[dict[str, str], bytes]:
    """Return headers and body of the request that tells an endpoint of something."""
    body = message.body(mode, target.version)
    signed = signing.headers(target.signers, message.public_id(mode), int(now.timestamp()), body)
    return {"Content-Type": "application/json", "User-Agent": AGENT, **signed}, body


def judge(target: Target, status: int, first: bytes) -> str | None:  # noqa: ARG001 - a protocol may say in its body what it thinks
    """Return in one word why a reply is no acceptance, or None where it is one."""
    return None if 200 <= status < 300 else f"status_{status}"
