"""What portals ask of day files and get."""

from __future__ import annotations

from marshmallow import Schema, fields

from payhub.fields import Count, Day, one_of, page_limit
from reconciliation.dayfiles.entries import TYPES


class DayFilesQuery(Schema):
    """Which day files."""

    limit = page_limit()
    before = Day(metadata={"description": "Days before this one: the last day of the page before"})


class VersionQuery(Schema):
    """Which version; the newest without it."""

    version = Count()


class DayFileSumView(Schema):
    """What the rows of one type and currency add up to."""

    type = one_of(tuple(TYPES))
    currency = fields.String()
    count = fields.Integer()
    amount = fields.Integer(metadata={"description": "Minor units"})


class DayFileView(Schema):
    """One statement about one day, as of one instant; it never changes."""

    day = fields.Date()
    version = fields.Integer()
    made_at = fields.AwareDateTime()
    count = fields.Integer(metadata={"description": "Rows"})
    sums = fields.List(fields.Nested(DayFileSumView))
    size = fields.Integer(metadata={"description": "Bytes of the content"})
    sha256 = fields.String(metadata={"description": "Of the content, in hex"})
    manifest = fields.String(metadata={"description": "The very text that was signed: the above, and whose hub and portal"})
    signature = fields.String(metadata={"description": "Ed25519 over the bytes of `manifest`, base64"})
    key = fields.String(metadata={"description": "Which of `/v1/signing-keys` verifies it"})


class DayFilePage(Schema):
    """The newest version of each day, newest day first; `next` is what `before` is on the following page."""

    data = fields.List(fields.Nested(DayFileView))
    next = fields.Date(allow_none=True)


class DayFileAskedView(Schema):
    """A day that is to be stated anew."""

    day = fields.Date()
    version = fields.Integer(
        allow_none=True, metadata={"description": "The newest one until then; where nothing has changed it stays the newest"}
    )
