"""Reading what a driver plans of fees, payouts and the bank, and the secrets it gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from gateways.simulator.bank import BIC, NAME, accounts_of
from gateways.simulator.config import ACCOUNT, GMT7
from gateways.simulator.orders import Fact
from gateways.simulator.pages import PageRefused
from gateways.simulator.payouts import PAYOUT_DISAGREEMENTS
from gateways.simulator.plans import day_of
from gateways.simulator.protocols import protocol_of_terminal
from gateways.simulator.settlement import Kind
from gateways.simulator.simulation import Simulation

_MOST = 10**15
_LONGEST_DAYS = 365
_TEXT, _NAME = re.compile(r"\S(.{0,388}\S)?"), re.compile(r"\S(.{0,68}\S)?")
_BIC = re.compile("[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_SECRET = re.compile("[!-~]{8,128}")
_LINES = (Kind.FEE, Kind.ADJUST_IN, Kind.ADJUST_OUT)
_WANTED: Mapping[str, tuple[set[str], set[str]]] = {
    **{kind: ({"terminal", "date"}, set()) for kind in PAYOUT_DISAGREEMENTS},
    "late": ({"terminal", "date", "days"}, set()),
    "short": ({"terminal", "date", "amount"}, set()),
    "split": ({"terminal", "date"}, {"amount"}),
    "merged": ({"terminal", "date", "with"}, set()),
    "returned": ({"terminal", "date"}, {"days"}),
    "foreign": ({"account", "date", "amount", "text"}, {"value_on", "payer"}),
    "charge": ({"account", "date", "amount"}, {"text"}),
    "gap": ({"account", "date", "amount"}, set()),
}
"""What each kind of disagreement must say besides, and what it may."""


def planned_line(gateway: Simulation, told: Fact) -> Fact:
    """A fee or an adjustment that a day's file and payout will have."""
    _named(told, {"kind", "terminal", "date", "amount"})
    if told["kind"] not in _LINES:
        raise PageRefused(400, f"kind: one of {', '.join(_LINES)}")
    _known(gateway, told["terminal"])
    day_of(told["date"])
    _amount(told["amount"])
    return {"fact": "listed", "line": {**told, "number": str(gateway.books.number())}}


def bank_account(gateway: Simulation, told: Fact) -> Fact:
    """An account of the hub's, its balance at the start of a day, and whose payouts go there."""
    _named(told, {"account", "opening", "from"}, {"terminals", "name", "bic"})
    number, terminals, name, bic = told["account"], told.get("terminals", []), told.get("name", NAME), told.get("bic", BIC)
    if not isinstance(number, str) or not ACCOUNT.fullmatch(number):
        raise PageRefused(400, "account: letters and digits, 34 at most")
    if type(told["opening"]) is not int or abs(told["opening"]) > _MOST:
        raise PageRefused(400, "opening: whole VND")
    if not isinstance(terminals, list) or not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PageRefused(400, "terminals: a list; name: 70 characters at most")
    if not isinstance(bic, str) or not _BIC.fullmatch(bic):
        raise PageRefused(400, "bic: eight or eleven capitals and digits")
    for terminal in terminals:
        _known(gateway, terminal)
    others = [each for key, account in gateway.books.bank_accounts.items() if key != number for each in account["terminals"]]
    if set(others) & set(terminals) or len(set(terminals)) < len(terminals):
        raise PageRefused(409, "terminals: one is paid to another bank account")
    day_of(told["from"])
    return {"fact": "banked", "account": {"name": name, "bic": bic, **told, "terminals": terminals}}


