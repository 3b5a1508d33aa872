"""What every call to MoMo goes through: JSON, its form, the partner, the signature, and the idempotent requestId."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Response, jsonify, request

from gateways.simulator.config import Partner
from gateways.simulator.encoding import milliseconds
from gateways.simulator.momo import Momo
from gateways.simulator.momo_messages import message_of, signature_fits
from gateways.simulator.orders import Fact
from gateways.simulator.pages import simulation
from gateways.simulator.simulation import Simulation

ID = r"[0-9a-zA-Z]([-_.]*[0-9a-zA-Z]+)*"
"""orderId, as MoMo publishes it; the lengths are apart."""

_NAMED = ("partnerCode", "orderId", "requestId")
_FINAL = {"0", "98", "99", "1001", "1002", "1003", "1004", "1005", "1006", "1007", "1017", "1026", "1080", "1081", "1088"}
"""Codes after which the same request gets the same answer; after any other it gets 40."""
_CALLERS_FAULT = {"13", "20", "22", "40", "41"}


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose form and signature are good; `partner` signs the answer."""

    gateway: Simulation
    partner: Partner
    fields: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields[name]


def asked() -> dict[str, str]:
    """Read the body's plain values as text, as they are signed."""
    read = request.get_json(force=True, silent=True)
    fields = read if isinstance(read, dict) else {}
    return {name: str(value) for name, value in fields.items() if isinstance(value, str | int) and not isinstance(value, bool)}


def opened(names: str, forms: Mapping[str, str]) -> Call | Response:
    """Check a request's form, partner and signature; what is wrong is the answer."""
    gateway, fields = simulation(), asked()
    if any(not re.fullmatch(form, fields.get(name, "")) for name, form in forms.items()):
        return answered(fields, "20")
    live = gateway.keyring.live(Momo.name, fields["partnerCode"])
    partner = gateway.keyring.signing().partner(fields["partnerCode"])
    if partner is None or not any(signature_fits(Partner(*keys), names, fields) for keys in live):
        return answered(fields, "13")
    return Call(gateway, partner, fields)


def once(call: Call, kind: str, carry_out: Callable[[Call], Fact]) -> Response:
    """Carry a request out once by its requestId; a repeat gets what the first got, 40, or 7000 while that is under way."""
    books = call.gateway.books
    name = f"{Momo.name}/{call['partnerCode']}/{call['requestId']}"
    contents = {"kind": kind, **call.fields}
    with books.lock:
        before = books.replies.get(name)
        if before:
            repeats = before["asked"] == contents and str(before["answer"]["resultCode"]) in _FINAL
            return _written(before["answer"]) if repeats else answered(call.fields, "40")
        if name in books.underway:
            return answered(call.fields, "7000", status=422)
        books.underway.add(name)
    try:
        answer = carry_out(call)
        books.record({"fact": "replied", "request": name, "reply": {"asked": contents, "answer": answer}})
    finally:
        books.underway.discard(name)
    return _written(answer)


def told(call: Call, code: str, **more: object) -> Fact:
    """The fields of an answer."""
    at = milliseconds(call.gateway.moment(Momo.name))
    named = {name: call[name] for name in _NAMED}
    return {**named, **more, "responseTime": at, "message": message_of(code), "resultCode": int(code)}


def answered(fields: Mapping[str, str], code: str, *, status: int = 0) -> Response:
    """Answer these fields of a request with a code and little else."""
    said = {name: fields.get(name, "") for name in _NAMED}
    at = milliseconds(simulation().moment(Momo.name))
    return _written({**said, "responseTime": at, "message": message_of(code), "resultCode": int(code)}, status)


def closed() -> Response:
    """What every call gets while MoMo is under maintenance."""
    return answered(asked(), "10")


def _written(answer: Fact, status: int = 0) -> Response:
    response = jsonify(answer)
    # Which HTTP status comes with which code is published for 422 only.
    response.status_code = status or (400 if str(answer["resultCode"]) in _CALLERS_FAULT else 200)
    return response
