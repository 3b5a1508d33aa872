"""What a driver tells and asks of payouts, the hub's bank and secrets, under /simulator/."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time

from flask import Response, jsonify, request

from gateways.simulator.bank import Entry, Statement, accounts_of, entries_of, statement
from gateways.simulator.bank_plans import bank_account, bank_disagreement, planned_line, secret
from gateways.simulator.camt import camt053, camt054
from gateways.simulator.config import GMT7
from gateways.simulator.control import bp, objects
from gateways.simulator.mt940 import mt940
from gateways.simulator.orders import Fact
from gateways.simulator.pages import PageRefused, simulation
from gateways.simulator.payouts import Payout, payouts_of
from gateways.simulator.plans import day_of
from gateways.simulator.protocols import PROTOCOLS
from gateways.simulator.simulation import Simulation

__all__ = ["bp"]


@bp.post("/lines")
def plan_lines() -> tuple[Response, int]:
    """Plan fees and adjustments that a day's file and payout will have."""
    return _told(planned_line)


@bp.get("/payouts")
def payouts() -> Response:
    """Show what was collected, withheld, paid over and credited, by account and day: what a hub should find out."""
    gateway, terminal, day = simulation(), request.args.get("terminal"), request.args.get("day")
    on = day_of(day) if day else None
    with gateway.books.lock:
        rows = [
            _shown_payout(payout, account, entries)
            for account in accounts_of(gateway)
            for entries in [entries_of(gateway, account)]
            for code in account["terminals"]
            if terminal in {None, code}
            for payout in payouts_of(gateway, code)
            if on in {None, payout.day}
        ]
    return jsonify({"now": gateway.now(), "payouts": rows})


@bp.post("/bank-accounts")
def open_accounts() -> tuple[Response, int]:
    """Say which bank accounts the hub has, with what balance, and whose payouts go there."""
    return _told(bank_account)


@bp.get("/bank-accounts")
def bank_accounts() -> Response:
    """Show the bank accounts, the configured one among them."""
    gateway = simulation()
    with gateway.books.lock:
        return jsonify({"accounts": accounts_of(gateway)})


@bp.post("/bank-disagreements")
def plan_bank_disagreements() -> tuple[Response, int]:
    """Plan what the bank shows otherwise than was announced."""
    return _told(bank_disagreement)


@bp.get("/bank-accounts/<number>/<file>")
def bank_statement(number: str, file: str) -> Response:
    """Write a day of a bank account as camt053.xml, camt054.xml, mt940.txt or json, from the books as they are now."""
    day, _, form = file.partition(".")
    gateway, on = simulation(), day_of(day)
    with gateway.books.lock:
        account = next((each for each in accounts_of(gateway) if each["account"] == number), None)
        if account is None:
            raise PageRefused(404, "no such bank account")
        if day < account["from"]:
            raise PageRefused(404, f"the account is kept from {account['from']}")
        told = statement(gateway, account, on)
    if form == "json":
        return jsonify(_shown_statement(told))
    if form == "camt053.xml":
        return Response(camt053(told), content_type="application/xml; charset=utf-8")
    if form == "camt054.xml":
        return Response(camt054(told, _until(gateway, on)), content_type="application/xml; charset=utf-8")
    if form == "mt940.txt":
        return Response(mt940(told), content_type="text/plain; charset=us-ascii")
    raise PageRefused(404, "wanted: camt053.xml, camt054.xml, mt940.txt or json")


@bp.post("/secrets")
def rotate() -> tuple[Response, int]:
    """Give an account a second secret, or forget its older one."""
    return _told(secret)


@bp.get("/secrets")
def secrets() -> Response:
    """Show how many secrets of each name are live and which of them signs; never a secret."""
    gateway = simulation()
    shown = [
        {
            "gateway": protocol.name,
            "terminal": terminal,
            "name": name,
            "live": len(gateway.keyring.accepted(terminal, name, "")),
            "signs": "new" if gateway.keyring.newest_signs(terminal, name) else "old",
        }
        for protocol in PROTOCOLS.values()
        for terminal in protocol.merchants(gateway.config)
        for name in protocol.secrets
    ]
    return jsonify({"secrets": shown})


def _told(read: Callable[[Simulation, Fact], Fact]) -> tuple[Response, int]:
    """Record what was told one after the other, for each may rest on the one before; what is refused ends it."""
    gateway, told = simulation(), objects()
    with gateway.books.lock:
        for each in told:
            gateway.books.record(read(gateway, each))
    return jsonify({"planned": len(told)}), 201


def _until(gateway: Simulation, on: date) -> datetime:
    """By when credits are asked for: as told, else now if that is today, else the end of the day."""
    told = request.args.get("until")
    if told is None:
        return gateway.moment() if gateway.moment().date() == on else datetime.combine(on, time(23, 59, 59, tzinfo=GMT7))
    try:
        return datetime.combine(on, time.fromisoformat(told).replace(tzinfo=GMT7))
    except ValueError:
        raise PageRefused(400, "until: a time like 10:30:00") from None


def _shown_payout(payout: Payout, account: Fact, entries: list[Entry]) -> Fact:
    arrived = [(entry, amount) for entry in entries for part, amount in entry.payouts if part == payout]
    names = ("gateway", "terminal", "reference", "lines", "gross", "refunds", "reversals", "fees", "adjustments", "net")
    return {
        **{name: getattr(payout, name) for name in names},
        "day": payout.day.isoformat(),
        "due_on": payout.due_on.isoformat(),
        "bank_account": account["account"],
        "paid_on": min((entry.booked_on.isoformat() for entry, _ in arrived), default=None),
        "credited": sum(amount for _, amount in arrived),
        "entries": [{**_shown_entry(entry), "of_this": amount} for entry, amount in arrived],
    }


def _shown_entry(entry: Entry) -> Fact:
    names = ("reference", "amount", "text", "kind", "payer")
    dates = {"booked_at": entry.booked_at.isoformat(), "booked_on": entry.booked_on.isoformat()}
    told = {name: getattr(entry, name) for name in names}
    return {**told, **dates, "value_on": entry.value_on.isoformat(), "payouts": [payout.reference for payout, _ in entry.payouts]}


def _shown_statement(told: Statement) -> Fact:
    return {
        "account": told.account["account"],
        "day": told.day.isoformat(),
        "opening": told.opening,
        "closing": told.closing,
        "entries": [_shown_entry(entry) for entry in told.entries],
    }