def bank_disagreement(gateway: Simulation, told: Fact) -> Fact:
    """What the bank shows otherwise than the gateways announced, or that is none of theirs."""
    kind = told.get("kind")
    if not isinstance(kind, str) or kind not in _WANTED:
        raise PageRefused(400, f"kind: one of {', '.join(_WANTED)}")
    _named(told, {"kind", *_WANTED[kind][0]}, _WANTED[kind][1])
    if "account" in told and told["account"] not in {each["account"] for each in accounts_of(gateway)}:
        raise PageRefused(404, "no such bank account")
    if "terminal" in told:
        _known(gateway, told["terminal"])
    for name in {"date", "with", "value_on"} & told.keys():
        day_of(told[name])
    if "amount" in told:
        _amount(abs(told["amount"]) if kind == "gap" and type(told["amount"]) is int else told["amount"])
    days = told.get("days", 1)
    if type(days) is not int or not 1 <= days <= _LONGEST_DAYS:
        raise PageRefused(400, "days: 1 to 365")
    _texts(told)
    return {"fact": "bank_disagreed", "disagreement": {**_usual(told), **told, "number": str(gateway.books.number())}}


def secret(gateway: Simulation, told: Fact) -> Fact:
    """A second secret of an account, or that the older of two is forgotten."""
    forgets = "forget" in told
    _named(told, {"terminal", "name", "forget"} if forgets else {"terminal", "name", "value"}, set() if forgets else {"signs_from"})
    _known(gateway, told["terminal"])
    protocol = protocol_of_terminal(gateway.config, told["terminal"])
    if protocol is None or told["name"] not in protocol.secrets:
        raise PageRefused(400, f"name: one of {', '.join(protocol.secrets if protocol else ())}")
    configured = protocol.merchants(gateway.config)[told["terminal"]][protocol.secrets.index(told["name"])]
    live = gateway.keyring.accepted(told["terminal"], told["name"], configured)
    about = {"terminal": told["terminal"], "name": told["name"]}
    if forgets:
        if told["forget"] != "old" or len(live) < 2:
            raise PageRefused(409 if told["forget"] == "old" else 400, "forget: old, where two are live")
        return {"fact": "secret_forgotten", **about}
    if not isinstance(told["value"], str) or not _SECRET.fullmatch(told["value"]):
        raise PageRefused(400, "value: 8 to 128 printable characters without spaces")
    if len(live) > 1 or told["value"] in live:
        raise PageRefused(409, "two are live; the old one is to be forgotten first" if len(live) > 1 else "value: it is live")
    return {"fact": "secret_given", **about, "value": told["value"], "signs_from": _moment(gateway, told.get("signs_from"))}


def _usual(told: Fact) -> Fact:
    """What a disagreement means where it does not say."""
    if told["kind"] == "returned":
        return {"days": 1}
    return {"value_on": told["date"]} if told["kind"] in {"foreign", "charge"} else {}


def _named(told: Fact, wanted: set[str], allowed: set[str] | None = None) -> None:
    """Raise PageRefused unless these are named, and perhaps those."""
    if not wanted <= told.keys() or told.keys() - wanted - (allowed or set()):
        more = f"; if you like {', '.join(sorted(allowed))}" if allowed else ""
        raise PageRefused(400, f"wanted: {', '.join(sorted(wanted))}{more}")
    if any(not isinstance(told[name], str) for name in {"date", "with", "from", "value_on"} & told.keys()):
        raise PageRefused(400, "a date is yyyy-mm-dd")


def _known(gateway: Simulation, terminal: object) -> None:
    if not isinstance(terminal, str) or protocol_of_terminal(gateway.config, terminal) is None:
        raise PageRefused(404, "no such terminal")


def _amount(amount: object) -> None:
    if type(amount) is not int or not 0 < amount <= _MOST:
        raise PageRefused(400, "amount: whole VND above 0")


def _texts(told: Fact) -> None:
    for name, form in (("text", _TEXT), ("payer", _NAME)):
        text = told.get(name, "-")
        if not isinstance(text, str) or not form.fullmatch(text) or not text.isprintable():
            raise PageRefused(400, f"{name}: printable, of at most {390 if name == 'text' else 70} characters")


def _moment(gateway: Simulation, told: object) -> str:
    """Read an instant, in GMT+7 where it has no zone; now where nothing is said."""
    if told is None:
        return gateway.moment().isoformat()
    try:
        moment = datetime.fromisoformat(str(told))
    except ValueError:
        raise PageRefused(400, "signs_from: an instant like 2026-11-21T10:00:00+07:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=GMT7)).isoformat()
