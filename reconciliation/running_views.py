"""The REST API of runs: programs look at them, a person may cancel one."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency
from payhub.http import accepts, api_blueprint, raises, requires, returns, the_hub
from payhub.idempotency import idempotent
from payhub.staff.errors import RoleMissing
from payhub.staff.http import requires_person
from reconciliation import running
from reconciliation import running_presenting as presenting
from reconciliation.errors import RunEnds, RunOver
from reconciliation.running_schemas import RunPage, RunsQuery, RunView

MAY_CANCEL = ("clerk", "approver", "admin")
bp = api_blueprint("runs", __name__)
_VIEW = RunView()


@bp.get("/runs")
@requires("runs:read")
@accepts(RunsQuery, place="query")
@returns(RunPage)
def list_runs(data: dict[str, Any]) -> dict[str, Any]:
    """List runs, newest first."""
    return presenting.page(the_hub(), **data)


@bp.get("/runs/<run_id>")
@requires("runs:read")
@returns(RunView)
def get_run(run_id: str) -> dict[str, Any]:
    """Look at one run: its state, how far it is, and every line of both sides by class."""
    return presenting.one(the_hub(), run_id)


@bp.post("/runs/<run_id>/cancel")
@requires_person(*MAY_CANCEL)
@idempotent
@returns(RunView)
@raises(RoleMissing, RunOver, RunEnds, *idempotency.ERRORS)
def cancel_run(run_id: str) -> Response:
    """Cancel a run that waits or is carried out: nothing of it is kept, and its settlement stays as it is."""
    hub, by = the_hub(), g.person.principal
    wanted, now = presenting.read_id(hub, run_id), hub.clock.now()

    def done(session: Session) -> tuple[int, bytes]:
        run = running.cancel(session, wanted, by, now)
        return 200, orjson.dumps(_VIEW.dump(presenting.describe(hub, session, [run])[0]))

    answer: Response = g.once.carry_out(hub.db, now, done)
    running.stop(hub, wanted)
    return answer
