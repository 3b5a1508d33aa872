"""A citizen's day: a payment with a link, a form to send, a bank that says something, and a page read the way a browser does."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from gateways.base import Notice, Outcome
from gateways.signing import mac
from gateways.vnpay import signed_text
from payhub.clock import LOCAL
from payhub.payments import closing
from payhub.payments.models import Attempt, Payment
from payhub.payments.outcomes import find, under_lock
from payhub.payments.recording import record, release_claims
from payhub.payments.states import PaymentState

PAYER = {
    "name": "Trần Thị Riêng",
    "id_number": "079301000777",
    "phone": "0909000777",
    "email": "rieng@thu.example",
    "address": "12 Ngõ Kín",
}
_VOID = {"meta", "link", "input", "br", "hr", "img"}
_INPUTS = {"input", "select", "textarea"}


class _Reader(HTMLParser):
    """Reads a page strictly: every element is closed in order, every id is there once, every field has a label."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if len(given) != len(attrs):
            self.faults.append(f"an attribute twice on {tag}")
        self.elements.append((tag, {**given, "within": " ".join(self._open)}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def close(self) -> None:
        super().close()
        self.faults += [f"<{tag}> is never closed" for tag in self._open]
        ids = [given["id"] for _, given in self.elements if "id" in given]
        self.faults += [f"id {each} twice" for each in {each for each in ids if ids.count(each) > 1}]
        labels = {given["for"] for tag, given in self.elements if tag == "label"}
        for tag, given in self.elements:
            if tag in _INPUTS and given.get("type") != "hidden" and given.get("id") not in labels:
                self.faults.append(f"{tag} {given.get('name')} has no label")
            if "style" in given or any(name.startswith("on") for name in given) or tag in {"script", "style"}:
                self.faults.append(f"{tag} would be stopped by the page's own policy")


@dataclass(frozen=True, slots=True)
class Form:
    """What is sent when its button is pressed."""

    action: str
    fields: dict[str, str]


@dataclass(slots=True)
class Seen:
    """A page as it was read."""

    status: int
    headers: Any
    html: str
    faults: list[str] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: str = ""

    @property
    def forms(self) -> list[Form]:
        forms: list[Form] = []
        for tag, given in self.elements:
            if tag == "form":
                forms.append(Form(given["action"], {}))
            elif tag == "input" and (given["type"] == "hidden" or "checked" in given):
                forms[-1].fields[given["name"]] = given["value"]
        return forms

    @property
    def language(self) -> str:
        return self.elements[0][1]["lang"]

    def links(self) -> list[str]:
        return [given["href"] for tag, given in self.elements if tag == "a"]


def read(response: Any) -> Seen:
    reader = _Reader()
    reader.feed(response.text)
    reader.close()
    words = " ".join(" ".join(reader.words).replace("\N{NO-BREAK SPACE}", " ").split())
    return Seen(response.status_code, response.headers, response.text, reader.faults, reader.elements, words)


@pytest.fixture
def see(client) -> Callable[..., Seen]:
    """Open an address; read the page."""
    return lambda path, **options: read(client.get(path, **options))


@pytest.fixture
def asked(ask, order) -> Callable[..., str]:
    """Ask for a payment and return the path of its page."""

    def new(**more: Any) -> str:
        body = {
            **order,
            "portal_reference": f"HS-{uuid.uuid4().hex[:12]}",
            "dossier": f"H53.12-{uuid.uuid4().hex[:8]}",
            "payer": PAYER,
            **more,
        }
        answer = ask(body)
        assert answer.status_code == 201, answer.text
        return urlsplit(answer.json["checkout_url"]).path

    return new


@pytest.fixture
def press(client) -> Callable[..., Any]:
    """Send a form, as it is or with some fields changed."""

    def send(form: Form, headers: dict[str, str] | None = None, **changed: str) -> Any:
        return client.post(form.action, data={**form.fields, **changed}, headers=headers)

    return send


@pytest.fixture
def started(asked, see, press) -> Callable[..., str]:
    """Ask for a payment, press Pay, and return the path of its page."""

    def new(**more: Any) -> str:
        path = asked(**more)
        assert press(see(path).forms[0]).status_code == 303
        return path

    return new


@pytest.fixture
def attempts(hub) -> Callable[[], list[Attempt]]:
    def all_() -> list[Attempt]:
        with hub.db.session() as session:
            return list(session.scalars(select(Attempt).order_by(Attempt.id)))

    return all_


@pytest.fixture
def tell(hub, attempts) -> Callable[..., None]:
    """Let the gateway say what became of an attempt, the newest without another."""

    def say(outcome: Outcome, code: str = "00/00", attempt: Attempt | None = None, amount: int | None = None) -> None:
        about = attempt or attempts()[-1]
        account = hub.registers.gateway_accounts_by_id[about.gateway_account_id]
        transaction = str(about.id.int % 10**8) if outcome == Outcome.SUCCEEDED else None
        paid_at = hub.clock.now() if outcome == Outcome.SUCCEEDED else None
        notice = Notice(
            about.reference,
            account.terminal,
            outcome,
            code,
            about.amount if amount is None else amount,
            "VND",
            transaction,
            paid_at,
            "",
            "NCB",
        )
        with hub.db.session() as session:
            payment, locked = find(session, account, about.reference)
            under_lock(hub, session, account, notice, payment, locked)

    return say


@pytest.fixture
def came(hub, clock, asked, started, tell) -> Callable[..., str]:
    """Bring a payment to a state and return the path of its page."""

    def to(state: str, **more: Any) -> str:
        if state in {"open", "cancelled"}:
            path = asked(**more)
        elif state == "expired":
            path = asked(**more)
            clock.pass_(days=2)
            with hub.db.session() as session:
                due = session.scalars(select(Payment.id)).all()
            for payment_id in due:
                closing.finish(hub, payment_id)
        else:
            path = started(**more)
        if state in {"paid", "reversed"}:
            tell(Outcome.SUCCEEDED)
        if state == "reversed":
            tell(Outcome.REVERSED, "00/04")
        if state == "cancelled":
            with hub.db.session() as session:
                payment = session.scalars(select(Payment)).one()
                payment.state = PaymentState.CANCELLED
                release_claims(session, payment.id)
                record(session, payment, "payment.cancelled", hub.clock.now(), {"state": "cancelled"})
        return path

    return to


@pytest.fixture
def return_query(hub) -> Callable[..., str]:
    """The query string with which VNPAY sends a browser back after an attempt, signed as VNPAY signs."""

    def write(attempt: Attempt, code: str = "00", secret: str | None = None) -> str:
        protocol = hub.registers.protocol_accounts[attempt.gateway_account_id]
        signed = signed_text({
            "vnp_Amount": str(attempt.amount * 100), "vnp_BankCode": "NCB", "vnp_OrderInfo": "Thanh toan", "vnp_ResponseCode": code,
            "vnp_PayDate": hub.clock.now().astimezone(LOCAL).strftime("%Y%m%d%H%M%S"), "vnp_TmnCode": protocol.terminal,
            "vnp_TransactionNo": "14226112", "vnp_TransactionStatus": "00" if code == "00" else "02", "vnp_TxnRef": attempt.reference,
        })  # fmt: skip
        return f"{signed}&vnp_SecureHash={mac('sha512', secret or protocol.secrets[0], signed.encode())}"

    return write
