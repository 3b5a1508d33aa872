"""One entry of a camt message: booked alone, or as many as it has details that add up to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from reconciliation.errors import SumDiffers
from reconciliation.files.camt_values import Fields, amount_of, day_of, way_of
from reconciliation.files.lines import Reject
from reconciliation.files.statements import Entry, Gathering, coded, named, tidy

_HELD = 5_000
"""Details held until their entry ends; a larger batch is handed out while it passes, and its sum is proven at the end."""
_TOLD = 50
_BOOKED = {"BOOK", ""}
_CODES = ("BkTxCd/Domn/Cd", "BkTxCd/Domn/Fmly/Cd", "BkTxCd/Domn/Fmly/SubFmlyCd")
_NONE = {"NOTPROVIDED", "NONREF", ""}


@dataclass(slots=True)
class EntryFields:
    """An entry's fields and its details so far."""

    fields: Fields
    details: list[Fields] = field(default_factory=list)
    sum: int = 0
    passed: int = 0
    """Details that were handed out before the entry ended."""
    plain: bool = False
    """Whether it has many details without amounts, which only add what it is about."""

    def add(self, detail: Fields, gathering: Gathering) -> None:
        """Take a detail; hand all out once there are many."""
        if self.plain:
            return
        self.details.append(detail)
        self.sum += _detail_amount(self.fields, detail) or 0
        if len(self.details) < _HELD:
            return
        if self.passed or (_is_booked(self.fields) and _each_has_amount(self)):
            for each in self.details:
                self.passed += 1
                _put(self.fields, each, self.passed, gathering)
            self.details.clear()
        else:
            self.plain = True
            del self.details[_TOLD:]


def entries_of(entry: EntryFields, gathering: Gathering) -> None:
    """Hand out an entry that has ended: alone, or as its details."""
    fields, details = entry.fields, entry.details
    if not _is_booked(fields):
        gathering.tally.ignored += 1
        return
    amount = _signed(fields)
    if entry.passed:
        for each in details:
            entry.passed += 1
            _put(fields, each, entry.passed, gathering)
        if entry.sum != amount:
            raise SumDiffers(
                f"bút toán {amount}, chi tiết {entry.sum}", f"an entry of {amount}, details of {entry.sum}",
                row=gathering.tally.rows, field="Ntry/Amt", declared=amount, read=entry.sum,
            )  # fmt: skip
    elif len(details) > 1 and not entry.plain and _each_has_amount(entry) and entry.sum == amount:
        for place, each in enumerate(details, 1):
            _put(fields, each, place, gathering)
    else:
        # Details that say no amounts, or others, only add what the entry is about.
        only = details[0] if len(details) == 1 else {"AddtlTxInf": " ".join(_words(each) for each in details[:_TOLD])}
        _put(fields, {key: value for key, value in only.items() if not key.startswith(("Amt", "CdtDbtInd"))}, 0, gathering)


def _put(fields: Fields, detail: Fields, place: int, gathering: Gathering) -> None:
    number = gathering.tally.rows + 1
    amount = _detail_amount(fields, detail) if place else _signed(fields)
    booked = day_of(fields, "BookgDt") or day_of(fields, "ValDt")
    wrong = "Ntry/Amt", "not_an_amount"
    if not amount or booked is None:
        wrong = wrong if not amount else ("Ntry/BookgDt", "not_a_time")
        gathering.set_aside(Reject(number, *wrong), amount)
        return
    gathering.add(_entry(fields, detail, place, number=number, amount=amount, booked=booked))


def _entry(fields: Fields, detail: Fields, place: int, *, number: int, amount: int, booked: date) -> Entry:
    own, whole = detail.get("Refs/AcctSvcrRef", ""), fields.get("AcctSvcrRef") or fields.get("NtryRef", "")
    told = detail if any(code in detail for code in (*_CODES, "BkTxCd/Prtry/Cd")) else fields
    code = "-".join(told[part] for part in _CODES if told.get(part)) or told.get("BkTxCd/Prtry/Cd", "")
    reference = detail.get("Refs/EndToEndId", "")
    return Entry(
        number, booked, day_of(fields, "ValDt") or booked, amount, fields.get("Amt@", ""),
        # Details of a batch are told apart by their place where the bank numbers only the batch.
        named(own or (f"{whole}/{place}" if whole and place else whole)),
        coded(code), tidy(f"{_words(detail)} {fields.get('AddtlNtryInf', '')}"),
        named("" if reference in _NONE else reference), fields.get("RvslInd") in {"true", "1"},
    )  # fmt: skip


def _words(detail: Fields) -> str:
    keys = ("RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/CdtrRefInf/CdtrRef", "AddtlTxInf")
    return " ".join(detail[key] for key in keys if detail.get(key))


def _is_booked(fields: Fields) -> bool:
    return (fields.get("Sts/Cd") or fields.get("Sts", "")) in _BOOKED


def _signed(fields: Fields) -> int | None:
    amount, way = amount_of(fields), way_of(fields)
    return None if amount is None or way is None else amount * way


def _detail_amount(fields: Fields, detail: Fields) -> int | None:
    """Return a detail's own amount with its sign, in the entry's currency."""
    key = "Amt" if "Amt" in detail else "AmtDtls/TxAmt/Amt"
    amount, way = amount_of(detail, key), way_of(detail) or way_of(fields)
    if amount is None or way is None or detail.get(f"{key}@") != fields.get("Amt@"):
        return None
    return amount * way


def _each_has_amount(entry: EntryFields) -> bool:
    return all(_detail_amount(entry.fields, each) is not None for each in entry.details)
