"""MoMo's ways to pay, and what its resultCode means: MOMO-D publishes 36 of them in one table for every call.

A code speaks of the order in an IPN or a return; in an answer it may speak of the question, so the tables tell apart who said it.
MOMO-D is developers.momo.vn/v3/docs/payment/api. Its column "Final Status" says whether the same request answers the same again.
"""

from __future__ import annotations

from gateways.base import Method, Outcome, RefundOutcome
from gateways.codes import Code, Codes

_TABLE = "MOMO-D result-handling/resultcode"
_REFUND = "MOMO-D payment-api/refund; result-handling/resultcode"
_ORDER = "callback query create"

METHODS = (
    # MOMO-D wallet/onetime, atm/onetime, credit/onetime: amount. Of the last two versions are public, to 10 and to 50 million.
    Method("captureWallet", "Ví MoMo", "MoMo wallet", 1_000, 50_000_000),
    Method("payWithATM", "Thẻ ATM nội địa (qua MoMo)", "Card of a bank in Viet Nam (by MoMo)", 10_000, 50_000_000),
    Method("payWithCC", "Thẻ quốc tế (qua MoMo)", "International card (by MoMo)", 1_000, 10_000_000),
)


def _failed(code: str, vi: str, en: str, *, retry: bool = False) -> Code[Outcome]:
    return Code(_ORDER, (code,), Outcome.FAILED, _TABLE, not_paid=True, retry=retry, vi=vi, en=en)


