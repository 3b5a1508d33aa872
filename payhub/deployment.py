"""What this database is: stamped once as live or test, and never used as the other."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, SmallInteger, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from payhub.db import Base


class Deployment(Base):
    """The one row that says which mode the database belongs to."""

    __tablename__ = "deployment"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"), CheckConstraint("mode IN ('live', 'test')", name="mode"))

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    mode: Mapped[str]
    stamped_at: Mapped[datetime]


class WrongMode(Exception):
    """The database was stamped with the other mode; nothing may start on it."""


def stamp(session: Session, mode: str, now: datetime) -> None:
    """Stamp a fresh database, or check the stamp of a used one; raise `WrongMode` where they differ."""
    found = session.scalar(select(Deployment.mode))
    if found is None:
        # Processes start together: whoever is second waits for the first, and finds its stamp.
        session.execute(insert(Deployment).values(id=1, mode=mode, stamped_at=now).on_conflict_do_nothing())
        found = session.scalar(select(Deployment.mode))
    if found != mode:
        raise WrongMode(
            f"this database belongs to a {found} deployment and this process runs as {mode}: check DATABASE_URL and PAYHUB_MODE"
        )
