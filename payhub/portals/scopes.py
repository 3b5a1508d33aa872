"""What a key may do: a closed list, so that a mistyped scope is refused when a key is made and not discovered by a portal."""

from __future__ import annotations

from collections.abc import Mapping

SCOPES: Mapping[str, str] = {
    "payments:write": "ask for payments, cancel them, have lines priced",
    "payments:read": "look at payments, refunds, disputes, and at what a fee costs",
    "refunds:write": "ask for money to be given back",
    "events:read": "read what happened, in order",
    "webhooks:read": "see where the portal is told, and how each telling went",
    "webhooks:write": "say where the portal is told, and have things told again",
    "day-files:read": "read the day files of the portal, and have them made anew",
    "reports:read": "read totals of all portals, and the rows behind them",
    "settlements:write": "hand in gateways' files",
    "statements:write": "hand in banks' statements",
    "statements:read": "read banks' statements",
    "payouts:read": "read what gateways pay over",
    "discrepancies:read": "read what disagrees",
    "runs:read": "read how reconciliations went",
    "files:read": "read what became of files that came by themselves",
}
"""Each with what it opens."""
USUAL = ("payments:write", "payments:read")
"""What a key is given unless it is said."""
