"""The treasury's people: they approve what portals ask back, each with an authenticator, and do not let go either."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import pyotp
import requests

from payhub.demo.crash.portal import AGAIN_S, PATIENCE_S
from payhub.demo.errors import DemoFailed
from payhub.hub import Hub
from payhub.staff import people
from payhub.staff.totp import STEP_S

_TIMEOUT_S = 10
_PASSING = {"request_in_flight"}
_SPENT = {"totp_used", "totp_wrong"}
_DECIDED = {"proposal_decided", "proposal_void"}


@dataclass(slots=True)
class Approver:
    """One person: the token they bear, and the authenticator with the step whose code they gave last."""

    token: str = field(repr=False)
    authenticator: pyotp.TOTP = field(repr=False)
    spent: int = 0

    def code(self) -> str | None:
        """Return the next code that may be taken, None where they have to wait for one; clocks may differ by a step."""
        this = int(time.time()) // STEP_S
        step = max(self.spent + 1, this)
        if step > this + 1:
            return None
        self.spent = step
        return self.authenticator.generate_otp(step)


def hire(hub: Hub, count: int) -> list[Approver]:
    """Add approvers to the staff."""
    hired = []
    with hub.db.session() as session:
        for number in range(1, count + 1):
            _, token, uri = people.add_person(hub, session, f"approver{number}", ["approver"])
            otp = pyotp.parse_uri(uri)
            if not isinstance(otp, pyotp.TOTP):
                raise DemoFailed("an authenticator of another kind than the treasury's")
            hired.append(Approver(token, otp))
    return hired


@dataclass(frozen=True, slots=True)
class _Approval:
    """What one person sends, and sends again until there is an answer."""

    token: str = field(repr=False)
    code: str = field(repr=False)
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


class Treasury:
    """Approvers in turn; `over` ends their patience."""

    def __init__(self, api: str, approvers: Sequence[Approver], over: threading.Event) -> None:
        self._api, self._over, self._lock = api, over, threading.Lock()
        self._turn = deque(approvers)

    def approve(self, proposal: str) -> bool:
        """Approve until there is an answer; tell whether it is approved: what was reversed meanwhile cannot be."""
        deadline, latest, approval = time.monotonic() + PATIENCE_S, "nobody with a code", self._next()
        while time.monotonic() < deadline:
            if approval is not None:
                status, code = self._send(proposal, approval)
                if status == HTTPStatus.OK or code in _DECIDED:
                    return status == HTTPStatus.OK
                latest = f"{status} {code}"
                if code in _SPENT:
                    approval = None
                elif HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and code not in _PASSING:
                    break
            # A code that was taken for an approval that was not is lost: somebody else gives the next.
            approval = approval or self._next()
            if self._over.wait(AGAIN_S):
                break
        raise DemoFailed(f"the approval of {proposal} ended with {latest}")

    def _next(self) -> _Approval | None:
        with self._lock:
            for _ in range(len(self._turn)):
                self._turn.rotate()
                code = self._turn[0].code()
                if code is not None:
                    return _Approval(self._turn[0].token, code)
        return None

    def _send(self, proposal: str, approval: _Approval) -> tuple[int, str]:
        """Return status and code of the answer, (0, the reason) where there is none."""
        headers = {"Authorization": f"Bearer {approval.token}", "Idempotency-Key": approval.key}
        url = f"{self._api}/v1/proposals/{proposal}/approve"
        try:
            answer = requests.post(url, json={"totp": approval.code}, headers=headers, timeout=_TIMEOUT_S)
        except requests.RequestException as error:
            return 0, type(error).__name__
        return answer.status_code, "" if answer.status_code == HTTPStatus.OK else str(answer.json().get("code"))
