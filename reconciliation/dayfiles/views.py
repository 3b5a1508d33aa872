"""The REST API of day files: a portal sees its own."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, g, request
from sqlalchemy.orm import Session

from payhub import idempotency
from payhub.http import accepts, also_as, api_blueprint, raises, requires, returns, the_hub
from payhub.idempotency import idempotent
from reconciliation.dayfiles import asking, jobs, presenting, reading
from reconciliation.dayfiles.errors import DayFileDestroyed, DayFileMissing, DayGoesOn
from reconciliation.dayfiles.making import latest
from reconciliation.dayfiles.schemas import DayFileAskedView, DayFilePage, DayFilesQuery, DayFileView, VersionQuery

bp = api_blueprint("day_files", __name__)
_ASKED = DayFileAskedView()


@bp.get("/day-files")
@requires("day-files:read")
@accepts(DayFilesQuery, place="query")
@returns(DayFilePage)
def list_day_files(data: dict[str, Any]) -> dict[str, Any]:
    """List the portal's day files, newest day first."""
    with the_hub().db.session() as session:
        return presenting.page(session, g.caller.portal.id, **data)


@bp.get("/day-files/<day>")
@requires("day-files:read")
@accepts(VersionQuery, place="query")
@returns(DayFileView)
@raises(DayFileMissing)
def get_day_file(day: str, data: dict[str, Any]) -> dict[str, Any]:
    """Look at one day: its manifest, and the signature over it."""
    with the_hub().db.session() as session:
        found = presenting.find(session, g.caller.portal.id, presenting.read_day(day), data.get("version"))
        return presenting.describe(session, [found])[0]


@bp.get("/day-files/<day>/content")
@requires("day-files:read")
@accepts(VersionQuery, place="query")
@returns(DayFileView)
@also_as("text/csv")
@raises(DayFileMissing, DayFileDestroyed)
def get_day_file_content(day: str, data: dict[str, Any]) -> Response:
    """Return the rows of one day as CSV."""
    hub, on = the_hub(), presenting.read_day(day)
    with hub.db.session() as session:
        found = presenting.find(session, g.caller.portal.id, on, data.get("version"))
    headers = {
        "ETag": f'"{found.digest}"',
        "Content-Disposition": f'attachment; filename="{g.caller.portal.code}-{on}-v{found.version}.csv"',
    }
    if request.if_none_match.contains(found.digest):
        return Response(status=304, headers=headers)
    headers["Content-Length"] = str(found.size)
    return Response(reading.content(hub, found.id), 200, headers, content_type="text/csv; charset=utf-8; header=present")


@bp.post("/day-files/<day>")
@requires("day-files:read")
@idempotent
@returns(DayFileAskedView, 202)
@raises(DayGoesOn, *idempotency.ERRORS)
def ask_for_day_file(day: str) -> Response:
    """Have a day stated as things are now: a new version, soon, unless nothing has changed."""
    hub, portal, on = the_hub(), g.caller.portal, presenting.read_day(day)
    if not asking.over(on, hub.clock.now()):
        raise DayGoesOn

    def act(session: Session) -> tuple[int, bytes]:
        asking.ask(session, portal.id, on)
        known = latest(session, portal.id, on)
        return 202, orjson.dumps(_ASKED.dump({"day": on, "version": known.version if known else None}))

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), act)
    jobs.send(hub, portal.id)
    return answer
