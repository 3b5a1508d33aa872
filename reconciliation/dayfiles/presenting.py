"""How day files look from outside."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from payhub.errors import NotFound
from payhub.fields import one_day
from reconciliation.dayfiles.errors import DayFileMissing
from reconciliation.dayfiles.making import latest
from reconciliation.dayfiles.models import DayFile, DayFileSum

_KEPT = ("version", "made_at", "count", "size", "manifest", "signature", "key")


def read_day(text: str) -> date:
    """Read a day of an address; raise `NotFound`."""
    try:
        return one_day(text)
    except ValueError:
        raise NotFound from None


def find(session: Session, portal_id: uuid.UUID, on: date, version: int | None = None) -> DayFile:
    """Return a day's newest version, or the one that is asked for; raise `DayFileMissing`."""
    found = latest(session, portal_id, on, version)
    if found is None:
        raise DayFileMissing
    return found


def page(session: Session, portal_id: uuid.UUID, *, limit: int, before: date | None = None) -> dict[str, Any]:
    """Return the newest version of each day, newest day first."""
    asked = select(DayFile).where(DayFile.portal_id == portal_id).ext(distinct_on(DayFile.business_on))
    if before is not None:
        asked = asked.where(DayFile.business_on < before)
    found = session.scalars(asked.order_by(DayFile.business_on.desc(), DayFile.version.desc()).limit(limit + 1)).all()
    shown = describe(session, found[:limit])
    return {"data": shown, "next": shown[-1]["day"] if len(found) > limit else None}


def describe(session: Session, found: Sequence[DayFile]) -> list[dict[str, Any]]:
    """Return day files in outside words."""
    sums: defaultdict[uuid.UUID, list[DayFileSum]] = defaultdict(list)
    kept = select(DayFileSum).where(DayFileSum.day_file_id.in_([each.id for each in found]))
    for each in session.scalars(kept.order_by(DayFileSum.type, DayFileSum.currency)):
        sums[each.day_file_id].append(each)
    return [
        {
            **{name: getattr(made, name) for name in _KEPT}, "day": made.business_on, "sha256": made.digest, "sums": sums[made.id],
        }
        for made in found
    ]  # fmt: skip
