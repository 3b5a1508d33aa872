"""Text as gateways write it into URLs, signatures as they compare them, and the keys of their pages."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import datetime

from gateways.signing import mac
from gateways.simulator.config import GMT7, INSTANT

_AS_IT_IS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.*")


def encoded(text: str) -> str:
    """Form-encode like java.net.URLEncoder: `*` stays, `~` does not, a space is `+`."""
    return "".join(chr(byte) if byte in _AS_IT_IS else "+" if byte == ord(" ") else f"%{byte:02X}" for byte in text.encode())


def query_of(fields: Mapping[str, object]) -> str:
    """Write fields as a query string, in their order."""
    return "&".join(f"{name}={encoded(str(value))}" for name, value in fields.items())


def with_query(url: str, query: str) -> str:
    """Add a query string to a URL that may have one."""
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def same(claimed: str, signature: str) -> bool:
    """Compare a claimed signature, in either case, with the true one."""
    return hmac.compare_digest(claimed.lower().encode("utf-8", "replace"), signature.encode())


def page_key(secret: str, terminal: str, reference: str) -> str:
    """The key of an order's page: nobody who does not know the secret can guess it, and a restart does not change it."""
    named = base64.urlsafe_b64encode(json.dumps([terminal, reference]).encode()).decode().rstrip("=")
    return f"{named}.{mac('sha256', secret, f'page {named}'.encode())[:32]}"


def page_key_names(key: str) -> tuple[str, str]:
    """Terminal and reference of a page's key, not yet verified; empty for what is no key."""
    try:
        named = key.partition(".")[0]
        terminal, reference = json.loads(base64.urlsafe_b64decode(named + "=" * (-len(named) % 4)))
    except (ValueError, TypeError):
        return "", ""
    return str(terminal), str(reference)


def page_key_fits(secret: str, key: str) -> bool:
    """Whether a page's key was made with this secret."""
    return hmac.compare_digest(key.encode("utf-8", "replace"), page_key(secret, *page_key_names(key)).encode())


def milliseconds(moment: datetime) -> int:
    """Unix time in milliseconds, of whole seconds."""
    return int(moment.timestamp()) * 1000


def moment_of(written: str) -> datetime:
    """Read a time of the books."""
    return datetime.strptime(written, INSTANT).replace(tzinfo=GMT7)
