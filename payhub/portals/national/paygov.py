"""PayGov's request form: an order by it is a payment of its partner. Its callback is not spoken: nobody has published its rule.

The checksum joins its values without a separator, so that a digit of `requestCode` could be read as one of `amount`. An amount by
this form is therefore always one of the schedule.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from flask import Response

from payhub.clock import local_date
from payhub.errors import Text
from payhub.fees.models import Fee
from payhub.hub import Hub
from payhub.payments.links import checkout_url
from payhub.portals.national import answers, naming
from payhub.portals.national.asking import Wanted, digest_of, line_of
from payhub.portals.national.codes import Said
from payhub.portals.national.errors import Refused
from payhub.portals.national.fees import Naming
from payhub.portals.national.messages import Receipt, fields_of, whole
from payhub.portals.national.naming import Order
from payhub.portals.national.partners import inbound, registered

HASHED = ("accessKey", "partnerCode", "orderId", "requestCode", "amount")
"""After the secret key, in order."""
SUCCESSFUL, FAILED, SIGNATURE_WRONG = "SUCCESSFUL", "FAILED", "SIGNATURE_WRONG"
_ORDER = re.compile(r"(?P<unit>[^-]{1,40})-(?P<dossier>.{1,100})-[0-9]{2}")
_LONGEST = 100


def take(hub: Hub, body: bytes) -> Response:
    """Ask for a payment; the answer has the address where a citizen pays."""
    values, registers, on = fields_of(body), hub.registers, local_date(hub.clock.now())
    row = registered(registers, values.get("partnerCode", ""), "paygov", on)
    portal = registers.portals[row.portal_id]
    if not proven(values, inbound(registers, portal)):
        raise Refused(Said.NOT_PROVEN)
    reference, parts = values.get("requestCode", ""), _ORDER.fullmatch(values.get("orderId", ""))
    if parts is None or not 1 <= len(reference) <= _LONGEST or not reference.isprintable():
        text = Text("orderId hoặc requestCode không hợp lệ", "orderId or requestCode cannot be used")
        raise Refused(Said.UNREADABLE, text)
    amount, service = whole("amount", values.get("amount", "")), values.get("serviceCode", "")
    asked = digest_of([values["orderId"], service])
    payment_id = naming.again(hub, portal.id, reference, amount, asked)
    if payment_id is None:
        fee = Naming(registers, portal, on).of_service(service)
        order = Order(
            portal=portal, partner=row, reference=reference, amount=amount, asked_at_text="", digest=asked, receipt=Receipt(),
            wanted=_wanted(fee, parts, amount, values.get("orderInfo", "")), body=body,
            return_url=values.get("returnUrl") or row.return_url,
        )  # fmt: skip
        payment_id = naming.take(hub, order)
    return answers.direct({"error_code": SUCCESSFUL, "error_message": "", "data": {"url": checkout_url(hub, payment_id)}})


def proven(values: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """Tell whether one of the secrets made the checksum."""
    told = values.get("checksum", "").strip().lower().encode()
    made = [checksum(values, secret).encode() for secret in secrets]
    return sum(hmac.compare_digest(each, told) for each in made) > 0


def checksum(values: Mapping[str, str], secret: str) -> str:
    """Return SHA-256 in hexadecimal over the secret and the values, without anything between."""
    joined = "".join([secret, *(values.get(name, "") for name in HASHED)])
    return hashlib.sha256(joined.encode()).hexdigest()


def refused(error: Refused) -> Response:
    """Answer in the form's own words."""
    code = SIGNATURE_WRONG if error.said is Said.NOT_PROVEN else FAILED
    return answers.direct({"error_code": code, "error_message": error.said.text(error.detail), "data": None})


def _wanted(fee: Fee, parts: re.Match[str], amount: int, info: str) -> Wanted:
    return Wanted(parts["dossier"], [line_of(fee, parts["unit"], amount, "", info)], amount, {})
