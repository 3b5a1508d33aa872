"""A chunk taken by its columns is what reading its rows one by one gives: the same lines, the same verdicts."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciliation.errors import SettlementRefused
from reconciliation.files import reading
from reconciliation.files.amounts import Amounts
from reconciliation.files.lines import Line
from reconciliation.files.pictures import Picture

PICTURES = (
    "dd/MM/yyyy HH:mm:ss",
    "yyyyMMddHHmmss",
    "yyyy-MM-dd HH:mm",
    "d/M/yy H:mm",
    "dd/MM/yyyy",
    "HH:mm:ss dd-MM-yyyy",
    "excel",
)
ODD = st.sampled_from(
    [
        "",
        "0",
        "-5",
        "1.000",
        "1,000",
        "1.2E+06",
        "10.50",
        "9" * 17,
        "٣",
        " 7",
        "x" * 101,
        "a b",
        "é",
        "\0",
        '"',
        "TONG",
        "\n",
        "a,b",
    ]
)
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
    amounts = draw(st.sampled_from([Amounts(), Amounts(thousands="."), Amounts(thousands=",", decimal="."), Amounts(scale=100)]))
    good = [
        st.integers(1, 10**6).map(str), st.from_regex(r"[0-9A-Z]{0,6}", fullmatch=True), st.from_regex(r"[0-9A-Z-]{0,12}", fullmatch=True),
        st.sampled_from(["THANH_TOAN", "HOAN_TIEN"]), MOMENTS.map(lambda at: written(at, picture)), st.integers(0, 10**6).map(str),
        st.sampled_from(["", "0", "1100"]), st.sampled_from(["NCB", "", "Vi Mo"]), st.just("THANH_CONG"), st.sampled_from(["", "PO1"]),
    ]  # fmt: skip
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        cells = [draw(cell) for cell in good]
        if draw(st.integers(0, 5)) == 0:
            cells[draw(st.integers(0, 8))] = draw(ODD)
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
        assert (None if instant == "\\N" else datetime.fromisoformat(instant)) == line.happened_at
        assert found == {
            name: "\\N" if value is None else str(value) for name, value in line._asdict().items() if name != "happened_at"
        }


@given(files())
@settings(deadline=None)
def test_columns_and_rows_agree(mapping, file) -> None:
    picture, amounts, rows = file
    base = mapping("vnpay-example")
    how = replace(base, happened=Picture(picture, "+07:00"), amounts=amounts, trailer=None)
    body = ",".join(base.header).encode() + b"\n" + rows
    assert outcome(body, how, by_columns=True) == outcome(body, how, by_columns=False)


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
    read = reading.settlement(io.BytesIO(body), how)
    if rows == 1:
        with pytest.raises(SettlementRefused):
            list(read)
        return
    assert sum(len(batch) for batch in read) == rows - 1
    assert [tuple(reject) for reject in read.tally.rejects] == [(rows // 2 + 2, "ThoiGian", "not_a_time")]
    assert next(batch.lines[0].number for batch in reading.settlement(io.BytesIO(body), how)) == 2
