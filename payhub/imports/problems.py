"""What can be wrong with a file of a register: where, a stable code, and a sentence in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from payhub.errors import Text

SAID: Mapping[str, tuple[str, str]] = {
    # The file as a whole.
    "empty": ("Tệp trống", "The file is empty"),
    "too_large": ("Tệp lớn hơn {0} byte", "The file has more than {0} bytes"),
    "too_many_rows": ("Tệp có nhiều hơn {0} dòng", "The file has more than {0} rows"),
    "not_utf8": (
        "Tệp không phải UTF-8; hãy lưu lại dạng “CSV UTF-8”",
        "The file is not UTF-8: save it again as “CSV UTF-8”",
    ),
    "utf16": ("Tệp là UTF-16; hãy lưu lại dạng “CSV UTF-8”", "The file is UTF-16: save it again as “CSV UTF-8”"),
    "separator": ("Các cột cách nhau bằng {0}; hãy dùng dấu phẩy", "The columns are separated by {1}: use commas"),
    "not_csv": ("Không đọc được từ dòng này: {0}", "The file cannot be read from this row on: {0}"),
    "column_missing": ("Thiếu cột {0}", "The column {0} is missing"),
    "column_unknown": ("Không có cột mang tên này", "There is no column of this name"),
    "column_repeated": ("Cột xuất hiện nhiều lần", "The column is there more than once"),
    # One cell.
    "cells": ("Dòng có {0} ô, tiêu đề có {1}", "The row has {0} cells, the heading {1}"),
    "missing": ("Không được để trống", "Must not be empty"),
    "formula": (
        "Bắt đầu bằng = + - hoặc @: bảng tính sẽ chạy như công thức",
        "Begins with = + - or @: a spreadsheet would run it as a formula",
    ),
    "spaces": ("Có dấu cách ở đầu hoặc cuối", "Begins or ends with a space"),
    "hidden": ("Có ký tự điều khiển hoặc ký tự ẩn", "Has control or hidden characters"),
    "too_long": ("Dài hơn {0} ký tự", "Has more than {0} characters"),
    "form": ("Không đúng dạng; ví dụ {0}", "Is not of the form expected, such as {0}"),
    "not_a_number": ("Phải là số nguyên không dấu, không phân cách", "Must be a whole number: digits alone"),
    "out_of_range": ("Phải từ {0} đến {1}", "Must be {0} to {1}"),
    "not_a_day": ("Phải là ngày dạng YYYY-MM-DD", "Must be a date written YYYY-MM-DD"),
    "not_a_time": ("Phải là giờ dạng HH:MM", "Must be a time written HH:MM"),
    "not_one_of": ("Phải là một trong: {0}", "Must be one of: {0}"),
    "not_an_origin": ("Phải là https://máy[:cổng], cách nhau bằng dấu cách", "Must be https://host[:port], separated by spaces"),
    "not_a_network": (
        "Phải là dải địa chỉ như 203.0.113.0/24, không có bit nào sau độ dài",
        "Must be a network such as 203.0.113.0/24, with no bit set after its length",
    ),
    # One row.
    "row_repeated": ("Trùng khóa với dòng {0}", "Has the same key as row {0}"),
    "ends_before_begin": ("valid_to phải sau valid_from", "valid_to must be after valid_from"),
    "not_used": ("Không dùng cho {0}; hãy để trống", "Is not used by {0}: leave it empty"),
    "needed": ("{0} cần giá trị này", "{0} needs this"),
    "least_above_most": ("Lớn hơn maximum", "Is above maximum"),
    # Against what is in force.
    "history": ("Dòng đã có hiệu lực từ {0}; thêm dòng mới từ ngày sau", "The row began on {0}: add a new row from a later date"),
    "fixed": ("Không đổi được nữa", "Does not change any more"),
    "other_currency": ("Tài khoản ngân hàng không dùng {0}", "The bank account is not one of {0}"),
    "ended_for_good": ("Dòng đã hết hiệu lực ngày {0}", "The row ended on {0}, for good"),
    "ends_in_past": ("Không thể kết thúc trước hôm nay ({0})", "Cannot end before today ({0})"),
    "begins_in_past": (
        "Mã đã có; dòng mới không thể bắt đầu trước hôm nay ({0})",
        "The code is known: a new row cannot begin before today ({0})",
    ),
    "taken_back": (
        "Dòng từ {0} đã được rút lại và ngày ấy đã đến; hãy bắt đầu từ ngày sau",
        "The row from {0} was taken back, and that day has come: begin later",
    ),
    "overlaps": (
        "Chồng thời gian với dòng từ {0}; hãy ghi valid_to cho dòng ấy hoặc bắt đầu sau",
        "Overlaps the row from {0}: give that one a valid_to, or begin later",
    ),
    "unknown": ("Không có {0} trong danh mục {1}", "{0} is not in the register of {2}"),
    "successor_without_end": ("Chỉ cơ quan có valid_to mới có cơ quan kế thừa", "Only an agency with a valid_to has a successor"),
    "successor_not_in_force": ("{0} không có hiệu lực ngày {1}", "{0} is not in force on {1}"),
    "successor_cycle": ("Các cơ quan kế thừa lẫn nhau: {0}", "The successors lead back to where they began: {0}"),
    "not_phi": ("{0} không phải là phí trong thời gian này", "{0} is not a phí during this time"),
    "retained": ("{0} đang được để lại một phần; chỉ phí mới được để lại", "A part of it is retained by {0}: only a phí is"),
    "has_tiers": (
        "Khoản từ {0} đã có bậc không hợp với quy tắc này; hãy rút dòng và bắt đầu từ ngày khác",
        "The row from {0} has tiers that this rule has no use for: take it back and begin on another day",
    ),
    "not_tiered": ("{0} từ {1} không phải khoản lũy tiến", "{0} from {1} is not a tiered fee"),
    "before_first": ("Không thể bắt đầu trước dòng đầu tiên của mã ({0})", "Cannot begin before the first row of the code ({0})"),
    "first_tier": ("Bậc đầu tiên của khoản phải bắt đầu trên 0", "The first tier of the fee must be above 0"),
    "tiers_begun": ("Khoản đã có hiệu lực từ {0}", "The fee began on {0}, its tiers with it"),
    "planned_account": (
        "Tài khoản đang trong thời gian chờ; hãy dừng rồi lập lại",
        "The account is in its cooling time: stop it and propose it anew",
    ),
    "account_over": ("Tài khoản hết hạn trước ngày có hiệu lực {0}", "The account would end before it takes effect on {0}"),
}
"""Every code, in Vietnamese and English; `{0}` is the first of the problem's values."""


class Problem(NamedTuple):
    """One thing wrong. Rows are counted as a spreadsheet does, the heading being row 1; row 0 is the file itself."""

    row: int
    column: str
    code: str
    values: tuple[Any, ...] = ()

    @property
    def pointer(self) -> str:
        """Where it is, as a JSON pointer: row, then column."""
        return f"/{self.row}/{self.column}" if self.column else f"/{self.row}"

    @property
    def text(self) -> Text:
        """What is wrong, for a person."""
        vi, en = SAID[self.code]
        return Text(vi.format(*self.values), en.format(*self.values))


class Unreadable(Exception):
    """A cell that cannot be used."""

    def __init__(self, code: str, *values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values
