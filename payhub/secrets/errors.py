"""What can go wrong with a secret."""

from __future__ import annotations

from typing import ClassVar

from payhub.errors import PayHubError, Text


class TwoSecretsLive(PayHubError):
    """One that signs and one that is on its way out: a third has no place until one is retired."""

    code, status = "two_secrets_live", 409
    title: ClassVar[Text] = Text(
        "Đã có hai khóa bí mật đang dùng; hãy thu hồi một khóa trước", "Two secrets are live already: retire one of them first"
    )


class SecretKnown(PayHubError):
    """The very same secret is live already."""

    code, status = "secret_known", 409
    title: ClassVar[Text] = Text("Khóa bí mật này đang được dùng", "This very secret is live already")


class SecretNotLive(PayHubError):
    """Only what is live is retired; what waits is declined or withdrawn with its proposal."""

    code, status = "secret_not_live", 409
    title: ClassVar[Text] = Text("Khóa bí mật này không ở trạng thái đang dùng", "This secret is not live")


class LastSecret(PayHubError):
    """Without it nothing verifies and nothing is signed."""

    code, status = "last_secret", 409
    title: ClassVar[Text] = Text(
        "Đây là khóa bí mật cuối cùng đang dùng; chỉ thu hồi khi xác nhận rõ `last`",
        "This is the last one live, and without it nothing is signed or verified: say `last` if that is meant",
    )
