"""What can go wrong, as facts: raised anywhere, answered once (`http.py`), as RFC 9457 problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence for a person, in both languages."""

    vi: str
    en: str

    def in_language(self, language: str) -> str:
        """Return the sentence in `vi` or, for anything else, in English."""
        return self.vi if language == "vi" else self.en


class PayHubError(Exception):
    """The root of all that the hub refuses. `code` is stable for programs, `title` is for people."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    title: ClassVar[Text] = Text("Yêu cầu không thực hiện được", "The request cannot be carried out")

    def __init__(self, detail: Text | None = None, *, headers: Mapping[str, str] | None = None, **facts: Any) -> None:
        super().__init__(detail.en if detail else self.title.en)
        self.detail = detail
        self.headers = dict(headers or {})
        self.facts = facts


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field of the input that cannot be used: JSON pointer, stable code, sentence."""

    pointer: str
    code: str
    text: Text


class InvalidInput(PayHubError):
    """Fields that cannot be used; nothing was stored."""

    code, status = "invalid_input", 422
    title = Text("Dữ liệu gửi lên không hợp lệ", "The input cannot be used")

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__()
        self.problems = tuple(problems)


class Malformed(PayHubError):
    """The body cannot be read at all."""

    code, status = "malformed", 400
    title = Text("Không đọc được nội dung yêu cầu", "The body of the request cannot be read")


class NotFound(PayHubError):
    """Nothing here under this name, or not for this caller: the two are not told apart."""

    code, status = "not_found", 404
    title = Text("Không tìm thấy", "Not found")


class Unauthenticated(PayHubError):
    """No key, or one that does not open anything."""

    code, status = "unauthenticated", 401
    title = Text("Thiếu khóa API hoặc khóa không hợp lệ", "The API key is missing or not valid")

    def __init__(self, detail: Text | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(PayHubError):
    """The key is good and does not allow this."""

    code, status = "forbidden", 403
    title = Text("Khóa API không có quyền này", "The API key does not allow this")


class Unavailable(PayHubError):
    """A store the hub needs does not answer; nothing was done."""

    code, status = "unavailable", 503
    title = Text("Hệ thống tạm thời gián đoạn, vui lòng thử lại", "The service is briefly unavailable, please try again")


class BodyTooLarge(PayHubError):
    """More bytes than this address takes."""

    code, status = "body_too_large", 413
    title = Text("Nội dung yêu cầu quá lớn", "The body of the request is too large")


class UnsupportedMediaType(PayHubError):
    """A body of another kind than this address takes."""

    code, status = "unsupported_media_type", 415
    title = Text("Nội dung phải là JSON (Content-Type: application/json)", "The body must be JSON (Content-Type: application/json)")


class MethodNotAllowed(PayHubError):
    """This address answers to other methods."""

    code, status = "method_not_allowed", 405
    title = Text("Phương thức không được hỗ trợ ở địa chỉ này", "This method is not offered here")


class Unexpected(PayHubError):
    """Our own fault; what was asked may or may not have been done."""

    code, status = "unexpected", 500
    title = Text("Lỗi của hệ thống; chưa chắc đã ghi nhận, hãy hỏi lại", "Our own fault; ask again before trusting the outcome")