CODES = Codes(
    Code("callback query", ("0",), Outcome.SUCCEEDED, _TABLE),
    # Authorised. "For 1-step payment, please mark this transaction as success": every order of ours has autoCapture true.
    Code("callback query", ("9000",), Outcome.SUCCEEDED, _TABLE),
    # How long MoMo's page waits is not published, so this proves nothing when our own time is over: 1005 does.
    Code(
        _ORDER, ("1000",), Outcome.PENDING, _TABLE,
        vi="MoMo đang chờ bạn xác nhận. Hãy mở ứng dụng MoMo và hoàn tất thanh toán.",
        en="MoMo is waiting for you to confirm. Open the MoMo app and complete the payment.",
    ),
    Code(
        _ORDER, ("7000 7002",), Outcome.PENDING, _TABLE,
        vi="Giao dịch đang được xử lý. Đừng thanh toán lại: kết quả sẽ hiện tại đây.",
        en="The payment is being processed. Do not pay again: the result will be shown here.",
    ),
    Code(
        _ORDER, ("1006",), Outcome.CANCELLED, _TABLE, not_paid=True, retry=True,
        vi="Bạn đã từ chối xác nhận thanh toán tại MoMo. Chưa có khoản tiền nào được thu.",
        en="You declined to confirm the payment at MoMo. No money was taken.",
    ),
    # Authorised and then cancelled by MoMo: what 9000 had confirmed is taken back, and where nothing was confirmed nothing comes.
    Code(
        _ORDER, ("1003",), Outcome.REVERSED, _TABLE, not_paid=True, retry=True,
        vi="MoMo đã hủy giao dịch sau khi xác nhận; tiền tạm giữ, nếu có, được MoMo hoàn lại. Hãy thử lại.",
        en="MoMo cancelled the payment after confirming it and gives back what it held. Try again.",
    ),
    _failed("1001", "Tài khoản không đủ số dư. Hãy nạp thêm hoặc dùng nguồn tiền khác.",
            "The account does not hold enough. Top it up, or pay from another."),
    _failed("1002", "Ngân hàng phát hành từ chối giao dịch. Hãy dùng thẻ hoặc cách khác.",
            "The card's or account's bank refused. Use another, or pay another way."),
    _failed("1004", "Đã vượt hạn mức thanh toán ngày hoặc tháng. Hãy thanh toán ngày khác hoặc dùng cách khác.",
            "The daily or monthly limit is reached. Pay on another day, or another way."),
    _failed("1005", "Đường dẫn hoặc mã QR đã hết hạn. Hãy thử lại.", "The link or QR code expired. Try again.", retry=True),
    _failed("1007", "Tài khoản MoMo không tồn tại hoặc đã ngưng hoạt động. Hãy kiểm tra tài khoản hoặc dùng cách khác.",
            "The MoMo account does not exist or is not active. Check it, or pay another way."),
    _failed("1017", "Giao dịch đã bị hủy. Chưa có khoản tiền nào được thu; hãy thử lại.",
            "The payment was cancelled. No money was taken; try again.", retry=True),
    _failed("1026", "Chương trình khuyến mãi không áp dụng cho giao dịch này. Hãy thử lại mà không dùng ưu đãi.",
            "A promotion does not allow this payment. Try again without it.", retry=True),
    _failed("2019", "MoMo không nhận giao dịch này. Hãy dùng cách khác.", "MoMo does not take this payment. Pay another way."),
    _failed("4001", "Tài khoản MoMo đang bị hạn chế. Hãy liên hệ MoMo hoặc dùng cách khác.",
            "The MoMo account is restricted. Ask MoMo, or pay another way."),
    _failed("4002", "Tài khoản MoMo chưa xác thực sinh trắc học. Hãy cập nhật căn cước qua NFC trong ứng dụng MoMo.",
            "The MoMo account is not verified. Update your identity card by NFC in the MoMo app."),
    _failed("4100", "Đăng nhập MoMo không thành công. Hãy thử lại.", "Signing in to MoMo failed. Try again.", retry=True),
    _failed("98", "MoMo chưa tạo được mã QR. Hãy thử lại.", "MoMo could not make the QR code. Try again.", retry=True),
    # Final of an order; of a question it is a fault like any other.
    Code(
        "callback", ("99",), Outcome.FAILED, _TABLE, not_paid=True,
        vi="Giao dịch không thành công tại MoMo. Hãy thử lại sau hoặc dùng cách khác.",
        en="MoMo could not complete the payment. Try again later, or pay another way.",
    ),
    Code("query create", ("99",), Outcome.UNKNOWN, _TABLE),
    Code("query", ("42",), Outcome.NOT_FOUND, _TABLE, not_paid=True),
    # To create: turned away before there is an order, and nobody holds a page to pay it on.
    Code(
        "create", ("10",), Outcome.FAILED, _TABLE, retry=True,
        vi="MoMo đang bảo trì. Hãy thử lại sau hoặc dùng cách khác.", en="MoMo is down for maintenance. Try later, or another way.",
    ),
    Code(
        "create", ("11 12 13 20 21 22 42 45 47",), Outcome.FAILED, _TABLE,
        vi="MoMo chưa nhận yêu cầu thanh toán này. Hãy dùng cách khác.", en="MoMo did not take this payment. Pay another way.",
    ),
    # Another request has this id, this order or this money: what became of it only asking tells.
    Code("create", ("40 41 43 1080 1081 1088",), Outcome.UNKNOWN, _TABLE),
    # Of a question, or of a refund: nothing is said of the order.
    Code("callback query", ("10 11 12 13 20 21 22 40 41 43 45 47 1080 1081 1088",), Outcome.UNKNOWN, _TABLE),
    Code("callback", ("42",), Outcome.UNKNOWN, _TABLE),
)  # fmt: skip
"""Not in it, so unknown: 0 and 9000 in an answer to create, which promise no money, and codes of tomorrow."""

_REFUSED = "1001 1004 1007 1080 1081 1088 4001 4002"

REFUND_CODES = Codes(
    Code("refund", ("0",), RefundOutcome.ACCEPTED, _REFUND),
    Code("refund", ("1000 7000 7002",), RefundOutcome.PROCESSING, _REFUND),
    # Final by the table, and each says itself that this try gives nothing back.
    Code("refund", (_REFUSED,), RefundOutcome.REFUSED, _REFUND),
    # Two codes: the question's, and that of the row of `refundTrans` that has this try's orderId.
    Code("query", ("0", "0"), RefundOutcome.ACCEPTED, _REFUND),
    Code("query", ("0", "1000 7000 7002"), RefundOutcome.PROCESSING, _REFUND),
    Code("query", ("0", _REFUSED), RefundOutcome.REFUSED, _REFUND),
)
"""Not in it, so unknown: 40 and 41, which may mean that this very try is known there; 42 and 43; 99; 1002, a refusal by the card's
bank or no word from it; faults of the request, none of them final by the table; a try that no row names; codes of tomorrow."""
