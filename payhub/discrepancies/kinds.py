"""Every kind of discrepancy: what it is called, within how many days somebody must have dealt with it, and whether it is urgent.

Urgent is what may mean that money is gone, that somebody was charged for nothing, or that nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from payhub.errors import Text


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind, and its term in whole days."""

    days: int
    urgent: bool
    title: Text


def _kind(days: int, vi: str, en: str) -> Kind:
    return Kind(days, urgent=False, title=Text(vi, en))


def _urgent(days: int, vi: str, en: str) -> Kind:
    return Kind(days, urgent=True, title=Text(vi, en))


TABLE: Mapping[str, Kind] = {
    "missing_at_gateway": _urgent(2, "Cổng thanh toán không liệt kê khoản đã thu", "Paid here, in no file of the gateway"),
    "missing_at_hub": _urgent(1, "Cổng thanh toán liệt kê khoản hệ thống chưa có", "In the gateway's file, not paid here"),
    "amount_differs": _kind(2, "Số tiền hai bên khác nhau", "The amounts differ"),
    "currency_differs": _kind(2, "Loại tiền hai bên khác nhau", "The currencies differ"),
    "duplicate_at_gateway": _kind(3, "Tệp của cổng liệt kê hai lần", "The gateway's files list it twice"),
    "paid_twice": _urgent(1, "Đã nộp hai lần", "Paid twice"),
    "cancelled_but_paid": _urgent(1, "Đã hủy nhưng vẫn có tiền", "Cancelled, and money came"),
    "underpaid": _kind(2, "Nộp thiếu", "Less came than was asked"),
    "overpaid": _kind(2, "Nộp thừa", "More came than was asked"),
    "partial_transfers": _kind(3, "Chuyển khoản thành nhiều phần", "Transfers in parts"),
    "reversed": _urgent(1, "Cổng thanh toán đã thu hồi", "Taken back by the gateway"),
    "refund_unknown": _urgent(2, "Không rõ kết quả hoàn tiền", "What became of a refund is not known"),
    "refund_missing_at_gateway": _kind(2, "Hoàn tiền không có trong tệp của cổng", "A refund is in no file of the gateway"),
    "refund_amount_differs": _kind(2, "Số tiền hoàn hai bên khác nhau", "The amounts of a refund differ"),
    "refund_and_reversal": _urgent(1, "Đã hoàn tiền và còn bị thu hồi", "Refunded and taken back: it left twice"),
    "late": _kind(3, "Tiền đến muộn hoặc báo muộn", "Money came late, or was reported late"),
    "fee_differs": _kind(5, "Phí dịch vụ của cổng khác thỏa thuận", "The gateway's own fee is another than agreed"),
    "wrong_account": _urgent(1, "Tiền vào sai tài khoản", "Money on the wrong account"),
    "conflicted_payee": _kind(2, "Người thụ hưởng không khớp", "Another payee than the one asked for"),
    "unreadable_reference": _kind(3, "Nội dung chuyển khoản không đọc được", "A transfer whose text names nothing"),
    "abolished_code": _kind(5, "Mã đã bãi bỏ", "A code that is no longer in force"),
    "count_or_sum_differs": _kind(1, "Tệp không khớp số đã khai báo", "A file is not what it declares"),
    "statement_gap": _urgent(1, "Sao kê bị gián đoạn", "A gap between two statements"),
    "file_missing": _kind(1, "Chưa có tệp đúng hạn", "A file has not come"),
    "payout_missing": _urgent(1, "Tiền quyết toán chưa về", "A payout of the gateway has not come"),
    "banked_differs": _urgent(1, "Số tiền về tài khoản khác thông báo", "Another sum was banked than announced"),
    "unknown_outcome": _urgent(1, "Không rõ kết quả thanh toán", "What became of an attempt is not known"),
    "portal_untold": _kind(1, "Chưa báo được cho cổng dịch vụ công", "A portal could not be told"),
    "declared_amount_differs": _kind(3, "Số tiền khai báo khác thực tế", "Another amount was declared"),
}  # fmt: skip
