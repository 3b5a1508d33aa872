"""Why a statement is refused. A refused file changes nothing; no message quotes what stood in it."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from payhub.errors import PayHubError, Text


class StatementNotTaken(PayHubError):
    """A file of statements that is not taken, and nothing of it."""

    code, status = "statement_not_taken", 422
    title: ClassVar[Text] = Text("Sao kê bị từ chối, không có gì được ghi", "The statement is refused; nothing of it was kept")

    def __init__(self, vi: str, en: str, **facts: Any) -> None:
        told = {name: value for name, value in facts.items() if value is not None}
        super().__init__(Text(vi, en), **told)


class StatementEmpty(StatementNotTaken):
    """There is no statement in the file."""

    code = "statement_empty"

    def __init__(self) -> None:
        super().__init__("tệp không có sao kê nào", "there is no statement in the file")


class NoNotifications(StatementNotTaken):
    """The account's register says of no standard for notifications."""

    code = "statement_not_expected"

    def __init__(self) -> None:
        super().__init__("tài khoản này không nhận báo có", "this account has no notifications")


class OtherAccount(StatementNotTaken):
    """The statement is of another account, or of another currency."""

    code = "statement_account_differs"

    def __init__(self, what: str) -> None:
        super().__init__(f"sao kê của tài khoản hoặc loại tiền khác: {what}", f"of another account or currency: {what}", field=what)


class BalanceMissing(StatementNotTaken):
    """A statement without its balances proves nothing."""

    code = "statement_balance_missing"

    def __init__(self) -> None:
        super().__init__("thiếu số dư đầu hoặc cuối", "the opening or closing balance is missing")


class DaysUnknown(StatementNotTaken):
    """Neither the head nor a line says of which days it is, or a line is of another day."""

    code = "statement_days_wrong"

    def __init__(self) -> None:
        super().__init__("không rõ kỳ sao kê, hoặc có dòng ngoài kỳ", "its days are not said, or a line is of another day")


class StatementOverlaps(StatementNotTaken):
    """The statement covers some days of another one, and not all."""

    code, status = "statement_period_overlaps", 409

    def __init__(self, first: date, last: date) -> None:
        super().__init__(
            f"một sao kê khác đã có các ngày {first} đến {last}; sao kê thay thế phải có đủ các ngày đó",
            f"another statement covers {first} to {last}; one that takes its place must cover all of these days",
            first=str(first), last=str(last),
        )  # fmt: skip


class NothingAgreed(PayHubError):
    """Nobody has said what a payout is, or it was taken back."""

    code, status = "nothing_agreed", 409
    title: ClassVar[Text] = Text("Chưa ai xác nhận khoản quyết toán này", "Nobody has said which entries this payout is")


REFUSALS = (StatementEmpty, NoNotifications, OtherAccount, BalanceMissing, DaysUnknown, StatementOverlaps)
