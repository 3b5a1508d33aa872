"""The REST API of registers kept by files, for people; and announcements, for portals."""

from __future__ import annotations

from functools import wraps
from typing import Any

import orjson
from flask import Response, g, request

from payhub import idempotency
from payhub.clock import local_date
from payhub.errors import BodyTooLarge, NotFound
from payhub.http import View, accepts, also_as, also_returns, api_blueprint, carries, raises, requires, returns, the_hub
from payhub.idempotency import idempotent
from payhub.imports import announcing, presenting, service
from payhub.imports.errors import FileRefused, NothingCools, NothingToChange
from payhub.imports.reading import MAX_BYTES
from payhub.imports.schemas import (
    AnnouncementPage,
    ChangePage,
    ChangesQuery,
    FileQuery,
    ImportPage,
    ImportQuery,
    PageQuery,
    RegisterImportView,
    RehearsalView,
    StopAccount,
)
from payhub.imports.standing import export
from payhub.payments.errors import AgencyNotGranted
from payhub.portals.grants import granted
from payhub.staff.errors import AlreadyProposed, RoleMissing
from payhub.staff.http import requires_person
from payhub.staff.models import ROLES

bp = api_blueprint("registers", __name__)
_MADE, _REHEARSED, _PAGE = RegisterImportView(), RehearsalView(), AnnouncementPage()


def _takes_files(view: View) -> View:
    """Let a body be as large as a register's file, before anything reads it."""

    @wraps(view)
    def taken(**arguments: Any) -> Any:
        request.max_content_length = MAX_BYTES + 1
        return view(**arguments)

    return taken


@bp.get("/staff/registers/<name>")
@requires_person(*ROLES)
@also_as("text/csv")
@raises(RoleMissing)
def get_register(name: str) -> Response:
    """Export a register: the file that can be handed in again."""
    register = service.register_named(name)
    with the_hub().db.session() as session:
        body = "".join(export(session, register))
    headers = {"Content-Disposition": f'attachment; filename="{register.file_name}"'}
    return Response(body, 200, headers, content_type="text/csv; charset=utf-8")


@bp.post("/staff/registers/<name>/imports")
@_takes_files
@requires_person("admin")
@idempotent
@carries("text/csv")
@accepts(FileQuery, place="query")
@returns(RegisterImportView, 201)
@also_returns(RehearsalView, 200)
@raises(RoleMissing, BodyTooLarge, FileRefused, NothingToChange, AlreadyProposed, *idempotency.ERRORS)
def post_import(name: str, data: dict[str, Any]) -> Response:
    """Propose every change that a file makes; with `dry_run=true` say what it would be, and propose nothing."""
    hub, register, body = the_hub(), service.register_named(name), request.get_data(cache=True)
    limit, after = data["limit"], presenting.number_of(data.get("cursor"))
    if data["dry_run"] == "true":
        with hub.db.session() as session:
            checked = service.check(hub, session, register, body)
        if checked.plan.problems:
            raise FileRefused(checked.plan.problems, limit, after)
        return Response(
            orjson.dumps(_REHEARSED.dump(presenting.rehearsed(checked, limit, after))), 200, mimetype="application/json"
        )

    def act(session: Any) -> tuple[int, bytes]:
        made = service.propose(hub, session, register, body, g.person.principal, data.get("file_name") or register.file_name)
        return 201, orjson.dumps(_MADE.dump(presenting.imported(hub, session, made, limit)))

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), act)
    return answer


@bp.get("/staff/imports")
@requires_person(*ROLES)
@accepts(ImportQuery, place="query")
@returns(ImportPage)
@raises(RoleMissing)
def list_imports(data: dict[str, Any]) -> dict[str, Any]:
    """List imports, newest first."""
    with the_hub().db.session() as session:
        return presenting.page(the_hub(), session, data["limit"], data.get("cursor"), data.get("register"))


@bp.get("/staff/imports/<import_id>")
@requires_person(*ROLES)
@returns(RegisterImportView)
@raises(RoleMissing)
def get_import(import_id: str) -> dict[str, Any]:
    """Look at one import, by its own id or its proposal's, and at the first of its changes."""
    with the_hub().db.session() as session:
        return presenting.imported(the_hub(), session, service.find(session, presenting.read_id(the_hub(), import_id)))


@bp.get("/staff/imports/<import_id>/changes")
@requires_person(*ROLES)
@accepts(ChangesQuery, place="query")
@returns(ChangePage)
@raises(RoleMissing)
def list_changes(import_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """List everything an import changes, in the order of its file."""
    after = presenting.number_of(data.get("cursor"))
    with the_hub().db.session() as session:
        made = service.find(session, presenting.read_id(the_hub(), import_id))
        return presenting.changes(session, made, data["limit"], after)


@bp.post("/staff/accounts/stop")
@requires_person(*announcing.MAY_STOP)
@idempotent
@accepts(StopAccount)
@returns(AnnouncementPage)
@raises(RoleMissing, NothingCools, NotFound, *idempotency.ERRORS)
def stop_account(data: dict[str, Any]) -> Response:
    """Stop an agency's account before it takes effect; the one in force stays."""
    hub = the_hub()

    def act(session: Any) -> tuple[int, bytes]:
        announcing.stop(hub, session, data["agency"], data["purpose"], data["reason"], g.person)
        page = presenting.announcements(hub, session, 1, agency=data["agency"])
        return 200, orjson.dumps(_PAGE.dump({**page, "next": None}))

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), act)
    return answer


@bp.get("/agencies/<code>/announcements")
@requires("payments:read")
@accepts(PageQuery, place="query")
@returns(AnnouncementPage)
@raises(AgencyNotGranted)
def list_announcements(code: str, data: dict[str, Any]) -> dict[str, Any]:
    """List what is announced of an agency's accounts, newest first."""
    hub = the_hub()
    agency = hub.registers.agencies.get(code)
    if agency is None:
        raise NotFound
    if not granted(hub.registers, g.caller.portal, local_date(hub.clock.now()), agencies=[agency.id]):
        raise AgencyNotGranted
    with hub.db.session() as session:
        return presenting.announcements(hub, session, data["limit"], data.get("cursor"), code)
