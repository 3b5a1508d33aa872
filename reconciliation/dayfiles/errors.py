"""Why there is no day file."""

from __future__ import annotations

from payhub.errors import NotFound, PayHubError, Text


class DayFileMissing(NotFound):
    """None was made of this day yet, or not this version."""

    code, status = "day_file_missing", 404
    title = Text("Chưa có tệp của ngày này", "There is no day file of this day yet")


class DayFileDestroyed(PayHubError):
    """The accounting records of its year are past their term: what it added up to is still known, its rows are not."""

    code, status = "day_file_destroyed", 410
    title = Text("Nội dung tệp đã hủy theo thời hạn lưu trữ", "The content was destroyed when its term was over")


class DayGoesOn(PayHubError):
    """The day is not over, or has not begun."""

    code, status = "day_goes_on", 409
    title = Text("Ngày này chưa kết thúc", "The day is not over yet")
