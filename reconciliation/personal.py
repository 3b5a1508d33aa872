"""What this room holds about people: files of gateways and banks, sealed as they came, and the words of statements' lines.

Each file speaks of many, and none goes for one of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, extract, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from payhub.clock import local_date
from payhub.db import rows_written
from payhub.people.holders import Holder
from payhub.people.terms import People
from reconciliation.banking.models import Statement, StatementLine
from reconciliation.dayfiles.models import DayFile
from reconciliation.models import FilePart, Settlement


def _none(_session: Session, _payments: Sequence[uuid.UUID]) -> int:
    return 0


def _over(until: InstrumentedAttribute[object], terms: People, now: datetime) -> ColumnElement[bool]:
    """Tell whether the accounting records of the year are past their term: they are what the books were held against."""
    return extract("year", until).in_(terms.years_over(local_date(now)))


def _sweep(session: Session, terms: People, now: datetime, limit: int) -> int:
    """Destroy files of years whose accounting records are past their term."""
    settled = select(Settlement.id).where(_over(Settlement.until_on, terms, now))
    told = select(Statement.file_id).where(_over(Statement.to_on, terms, now))
    stated = select(DayFile.id).where(_over(DayFile.business_on, terms, now))
    old = select(FilePart.id).where(FilePart.file_id.in_(settled.union(told, stated)), FilePart.body_key.is_not(None))
    gone = update(FilePart).where(FilePart.id.in_(old.limit(limit))).values(body_key=None, body=None)
    return rows_written(session, gone)


def _sweep_words(session: Session, terms: People, now: datetime, limit: int) -> int:
    """Destroy the words of statements of such years."""
    told = StatementLine.statement_id.in_(select(Statement.id).where(_over(Statement.to_on, terms, now)))
    old = select(StatementLine.id).where(told, StatementLine.text_key.is_not(None))
    gone = update(StatementLine).where(StatementLine.id.in_(old.limit(limit))).values(text_key=None, text=None)
    return rows_written(session, gone)


def _nobody(_session: Session, _limit: int) -> Sequence[uuid.UUID]:
    return ()


HOLDERS = (
    Holder("settlement_files", _none, _sweep, _nobody),
    Holder("statement_words", _none, _sweep_words, _nobody),
)
