"""Why a settlement file is refused. A refused file changes nothing; no message quotes what stood in it."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from payhub.errors import PayHubError, Text


class MappingUnusable(PayHubError):
    """The mapping an account's files are read with is missing or wrong: a fault of this deployment, not of the file."""

    code, status = "mapping_unusable", 500
    title: ClassVar[Text] = Text("Cấu hình đọc tệp đối soát không dùng được", "The mapping for settlement files cannot be used")


class SettlementMissing(PayHubError):
    """There is no settlement of this account and day."""

    code, status = "settlement_missing", 404
    title: ClassVar[Text] = Text("Chưa có tệp đối soát của ngày này", "There is no settlement file of this day yet")


class RunOver(PayHubError):
    """The run has ended, one way or another."""

    code, status = "run_over", 409
    title: ClassVar[Text] = Text(
        "Lượt đối soát đã kết thúc, không hủy được nữa", "The run has ended and cannot be cancelled any more"
    )


class RunEnds(PayHubError):
    """The run is writing its last rows: it is over before it could be stopped."""

    code, status = "run_ends", 409
    title: ClassVar[Text] = Text(
        "Lượt đối soát đang ghi kết quả cuối, không hủy được nữa; hãy xem lại sau vài giây",
        "The run is writing its last rows and cannot be cancelled any more: look again in a few seconds",
    )


class SettlementRefused(PayHubError):
    """A file that is not taken, and nothing of it. `row` counts from the file's first, which is 1; `field` is a column's name."""

    code, status = "settlement_refused", 422
    title: ClassVar[Text] = Text(
        "Tệp đối soát bị từ chối, không có gì được ghi", "The settlement file is refused; nothing of it was kept"
    )

    def __init__(self, vi: str, en: str, *, row: int | None = None, field: str | None = None, **facts: Any) -> None:
        place_vi = ", ".join([f"Dòng {row}"] * bool(row) + [f"cột {field}"] * bool(field))
        place_en = ", ".join([f"Row {row}"] * bool(row) + [f"column {field}"] * bool(field))
        known: dict[str, Any] = {"row": row, "field": field}
        told = {name: value for name, value in (known | facts).items() if value is not None}
        super().__init__(Text(": ".join(filter(None, (place_vi, vi))), ": ".join(filter(None, (place_en, en)))), **told)


class FileEmpty(SettlementRefused):
    """No bytes at all, or only blank ones."""

    code = "settlement_empty"


class FileTooLarge(SettlementRefused):
    """More bytes than one file may have."""

    code, status = "settlement_too_large", 413


class EncodingWrong(SettlementRefused):
    """Bytes that are not of the encoding the mapping names."""

    code = "settlement_encoding_wrong"


class HeaderWrong(SettlementRefused):
    """Another first row than the mapping says."""

    code = "settlement_header_wrong"


class FileCutOff(SettlementRefused):
    """The file ends before its trailer is whole, or goes on after it."""

    code = "settlement_cut_off"


class CountDiffers(SettlementRefused):
    """The trailer declares another number of rows than there are."""

    code = "settlement_count_differs"


class SumDiffers(SettlementRefused):
    """The trailer declares another sum than the rows have."""

    code = "settlement_sum_differs"


class NoRowReadable(SettlementRefused):
    """Not one row can be read: the mapping is another's."""

    code = "settlement_unreadable"


class RowTooLong(SettlementRefused):
    """One row has more characters than any real one: this is another kind of file, or it was damaged."""

    code = "settlement_row_too_long"


class FormatWrong(SettlementRefused):
    """Not the kind of file the mapping reads: no workbook, no such sheet, no XML of this standard, a document type definition."""

    code = "settlement_format_wrong"


class ArchiveTooLarge(SettlementRefused):
    """A workbook that unpacks to more than one may have."""

    code, status = "settlement_archive_too_large", 413


class ChecksumDiffers(SettlementRefused):
    """The trailer declares another checksum than the rows have."""

    code = "settlement_checksum_differs"


class BalanceDiffers(SettlementRefused):
    """A statement's opening balance and its entries do not lead to what it says was left."""

    code = "settlement_balance_differs"


class PagesApart(BalanceDiffers):
    """A page does not begin with the balance the one before ended with."""

    def __init__(self, before: int | None, after: int | None, **place: Any) -> None:
        super().__init__(
            f"trang trước kết thúc với số dư {before}, trang sau bắt đầu với {after}",
            f"a page that begins with {after} after one that ended with {before}",
            declared=after, read=before, **place,
        )  # fmt: skip


class DayWrong(SettlementRefused):
    """Every row is of other days than the one the file was given for."""

    code = "settlement_day_wrong"


class PeriodWrong(SettlementRefused):
    """The last day is before the first, or more than a year after it."""

    code = "settlement_period_wrong"

    def __init__(self) -> None:
        super().__init__(
            "ngày cuối phải từ ngày đầu trở đi và trong vòng một năm",
            "the last day must not be before the first, nor more than a year after it",
        )


class PeriodOverlaps(SettlementRefused):
    """The file covers some days of another file, and not all."""

    code, status = "settlement_period_overlaps", 409

    def __init__(self, first: date, last: date) -> None:
        super().__init__(
            f"một tệp khác đã có các ngày {first} đến {last}; tệp thay thế phải có đủ các ngày đó",
            f"another file covers {first} to {last}; one that takes its place must cover all of these days",
            first=str(first), last=str(last),
        )  # fmt: skip


class StatementRefused(PayHubError):
    """A statement that is not taken, and nothing of it; the fact `reason` says why in one word."""

    code, status = "statement_refused", 422
    title: ClassVar[Text] = Text("Sao kê bị từ chối, không có gì được ghi", "The statement is refused; nothing of it was kept")

    @classmethod
    def of(cls, refused: SettlementRefused) -> StatementRefused:
        """Return what a reader found, said of a statement."""
        return cls(refused.detail, **refused.facts, reason=refused.code.removeprefix("settlement_"))


REFUSALS = (
    FileEmpty, FileTooLarge, EncodingWrong, HeaderWrong, FileCutOff, RowTooLong, FormatWrong, ArchiveTooLarge, CountDiffers,
    SumDiffers, ChecksumDiffers, NoRowReadable, DayWrong, PeriodWrong, PeriodOverlaps,
)  # fmt: skip
