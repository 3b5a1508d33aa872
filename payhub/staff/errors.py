"""What can go wrong between two people."""

from __future__ import annotations

import uuid
from typing import ClassVar

from payhub.errors import Forbidden, PayHubError, Text


class RoleMissing(Forbidden):
    """The person is known and not trusted with this."""

    code, status = "role_missing", 403
    title: ClassVar[Text] = Text("Bạn chưa được giao vai trò cần cho việc này", "You do not have the role this needs")


class NotTwoPeople(PayHubError):
    """Whoever proposed may not decide."""

    code, status = "not_two_people", 403
    title: ClassVar[Text] = Text(
        "Người đề nghị không được tự duyệt; cần một người khác", "Whoever proposed this may not decide it: it takes another person"
    )


class NotTheProposer(PayHubError):
    """Only whoever proposed may withdraw."""

    code, status = "not_the_proposer", 403
    title: ClassVar[Text] = Text("Chỉ người đề nghị được rút lại", "Only whoever proposed this may withdraw it")


class TotpWrong(PayHubError):
    """The code is not one of this moment."""

    code, status = "totp_wrong", 403
    title: ClassVar[Text] = Text("Mã xác thực không đúng; hãy nhập mã đang hiện", "The code is wrong: enter the one shown now")


class TotpUsed(PayHubError):
    """The code was accepted before, or is older than one that was."""

    code, status = "totp_used", 403
    title: ClassVar[Text] = Text("Mã xác thực đã dùng; hãy đợi mã tiếp theo", "The code has been used: wait for the next one")


class ApprovalsLocked(PayHubError):
    """Too many wrong codes; no code is looked at for a while."""

    code, status = "approvals_locked", 429
    title: ClassVar[Text] = Text(
        "Nhập sai mã nhiều lần; quyền duyệt tạm khóa, hãy thử lại sau",
        "Too many wrong codes: your approvals are locked for a while",
    )

    def __init__(self, wait_s: int) -> None:
        super().__init__(headers={"Retry-After": str(wait_s)})


class AlreadyProposed(PayHubError):
    """The same act is proposed or approved and not yet done."""

    code, status = "already_proposed", 409
    title: ClassVar[Text] = Text("Việc này đã được đề nghị và đang chờ", "The same is already proposed and waits")

    def __init__(self, proposal_id: uuid.UUID | None = None) -> None:
        super().__init__()
        self.proposal_id = proposal_id


class ProposalDecided(PayHubError):
    """Somebody has decided already."""

    code, status = "proposal_decided", 409
    title: ClassVar[Text] = Text("Đề nghị này đã có người quyết định", "This proposal has already been decided")


class ProposalVoid(PayHubError):
    """What it was about has changed since; it must be proposed again."""

    code, status = "proposal_void", 409
    title: ClassVar[Text] = Text(
        "Đối tượng đã thay đổi sau khi đề nghị; đề nghị hết hiệu lực, hãy lập lại",
        "What this was about has changed since it was proposed: it is void, propose it again",
    )


class PrincipalDisabled(Forbidden):
    """The account is closed."""

    code, status = "principal_disabled", 403
    title: ClassVar[Text] = Text("Tài khoản đã ngừng hoạt động", "This account is disabled")


class NameTaken(PayHubError):
    """Somebody has this name; names are for ever, so that the audit stays readable."""

    code, status = "name_taken", 409
    title: ClassVar[Text] = Text("Tên này đã có người dùng", "This name is taken")


class PersonUnknown(PayHubError):
    """Nobody on the staff has this name."""

    code, status = "person_unknown", 404
    title: ClassVar[Text] = Text("Không có nhân viên nào mang tên này", "Nobody on the staff has this name")
