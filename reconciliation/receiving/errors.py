"""Why a file that came by itself is not taken, and why one that should come cannot be had. No message quotes a file."""

from __future__ import annotations

from typing import ClassVar

from payhub.errors import PayHubError, Text


class Unreachable(Exception):
    """A file, or where it is, cannot be had for now; `reason` is a word. It is tried again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


REASONS = (
    "unreachable", "timed_out", "host_key_differs", "host_key_unreadable", "no_secret", "key_unreadable", "login_refused",
    "protocol", "folder_missing", "file_missing", "not_allowed", "too_many_files", "lists_no_files", "answer_unreadable",
)  # fmt: skip
"""Every word there is for it."""


class NotTaken(PayHubError):
    """A file that came by itself and is refused before it is read."""

    code, status = "file_refused", 422
    title: ClassVar[Text] = Text("Tệp bị từ chối, không có gì được ghi", "The file is refused; nothing of it was kept")


class PeriodUnknown(NotTaken):
    """Neither its name nor its rows say of which one day a settlement is."""

    code = "file_period_unknown"
    title: ClassVar[Text] = Text(
        "Không rõ tệp của ngày nào: các dòng thuộc nhiều ngày. Hãy ghi ngày trong tên tệp, ví dụ 2026-11-20.csv hoặc "
        "2026-11-20_2026-11-22.csv, hoặc khai báo mẫu tên trong danh mục nguồn tệp",
        "It is not said of which day the file is: its rows are of several. Put the day into its name, such as 2026-11-20.csv or "
        "2026-11-20_2026-11-22.csv, or declare a pattern of names in the register of file sources",
    )


class NameUnexpected(NotTaken):
    """The register says what files of this account are called, and it is not this."""

    code = "file_name_unexpected"
    title: ClassVar[Text] = Text(
        "Tên tệp không khớp mẫu đã khai báo trong danh mục nguồn tệp; hãy đổi tên tệp hoặc sửa mẫu",
        "The name fits no pattern of the register of file sources: rename the file, or change the pattern",
    )


class NameOdd(NotTaken):
    """A name of hidden characters, or one too long."""

    code = "file_name_odd"
    title: ClassVar[Text] = Text(
        "Tên tệp quá dài hoặc có ký tự điều khiển, ký tự ẩn; hãy đổi tên rồi gửi lại",
        "The name is too long or holds control or hidden characters: rename the file and hand it in again",
    )


class NoFile(NotTaken):
    """A link, a folder, or another thing that is no file."""

    code = "file_not_plain"
    title: ClassVar[Text] = Text(
        "Đây không phải là tệp thường (liên kết, thư mục…); hãy đặt chính tệp vào đây",
        "This is a link, a folder, or something else than a file: put the file itself here",
    )


class FileGone(PayHubError):
    """The file was taken away or replaced before it was read; what replaced it has a row of its own."""

    code, status = "file_gone", 409
    title: ClassVar[Text] = Text(
        "Tệp đã bị thay hoặc lấy đi trước khi được đọc; tệp mới (nếu có) được ghi nhận riêng",
        "The file was replaced or taken away before it was read; what replaced it is recorded by itself",
    )


class FileOver(PayHubError):
    """The file is taken, or refused, or being taken: there is nothing to cancel."""

    code, status = "file_over", 409
    title: ClassVar[Text] = Text(
        "Tệp đã hoặc đang được ghi nhận, không hủy được nữa", "The file is taken or being taken, and cannot be cancelled any more"
    )


class FileNotAgain(PayHubError):
    """Only what was refused, failed or was cancelled is tried again; what lies in a folder is moved back into it."""

    code, status = "file_not_again", 409
    title: ClassVar[Text] = Text(
        "Chỉ thử lại được tệp bị từ chối, bị lỗi hoặc đã hủy; với thư mục, hãy chuyển tệp trở lại thư mục incoming",
        "Only a file that was refused, failed or was cancelled is tried again; of a folder, move the file back into incoming",
    )


class TooLarge(NotTaken):
    """More bytes than one file may have."""

    code, status = "file_too_large", 413

    def __init__(self, most: int) -> None:
        super().__init__(Text(f"Tệp lớn hơn {most} byte", f"The file has more than {most} bytes"))
