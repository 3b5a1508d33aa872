"""What can go wrong with giving money back."""

from __future__ import annotations

from typing import ClassVar

from payhub.errors import PayHubError, Text


class NotRefundable(PayHubError):
    """More was asked back than is there: the rest was refunded, is being refunded, disputed or reversed, or never paid."""

    code, status = "not_refundable", 409
    title: ClassVar[Text] = Text("Số tiền yêu cầu hoàn vượt quá số còn hoàn được", "More is asked back than can be refunded")


class GatewayRefundsNothing(PayHubError):
    """The gateway that took the money gives none back when it is asked to."""

    code, status = "gateway_refunds_nothing", 422
    title: ClassVar[Text] = Text(
        "Đơn vị thanh toán đã thu khoản này không hỗ trợ hoàn tiền qua hệ thống",
        "The gateway that took this money gives none back through the hub",
    )


class RefundNotRetriable(PayHubError):
    """Only a refund that failed is sent again."""

    code, status = "refund_not_retriable", 409
    title: ClassVar[Text] = Text("Chỉ gửi lại được yêu cầu hoàn đã thất bại", "Only a refund that failed can be sent again")


class RefundDecided(PayHubError):
    """What became of the refund is known; there is nothing to say about it."""

    code, status = "refund_decided", 409
    title: ClassVar[Text] = Text("Kết quả hoàn tiền đã được xác định", "What became of this refund is known already")
