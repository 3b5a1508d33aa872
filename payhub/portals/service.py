"""Portals as they are on a date."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.portals.models import Portal
from payhub.registers import Registers, in_force


def portal_on(registers: Registers, portal: Portal, on: date) -> Portal | None:
    """Return the row with a portal's name and origins on a date, or None where it is not open."""
    return in_force(registers.portal_rows[portal.code], on)


def portal_named(session: Session, code: str) -> Portal | None:
    """Return the row that other tables name a portal by: its first."""
    return session.scalar(select(Portal).where(Portal.code == code).order_by(Portal.valid_from).limit(1))
