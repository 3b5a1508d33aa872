"""What lines would cost today: priced as a payment's are, and stored nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from payhub.agencies.service import known_as
from payhub.clock import local_date
from payhub.hub import Hub
from payhub.payments.lines import Asking, resolve
from payhub.payments.presenting import describe_line
from payhub.portals.models import Portal
from payhub.registers import Registers


def quote(hub: Hub, portal: Portal, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a payment with these lines would come to now, or raise what would be raised for it."""
    registers, on = hub.registers, local_date(hub.clock.now())
    claimed = None if data["additional"] else data.get("dossier")
    lines = resolve(Asking(registers, portal, claimed, on), data["lines"])
    return {
        "on": on,
        "currency": data["currency"],
        "total": sum(line["amount"] for line in lines),
        "lines": [_line(registers, line, data["language"], on) for line in lines],
    }


def _line(registers: Registers, line: Mapping[str, Any], language: str, on: date) -> dict[str, Any]:
    """Return one line with what its fee, agency and ground are called."""
    described = describe_line(registers, line)
    fee = registers.fees_by_id[line["fee_id"]]
    agency = known_as(registers, registers.agencies_by_id[line["agency_id"]], on)
    named = {"fee_name": getattr(fee, f"name_{language}"), "agency_name": getattr(agency, f"name_{language}")}
    if line["relief_id"]:
        described["ground"] = getattr(registers.reliefs_by_id[line["relief_id"]], f"ground_{language}")
    return {**described, **named}
