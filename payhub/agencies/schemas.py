"""How agencies are asked for and shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from payhub.fields import Day, one_of, page_limit, text

STATES = ("in_force", "abolished")


class AgencyQuery(Schema):
    """Which agencies, on which day."""

    search = text(100, metadata={"description": "Words of the code or the names; accents are not needed"})
    state = one_of(STATES)
    on = Day(metadata={"description": "The day they are looked at; today without it"})
    limit = page_limit()
    cursor = text(80)


class AgencyView(Schema):
    """One agency. An abolished one keeps its code: what is asked under it goes to the agency that `collected_by` names."""

    code = fields.String()
    name_vi = fields.String()
    name_en = fields.String()
    chapter = fields.String(metadata={"description": "Chương of the budget table; empty where not known"})
    budget_unit = fields.String(metadata={"description": "Mã đơn vị quan hệ ngân sách; empty where not known"})
    state = one_of(STATES)
    successor = fields.String(allow_none=True, metadata={"description": "Code of the agency that took it over"})
    collected_by = fields.String(allow_none=True, metadata={"description": "Code of the agency that money goes to on that day"})
    kinds = fields.List(fields.String(), metadata={"description": "Kinds of fee that can be asked under this code on that day"})
    granted = fields.Boolean(metadata={"description": "Whether this portal may ask for some fee of it"})
    valid_from = fields.Date()
    valid_to = fields.Date(allow_none=True)


class AgencyPage(Schema):
    """A page of agencies by code; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(AgencyView))
    next = fields.String(allow_none=True)
