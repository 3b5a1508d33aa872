"""What can go wrong at the checkout."""

from __future__ import annotations

from typing import ClassVar

from payhub.errors import PayHubError, Text


class NoSuchPage(PayHubError):
    """The link opens no payment: mistyped, cut off, or never ours."""

    code, status = "no_such_page", 404
    title: ClassVar[Text] = Text("Không tìm thấy khoản thanh toán", "No payment found")


class FormNotReadable(PayHubError):
    """The form lacks its token or a way to pay."""

    code, status = "form_not_readable", 400
    title: ClassVar[Text] = Text("Biểu mẫu không đầy đủ", "The form is incomplete")


class ForeignForm(PayHubError):
    """Another site sent the form."""

    code, status = "foreign_form", 403
    title: ClassVar[Text] = Text("Biểu mẫu không được gửi từ trang này", "The form was not sent from this page")
