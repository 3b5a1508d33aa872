"""Why a key opens nothing, or not now."""

from __future__ import annotations

from payhub.errors import Forbidden, PayHubError, Text, Unauthenticated


class KeyOfOtherMode(Unauthenticated):
    """A key of the sandbox shown to a hub of real money, or the other way round."""

    code = "key_of_other_mode"
    title = Text("Khóa API thuộc môi trường khác", "The API key is of another environment")


class KeyExpired(Unauthenticated):
    """The key was good until its time was over."""

    code = "key_expired"
    title = Text("Khóa API đã hết hạn", "The API key has expired")


class KeyRevoked(Unauthenticated):
    """Somebody ended the key."""

    code = "key_revoked"
    title = Text("Khóa API đã bị thu hồi", "The API key was revoked")


class AddressNotAllowed(Forbidden):
    """The key is good, and not from here."""

    code = "address_not_allowed"
    title = Text("Khóa API không được dùng từ địa chỉ mạng này", "The API key may not be used from this address")


class RateLimited(PayHubError):
    """More calls than the key may make; nothing was done."""

    code, status = "rate_limited", 429
    title = Text("Gọi quá nhanh so với hạn mức của khóa API", "The API key's calls come faster than its limit")

    def __init__(self, wait_s: int) -> None:
        vi, en = f"Thử lại sau {wait_s} giây, giữ nguyên Idempotency-Key", f"Try again in {wait_s} s, with the same Idempotency-Key"
        super().__init__(Text(vi, en), headers={"Retry-After": str(wait_s)})


REFUSALS = (KeyOfOtherMode, KeyExpired, KeyRevoked, AddressNotAllowed, RateLimited)
"""What any address that asks for a key may answer with, beside `Unauthenticated` and `Forbidden`."""
