"""Single values of camt messages: amounts, days, accounts, balances."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

from reconciliation.errors import HeaderWrong
from reconciliation.files.amounts import Amounts
from reconciliation.files.rows import CURRENCY
from reconciliation.files.statements import coded
from reconciliation.files.times import YEARS

Fields = dict[str, str]
AMOUNTS = Amounts(decimal=".")
_HERE = timezone(timedelta(hours=7))
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_ACCOUNTS = ("IBAN", "Othr/Id", "BBAN", "UPIC", "PrtryAcct/Id")


def amount_of(fields: Fields, key: str = "Amt") -> int | None:
    """Return an amount in minor units, None where it is not one."""
    currency = fields.get(f"{key}@", "")
    return AMOUNTS.read(fields.get(key, ""), currency) if CURRENCY.fullmatch(currency) else None


def way_of(fields: Fields) -> int | None:
    """Return 1 for a credit and -1 for a debit, None where neither is said."""
    return {"CRDT": 1, "DBIT": -1}.get(fields.get("CdtDbtInd", ""))


def day_of(fields: Fields, prefix: str) -> date | None:
    """Return a day, here, from a date or an instant; None where there is neither."""
    written = fields.get(f"{prefix}/Dt", "")
    match = _DAY.fullmatch(written)
    instant = fields.get(f"{prefix}/DtTm") or fields.get(f"{prefix}DtTm") or (written if match is None else "")
    try:
        if match is not None:
            found = date.fromisoformat(match[1])
        else:
            moment = datetime.fromisoformat(instant)
            found = (moment.astimezone(_HERE) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError):
        return None
    return found if found.year in YEARS else None


def account_of(fields: Fields) -> str | None:
    """Return the account's number."""
    written = next((fields[f"Acct/Id/{kind}"] for kind in _ACCOUNTS if fields.get(f"Acct/Id/{kind}")), "")
    return coded("".join(written.split()))


def balance_of(kind: str, fields: Fields) -> tuple[int, date | None]:
    """Return a balance with its sign, and its day."""
    amount, way = amount_of(fields), way_of(fields)
    if amount is None or way is None:
        raise HeaderWrong("số dư không đọc được", "a balance that cannot be read", field=f"Bal/{kind}")
    return amount * way, day_of(fields, "Dt")
