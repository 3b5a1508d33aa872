"""Letting people in: `@requires_person` beside `payhub.http.requires`, which lets in portals."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g, request

from payhub.errors import Text, Unauthenticated
from payhub.http import View, the_hub
from payhub.staff.errors import RoleMissing
from payhub.staff.people import authenticate_person


def requires_person(*roles: str) -> Callable[[View], View]:
    """Let in only people with one of these roles; `g.person` is then set."""
    scope = "staff:" + "|".join(roles)

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(**arguments: Any) -> Any:
            hub = the_hub()
            kind, _, token = request.headers.get("Authorization", "").partition(" ")
            person = None
            if kind.lower() == "bearer":
                with hub.db.session() as session:
                    person = authenticate_person(hub, session, token.strip())
            if person is None:
                raise Unauthenticated(Text("Cần mã cá nhân phs_… còn hiệu lực", "This takes a valid personal token, phs_…"))
            if not person.may(*roles):
                needed = " / ".join(roles)
                raise RoleMissing(Text(f"Cần vai trò {needed}", f"It takes the role {needed}"))
            g.person, g.owner_id = person, person.id
            return view(**arguments)

        guarded.operation = {**getattr(view, "operation", {}), "scope": scope}  # type: ignore[attr-defined]
        return guarded

    return decorate
