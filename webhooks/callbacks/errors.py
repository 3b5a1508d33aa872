"""What can go wrong with a message that is kept."""

from __future__ import annotations

from typing import ClassVar

from payhub.errors import PayHubError, Text


class CallbackDestroyed(PayHubError):
    """Its bytes were destroyed, at the erasure of who paid or when their term was over."""

    code, status = "callback_destroyed", 410
    title: ClassVar[Text] = Text(
        "Nội dung bản tin đã bị hủy theo thời hạn lưu trữ hoặc theo yêu cầu xóa dữ liệu; không thể xử lý lại",
        "The bytes of this message were destroyed, by its term or an erasure: nothing can be read from it again",
    )


class CallbackUnreadable(PayHubError):
    """Its bytes are there and do not open with the keys of this hub."""

    code, status = "callback_unreadable", 409
    title: ClassVar[Text] = Text(
        "Không mở được nội dung bản tin bằng các khóa hiện có", "The bytes of this message do not open with the keys on the ring"
    )
