"""Agencies, their accounts, calendars and portals as registers, and the list of all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from payhub.agencies.models import Agency, CollectingAccount, DayOff
from payhub.errors import Text
from payhub.imports.contracts import BANK_ACCOUNTS, CALLBACK_NETWORKS, GATEWAY_TERMS
from payhub.imports.gateways import FILE_SOURCES, GATEWAY_ACCOUNTS
from payhub.imports.kinds import ACCOUNT, AGENCY, DAY, FEE, FEE_KIND, NAME, ORIGINS, code, flag, text
from payhub.imports.national import NATIONAL_FEES, NATIONAL_PARTNERS
from payhub.imports.problems import Problem
from payhub.imports.schedule import BEGINS, ENDS, FEES, RELIEFS, RETENTIONS, TIERS
from payhub.imports.specs import Column, Look, Register, Row, Slip
from payhub.portals.models import Portal, PortalGrant

_MOST_STEPS = 20


def _agency_slips(row: Row) -> Iterator[Slip]:
    if row.successor is not None and row.valid_to is None:
        yield "successor", "successor_without_end"


def _agency_checks(look: Look) -> Iterator[Problem]:
    """Find successors that are not there when they are needed, and those that lead back."""
    # A register of agencies has thousands of rows, not millions: all are looked at, whichever of them the file names.
    following: defaultdict[str, set[str]] = defaultdict(set)
    for row in look.all():
        if row.successor is None or row.valid_to is None:
            continue
        following[row.code].add(row.successor)
        if row.successor in look.codes and not any(_holds(heir, row) for heir in look.of((row.successor,))):
            yield Problem(look.line_of(row), "successor", "successor_not_in_force", (row.successor, row.valid_to))
    # Who leads on for ever, and is led to for ever, stands in a circle.
    circles = _turned(_leading_on(_turned(_leading_on(following))))
    for line, row in look.touched:
        if row.code in circles:
            yield Problem(line, "successor", "successor_cycle", (" → ".join(_trail(row.code, circles)),))


def _holds(heir: Row, row: Row) -> bool:
    return bool(heir.valid_from <= row.valid_to and (heir.valid_to is None or row.valid_to < heir.valid_to))


def _leading_on(following: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return what is left when every code that leads nowhere is taken away, until each leads to another."""
    left, before = {each: set(after) for each, after in following.items()}, _turned(following)
    over = [each for each in before if each not in left]
    while over:
        gone = over.pop()
        left.pop(gone, None)
        for each in before.get(gone, ()):
            left[each].discard(gone)
            if not left[each]:
                over.append(each)
    return left


def _turned(following: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return who comes before each code."""
    before: defaultdict[str, set[str]] = defaultdict(set)
    for each, after in following.items():
        for heir in after:
            before[heir].add(each)
    return dict(before)


def _trail(begin: str, following: Mapping[str, set[str]]) -> list[str]:
    """Follow successors until they repeat, or are more than a person reads."""
    trail = [begin]
    while trail[-1] not in trail[:-1] and len(trail) < _MOST_STEPS:
        trail.append(min(following[trail[-1]]))
    return trail


AGENCIES = Register(
    name="agencies",
    says=Text("cơ quan", "agencies"),
    holds="an agency during one stretch of time: a code goes on with another row when its name changes",
    model=Agency,
    columns=(
        Column("code", AGENCY, "the agency (QĐ 20/2020/QĐ-TTg)"),
        Column("name_vi", text(300), "name in Vietnamese"),
        Column("name_en", text(300), "name in English"),
        Column("chapter", code("[0-9]{3}", "014", "three digits"), "chương of the budget table (TT 324/2016)"),
        Column(
            "budget_unit",
            code("[0-9]{7}", "1234567", "seven digits"),
            "budget-unit code (TT 185/2015); empty where not known",
            required=False,
            empty="",
        ),
        BEGINS,
        ENDS,
        Column(
            "successor", AGENCY, "the agency that takes what comes after `valid_to`",
            required=False, of="agencies", attribute="successor_id",
        ),
    ),
    key=("code", "valid_from"),
    follows=("successor",),
    slips=_agency_slips,
    checks=_agency_checks,
)  # fmt: skip

ACCOUNTS = Register(
    name="collecting_accounts",
    called="accounts",
    says=Text("tài khoản thụ hưởng", "collecting accounts"),
    holds="where an agency's money of one kind goes; what is new takes effect after the cooling time",
    model=CollectingAccount,
    columns=(
        Column("agency", AGENCY, "the agency", of="agencies", attribute="agency_id"),
        Column("purpose", FEE_KIND, "the kind of fee"),
        Column("bank_bin", code("970[0-9]{3}", "970436", "six digits"), "BIN of the bank (SBV)"),
        Column("number", ACCOUNT, "the account"),
        Column("holder", text(200), "in whose name it is"),
        BEGINS,
        ENDS,
    ),
    key=("agency", "purpose", "valid_from"),
    cooled=True,
)

DAYS_OFF = Register(
    name="days_off",
    says=Text("lịch làm việc", "days off"),
    holds="a day on which a calendar does not work, or works although it is a Saturday or Sunday",
    model=DayOff,
    columns=(
        Column("calendar", NAME, "the calendar"),
        Column("on", DAY, "the day"),
        Column("kind", flag("working", "off"), "whether it works that day", attribute="works"),
        Column("name", text(200), "why"),
        Column("source", text(500), "the text that sets it", required=False, empty=""),
    ),
    key=("calendar", "on"),
    begins="on",
    ends=None,
    about=("calendar",),
    exclusive=False,
)

PORTALS = Register(
    name="portals",
    says=Text("cổng dịch vụ công", "portals"),
    holds="a portal during one stretch of time: a code goes on with another row when anything of it changes",
    model=Portal,
    columns=(
        Column("code", NAME, "the portal"),
        Column("name_vi", text(300), "name in Vietnamese"),
        Column("name_en", text(300), "name in English"),
        Column("return_origins", ORIGINS, "where a citizen may be sent back to", required=False, empty=()),
        Column(
            "proofs", flag("yes", "no"), "whether it is told when each payment is reported and banked; empty: no",
            required=False, empty=False, attribute="told_proofs", later=True,
        ),
        BEGINS,
        ENDS,
    ),
    key=("code", "valid_from"),
)

GRANTS = Register(
    name="grants",
    says=Text("quyền thu", "grants"),
    holds="leave for a portal to ask for a fee of an agency",
    model=PortalGrant,
    columns=(
        Column("portal", NAME, "the portal", of="portals", attribute="portal_id"),
        Column("agency", AGENCY, "the agency; `*` is any", of="agencies", attribute="agency_id", any_word="*"),
        Column("fee", FEE, "the fee; `*` is any", of="fees", attribute="fee_code", any_word="*"),
        BEGINS,
        ENDS,
    ),
    key=("portal", "agency", "fee", "valid_from"),
)

REGISTERS: Mapping[str, Register] = {
    register.name: register
    for register in (
        AGENCIES, DAYS_OFF, FEES, TIERS, RELIEFS, RETENTIONS, ACCOUNTS, PORTALS, GRANTS, BANK_ACCOUNTS,
        GATEWAY_ACCOUNTS, GATEWAY_TERMS, CALLBACK_NETWORKS, FILE_SOURCES, NATIONAL_PARTNERS, NATIONAL_FEES,
    )
}  # fmt: skip
"""Every register that is kept by files, in the order in which they can be filled."""
