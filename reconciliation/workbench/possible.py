"""Which acts are possible about a discrepancy now, and who may do them, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from payhub.discrepancies.models import Discrepancy
from payhub.discrepancies.states import State
from payhub.hub import Hub
from payhub.staff.people import Person
from reconciliation.banking import settling
from reconciliation.workbench.about import About
from reconciliation.workbench.asking import askable

WORKS = ("clerk", "approver")
"""Who works on discrepancies; only a clerk proposes."""
ROLES: Mapping[str, tuple[str, ...]] = {
    "assign": WORKS,
    "unassign": WORKS,
    "comment": WORKS,
    "link": WORKS,
    "ask": WORKS,
    "allocate": ("clerk",),
    "refund": ("clerk",),
    "accept": ("clerk",),
    "correct": ("clerk",),
    "match": ("clerk",),
    "reopen": WORKS,
}
_Rule = Callable[[Hub, Discrepancy, About], bool]


def _unresolved(_hub: Hub, found: Discrepancy, _what: About) -> bool:
    return found.state != State.RESOLVED


def _proposable(_hub: Hub, found: Discrepancy, _what: About) -> bool:
    return found.state in {State.OPEN, State.ASSIGNED}


def _held(hub: Hub, found: Discrepancy, what: About) -> bool:
    return _proposable(hub, found, what) and what.receipt is not None and what.receipt.remaining > 0


_RULES: Mapping[str, _Rule] = {
    "assign": _unresolved,
    "unassign": lambda hub, found, what: _unresolved(hub, found, what) and found.owner_id is not None,
    "comment": _unresolved,
    "link": _unresolved,
    "ask": lambda hub, found, what: _unresolved(hub, found, what) and askable(hub, what),
    "allocate": _held,
    "refund": _held,
    "accept": _proposable,
    "correct": lambda hub, found, what: _proposable(hub, found, what) and bool(what.aside),
    "match": lambda hub, found, what: _proposable(hub, found, what) and found.kind in settling.KINDS,
    "reopen": lambda _hub, found, _what: found.accepted,
}


def possible(hub: Hub, found: Discrepancy, what: About, person: Person) -> list[str]:
    """Return what a person can do now."""
    return [act for act, rule in _RULES.items() if person.may(*ROLES[act]) and rule(hub, found, what)]
