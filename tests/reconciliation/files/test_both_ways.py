"""A chunk taken by its columns is what reading its rows one by one gives: the same lines, the same verdicts."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciliation.errors import SettlementRefused
from reconciliation.files import reading
from reconciliation.files.amounts import Amounts
from reconciliation.files.lines import Line
from reconciliation.files.pictures import Picture
from reconciliation.files.units import UnitsReader

PICTURES = (
    "dd/MM/yyyy HH:mm:ss",
    "yyyyMMddHHmmss",
    "yyyy-MM-dd HH:mm",
    "d/M/yy H:mm",
    "dd/MM/yyyy",
    "HH:mm:ss dd-MM-yyyy",
    "excel",
)
AMOUNTS = (Amounts(), Amounts(thousands="."), Amounts(thousands=",", decimal="."), Amounts(scale=100))
ODD = (
    "", "0", "07", "0" * 18 + "5", "-5", "1_0", "1.000", "1,000", "1.2E+06", "10.50", "9" * 17, str(10**15 + 1), "٣", " 7", "x" * 101, "a b", "é",
    "\0", '"', "TONG", "\n", '"5\n5"', "a,b",
)  # fmt: skip
MOMENTS = st.datetimes(datetime(1969, 12, 31), datetime(2201, 1, 1)).map(  # noqa: DTZ001 - as a file writes them
    lambda at: at.replace(microsecond=0)
)

ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - where a workbook's days begin


def written(moment: datetime, picture: str) -> str:
    if picture == "excel":
        return str(round((moment - ZERO).total_seconds() / 86_400, 8))
    return Picture(picture, "+07:00").shown(moment)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, Amounts, bytes]:
    """A picture, a way to write amounts, and a file that is mostly right."""
    picture = draw(st.sampled_from(PICTURES))
    amounts = draw(st.sampled_from(AMOUNTS))
    good = [
        st.integers(1, 10**6).map(str), st.from_regex(r"[0-9A-Z]{0,6}", fullmatch=True), st.from_regex(r"[0-9A-Z-]{0,12}", fullmatch=True),
        st.sampled_from(["THANH_TOAN", "HOAN_TIEN"]), MOMENTS.map(lambda at: written(at, picture)), st.integers(0, 10**6).map(str),
        st.sampled_from(["", "0", "1100"]), st.sampled_from(["NCB", "", "Vi Mo"]), st.just("THANH_CONG"), st.sampled_from(["", "PO1"]),
    ]  # fmt: skip
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        cells = [draw(cell) for cell in good]
        if draw(st.integers(0, 5)) == 0:
            cells[draw(st.integers(0, 8))] = draw(st.sampled_from(ODD))
        if draw(st.integers(0, 20)) == 0:
            cells = cells[: draw(st.integers(0, 8))]
        rows.append(",".join(cells))
    ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])
    same = draw(ends)
    mixed = draw(st.booleans())
    body = "".join(row + (draw(ends) if mixed else same) for row in rows)
    return picture, amounts, (body if draw(st.booleans()) else body.removesuffix(same)).encode()


def outcome(body: bytes, mapping, *, by_columns: bool):
    read = reading.settlement(io.BytesIO(body), mapping, by_columns=by_columns)
    lines: list[Line] = []
    copied = b""
    try:
        for batch in read:
            lines += batch.lines
            copied += batch.copy_text("key\t")
    except SettlementRefused as refused:
        return lines, refused.code, refused.facts
    assert_copied(copied, lines)
    return lines, read.tally


def assert_copied(copied: bytes, lines: list[Line]) -> None:
    rows = [row.split("\t") for row in copied.decode().splitlines()]
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        assert row[0] == "key"
        found = dict(zip(Line._fields, row[1:], strict=True))
        instant = found.pop("happened_at")
        assert (None if instant == "" else datetime.fromisoformat(instant)) == line.happened_at
        assert found == {
            name: "" if value is None else str(value) for name, value in line._asdict().items() if name != "happened_at"
        }


@given(files())
@settings(deadline=None)
def test_columns_and_rows_agree(mapping, file) -> None:
    picture, amounts, rows = file
    base = mapping("vnpay-example")
    how = replace(base, happened=Picture(picture, "+07:00"), amounts=amounts, trailer=None)
    body = ",".join(base.header).encode() + b"\n" + rows
    assert outcome(body, how, by_columns=True) == outcome(body, how, by_columns=False)


def test_whatever_stands_in_one_cell_is_seen_alike(mapping) -> None:
    how = replace(mapping("vnpay-example"), trailer=None)
    good = ("1", "T1", "PH1", "THANH_TOAN", "20/11/2026 09:30:00", "10", "0", "NCB", "THANH_CONG", "PO1")
    for place, odd in product(range(len(good)), ODD):
        rows = [how.header, good, (*good[:place], odd, *good[place + 1 :]), good]
        body = "\n".join(map(",".join, rows)).encode()
        assert outcome(body, how, by_columns=True) == outcome(body, how, by_columns=False), (place, odd)


@given(st.lists(st.sampled_from(['a"b', '"a\nb"', "a", "", "TONG", "1"]), max_size=6), st.integers(1, 4))
@settings(deadline=None)
def test_quoted_and_ragged_rows_are_counted_alike(mapping, cells, width) -> None:
    how = mapping("vnpay-example")
    body = (
        ",".join(how.header)
        + "\n"
        + "\n".join(",".join(cells[i : i + width]) for i in range(0, len(cells), width))
        + "\nTONG,1,1,,,,,,,"
    )
    assert outcome(body.encode(), how, by_columns=True) == outcome(body.encode(), how, by_columns=False)


@pytest.mark.parametrize("rows", [1, 49, 51, 4_999, 5_001, 12_345])
def test_one_bad_row_among_thousands_is_the_only_one_set_aside(mapping, rows) -> None:
    how = mapping("vnpay-example")
    good = [f"{n},{n},PH{n},THANH_TOAN,20/11/2026 09:30:00,10,0,NCB,THANH_CONG," for n in range(1, rows + 1)]
    good[rows // 2] = good[rows // 2].replace("20/11", "32/11")
    body = "\n".join([",".join(how.header), *good, f"TONG,{rows},{rows * 10},,,,,,,"]).encode()
    if rows == 1:
        with pytest.raises(SettlementRefused):
            list(reading.settlement(io.BytesIO(body), how))
        return
    lines, tally = outcome(body, how, by_columns=True)
    assert [line.number for line in lines] == [number for number in range(2, rows + 2) if number != rows // 2 + 2]
    assert [tuple(reject) for reject in tally.rejects] == [(rows // 2 + 2, "ThoiGian", "not_a_time")]


def test_a_row_too_short_takes_no_cell_from_the_one_after_it(mapping) -> None:
    how = mapping("vnpay-example")
    rows = [f"{n},T{n},PH{n},THANH_TOAN,20/11/2026 09:30:00,10,0,NCB,THANH_CONG," for n in range(2, 42)]
    rows[20:22] = rows[20].removesuffix(","), f"{rows[21]},"
    lines, tally = outcome("\n".join([",".join(how.header), *rows, "TONG,40,400,,,,,,,"]).encode(), how, by_columns=True)
    assert [line.reference for line in lines] == [f"PH{line.number}" for line in lines]
    assert [(reject.number, reject.reason) for reject in tally.rejects] == [(22, "columns"), (23, "columns")]


@pytest.mark.parametrize("picture", ["dd/MM/yyyy HH:mm:ss", "yyyyMMddHHmm", "HH:mm:ss dd-MM-yyyy", "yyyy-MM-dd"])
@given(st.lists(st.tuples(*map(st.sampled_from, ((1, 28), (2, 12), (0, 9, 19, 23), (0, 59), (0, 59))))))
@settings(max_examples=20)
def test_a_column_of_times_tells_what_each_of_them_does(picture, moments) -> None:
    def shown(*parts: int) -> str:
        written = picture.replace("yyyy", "2026")
        for name, part in zip(("dd", "MM", "HH", "mm", "ss"), parts, strict=True):
            written = written.replace(name, f"{part:02}")
        return written

    how = Picture(picture, "+07:00")
    for last in product((28, 30, 32), (2, 12, 13), (23, 24, 29, 30), (59, 60), (59, 60)):
        written = [shown(*moment) for moment in (*moments, last)]
        each, column = [how.read(text) for text in written], how.column(written)
        if None in each:
            assert column is None
            continue
        assert column.instants() == (each if how.has_time else [None] * len(each))
        assert column.day_texts() == [f"{moment:%Y-%m-%d}" for moment in each]
        told = [datetime.fromisoformat(text) for text in column.instant_texts() if text]
        assert told == (each if how.has_time else [])


@pytest.fixture(scope="module")
def crowded() -> list[UnitsReader]:
    """Readers that have seen more different amounts than they keep."""
    readers = [UnitsReader(amounts, "VND") for amounts in AMOUNTS]
    assert all(reader.read([str(100 * number) for number in range(5_000)]) for reader in readers)
    return readers


@given(st.lists(st.integers(1, 10**13).map(lambda number: str(number * 100)), max_size=3))
@settings(max_examples=20)
def test_a_column_of_amounts_tells_what_each_of_them_does(crowded, others) -> None:
    for (amounts, late), odd in product(zip(AMOUNTS, crowded, strict=True), ODD):
        for written in ([odd, *others], [*others, odd]):
            each = [amounts.read(text, "VND") for text in written]
            for reader in (UnitsReader(amounts, "VND"), late):
                units = reader.read(written)
                if None in each:
                    assert units is None
                else:
                    assert units.numbers == each
                    assert list(units.texts()) == list(map(str, each))
