"""What VNPAY's codes mean: vnp_ResponseCode and vnp_TransactionStatus, read together."""

from __future__ import annotations

from gateways.base import Outcome, RefundOutcome
from gateways.codes import Code, Codes

_RESPONSES = "paygate 2.1.0, vnp_ResponseCode"
_STATUSES = "paygate 2.1.0, vnp_TransactionStatus"
_QUERY = "paygate 2.1.0, querydr"
_REFUND = "paygate 2.1.0, refund"
_ENDED = "02 -"


def _failed(responses: str, vi: str, en: str, *, retry: bool = True, statuses: str = _ENDED) -> Code[Outcome]:
    return Code("callback", (responses, statuses), Outcome.FAILED, _RESPONSES, not_paid=True, retry=retry, vi=vi, en=en)


CODES = Codes(
    Code("callback", ("00", "00"), Outcome.SUCCEEDED, _RESPONSES),
    Code("callback", ("*", "04"), Outcome.REVERSED, _STATUSES),
    # Debited, and suspected of fraud: neither paid nor unpaid.
    Code(
        "callback", ("07", "*"), Outcome.UNKNOWN, _RESPONSES,
        vi="Ngân hàng đang kiểm tra giao dịch này. Đừng thanh toán lại: chúng tôi sẽ hỏi VNPAY và báo tại đây.",
        en="The bank is looking into this transaction. Do not pay again: we will ask VNPAY and say here what became of it.",
    ),
    Code("callback", ("*", "01"), Outcome.PENDING, _STATUSES, not_paid=True),
    Code(
        "callback", ("24", _ENDED), Outcome.CANCELLED, _RESPONSES, not_paid=True, retry=True,
        vi="Bạn đã hủy giao dịch tại VNPAY. Chưa có khoản tiền nào được thu.",
        en="You cancelled at VNPAY. No money was taken.",
    ),
    _failed("09", "Thẻ hoặc tài khoản chưa đăng ký dịch vụ ngân hàng trực tuyến. Hãy dùng thẻ khác hoặc đăng ký với ngân hàng.",
            "The card or account has no internet banking. Use another, or register with the bank.", retry=False),
    _failed("10", "Thông tin thẻ hoặc tài khoản sai quá ba lần. Hãy thử lại hoặc dùng cách khác.",
            "The card's or account's details were wrong three times. Try again, or pay another way."),
    _failed("11", "Đã hết thời gian thanh toán tại VNPAY. Hãy thử lại.", "The time to pay at VNPAY ran out. Try again."),
    _failed("12", "Thẻ hoặc tài khoản bị khóa. Hãy liên hệ ngân hàng hoặc dùng cách khác.",
            "The card or account is locked. Ask the bank, or pay another way.", retry=False),
    _failed("13", "Mã OTP không đúng. Hãy thử lại.", "The one-time code was wrong. Try again."),
    _failed("51", "Tài khoản không đủ số dư. Hãy dùng tài khoản khác.",
            "The account does not hold enough. Use another.", retry=False),
    _failed("65", "Đã vượt hạn mức giao dịch trong ngày. Hãy thanh toán ngày khác hoặc dùng cách khác.",
            "The account's daily limit is reached. Pay on another day, or another way.", retry=False),
    _failed("75", "Ngân hàng đang bảo trì. Hãy thử lại sau hoặc dùng cách khác.",
            "The bank is down for maintenance. Try again later, or pay another way.", retry=False),
    _failed("79", "Mật khẩu thanh toán sai quá số lần cho phép. Hãy thử lại.",
            "The payment password was wrong too often. Try again."),
    _failed("99", "Giao dịch không thành công tại VNPAY. Chưa có khoản tiền nào được thu; hãy thử lại hoặc dùng cách khác.",
            "VNPAY could not complete the payment. No money was taken; try again, or pay another way.", statuses="02"),
    # In an answer to querydr the response code speaks of the question, and only the status of the order.
    Code("query", ("00", "00"), Outcome.SUCCEEDED, _QUERY),
    Code("query", ("00", "01"), Outcome.PENDING, _QUERY, not_paid=True),
    Code(
        "query", ("00", "02"), Outcome.FAILED, _QUERY, not_paid=True, retry=True,
        vi="Giao dịch không thành công tại VNPAY. Chưa có khoản tiền nào được thu; hãy thử lại hoặc dùng cách khác.",
        en="VNPAY could not complete the payment. No money was taken; try again, or pay another way.",
    ),
    Code("query", ("00", "04"), Outcome.REVERSED, _QUERY),
    Code("query", ("91", "- 01 02"), Outcome.NOT_FOUND, _QUERY, not_paid=True),
)  # fmt: skip
"""Not in it, so unknown: the states of a refund (05, 06, 09), codes that contradict each other, codes of tomorrow."""

REFUND_CODES = Codes(
    Code("refund", ("00", "00 05 06"), RefundOutcome.ACCEPTED, _REFUND),
    Code("refund", ("00", "09"), RefundOutcome.REFUSED, _REFUND),
    Code("refund", ("94", "- 00 01 05 06"), RefundOutcome.PROCESSING, _REFUND),
    Code("refund", ("95", "- 01 02 09"), RefundOutcome.REFUSED, _REFUND),
    Code("refund", ("91", "- 01 02"), RefundOutcome.NOT_FOUND, _REFUND),
    # Terminal, form, signature: faults of the request that are found before any money is looked for.
    Code("refund", ("02 03 97", "-"), RefundOutcome.REFUSED, _REFUND),
    Code("query", ("00", "00 05 06"), RefundOutcome.ACCEPTED, _QUERY),
    Code("query", ("00", "09"), RefundOutcome.REFUSED, _QUERY),
    Code("query", ("91", "- 01 02"), RefundOutcome.NOT_FOUND, _QUERY),
)
"""05 is in process at VNPAY, 06 sent to the bank: both are taken. Not in it, so unknown: 99, codes that contradict each other, and
codes of tomorrow."""
