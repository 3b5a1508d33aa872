"""Workbooks as different programs write them, and what is wrong with them."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import openpyxl
import pytest

from reconciliation import errors
from reconciliation.files import reading

TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
HEADINGS = ("STT", "Ngày giao dịch", "Ngày hiệu lực", "Số tham chiếu", "Ghi nợ", "Ghi có", "Số dư", "Nội dung")


def links(*targets: tuple[str, str, str]) -> str:
    rows = "".join(f'<Relationship Id="{key}" Type="{TYPES}/{kind}" Target="{target}"/>' for key, kind, target in targets)
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rows}</Relationships>'


def parts(rows: str, *, texts: tuple[str, ...] = HEADINGS, from_1904: bool = False) -> dict[str, str]:
    """A workbook as other programs write it: shared texts, a sheet that is not the first, parts with unusual names."""
    shared = "".join(f"<si><t>{text}</t></si>" if not text.startswith("<") else f"<si>{text}</si>" for text in texts)
    header = "".join(f'<c t="s"><v>{place}</v></c>' for place in range(8))
    return {
        "_rels/.rels": links(("r1", "officeDocument", "/book/main.xml")),
        "book/main.xml": (
            f'<workbook xmlns="{MAIN}" xmlns:r="{TYPES}"><workbookPr date1904="{int(from_1904)}"/>'
            '<sheets><sheet name="Sao kê" sheetId="1" r:id="r3"/><sheet name="Other" sheetId="2" r:id="r9"/></sheets></workbook>'
        ),
        "book/_rels/main.xml.rels": links(
            ("r1", "sharedStrings", "texts.xml"), ("r2", "styles", "/book/styles.xml"), ("r3", "worksheet", "sheets/one.xml")
        ),
        "book/texts.xml": f'<sst xmlns="{MAIN}">{shared}</sst>',
        "book/styles.xml": (
            f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="[$-42A]dd\\/mm\\/yyyy&quot; g&quot;"/>'
            '<numFmt numFmtId="165" formatCode="#,##0&quot; d&quot;"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
            '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="22"/></cellXfs></styleSheet>'
        ),
        "book/sheets/one.xml": f'<worksheet xmlns="{MAIN}"><sheetData><row r="4"><c r="G4"><v>0</v></c></row><row r="6">{header}</row>{rows}</sheetData></worksheet>',
    }  # fmt: skip


def packed(given: dict[str, str]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in given.items():
            archive.writestr(name, content)
    return file


def entries(read) -> list:
    return [entry for batch in read for entry in batch.entries]


ENDS = '<row r="20"><c r="A20" t="str"><v>Tổng cộng</v></c></row>'
ROW = (
    '<row r="9"><c r="B9" s="1"><v>46346</v></c><c r="D9" t="inlineStr"><is><t>FT</t><rPh><t>no</t></rPh><r><t>1</t></r></is></c>'
    '<c r="F9" s="2"><v>2.5E5</v></c><c r="G9"><f>SUM(F7:F9)</f><v>250000</v></c><c r="H9" t="s"><v>8</v></c></row>'
)


def test_texts_dates_and_numbers_are_read_as_the_sheet_shows_them(mapping) -> None:
    given = parts(ROW + ENDS, texts=(*HEADINGS, "<r><t>LE </t></r><r><t>PHI</t></r><rPh><t>x</t></rPh>"))
    (entry,) = entries(reading.statements(packed(given), mapping("bank-statement-example")))
    assert (entry.number, entry.booked_on, entry.amount, entry.bank_reference, entry.text) == (
        9,
        date(2026, 11, 20),
        250_000,
        "FT1",
        "LE PHI",
    )


def test_days_that_count_from_1904_are_four_years_on(mapping) -> None:
    given = parts(ROW.replace("46346", "44884") + ENDS, texts=(*HEADINGS, "x"), from_1904=True)
    (entry,) = entries(reading.statements(packed(given), mapping("bank-statement-example")))
    assert entry.booked_on == date(2026, 11, 20)


def test_rows_that_lie_about_their_place_neither_fill_the_memory_nor_hide(mapping) -> None:
    for lie in (
        ROW.replace('r="9"', 'r="99999999999"'),
        ROW.replace('r="9"', 'r="2"'),
        ROW.replace("B9", "XFD9"),
        ROW.replace("B9", "H9"),
        ROW + ROW,
    ):
        read = reading.statements(packed(parts(lie + ENDS, texts=(*HEADINGS, "x"))), mapping("bank-statement-example"))
        with pytest.raises(errors.StatementRefused) as refused:
            entries(read)
        assert refused.value.facts["reason"] == "format_wrong"


def test_a_source_that_cannot_be_sought_in_is_held_and_read(mapping, samples) -> None:
    class Pipe:
        def __init__(self, file: io.BytesIO) -> None:
            self.read = file.read

    body = io.BytesIO((samples / "bank.xlsx").read_bytes())
    assert len(entries(reading.statements(Pipe(body), mapping("bank-statement-example")))) == 3


@pytest.mark.parametrize(
    "part", ["_rels/.rels", "book/main.xml", "book/_rels/main.xml.rels", "book/texts.xml", "book/styles.xml", "book/sheets/one.xml"]
)
def test_a_document_type_definition_in_any_part_is_refused(mapping, part) -> None:
    given = parts(ROW + ENDS)
    given[part] = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + given[part]
    with pytest.raises(errors.StatementRefused) as refused:
        entries(reading.statements(packed(given), mapping("bank-statement-example")))
    assert refused.value.facts["reason"] == "format_wrong"


@pytest.mark.parametrize("part", ["book/main.xml", "book/texts.xml", "book/sheets/one.xml"])
@pytest.mark.parametrize("what", ["missing", "cut"])
def test_a_workbook_with_a_part_missing_or_cut_is_refused(mapping, part, what) -> None:
    given = parts(ROW + ENDS)
    given = {name: content for name, content in given.items() if name != part} | ({part: given[part][:-9]} if what == "cut" else {})
    with pytest.raises(errors.StatementRefused):
        entries(reading.statements(packed(given), mapping("bank-statement-example")))


def test_a_number_that_a_sheet_cannot_keep_whole_is_no_amount_and_no_name(mapping, tmp_path) -> None:
    sheet = openpyxl.Workbook()
    rows = sheet.active
    for place, word in enumerate(HEADINGS, 1):
        rows.cell(6, place, word)
    rows["G4"] = 0
    odd = [
        (0.1 + 0.2, 1, "F1"),
        ("=1+1", 1, "F2"),
        (1.2e6, 1_200_000, 1234567890123456789),
        (2.5e-320, 1, "F5"),
        (1e300, 1, "F6"),
        (-5, 1, "F7"),
    ]
    for number, (amount, balance, reference) in enumerate(odd, 7):
        rows.cell(number, 2, date(2026, 11, 20))
        rows.cell(number, 4, reference)
        rows.cell(number, 6, amount)
        rows.cell(number, 7, balance)
    rows["C20"] = "Tổng cộng"
    sheet.save(tmp_path / "odd.xlsx")
    with (tmp_path / "odd.xlsx").open("rb") as file:
        read = reading.statements(file, mapping("bank-statement-example"))
        found = entries(read)
    assert [(entry.number, entry.amount, entry.bank_reference) for entry in found] == [(9, 1_200_000, None)]
    assert {(reject.number, reject.field, reject.reason) for reject in read.tally.rejects} == {
        (number, "Ghi có", "not_an_amount") for number in (7, 10, 11, 12)
    } | {(8, "Ghi có", "not_an_amount")}
