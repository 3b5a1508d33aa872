"""ZaloPay's tables: what its codes mean, how a callback is answered, and the ways to pay.

return_code and sub_return_code are read together, with is_processing in answers to a query. The published tables disagree on where
the negative codes stand (beside return_code 2, or as the return_code itself): both are read.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateways.base import Method, Outcome, RefundOutcome, Verdict
from gateways.codes import Code, Codes

_STATUS_CODES = "docs.zalopay.vn v2, status codes"
_CALLBACK = "docs.zalopay.vn v2, callback"
_REDIRECT = "docs.zalopay.vn v2, redirect"
_OPENAPI = "zalopay-oss/zalopay-nodejs, specs/zlp.yaml"
_DOOR = f"{_STATUS_CODES}; {_OPENAPI}"
_GENERAL = "docs.zalopay.vn, general/errors"
_ENDED = "false -"


def _not_created(codes: str, vi: str, en: str, *, retry: bool = False) -> tuple[Code[Outcome], Code[Outcome]]:
    # Whatever ZaloPay did, nobody was given the address at which this order could be paid.
    return (
        Code("create", ("2", codes), Outcome.FAILED, _DOOR, not_paid=True, retry=retry, vi=vi, en=en),
        Code("create", (codes, "*"), Outcome.FAILED, _DOOR, not_paid=True, retry=retry, vi=vi, en=en),
    )


def _query(
    codes: str, outcome: Outcome, vi: str = "", en: str = "", *, retry: bool = True, source: str = _STATUS_CODES
) -> Code[Outcome]:
    return Code("query", ("2", codes, _ENDED), outcome, source, not_paid=True, retry=retry, vi=vi, en=en)


CODES = Codes(
    # The only code of a callback is its type; there is none for a payment that failed.
    Code("callback", ("1",), Outcome.SUCCEEDED, _CALLBACK),
    Code("return", ("1",), Outcome.PENDING, _REDIRECT),
    Code(
        "create", ("2", "-68"), Outcome.UNKNOWN, _STATUS_CODES,
        vi="ZaloPay đã nhận đơn này trước đó. Đừng thanh toán lại: chúng tôi sẽ hỏi ZaloPay và báo tại đây.",
        en="ZaloPay already has this order. Do not pay again: we will ask ZaloPay and say here what became of it.",
    ),
    *_not_created("-401 -402 -403 -405 -500",
                  "Không tạo được đơn tại ZaloPay. Chưa có khoản tiền nào được thu; hãy dùng cách khác.",
                  "ZaloPay could not take the order. No money was taken; pay another way."),
    *_not_created("-429", "ZaloPay đang quá tải. Chưa có khoản tiền nào được thu; hãy thử lại sau ít phút.",
                  "ZaloPay is too busy. No money was taken; try again in a few minutes.", retry=True),
    *_not_created("-33 -999", "ZaloPay đang bảo trì. Chưa có khoản tiền nào được thu; hãy thử lại sau hoặc dùng cách khác.",
                  "ZaloPay is down for maintenance. No money was taken; try again later, or pay another way."),
    Code("query", ("1", "1", _ENDED), Outcome.SUCCEEDED, _STATUS_CODES),
    # Not yet paid and being processed are one code: it proves nothing, however late it is said.
    Code("query", ("3", "*", "*"), Outcome.PENDING, _STATUS_CODES),
    _query("-54", Outcome.FAILED, "Đã hết thời gian thanh toán tại ZaloPay. Hãy thử lại.",
           "The time to pay at ZaloPay ran out. Try again."),
    _query("-322", Outcome.FAILED, "Mã thanh toán đã hết hạn, tài khoản chưa bị trừ tiền. Hãy thử lại.",
           "The payment code ran out, and the account was not debited. Try again.", source=_OPENAPI),
    _query("-329", Outcome.CANCELLED, "Bạn đã hủy giao dịch tại ZaloPay. Chưa có khoản tiền nào được thu.",
           "You cancelled at ZaloPay. No money was taken.", source=_OPENAPI),
    # Until the order expires the citizen may try again in it, from elsewhere or with more in the wallet.
    _query("-63", Outcome.PENDING, "Ví ZaloPay không đủ số dư. Hãy nạp thêm hoặc dùng cách khác.",
           "The ZaloPay wallet does not hold enough. Top it up, or pay another way."),
    _query("-332 -333", Outcome.PENDING, "ZaloPay không áp dụng được ưu đãi đã chọn. Hãy thử lại mà không dùng ưu đãi.",
           "ZaloPay could not apply the promotion. Try again without it."),
    _query("-1330 -1331 -1332 -1333", Outcome.PENDING,
           "Đã vượt hạn mức giao dịch trong ngày. Hãy thanh toán ngày khác hoặc dùng cách khác.",
           "The account's daily limit is reached. Pay on another day, or another way.", retry=False),
    _query("-1340 -1341 -1342 -1343", Outcome.PENDING, "Đã vượt hạn mức giao dịch trong tháng. Hãy dùng cách khác.",
           "The account's monthly limit is reached. Pay another way.", retry=False),
    _query("-49", Outcome.PENDING, source=_GENERAL),
    _query("-101", Outcome.NOT_FOUND),
)  # fmt: skip
"""Not in it, so unknown: codes that speak of the question (-92, -401 to -405, -429, -500, -999), -217, a fault at the bank after
which it may hold money, is_processing beside anything but 3, codes that contradict each other, and codes of tomorrow."""

_FAULTS = "-401 -402 -403 -405 -429"
"""Form, app, signature, client and rate: found at the door, before any money is looked for."""

REFUND_CODES = Codes(
    Code("refund query", ("1", "1"), RefundOutcome.ACCEPTED, _STATUS_CODES),
    Code("refund query", ("3", "*"), RefundOutcome.PROCESSING, _STATUS_CODES),
    Code("refund", ("2", "-13 -14"), RefundOutcome.REFUSED, _STATUS_CODES),
    Code("refund", ("2", _FAULTS), RefundOutcome.REFUSED, _DOOR),
    Code("refund", (_FAULTS, "*"), RefundOutcome.REFUSED, _DOOR),
    Code("query", ("2", "0 -13 -14"), RefundOutcome.REFUSED, _STATUS_CODES),
)
"""Not in it, so unknown: -23, a duplicate of which the first may have gone through; -32 and -101, which ZaloPay's own OpenAPI file
explains as a fault for now and as money given back; -500 and -999; of an answer to query_refund all that speaks of the question;
codes that contradict each other, and codes of tomorrow."""

ANSWERS: Mapping[Verdict, tuple[int, str]] = {
    Verdict.RECORDED: (1, "success"),
    Verdict.REPEATED: (1, "success"),
    Verdict.UNKNOWN_REFERENCE: (2, "order not found"),
    Verdict.WRONG_AMOUNT: (2, "invalid amount"),
    Verdict.FORGED: (2, "invalid mac"),
    Verdict.MALFORMED: (2, "invalid data"),
    Verdict.OUR_FAULT: (0, "try again"),
}
"""return_code and return_message (callback). ZaloPay sends again after 0 only, up to three times. One document calls 2 a duplicate
and another a failure: a repeat is answered as what it is to us, taken."""

PREFERRED: Mapping[str, tuple[str, ...]] = {
    "": (),
    "zalopay_wallet": ("zalopay_wallet",),
    "vietqr": ("vietqr",),
    "domestic_card": ("domestic_card", "account"),
    "international_card": ("international_card",),
}
"""embed_data.preferred_payment_method for each method (create, table of bank_code and preferred_payment_method)."""

AMOUNT_END = 10**15

METHODS = (
    Method("", "Ví ZaloPay, thẻ hoặc tài khoản ngân hàng", "ZaloPay wallet, bank card or bank account", 1, AMOUNT_END - 1),
    Method("zalopay_wallet", "Ví ZaloPay", "ZaloPay wallet", 1, AMOUNT_END - 1),
    Method("vietqr", "Quét mã bằng ứng dụng ngân hàng hoặc ZaloPay", "Scan a code with a bank's app or ZaloPay", 1, AMOUNT_END - 1),
    Method("domestic_card", "Thẻ ATM hoặc tài khoản trong nước", "Card or account of a bank in Viet Nam", 1, AMOUNT_END - 1),
    Method("international_card", "Thẻ quốc tế", "International card", 1, AMOUNT_END - 1),
)
