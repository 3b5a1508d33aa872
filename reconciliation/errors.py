"""Why a settlement file is refused. A refused file changes nothing; no message quotes what stood in it."""

from __future__ import annotations

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


class SettlementRefused(PayHubError):
    """A file that is not taken, and nothing of it. `row` counts from the header, which is 1; `field` is a column's name."""

    code, status = "settlement_refused", 422
    title: ClassVar[Text] = Text(
        "Tệp đối soát bị từ chối, không có gì được ghi", "The settlement file is refused; nothing of it was kept"
    )

    def __init__(self, vi: str, en: str, *, row: int | None = None, field: str | None = None, **facts: Any) -> None:
        place_vi = (f"Dòng {row}" if row else "") + (f", cột {field}" if field else "") + (": " if row else "")
        place_en = (f"Row {row}" if row else "") + (f", column {field}" if field else "") + (": " if row else "")
        known: dict[str, Any] = {"row": row, "field": field}
        told = {name: value for name, value in (known | facts).items() if value is not None}
        super().__init__(Text(place_vi + vi, place_en + en), **told)


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


class DayWrong(SettlementRefused):
    """Every row is of other days than the one the file was given for."""

    code = "settlement_day_wrong"


REFUSALS = (
    FileEmpty, FileTooLarge, EncodingWrong, HeaderWrong, FileCutOff, CountDiffers, SumDiffers, NoRowReadable, DayWrong,
)  # fmt: skip
