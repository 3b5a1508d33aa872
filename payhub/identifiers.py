"""Texts of others that name things, and their form: no space, no accent, no `@`. Sentences, names of people and addresses differ.

What has another form is not kept as it is: the message or file it came in is, sealed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

# Controls, bidirectional overrides, zero-width and non-characters: they hide what a text says, and have no place in a name or a
# number. Ordinary and no-break spaces, combining marks and emoji stay.
HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]")
_IDENTIFIER = re.compile(r"[0-9A-Za-z._:/+=-]{0,100}")
_INSTANT = re.compile(r"[0-9TZ:.,/+ -]{0,40}")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}")


def is_identifier(text: str) -> bool:
    """Tell whether a text has the form of an identifier."""
    return _IDENTIFIER.fullmatch(text) is not None


def identifier(text: str) -> str:
    """Return an identifier as it is; for anything else a name that is always the same for it and does not say it."""
    if _IDENTIFIER.fullmatch(text):
        return text
    return f"~{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def instant_text(text: str) -> str:
    """Return an instant as somebody wrote it; nothing for what cannot be one."""
    return text if _INSTANT.fullmatch(text) else ""


def network_address(text: str | None) -> str:
    """Return a network address; nothing for anything else that a proxy may have passed on as one."""
    return text if text and _ADDRESS.fullmatch(text) else ""


def within(networks: Iterable[IPv4Network | IPv6Network], address: str) -> bool:
    """Tell whether an address stands in one of these networks; a text that is no address stands in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    # A socket that takes both kinds says an IPv4 address in the words of IPv6.
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks)
