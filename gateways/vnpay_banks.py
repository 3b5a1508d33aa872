"""VNPAY's list of banks: get_bank_list of its QR service, which nobody signs.

It stands beside the pay page, on the same host. Its types are not documented: those that public code agrees about have a method
here, and a bank of any other type is for the citizen who chooses freely.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import urljoin

from gateways.base import Account, Bank, Request, Response
from gateways.http import answered, json_list
from gateways.signing import form_encoded

METHODS: Mapping[str, str] = {"1": "VNBANK", "2": "VNBANK", "5": "VNPAYQR"}
"""bank_type to the vnp_BankCode that stands for all of its banks."""

_PATH = "/qrpayauth/api/merchant/get_bank_list"
_FORMS = {
    "bank_code": re.compile("[0-9A-Za-z]{1,20}"),
    "bank_name": re.compile(".{1,80}"),
    "bank_type": re.compile("[0-9]{1,4}"),
    "display_order": re.compile("[0-9]{1,6}"),
}
"""What is read of an entry. Its logo is not: a citizen's browser asks nobody but the hub for anything."""


def request_banks(account: Account) -> Request:
    """Ask for a terminal's banks."""
    url = urljoin(account.endpoints["pay"], _PATH)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return Request("POST", url, headers, f"tmn_code={form_encoded(account.terminal)}".encode(), timeout_s=5.0, repeatable=True)


def read_banks(response: Response, most: int) -> tuple[Bank, ...]:
    """Read the banks in VNPAY's order; an entry that is not of its form is left out, and so is a code that was there before."""
    read = filter(None, map(_entry, json_list(answered(response))))
    found: dict[str, Bank] = {}
    for _, bank in sorted(read, key=lambda each: each[0]):
        found.setdefault(bank.code, bank)
    return tuple(found.values())[:most]


def _entry(given: object) -> tuple[int, Bank] | None:
    """Read one entry: its place, and the bank."""
    told = {name: given.get(name) for name in _FORMS} if isinstance(given, dict) else {}
    texts = {name: value for name, value in told.items() if isinstance(value, str)}
    texts["bank_name"] = " ".join(unicodedata.normalize("NFC", texts.get("bank_name", "")).split())
    if any(not form.fullmatch(texts.get(name, "")) for name, form in _FORMS.items()) or not texts["bank_name"].isprintable():
        return None
    return int(texts["display_order"]), Bank(texts["bank_code"], texts["bank_name"], METHODS.get(texts["bank_type"], ""))
