"""camt.053 and camt.054 of ISO 20022, every published version: what a bank tells of an account, entry by entry, as it passes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciliation.errors import FileCutOff, FormatWrong
from reconciliation.files.camt_entries import EntryFields, entries_of
from reconciliation.files.camt_values import Fields, account_of, balance_of, day_of
from reconciliation.files.markup import passing
from reconciliation.files.sources import Source
from reconciliation.files.statements import LONGEST_TEXT, Gathering, StatementBatch, StatementHead, named

_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.05([34])\.001\.(0[1-9]|1[0-4])")
_ROOMS = {"Stmt": 2, "Ntfctn": 2, "Bal": 3, "Ntry": 3}
"""Elements that are read as one, by how deep they stand."""
_WANTED = {
    "Stmt": {
        "Id", "ElctrncSeqNb", "LglSeqNb", "Acct/Id/IBAN", "Acct/Id/BBAN", "Acct/Id/UPIC", "Acct/Id/PrtryAcct/Id", "Acct/Id/Othr/Id",
        "Acct/Ccy", "FrToDt/FrDtTm", "FrToDt/ToDtTm",
    },
    "Bal": {"Tp/Cd", "Tp/CdOrPrtry/Cd", "Amt", "CdtDbtInd", "Dt/Dt", "Dt/DtTm"},
    "Ntry": {
        "NtryRef", "Amt", "CdtDbtInd", "RvslInd", "Sts", "Sts/Cd", "BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm",
        "AcctSvcrRef", "BkTxCd/Domn/Cd", "BkTxCd/Domn/Fmly/Cd", "BkTxCd/Domn/Fmly/SubFmlyCd", "BkTxCd/Prtry/Cd", "AddtlNtryInf",
    },
    "TxDtls": {
        "Refs/AcctSvcrRef", "Refs/EndToEndId", "Refs/TxId", "Amt", "CdtDbtInd", "AmtDtls/TxAmt/Amt", "BkTxCd/Domn/Cd",
        "BkTxCd/Domn/Fmly/Cd", "BkTxCd/Domn/Fmly/SubFmlyCd", "BkTxCd/Prtry/Cd", "RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref",
        "RmtInf/Strd/CdtrRefInf/CdtrRef", "AddtlTxInf",
    },
}  # fmt: skip
_WANTED["Ntfctn"] = _WANTED["Stmt"]
_SEVERAL = {"RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref"}


class Camt:
    """The statements or notifications of one file."""

    def __init__(self, source: Source, standard: str, gathering: Gathering) -> None:
        self._source, self._standard, self._gathering = source, standard, gathering
        self._path: list[str] = []
        self._rooms: list[tuple[int, str, Fields]] = []
        self._parts: list[str] = []
        self._length = 0
        self._currency = ""
        self._entry: EntryFields | None = None
        self._open = self._headed = False

    def __iter__(self) -> Iterator[StatementBatch]:
        for _ in passing(self._source, self):
            yield from self._gathering.ready
            self._gathering.ready.clear()
        if not self._headed:
            raise FileCutOff("tệp không có sao kê nào", "there is no statement in the file")

    def begin(self, namespace: str, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if not self._path:
            self._check_root(namespace, name)
        self._path.append(name)
        self._parts, self._length = [], 0
        depth = len(self._path) - 1
        if self._is_room(name, depth):
            self._rooms.append((depth, name, {}))
            if name == "Ntry":
                self._open_head()
                self._entry = EntryFields(self._rooms[-1][2])
        elif name == "Amt":
            self._currency = attributes.get("Ccy", "")

    def text(self, text: str) -> None:
        """Take a part of an element's text."""
        if self._rooms and self._length < LONGEST_TEXT:
            self._parts.append(text)
            self._length += len(text)

    def end(self, name: str) -> None:
        """An element ends."""
        depth = len(self._path) - 1
        if self._rooms and self._rooms[-1][0] == depth:
            _, room, fields = self._rooms.pop()
            self._leave(room, fields)
        elif self._rooms:
            self._keep(name)
        self._path.pop()
        self._parts, self._length = [], 0

    def _is_room(self, name: str, depth: int) -> bool:
        if name == "TxDtls":
            return len(self._rooms) == 2 and self._entry is not None and self._path[-2] in {"Ntry", "NtryDtls"}
        return _ROOMS.get(name) == depth and len(self._rooms) == depth - 2

    def _check_root(self, namespace: str, name: str) -> None:
        match = _NAMESPACE.fullmatch(namespace)
        if name != "Document" or match is None or self._standard != f"camt05{match[1]}":
            raise FormatWrong(f"không phải {self._standard}", f"this is not {self._standard} of a version from 01 to 14", row=1)

    def _keep(self, name: str) -> None:
        start, room, fields = self._rooms[-1]
        key = "/".join(self._path[start + 1 :])
        if key not in _WANTED[room]:
            return
        value = "".join(self._parts).strip()
        if key in _SEVERAL:
            fields[key] = f"{fields[key]} {value}"[:LONGEST_TEXT] if key in fields else value
        else:
            fields.setdefault(key, value)
        if name == "Amt":
            fields.setdefault(f"{key}@", self._currency)

    def _leave(self, room: str, fields: Fields) -> None:
        match room:
            case "TxDtls" if self._entry is not None:
                self._entry.add(fields, self._gathering)
            case "Ntry" if self._entry is not None:
                entries_of(self._entry, self._gathering)
                self._entry = None
            case "Bal":
                self._open_head()
                self._balance(fields)
            case _:
                self._open_head(fields)
                self._gathering.end(None, "CLBD")
                self._open = False

    def _open_head(self, fields: Fields | None = None) -> None:
        """Begin a statement once its own fields have passed: they stand before its balances and entries."""
        if self._open:
            return
        fields = self._rooms[0][2] if fields is None else fields
        number = fields.get("ElctrncSeqNb") or fields.get("LglSeqNb") or fields.get("Id", "")
        head = StatementHead(
            account_of(fields), fields.get("Acct/Ccy", ""), named(number), day_of(fields, "FrToDt/Fr"), day_of(fields, "FrToDt/To")
        )
        self._gathering.begin(head)
        self._open = self._headed = True

    def _balance(self, fields: Fields) -> None:
        kind = fields.get("Tp/CdOrPrtry/Cd") or fields.get("Tp/Cd", "")
        if kind not in {"OPBD", "PRCD", "CLBD"}:
            return
        amount, on = balance_of(kind, fields)
        head = self._gathering.head
        currency = head.currency or fields.get("Amt@", "")
        if kind == "CLBD":
            self._gathering.say(currency=currency, closing=amount, to_on=head.to_on or on)
        elif kind == "OPBD" or head.opening is None:
            self._gathering.say(currency=currency, opening=amount)
