"""Links that only their holder can open: made from the payment's id and a key of the ring, kept nowhere.

A token is the id and 12 bytes of HMAC over it: nobody finds another payment by counting, and a mistyped link is refused without
asking the database.
"""

from __future__ import annotations

import base64
import binascii
import uuid

from payhub.hub import Hub

_PURPOSE, _MAC = "checkout", 12


def token(hub: Hub, payment_id: uuid.UUID) -> str:
    """Return the token of a payment's page (38 characters)."""
    mac = hub.keyring.mac(_PURPOSE, payment_id.bytes)[:_MAC]
    return base64.urlsafe_b64encode(payment_id.bytes + mac).decode().rstrip("=")


def payment_of(hub: Hub, text: str) -> uuid.UUID | None:
    """Return the payment a token opens, or None."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 16 + _MAC or not hub.keyring.verify(_PURPOSE, raw[:16], raw[16:]):
        return None
    return uuid.UUID(bytes=raw[:16])


def checkout_url(hub: Hub, payment_id: uuid.UUID) -> str:
    """Return the address of a payment's page."""
    return f"{hub.settings.web.base_url}/pay/{token(hub, payment_id)}"
