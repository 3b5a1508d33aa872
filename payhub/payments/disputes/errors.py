"""What can go wrong with a dispute."""

from __future__ import annotations

from typing import ClassVar

from payhub.errors import PayHubError, Text


class NotDisputable(PayHubError):
    """More of a line is disputed than was paid by it, or the payment is not paid."""

    code, status = "not_disputable", 409
    title: ClassVar[Text] = Text("Số tiền khiếu nại vượt quá số đã thu", "More is disputed than was paid")


class DisputeKnown(PayHubError):
    """The gateway account has a dispute with this case number."""

    code, status = "dispute_known", 409
    title: ClassVar[Text] = Text("Hồ sơ khiếu nại này đã được ghi nhận", "A dispute with this case number is known already")


class DisputeEnded(PayHubError):
    """The dispute was won or lost before."""

    code, status = "dispute_ended", 409
    title: ClassVar[Text] = Text("Khiếu nại này đã có kết quả", "This dispute has ended already")
