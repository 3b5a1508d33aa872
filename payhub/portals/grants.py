"""What a portal may ask for on a date."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date

from payhub.portals.models import Portal
from payhub.registers import Registers, in_force


def granted(
    registers: Registers, portal: Portal, on: date, *, fee_code: str | None = None, agencies: Collection[uuid.UUID] | None = None
) -> bool:
    """Tell whether a grant in force covers a fee (None is some fee) of any of these agencies (None is some agency)."""
    for grant in registers.grants.get(portal.id, ()):
        fits = agencies is None or grant.agency_id is None or grant.agency_id in agencies
        if fits and (fee_code is None or grant.fee_code in {None, fee_code}) and in_force([grant], on) is not None:
            return True
    return False
