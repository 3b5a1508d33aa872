"""Writing down that a file came: one row for each look of each name, whoever sees it first."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from payhub import ids, log
from payhub.errors import PayHubError
from payhub.hub import Hub
from reconciliation.receiving.models import ReceivedFile
from reconciliation.receiving.places import Expected, Place, called

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """One look of one file of an account, somewhere."""

    place: Place
    way: str
    name: str
    mark: str


def note(
    hub: Hub, session: Session, seen: Seen, expected: Expected, refused: PayHubError | None = None
) -> uuid.UUID | None:
    """Write down a file that waits to be taken, or is refused as it is; None where this very look of it is known."""
    now, place = hub.clock.now(), seen.place
    values: dict[str, Any] = {
        "id": ids.new_id(), "gateway_account_id": place.id if place.of_gateway else None,
        "bank_account_id": None if place.of_gateway else place.id, "file_source_id": expected.source_id, "files": expected.files,
        "way": seen.way, "file_name": called(seen.name), "mark": seen.mark, "from_on": expected.first, "until_on": expected.last,
        "received_at": now, "state": "waiting",
    }  # fmt: skip
    if refused is not None:
        values |= {"state": "refused", "finished_at": now, **told(refused)}
    written = session.scalar(insert(ReceivedFile).values(**values).on_conflict_do_nothing().returning(ReceivedFile.id))
    if written is not None:
        _log.info("file.came", account=place.code, way=seen.way, file=values["file_name"], state=values["state"])
    return written


def known(session: Session, seen: Seen) -> ReceivedFile | None:
    """Return the row of this very look of a file."""
    account = func.coalesce(ReceivedFile.gateway_account_id, ReceivedFile.bank_account_id)
    named = (ReceivedFile.file_name == called(seen.name), ReceivedFile.mark == seen.mark)
    same = (account == seen.place.id, ReceivedFile.way == seen.way, *named)
    return session.scalar(select(ReceivedFile).where(*same))


def told(error: PayHubError) -> dict[str, str]:
    """Return what a row says of why a file is not taken."""
    text = error.detail or error.title
    return {"error": error.code, "error_vi": text.vi, "error_en": text.en}


def tidied(hub: Hub, file_id: uuid.UUID) -> None:
    """Write down that a file was put away."""
    with hub.db.autocommit() as connection:
        connection.execute(update(ReceivedFile).where(ReceivedFile.id == file_id).values(tidied_at=hub.clock.now()))
