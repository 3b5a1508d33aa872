"""What the hub refuses in the contract's own words."""

from __future__ import annotations

from collections.abc import Mapping

from payhub.errors import BodyTooLarge, FieldProblem, InvalidInput, PayHubError, Text, Unavailable
from payhub.payments.errors import AgencyNotGranted, DossierAlreadyAsked, PortalReferenceTaken
from payhub.portals.national.codes import Said
from payhub.portals.national.messages import Unreadable


class Refused(PayHubError):
    """A message that is answered with a MaLoi other than `00`."""

    code, status = "national_refused", 422

    def __init__(self, said: Said, detail: Text | None = None) -> None:
        super().__init__(detail)
        self.said = said


_AMOUNTS = frozenset({
    "amount_not_in_schedule", "amount_missing", "amount_too_large", "amount_is_zero", "quantity_missing", "declared_value_missing",
})  # fmt: skip
"""What stands against an amount, among the problems of `fees.pricing`."""
_UNKNOWN = frozenset({"unknown_fee", "unknown_agency", "agency_closed", "no_collecting_account", "fee_repeated"})
_WHY = {
    "json": Text("không phải đối tượng JSON UTF-8", "not a JSON object in UTF-8"),
    "length": Text("thiếu hoặc quá dài", "missing or too long"),
    "amount": Text("phải là số nguyên dương, không dấu phân cách", "must be whole digits, no separators"),
    "type": Text("sai kiểu dữ liệu", "of the wrong type"),
}


def about_amounts(error: InvalidInput) -> bool:
    """Tell whether nothing but amounts stands against what was asked."""
    return all(problem.code in _AMOUNTS for problem in error.problems)


_KNOWN: Mapping[type[PayHubError], Said] = {
    AgencyNotGranted: Said.NOT_GRANTED,
    PortalReferenceTaken: Said.REFERENCE_USED,
    DossierAlreadyAsked: Said.ASKED_OTHERWISE,
    BodyTooLarge: Said.UNREADABLE,
    Unavailable: Said.TRY_AGAIN,
}


def spoken(error: PayHubError | Unreadable) -> Refused:
    """Return any refusal of the hub in the contract's words."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, Unreadable):
        why = _WHY[error.why]
        said = Said.WRONG_AMOUNT if error.why == "amount" else Said.UNREADABLE
        return Refused(said, Text(f"{error.name} {why.vi}".strip(), f"{error.name} {why.en}".strip()))
    if isinstance(error, InvalidInput):
        return _invalid(error.problems[0])
    return Refused(_KNOWN.get(type(error), Said.OUR_FAULT))


def _invalid(problem: FieldProblem) -> Refused:
    if problem.code in _AMOUNTS:
        return Refused(Said.WRONG_AMOUNT, problem.text)
    return Refused(Said.UNKNOWN_FEE if problem.code in _UNKNOWN else Said.UNREADABLE, problem.text)
