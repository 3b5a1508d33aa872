"""Which agency, and which of its accounts, money is for on a date."""

from __future__ import annotations

from datetime import date

from payhub.agencies.models import Agency, CollectingAccount
from payhub.registers import Registers, in_force


def successor_in_force(registers: Registers, agency: Agency, on: date) -> Agency | None:
    """Follow successors from an abolished agency to the one in force; None where the trail ends."""
    seen = set()
    while agency.code not in seen:
        seen.add(agency.code)
        rows = registers.agency_rows[agency.code]
        if in_force(rows, on) is not None:
            return registers.agencies[agency.code]
        # A code may come into force again: until then the one that took over last still collects.
        begun = [row.successor_id for row in rows if row.valid_from <= on and row.valid_to != row.valid_from]
        successor = begun[-1] if begun else None
        if successor is None:
            return None
        agency = registers.agencies_by_id[successor]
    return None


def known_as(registers: Registers, agency: Agency, on: date) -> Agency:
    """Return the row with the name an agency has on a date; where it has none, its last one before, or its first."""
    begun = [row for row in registers.agency_rows[agency.code] if row.valid_from <= on and row.valid_to != row.valid_from]
    return begun[-1] if begun else agency


def collecting_account(registers: Registers, agency: Agency, kind: str, on: date) -> CollectingAccount | None:
    """Return the account on which an agency collects this kind of fee."""
    accounts = [account for account in registers.collecting_accounts.get(agency.id, ()) if account.purpose == kind]
    return in_force(accounts, on)
