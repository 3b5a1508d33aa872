"""A day of a bank account as camt.053, camt.054 and MT940: the same in each, and valid."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateways.simulator.mt940 import plain

FRIDAY, SATURDAY, MONDAY, TUESDAY = "2026-11-20", "2026-11-21", "2026-11-23", "2026-11-24"
ACCOUNT = "19001234567890"
SCHEMAS = {
    name: etree.XMLSchema(file=str(Path(__file__).parent / "iso20022" / f"{name}.001.08.xsd")) for name in ("camt.053", "camt.054")
}


@pytest.fixture
def busy(world):
    world.day(FRIDAY, 500_000)
    world.day(FRIDAY, -900, "2553")
    world.day(SATURDAY, 300_000, "PAYHUBMOMO")
    world.differ(kind="returned", date=FRIDAY)
    world.differ(kind="charge", date=MONDAY, amount=22_000)
    world.differ(kind="foreign", date=MONDAY, amount=15_000, text="chuyển tiền <&> " * 20 + "hết")
    return world


def read(document, schema):
    parsed = etree.fromstring(document)
    SCHEMAS[schema].assertValid(parsed)
    return ET.fromstring(re.sub(rb' xmlns="[^"]+"', b"", document, count=1))


def test_camt053_is_valid_and_says_what_the_books_say(busy):
    for on in (FRIDAY, MONDAY, TUESDAY):
        told, root = busy.get(on), read(busy.get(on, "camt053.xml"), "camt.053")
        signs = {"CRDT": 1, "DBIT": -1}
        balances = {
            each.findtext("Tp/CdOrPrtry/Cd"): int(each.findtext("Amt")) * signs[each.findtext("CdtDbtInd")]
            for each in root.iter("Bal")
        }
        assert balances == {"OPBD": told["opening"], "CLBD": told["closing"]}
        entries = [
            {
                "reference": each.findtext("AcctSvcrRef"),
                "amount": int(each.findtext("Amt")) * signs[each.findtext("CdtDbtInd")],
                "text": "".join(part.text for part in each.iter("Ustrd")),
                "value_on": each.findtext("ValDt/Dt"),
                "booked_at": each.findtext("BookgDt/DtTm"),
            }
            for each in root.iter("Ntry")
        ]
        assert (
            entries == [{name: entry[name] for name in entries[0]} for entry in told["entries"]] if entries else not told["entries"]
        )
        assert root.findtext("BkToCstmrStmt/Stmt/Acct/Id/Othr/Id") == ACCOUNT
        assert int(root.findtext(".//TtlNtries/NbOfNtries")) == len(told["entries"])


def test_camt054_has_the_credits_so_far(busy):
    credited = [entry for entry in busy.get(MONDAY)["entries"] if entry["amount"] > 0]

    def notified(on=MONDAY, **asked):
        return [each.findtext("NtryRef") for each in read(busy.get(on, "camt054.xml", **asked), "camt.054").iter("Ntry")]

    assert notified(until="07:59") == []
    assert notified(until="23:59:59") == [entry["reference"] for entry in credited]
    # The simulator's clock stands at noon of that day.
    noon = "2026-11-23T12:00:00+07:00"
    assert notified() == [entry["reference"] for entry in credited if entry["booked_at"] <= noon]
    assert notified(TUESDAY) == []
    assert busy.http.get(f"/simulator/bank-accounts/{ACCOUNT}/{MONDAY}.camt054.xml?until=noon").status_code == 400


def test_mt940_says_what_the_books_say(busy):
    told, text = busy.get(MONDAY), busy.get(MONDAY, "mt940.txt").decode("ascii")
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    head = text.split("\r\n")[:4]
    assert head == [":20:ST26112334567890", f":25:{ACCOUNT}", ":28C:327/1", ":60F:C261123VND1000000,"]
    assert text.endswith(f":62F:C261123VND{told['closing']},\r\n")
    lines = re.findall(r":61:(\d{6})(\d{4})(R?[CD])(\d+),(N...)NONREF//(FT\d{13})\r\n:86:((?:[^:].*\r\n)+)", text)
    assert [(line[5], int(line[3]) * (1 if line[2] in {"C", "RD"} else -1)) for line in lines] == [
        (entry["reference"], entry["amount"]) for entry in told["entries"]
    ]
    for line, entry in zip(lines, told["entries"], strict=True):
        folded = line[6].split("\r\n")[:-1]
        assert len(folded) <= 6
        assert "".join(folded) == plain(entry["text"])
    assert max(len(row.removeprefix(":86:")) for row in text.split("\r\n")) == 65


@given(st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=390).map(str.strip).filter(bool))
@example("\u0301")
@example("-" * 200)
@settings(deadline=None, max_examples=50)
def test_any_text_is_carried_in_every_format(opened, text):
    with opened() as world:
        world.differ(kind="foreign", date=MONDAY, amount=1, text=text)
        root = read(world.get(MONDAY, "camt053.xml"), "camt.053")
        assert "".join(part.text for part in root.iter("Ustrd")) == text
        read(world.get(MONDAY, "camt054.xml", until="23:59"), "camt.054")
        rows = world.get(MONDAY, "mt940.txt").decode("ascii").split("\r\n")
        assert all(len(row.removeprefix(":86:")) <= 65 for row in rows)


def test_a_form_that_does_not_exist_is_refused(world):
    for address, status in ((f"{ACCOUNT}/{MONDAY}.pdf", 404), (f"{ACCOUNT}/today.json", 400), (f"9/{MONDAY}.json", 404)):
        assert world.http.get(f"/simulator/bank-accounts/{address}").status_code == status


def test_the_same_seed_gives_the_same_bytes(busy):
    forms = [(on, form) for on in (MONDAY, TUESDAY) for form in ("camt053.xml", "camt054.xml", "mt940.txt")]
    assert [busy.get(*each) for each in forms] == [busy.get(*each) for each in forms]
