"""What can go wrong with unapplied money."""

from __future__ import annotations

from typing import Any, ClassVar

from payhub.errors import PayHubError, Text


class NotAllocatable(PayHubError):
    """The money cannot pay this payment; `why` says which of the two stands in the way."""

    code, status = "not_allocatable", 409
    title: ClassVar[Text] = Text("Khoản tiền này không phân bổ được", "This money cannot be allocated so")

    def __init__(self, why: str, **facts: Any) -> None:
        super().__init__(_WHY[why], why=why, **facts)


_WHY = {
    "not_open": Text(
        "Khoản thanh toán phải đang mở hoặc đã hết hạn, và chưa bị hủy", "The payment must be open or expired, and not be cancelled"
    ),
    "replaced": Text("Khoản thanh toán đã được thay bằng khoản khác", "Another payment replaces this one"),
    "other_portal": Text("Khoản thanh toán thuộc cổng khác", "The payment is another portal's"),
    "other_currency": Text("Khác loại tiền", "The payment is in another currency"),
    "too_little": Text("Số tiền còn lại không đủ trả toàn bộ khoản thanh toán", "What is available does not pay the whole payment"),
}
