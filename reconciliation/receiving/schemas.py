"""What programs get about files that came by themselves, and about where they come from."""

from __future__ import annotations

from marshmallow import Schema, fields

from payhub.accounts.sources import FILES, WAYS
from payhub.fields import one_of, page_limit, text
from reconciliation.receiving.errors import REASONS
from reconciliation.receiving.models import STATES, STEPS


class FilesQuery(Schema):
    """Which files."""

    limit = page_limit()
    cursor = text(80)
    state = one_of(STATES)
    account = text(80, metadata={"description": "The gateway account or bank account"})


class ReceivedFileView(Schema):
    """One file that came by itself, and what became of it."""

    id = fields.String()
    account = fields.String()
    files = one_of(FILES)
    way = one_of(WAYS)
    source = fields.String(allow_none=True, metadata={"description": "Its row in the register of file sources"})
    file_name = fields.String()
    date = fields.Date(allow_none=True, metadata={"description": "The first day it covers"})
    until = fields.Date(allow_none=True)
    size = fields.Integer(allow_none=True)
    sha256 = fields.String(allow_none=True)
    state = one_of(
        STATES,
        metadata={"description": "`known`: the hub had this very file; `failed`: not the file but the deployment is at fault"},
    )
    step = one_of(STEPS, allow_none=True)
    starts = fields.Integer(metadata={"description": "How often it was begun"})
    error = fields.String(allow_none=True, metadata={"description": "A stable word for why it was not taken, or not yet"})
    detail = fields.String(allow_none=True)
    received_at = fields.AwareDateTime()
    started_at = fields.AwareDateTime(allow_none=True)
    finished_at = fields.AwareDateTime(allow_none=True)
    settlement = fields.String(allow_none=True)
    statement = fields.String(allow_none=True)
    decided_by = fields.String(allow_none=True, metadata={"description": "Who cancelled it, or had it tried again"})


class ReceivedFilePage(Schema):
    """A page of files, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(ReceivedFileView))
    next = fields.String(allow_none=True)


class SourcesQuery(Schema):
    """Which sources."""

    way = one_of(WAYS)


class FileSourceView(Schema):
    """A source of files as the register has it today, and how it stands with it."""

    code = fields.String()
    account = fields.String()
    files = one_of(FILES)
    way = one_of(WAYS)
    names = fields.String(allow_none=True)
    tried_at = fields.AwareDateTime(allow_none=True)
    reached_at = fields.AwareDateTime(allow_none=True)
    failures = fields.Integer(metadata={"description": "In a row"})
    next_at = fields.AwareDateTime(allow_none=True)
    error = one_of(REASONS, allow_none=True)


class FileSourceList(Schema):
    """Every source that holds today."""

    data = fields.List(fields.Nested(FileSourceView))
