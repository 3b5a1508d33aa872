"""What people send and get about files of registers."""

from __future__ import annotations

from marshmallow import Schema, fields

from payhub.fields import one_of, page_limit, text
from payhub.imports.planning import Act
from payhub.imports.tables import REGISTERS
from payhub.staff.schemas import PrincipalView
from payhub.staff.states import ProposalState

_STATES = tuple(state.value for state in ProposalState)
_NAMES = tuple(REGISTERS)
_ACTS = tuple(act.value for act in Act)


class FileQuery(Schema):
    """Whether anything is proposed at all, and which page is answered."""

    dry_run = one_of(("true", "false"), load_default="false", metadata={"description": "`true` proposes nothing"})
    file_name = text(200)
    limit = page_limit()
    cursor = text(20)


class ChangesQuery(Schema):
    """Which page of the changes."""

    limit = page_limit()
    cursor = text(20)


class ImportQuery(Schema):
    """Which page of the imports."""

    register = one_of(_NAMES)
    limit = page_limit()
    cursor = text(80)


class PageQuery(Schema):
    """Which page."""

    limit = page_limit()
    cursor = text(80)


class CountsView(Schema):
    """How many rows of the file do what."""

    added = fields.Integer()
    ended = fields.Integer()
    changed = fields.Integer()
    withdrawn = fields.Integer(metadata={"description": "Planned and taken back before they began"})
    unchanged = fields.Integer()


class RegisterChangeView(Schema):
    """One row: what names it, and each field that changes, as files write it."""

    number = fields.Integer()
    row = fields.Integer(metadata={"description": "Row of the file, the heading being row 1"})
    act = one_of(_ACTS)
    key = fields.Dict(keys=fields.String(), values=fields.String())
    was = fields.Dict(keys=fields.String(), values=fields.String())
    # `is` cannot be a name in Python.
    is_ = fields.Dict(keys=fields.String(), values=fields.String(), data_key="is", attribute="is")


class RehearsalView(Schema):
    """What a file would change if it were proposed and approved today."""

    register = one_of(_NAMES)
    file_sha256 = fields.String()
    rows = fields.Integer()
    counts = fields.Nested(CountsView)
    earliest_on = fields.Date(
        allow_none=True, metadata={"description": "The first day on which a new account may take effect; none elsewhere"}
    )
    changes = fields.List(fields.Nested(RegisterChangeView))
    next = fields.String(allow_none=True, metadata={"description": "Send the same file with this as `cursor`"})


class ImportSummaryView(Schema):
    """One file that was proposed, and what became of it."""

    id = fields.String()
    register = one_of(_NAMES)
    state = one_of(_STATES)
    proposal = fields.String()
    proposed_by = fields.Nested(PrincipalView)
    proposed_at = fields.AwareDateTime()
    executed_at = fields.AwareDateTime(allow_none=True)
    file_name = fields.String()
    file_sha256 = fields.String()
    rows = fields.Integer()
    counts = fields.Nested(CountsView)


class RegisterImportView(ImportSummaryView):
    """One file that was proposed, and a page of what it changes."""

    changes = fields.List(fields.Nested(RegisterChangeView))
    next = fields.String(allow_none=True)


class ChangePage(Schema):
    """A page of changes; `next` is the cursor of the following page."""

    changes = fields.List(fields.Nested(RegisterChangeView))
    next = fields.String(allow_none=True)


class ImportPage(Schema):
    """A page of imports, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(ImportSummaryView))
    next = fields.String(allow_none=True)


class StopAccount(Schema):
    """Which account is stopped before it takes effect, and why."""

    agency = text(40, required=True)
    purpose = one_of(("phi", "le_phi", "tax", "fine", "contribution", "other"), required=True)
    reason = text(500, required=True)


class AnnouncementView(Schema):
    """What portals are told of an agency's account; of its number only the last digits are shown."""

    id = fields.String()
    agency = fields.String()
    kind = one_of(("account", "account_stopped"))
    text_vi = fields.String()
    text_en = fields.String()
    effective_on = fields.Date()
    created_at = fields.AwareDateTime()


class AnnouncementPage(Schema):
    """A page of announcements, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(AnnouncementView))
    next = fields.String(allow_none=True)
