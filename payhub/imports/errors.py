"""What can go wrong with a file of a register."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from payhub.errors import FieldProblem, InvalidInput, PayHubError, Text
from payhub.imports.problems import Problem


class FileRefused(InvalidInput):
    """Rows that cannot be used; nothing was changed. `count` says how many things are wrong, `next` where the next page begins."""

    code, status = "register_file_refused", 422
    title: ClassVar[Text] = Text(
        "Tệp có dòng không dùng được; không có gì thay đổi", "The file has rows that cannot be used; nothing was changed"
    )

    def __init__(self, found: Sequence[Problem], limit: int = 100, after: int = 0) -> None:
        super().__init__([FieldProblem(each.pointer, each.code, each.text) for each in found[after : after + limit]])
        self.found = tuple(found)
        over = after + limit
        self.facts: dict[str, Any] = {"count": len(found), "next": str(over) if over < len(found) else None}


class NothingToChange(PayHubError):
    """The register says what the file says."""

    code, status = "nothing_to_change", 409
    title: ClassVar[Text] = Text("Tệp không khác gì danh mục hiện hành", "The file says what the register says already")


class ImportOutdated(PayHubError):
    """What was proposed cannot be done any more: days have passed since."""

    code, status = "register_import_outdated", 409
    title: ClassVar[Text] = Text(
        "Đề nghị đã quá ngày; hãy từ chối và lập lại",
        "Days have passed and it can no longer be done so: decline it and propose it anew",
    )


class RegisterRefused(PayHubError):
    """The database's own guards refuse the change."""

    code, status = "register_refused", 409
    title: ClassVar[Text] = Text("Danh mục không nhận thay đổi này", "The register does not take this change")


class NothingCools(PayHubError):
    """No account of the agency waits to take effect."""

    code, status = "no_account_waits", 409
    title: ClassVar[Text] = Text(
        "Không có tài khoản nào đang trong thời gian chờ", "No account of this agency is in its cooling time"
    )
