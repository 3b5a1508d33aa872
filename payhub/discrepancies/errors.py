"""What can go wrong when somebody works on a discrepancy."""

from __future__ import annotations

from typing import Any, ClassVar

from payhub.errors import PayHubError, Text


class DiscrepancyResolved(PayHubError):
    """Nothing more is done about what is resolved."""

    code, status = "discrepancy_resolved", 409
    title: ClassVar[Text] = Text(
        "Sai lệch này đã được giải quyết; muốn xử lý tiếp thì phải mở lại",
        "This discrepancy is resolved: nothing is done about it unless it is opened again",
    )


class DiscrepancyProposed(PayHubError):
    """Somebody has proposed what is to be done, and another person has not decided yet."""

    code, status = "discrepancy_proposed", 409
    title: ClassVar[Text] = Text(
        "Đã có đề nghị xử lý sai lệch này; hãy đợi người khác quyết định hoặc rút lại",
        "What is to be done about this discrepancy is proposed already: it waits for another person, or for being withdrawn",
    )


class NotReopenable(PayHubError):
    """Only what people have resolved is opened again by people; what evidence has closed, evidence opens."""

    code, status = "discrepancy_not_reopenable", 409
    title: ClassVar[Text] = Text(
        "Chỉ mở lại được sai lệch do người giải quyết", "Only a discrepancy that people have resolved can be opened again by people"
    )


class ActImpossible(PayHubError):
    """This is not done about a discrepancy of this kind, or there is nothing left to do it with; `why` says which."""

    code, status = "act_impossible", 409
    title: ClassVar[Text] = Text("Không làm được việc này với sai lệch này", "This cannot be done about this discrepancy")

    def __init__(self, why: str, **facts: Any) -> None:
        super().__init__(_WHY[why], why=why, **facts)


_WHY = {
    "no_payout": Text("Sai lệch này không nói về khoản quyết toán nào", "It is about no payout"),
    "nothing_held": Text("Không còn khoản tiền nào đang giữ vì sai lệch này", "No money is held because of it"),
    "nothing_to_ask": Text(
        "Sai lệch này không nêu lần thanh toán hay hoàn tiền nào hỏi lại được",
        "It names no attempt and no refund that can be asked about",
    ),
    "nothing_set_aside": Text(
        "Tệp không còn dòng nào để riêng, hoặc đã bị thay thế",
        "No row of the file is set aside, or another file has taken its place",
    ),
}
