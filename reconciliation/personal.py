"""What this room holds about people: settlement files, sealed as they came. Each speaks of many, and none goes for one of them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import extract, select, update
from sqlalchemy.orm import Session

from payhub.clock import local_date
from payhub.db import rows_written
from payhub.people.holders import Holder
from payhub.people.terms import People
from reconciliation.models import FilePart, Settlement


def _none(_session: Session, _payments: Sequence[uuid.UUID]) -> int:
    return 0


def _sweep(session: Session, terms: People, now: datetime, limit: int) -> int:
    """Destroy files of years whose accounting records are past their term: they are what the books were held against."""
    years = extract("year", Settlement.until_on).in_(terms.years_over(local_date(now)))
    old = select(FilePart.id).join(Settlement, Settlement.id == FilePart.file_id).where(years, FilePart.body_key.is_not(None))
    gone = update(FilePart).where(FilePart.id.in_(old.limit(limit))).values(body_key=None, body=None)
    return rows_written(session, gone)


def _nobody(_session: Session, _limit: int) -> Sequence[uuid.UUID]:
    return ()


HOLDER = Holder("settlement_files", _none, _sweep, _nobody)
