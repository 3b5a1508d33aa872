"""Files that mean harm, or are merely huge: a verdict, in bounded memory."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator

import pytest

from reconciliation import errors
from reconciliation.files import archives, reading
from reconciliation.files.lines import KEPT_REJECTS

MIB = 1 << 20
ROW = b"1,14000001,PH7K2M9QX4TB31,THANH_TOAN,20/11/2026 09:30:00,200000,0,NCB,THANH_CONG,\n"
CAMT = b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>1</Id>'
ENTRY = (
    b'<Ntry><Amt Ccy="VND">1</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-11-20</Dt></BookgDt></Ntry>'
)
DETAIL = b'<TxDtls><Amt Ccy="VND">1</Amt><RmtInf><Ustrd>x</Ustrd></RmtInf></TxDtls>'


class Endless(io.RawIOBase):
    """A source made while it is read, so that the test itself holds nothing."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def repeated(head: bytes, body: bytes, times: int, tail: bytes = b"") -> Endless:
    def pieces() -> Iterator[bytes]:
        yield head
        for _ in range(times // 100):
            yield body * 100
        yield tail

    return Endless(pieces())


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def drained(read) -> int:
    return sum(1 for _ in read)


@pytest.mark.heavy
def test_memory_does_not_grow_with_the_file(mapping) -> None:
    vnpay = mapping("vnpay-example")
    head = ",".join(vnpay.header).encode() + b"\n"
    cases = {
        "plain": lambda n: drained(reading.settlement(repeated(head, ROW, n, b"TONG,%d,%d,,,,,,,\n" % (n, n * 200_000)), vnpay)),
        "quoted": lambda n: drained(
            reading.settlement(repeated(head, ROW.replace(b"NCB", b'"NCB"'), n, b"TONG,%d,%d,,,,,,,\n" % (n, n * 200_000)), vnpay)
        ),
        "camt": lambda n: drained(reading.statements(repeated(CAMT, ENTRY, n, b"</Stmt></BkToCstmrStmt></Document>"), "camt053")),
        "one batch entry": lambda n: drained(
            reading.statements(
                repeated(CAMT + ENTRY.replace(b">1<", b">%d<" % n).replace(b"</Ntry>", b"<NtryDtls>"), DETAIL, n,
                         b"</NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"), "camt053")
        ),
        "details without amounts": lambda n: drained(
            reading.statements(
                repeated(CAMT + ENTRY.replace(b"</Ntry>", b"<NtryDtls>"), DETAIL.replace(b'<Amt Ccy="VND">1</Amt>', b""), n,
                         b"</NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"), "camt053")
        ),
        "mt940": lambda n: drained(
            reading.statements(
                repeated(b":20:A\n:25:1234\n:28C:1/1\n:60F:C261119VND0,\n", b":61:261120C1,NTRFX//Y\n:86:text\n", n,
                         b":62F:C261120VND%d,\n-\n" % n), "mt940")
        ),
    }  # fmt: skip
    for case, work in cases.items():
        small, large = peak(lambda work=work: work(4_000)), peak(lambda work=work: work(16_000))
        assert large < small + 3 * MIB, f"{case}: {small} and {large} bytes"


def test_a_line_of_100_mb_is_refused_by_its_row(mapping) -> None:
    vnpay = mapping("vnpay-example")
    head = ",".join(vnpay.header).encode() + b"\n"

    def work() -> None:
        with pytest.raises(errors.RowTooLong) as refused:
            drained(reading.settlement(repeated(head + ROW, b"x" * 1000, 100_000), vnpay))
        assert refused.value.facts["row"] == 3

    assert peak(work) < 4 * MIB


@pytest.mark.parametrize("attack", [b'<a b="', b"<!--", b"<?x ", b"<![CDATA["])
def test_markup_without_an_end_is_refused_early(attack) -> None:
    with pytest.raises(errors.StatementRefused) as refused:
        drained(reading.statements(repeated(CAMT + attack, b"x" * 1000, 100_000), "camt053"))
    assert refused.value.facts["reason"] in {"row_too_long", "cut_off"}


def test_markup_nested_without_an_end_is_refused() -> None:
    with pytest.raises(errors.StatementRefused) as refused:
        drained(reading.statements(repeated(CAMT, b"<a>", 100_000), "camt053"))
    assert refused.value.facts["reason"] == "format_wrong"


def test_a_quotation_mark_that_is_never_closed_does_not_swallow_the_file(mapping) -> None:
    vnpay = mapping("vnpay-example")
    head = ",".join(vnpay.header).encode() + b"\n"
    for opened, rest in ((b'"', b"x,\n"), (b'"', b'\n","')):
        with pytest.raises(errors.FileCutOff) as refused:
            drained(reading.settlement(repeated(head + ROW + opened, rest, 200_000), vnpay))
        assert refused.value.facts["row"] == 3


def test_every_bad_row_is_counted_and_the_first_are_told(mapping) -> None:
    vnpay, bad = mapping("vnpay-example"), 30_000
    head = ",".join(vnpay.header).encode() + b"\n" + ROW
    read = reading.settlement(
        repeated(head, ROW.replace(b"20/11", b"32/11"), bad, b"TONG,%d,%d,,,,,,,\n" % (bad + 1, (bad + 1) * 200_000)), vnpay
    )
    drained(read)
    assert (read.tally.lines, read.tally.rejected, len(read.tally.rejects)) == (1, bad, KEPT_REJECTS)
    assert read.tally.reasons == {"not_a_time": bad}
    assert read.tally.rejected_sum == bad * 200_000


def packed(parts: dict[str, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file


def test_workbooks_that_would_fill_the_memory_are_refused_before_they_are_unpacked(mapping, samples, monkeypatch) -> None:
    bank = mapping("bank-statement-example")
    thin = packed({"xl/workbook.xml": b" " * (300 * MIB)})
    many = packed({f"xl/{n}.xml": b"" for n in range(archives.MAX_ENTRIES + 1)})
    for bomb in (thin, many):
        with pytest.raises(errors.StatementRefused) as refused:
            drained(reading.statements(bomb, bank))
        assert refused.value.facts["reason"] == "archive_too_large"
    monkeypatch.setattr(archives, "MAX_UNPACKED", 1_000)
    with pytest.raises(errors.StatementRefused):
        drained(reading.statements(io.BytesIO((samples / "bank.xlsx").read_bytes()), bank))
