"""A bank's statement as ISO 20022 writes it: camt.053 for a day, camt.054 for the credits so far. Version 08 of both."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from xml.etree import ElementTree as ET

from gateways.simulator.bank import Entry, EntryKind, Statement
from gateways.simulator.config import GMT7

CAMT_053 = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
CAMT_054 = "urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"
_LINE = 140
_CODES = {
    (EntryKind.TRANSFER, True): ("PMNT", "RCDT", "DMCT"),
    (EntryKind.TRANSFER, False): ("PMNT", "ICDT", "DMCT"),
    (EntryKind.RETURNED, False): ("PMNT", "RCDT", "RRTN"),
    (EntryKind.RETURNED, True): ("PMNT", "ICDT", "RRTN"),
    (EntryKind.CHARGE, False): ("ACMT", "MDOP", "CHRG"),
}
"""Domain, family and sub-family of an entry, by what it is and whether it is a credit."""


def camt053(statement: Statement) -> bytes:
    """Write a day's statement."""
    midnight = datetime.combine(statement.day, time(tzinfo=GMT7))
    document, told = _document(CAMT_053, "BkToCstmrStmt", "Stmt", statement, midnight + timedelta(days=1, minutes=5))
    _grow(told, "FrToDt/FrDtTm", midnight.isoformat())
    told[-1].append(_leaf("ToDtTm", (midnight + timedelta(days=1, seconds=-1)).isoformat()))
    _account(told, statement)
    for code, amount in (("OPBD", statement.opening), ("CLBD", statement.closing)):
        balance = ET.SubElement(told, "Bal")
        _grow(balance, "Tp/CdOrPrtry/Cd", code)
        _money(balance, amount)
        _grow(balance, "Dt/Dt", statement.day.isoformat())
    _summary(told, statement.entries)
    for entry in statement.entries:
        _entry(told, entry)
    return _written(document)


def camt054(statement: Statement, until: datetime) -> bytes:
    """Write the credits of a day that are booked by then."""
    document, told = _document(CAMT_054, "BkToCstmrDbtCdtNtfctn", "Ntfctn", statement, until)
    _account(told, statement)
    credits_ = [entry for entry in statement.entries if entry.amount > 0 and entry.booked_at <= until]
    _summary(told, credits_)
    for entry in credits_:
        _entry(told, entry)
    return _written(document)


def _document(namespace: str, message: str, part: str, statement: Statement, at: datetime) -> tuple[ET.Element, ET.Element]:
    document = ET.Element("Document", xmlns=namespace)
    body = ET.SubElement(document, message)
    # A name has 35 characters at most. Credits are told of more than once a day, each time under another.
    name = f"{part.upper()}-{statement.day:%y%m%d}-{at:%H%M%S}-{statement.account['account'][-12:]}"
    head = ET.SubElement(body, "GrpHdr")
    _grow(head, "MsgId", name)
    _grow(head, "CreDtTm", at.isoformat())
    told = ET.SubElement(body, part)
    _grow(told, "Id", name)
    _grow(told, "ElctrncSeqNb", f"{statement.day:%Y%j}")
    _grow(told, "CreDtTm", at.isoformat())
    return document, told


def _account(told: ET.Element, statement: Statement) -> None:
    account = ET.SubElement(told, "Acct")
    _grow(account, "Id/Othr/Id", statement.account["account"])
    _grow(account, "Ccy", "VND")
    _grow(account, "Ownr/Nm", statement.account["name"])
    _grow(account, "Svcr/FinInstnId/BICFI", statement.account["bic"])


def _summary(told: ET.Element, entries: Iterable[Entry]) -> None:
    amounts = [entry.amount for entry in entries]
    summary = ET.SubElement(told, "TxsSummry")
    for name, of in (
        ("TtlNtries", amounts),
        ("TtlCdtNtries", [amount for amount in amounts if amount > 0]),
        ("TtlDbtNtries", [amount for amount in amounts if amount < 0]),
    ):
        total = ET.SubElement(summary, name)
        _grow(total, "NbOfNtries", str(len(of)))
        _grow(total, "Sum", str(sum(abs(amount) for amount in of)))


def _entry(told: ET.Element, entry: Entry) -> None:
    line = ET.SubElement(told, "Ntry")
    _grow(line, "NtryRef", entry.reference)
    _money(line, entry.amount)
    if entry.kind is EntryKind.RETURNED:
        _grow(line, "RvslInd", "true")
    _grow(line, "Sts/Cd", "BOOK")
    _grow(line, "BookgDt/DtTm", entry.booked_at.isoformat())
    _grow(line, "ValDt/Dt", entry.value_on.isoformat())
    _grow(line, "AcctSvcrRef", entry.reference)
    domain, family, sub_family = _CODES[entry.kind, entry.amount > 0]
    code = ET.SubElement(ET.SubElement(line, "BkTxCd"), "Domn")
    _grow(code, "Cd", domain)
    within = ET.SubElement(code, "Fmly")
    _grow(within, "Cd", family)
    _grow(within, "SubFmlyCd", sub_family)
    _details(ET.SubElement(ET.SubElement(line, "NtryDtls"), "TxDtls"), entry)


def _details(details: ET.Element, entry: Entry) -> None:
    refs = ET.SubElement(details, "Refs")
    _grow(refs, "AcctSvcrRef", entry.reference)
    _grow(refs, "EndToEndId", "NOTPROVIDED")
    _money(details, entry.amount)
    if entry.payer:
        _grow(details, f"RltdPties/{'Dbtr' if entry.amount > 0 else 'Cdtr'}/Pty/Nm", entry.payer)
    remittance = ET.SubElement(details, "RmtInf")
    for start in range(0, len(entry.text), _LINE):
        _grow(remittance, "Ustrd", entry.text[start : start + _LINE])


def _money(parent: ET.Element, amount: int) -> None:
    ET.SubElement(parent, "Amt", Ccy="VND").text = str(abs(amount))
    _grow(parent, "CdtDbtInd", "CRDT" if amount >= 0 else "DBIT")


def _grow(parent: ET.Element, path: str, text: str) -> None:
    """Add an element, and new ones around it, below this one."""
    *around, last = path.split("/")
    for name in around:
        parent = ET.SubElement(parent, name)
    parent.append(_leaf(last, text))


def _leaf(name: str, text: str) -> ET.Element:
    element = ET.Element(name)
    element.text = text
    return element


def _written(document: ET.Element) -> bytes:
    ET.indent(document)
    written: bytes = ET.tostring(document, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"
