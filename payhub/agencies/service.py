"""Which agency, and which of its accounts, money is for on a date."""

from __future__ import annotations

from datetime import date

from payhub.agencies.models import Agency, CollectingAccount
from payhub.registers import Registers, in_force


def successor_in_force(registers: Registers, agency: Agency, on: date) -> Agency | None:
    """Follow successors from an abolished agency to the one in force; None where the trail ends."""
    seen = set()
    while agency.id not in seen:
        seen.add(agency.id)
        if agency.valid_from <= on and (agency.valid_to is None or on < agency.valid_to):
            return agency
        if agency.successor_id is None:
            return None
        agency = registers.agencies_by_id[agency.successor_id]
    return None


def collecting_account(registers: Registers, agency: Agency, kind: str, on: date) -> CollectingAccount | None:
    """Return the account on which an agency collects this kind of fee."""
    accounts = [account for account in registers.collecting_accounts.get(agency.id, ()) if account.purpose == kind]
    return in_force(accounts, on)
