"""ZaloPay's messages as it writes and checks them, from its side and by its own hand: only the HMAC is shared with the hub's."""

from __future__ import annotations

import json
from collections.abc import Mapping

from gateways.signing import mac
from gateways.simulator.config import App
from gateways.simulator.encoding import milliseconds, moment_of, query_of, same
from gateways.simulator.orders import Fact, Order, State
from gateways.simulator.scenarios import Tells

CREATE = "app_id app_trans_id app_user amount app_time embed_data item"
QUESTION = "app_id app_trans_id key1"
REFUND = "app_id zp_trans_id amount description timestamp"
REFUND_QUESTION = "app_id m_refund_id timestamp"
_WAY_BACK = "appid apptransid pmcid bankcode amount discountamount status"
"""What create, query, refund, query_refund and the way back sign: the values with bars between them, in this order."""

_TOO_MUCH = 1000
_CHANNEL = 38


def line(names: str, fields: Mapping[str, object]) -> str:
    """The values that are signed."""
    return "|".join(str(fields.get(name, "")) for name in names.split())


def mac_fits(app: App, names: str, fields: Mapping[str, str]) -> bool:
    """Whether the fields' mac is that of the others, by key1; key1 itself is a value where it is named."""
    signed = line(names, {**fields, "key1": app.key1})
    return same(fields.get("mac", ""), mac("sha256", app.key1, signed.encode()))


def callback(app: App, order: Order, tells: Tells) -> str | None:
    """Write a callback's body; of an order that is not paid there is none, but for a stranger's."""
    if tells is not Tells.FORGED and order.state != State.PAID:
        return None
    at = milliseconds(moment_of(order.pay_date))
    data: Fact = {
        "app_id": int(order.terminal),
        "app_trans_id": order.reference,
        "app_time": int(order.contents["app_time"]),
        "app_user": order.contents["app_user"],
        "amount": order.amount + (_TOO_MUCH if tells is Tells.WRONG_AMOUNT else 0),
        "embed_data": order.contents["embed_data"],
        "item": order.contents["item"],
        "zp_trans_id": int(order.transaction or at),
        "server_time": at,
        "channel": _CHANNEL,
        "merchant_user_id": "simulated-user",
        "user_fee_amount": 0,
        "discount_amount": 0,
    }
    # The signature is over this very text, which stands as a string in the body.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return _closed("a stranger's guess" if tells is Tells.FORGED else app.key2, text)


def signed_callback(app: App, body: str) -> str:
    """Sign a callback's body again."""
    return _closed(app.key2, json.loads(body)["data"])


def way_back(app: App, order: Order) -> str:
    """Write the query string of the way back; its order of values is general knowledge."""
    fields = {
        "appid": order.terminal,
        "apptransid": order.reference,
        "pmcid": str(_CHANNEL),
        "bankcode": order.bank,
        "amount": str(order.amount),
        "discountamount": "0",
        "status": order.code or "-49",
    }
    return query_of({**fields, "checksum": mac("sha256", app.key2, line(_WAY_BACK, fields).encode())})


def _closed(key: str, text: str) -> str:
    return json.dumps({"data": text, "mac": mac("sha256", key, text.encode()), "type": 1}, ensure_ascii=False)
