"""What can go wrong with a payment."""

from __future__ import annotations

from typing import ClassVar

from payhub.errors import PayHubError, Text


class PortalReferenceTaken(PayHubError):
    """The portal used this reference before; references are for ever."""

    code, status = "portal_reference_taken", 409
    title: ClassVar[Text] = Text(
        "Mã tham chiếu đã được dùng cho một khoản khác", "This portal_reference belongs to another payment"
    )


class DossierAlreadyAsked(PayHubError):
    """The same fee of the same dossier is open or paid."""

    code, status = "dossier_already_asked", 409
    title: ClassVar[Text] = Text(
        "Khoản phí này của hồ sơ đang chờ hoặc đã được thanh toán; gửi additional nếu thực sự thu thêm",
        "This fee of this dossier is already open or paid; say additional if it really is one more",
    )


class AgencyNotGranted(PayHubError):
    """The portal may not ask for this agency or fee."""

    code, status = "agency_not_granted", 403
    title: ClassVar[Text] = Text(
        "Cổng không được phép thu cho cơ quan hoặc khoản này", "The portal may not ask for this agency or fee"
    )


class GatewayNotOffered(PayHubError):
    """No such way to pay, or not for this amount."""

    code, status = "gateway_not_offered", 422
    title: ClassVar[Text] = Text("Phương thức này không dùng được cho khoản này", "This way to pay is not offered for this payment")


class NotCancellable(PayHubError):
    """Paid or reversed: it is refunded, not cancelled."""

    code, status = "payment_not_cancellable", 409
    title: ClassVar[Text] = Text(
        "Khoản đã thanh toán không hủy được, hãy yêu cầu hoàn trả", "A paid payment is refunded, not cancelled"
    )


class NotReplaceable(PayHubError):
    """Paid, cancelled or reversed: nothing is left to replace."""

    code, status = "payment_not_replaceable", 409
    title: ClassVar[Text] = Text("Khoản này không còn thay thế được", "This payment can no longer be replaced")
