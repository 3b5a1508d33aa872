"""MaLoi: what the hub answers with. Only `00` and `99` are known from portals; the rest is a table of our own."""

from __future__ import annotations

from enum import Enum

from payhub.errors import Text


class Said(Enum):
    """One MaLoi and what it says."""

    OK = ("00", "Thành công", "Success")
    UNKNOWN_REFERENCE = ("01", "Không tìm thấy giao dịch", "No such transaction")
    REFERENCE_USED = (
        "02", "Mã tham chiếu đã dùng cho nội dung hoặc số tiền khác", "The reference means something else, or another amount",
    )  # fmt: skip
    UNREADABLE = ("03", "Bản tin thiếu trường hoặc trường không hợp lệ", "A field is missing or cannot be used")
    WRONG_AMOUNT = ("04", "Số tiền không hợp lệ hoặc không đúng biểu phí", "The amount cannot be used, or is not in the schedule")
    UNKNOWN_FEE = ("05", "Không xác định được đơn vị hoặc khoản thu", "The agency or fee is not known")
    NOT_GRANTED = ("06", "Đối tác không được thu cho đơn vị hoặc khoản này", "The partner may not ask for this agency or fee")
    ASKED_OTHERWISE = (
        "07", "Hồ sơ đã có khoản thu này với nội dung hoặc số tiền khác", "The dossier's fee is asked or paid otherwise already",
    )  # fmt: skip
    UNKNOWN_PARTNER = ("08", "Mã đối tác không có hiệu lực", "The partner code is not in force")
    CANCELLED = ("10", "Giao dịch đã hủy", "Cancelled")
    EXPIRED = ("11", "Giao dịch đã hết hạn", "Expired")
    UNISSUED = ("12", "Chưa phát hành biên lai", "No receipt is issued yet")
    REVERSED = ("13", "Giao dịch đã bị thu hồi", "Taken back by the gateway")
    UNKNOWN_TYPE = ("96", "Loại bản tin không được hỗ trợ", "This type of message is not known")
    NOT_PROVEN = ("97", "Mã xác thực không đúng", "MaXacThuc is wrong")
    TRY_AGAIN = ("98", "Hệ thống tạm gián đoạn, vui lòng gửi lại", "Briefly unavailable: send it again")
    OUR_FAULT = ("99", "Lỗi khác", "Another error")

    @property
    def code(self) -> str:
        """The MaLoi."""
        return str(self.value[0])

    def text(self, detail: Text | None = None) -> str:
        """Return the MoTaLoi: Vietnamese, then English."""
        _, vi, en = self.value
        return f"{vi}: {detail.vi} ({en}: {detail.en})" if detail else f"{vi} ({en})"


FAILURES = frozenset({Said.CANCELLED.code, Said.EXPIRED.code, Said.REVERSED.code})
"""What CONFIRM says of a payment that is over and unpaid; none is `99`, by which portals say that they failed themselves."""
