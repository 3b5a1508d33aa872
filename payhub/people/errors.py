"""What can go wrong with what is known of people."""

from __future__ import annotations

from typing import ClassVar

from payhub.errors import PayHubError, Text


class PayerErased(PayHubError):
    """Two people have agreed that nobody sees this any more."""

    code, status = "payer_erased", 410
    title: ClassVar[Text] = Text(
        "Dữ liệu người nộp đã được xóa theo yêu cầu", "The payer's data was erased: nobody is shown it any more"
    )


class PayerUnknown(PayHubError):
    """The portal told nothing of who pays, or the term of all that was known is over."""

    code, status = "payer_unknown", 404
    title: ClassVar[Text] = Text("Không còn hoặc chưa từng có dữ liệu người nộp", "Nothing is known of who pays this payment")
