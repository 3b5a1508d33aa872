"""The REST API of files that come by themselves: programs look at them, a person may cancel one or have it tried again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency
from payhub.http import accepts, api_blueprint, language, raises, requires, returns, the_hub
from payhub.idempotency import idempotent
from payhub.staff.errors import RoleMissing
from payhub.staff.http import requires_person
from payhub.staff.models import Principal
from reconciliation.receiving import presenting, working
from reconciliation.receiving.errors import FileNotAgain, FileOver
from reconciliation.receiving.models import ReceivedFile
from reconciliation.receiving.schemas import FileSourceList, FilesQuery, ReceivedFilePage, ReceivedFileView, SourcesQuery

MAY_DECIDE = ("clerk", "approver", "admin")
bp = api_blueprint("received_files", __name__)
_VIEW = ReceivedFileView()


@bp.get("/received-files")
@requires("files:read")
@accepts(FilesQuery, place="query")
@returns(ReceivedFilePage)
def list_files(data: dict[str, Any]) -> dict[str, Any]:
    """List files that came by folder, SFTP or a gateway's list, newest first."""
    return presenting.page(the_hub(), language(), **data)


@bp.get("/received-files/<file_id>")
@requires("files:read")
@returns(ReceivedFileView)
def get_file(file_id: str) -> dict[str, Any]:
    """Look at one file: what became of it, and why."""
    return presenting.one(the_hub(), file_id, language())


@bp.post("/received-files/<file_id>/cancel")
@requires_person(*MAY_DECIDE)
@idempotent
@returns(ReceivedFileView)
@raises(RoleMissing, FileOver, *idempotency.ERRORS)
def cancel_file(file_id: str) -> Response:
    """Cancel a file that waits or is being fetched: nothing of it is taken."""
    return _once(file_id, working.cancel)


@bp.post("/received-files/<file_id>/again")
@requires_person(*MAY_DECIDE)
@idempotent
@returns(ReceivedFileView)
@raises(RoleMissing, FileNotAgain, *idempotency.ERRORS)
def try_again(file_id: str) -> Response:
    """Have a file tried again that was refused, failed or was cancelled."""
    return _once(file_id, working.again)


@bp.get("/file-sources")
@requires("files:read")
@accepts(SourcesQuery, place="query")
@returns(FileSourceList)
def list_sources(data: dict[str, Any]) -> dict[str, Any]:
    """List where files come from, when each was reached last, and what stands in the way."""
    return presenting.every_source(the_hub(), data.get("way"))


def _once(file_id: str, act: Callable[[Session, uuid.UUID, Principal, datetime], ReceivedFile]) -> Response:
    hub, by, spoken = the_hub(), g.person.principal, language()
    wanted, now = presenting.read_id(hub, file_id), hub.clock.now()

    def done(session: Session) -> tuple[int, bytes]:
        row = act(session, wanted, by, now)
        return 200, orjson.dumps(_VIEW.dump(presenting.describe(hub, session, [row], spoken)[0]))

    answer: Response = g.once.carry_out(hub.db, now, done)
    return answer
