"""The REST API of secrets, for whoever keeps the registers. What a secret is stands in one body coming in, or in one going out."""

from __future__ import annotations

from typing import Any, cast

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency
from payhub.http import accepts, api_blueprint, raises, returns, the_hub
from payhub.idempotency import Once, idempotent_for_secrets
from payhub.secrets import presenting, service
from payhub.secrets.errors import LastSecret, SecretKnown, SecretNotLive, TwoSecretsLive
from payhub.secrets.schemas import MadeSecretView, NewSecret, RetiredSecret, SecretPage, SecretQuery, SecretView
from payhub.staff.errors import AlreadyProposed, RoleMissing
from payhub.staff.http import requires_person

bp = api_blueprint("secrets", __name__)
_VIEW, _MADE = SecretView(), MadeSecretView()


@bp.get("/staff/secrets")
@requires_person("admin")
@accepts(SecretQuery, place="query")
@returns(SecretPage)
@raises(RoleMissing)
def page(data: dict[str, Any]) -> dict[str, Any]:
    """List secrets of gateways, portals and webhook endpoints, newest first."""
    state = data.pop("state", None)
    with the_hub().db.session() as session:
        return presenting.page(the_hub(), session, **data, states=(state,) if state else ())


@bp.post("/staff/secrets")
@requires_person("admin")
@idempotent_for_secrets
@accepts(NewSecret)
@returns(MadeSecretView, 201)
@raises(RoleMissing, TwoSecretsLive, SecretKnown, AlreadyProposed, *idempotency.ERRORS)
def add(data: dict[str, Any]) -> Response:
    """Add a secret that the other side gave, or have one made; where money hangs on it, another person approves it."""
    hub, once, made = the_hub(), cast("Once", g.once), list[str]()
    kind = presenting.kind_of(data["kind"])

    def act(session: Session) -> tuple[int, bytes]:
        owner = kind.find(session, data["owner"])
        added = service.add(hub, session, kind, owner, g.person.principal, use=data.get("use"), given=data.get("secret"))
        made.extend([added.shown] if added.shown else [])
        return 201, orjson.dumps(_MADE.dump(presenting.describe(hub, session, [(kind, added.row)])[0]))

    answer = once.carry_out(hub.db, hub.clock.now(), act)
    if made:
        # What is kept of the answer, to be given again, does not have it.
        answer.set_data(orjson.dumps({**orjson.loads(answer.get_data()), "secret": made[0]}))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.post("/staff/secrets/<secret_id>/retire")
@requires_person("admin")
@idempotency.idempotent
@accepts(RetiredSecret)
@returns(SecretView)
@raises(RoleMissing, LastSecret, SecretNotLive, AlreadyProposed, *idempotency.ERRORS)
def retire(data: dict[str, Any], secret_id: str) -> Response:
    """Retire a live secret, or propose to; what it was is destroyed with it."""
    hub, once = the_hub(), cast("Once", g.once)

    def act(session: Session) -> tuple[int, bytes]:
        kind, row = service.find(hub, session, secret_id)
        service.retire(hub, session, kind, row, g.person.principal, last=data["last"])
        return 200, orjson.dumps(_VIEW.dump(presenting.describe(hub, session, [(kind, row)])[0]))

    return once.carry_out(hub.db, hub.clock.now(), act)
