"""Contracts as registers: the hub's own bank accounts, what gateways are agreed with, and from where they call back."""

from __future__ import annotations

from collections.abc import Iterator

from payhub.accounts.models import BankAccount, GatewayTerms
from payhub.errors import Text
from payhub.imports.kinds import ACCOUNT, BASIS_POINTS, CLOCK, NAME, NETWORK, code, flag, one_of, text, whole
from payhub.imports.problems import Problem
from payhub.imports.schedule import BEGINS, ENDS
from payhub.imports.specs import Column, Look, Register, Row, Slip
from payhub.inbox.networks import CallbackNetwork


def _terms_checks(look: Look) -> Iterator[Problem]:
    for line, row in look.touched:
        if (row.calendar,) not in look.other("days_off"):
            yield Problem(line, "calendar", "unknown", (row.calendar, "lịch làm việc", "days off"))


def _bank_slips(row: Row) -> Iterator[Slip]:
    if row.authority == "notification" and row.notifications is None:
        yield "notifications", "needed", row.authority


def _terms_slips(row: Row) -> Iterator[Slip]:
    """Say which parts of a tariff need the others."""
    if row.fee_bp is None and row.fee_fixed is None:
        for name in ("fee_minimum", "fee_maximum"):
            if getattr(row, name) is not None:
                yield name, "not_used", "fee_bp"
    elif row.fee_maximum is not None and row.fee_maximum < (row.fee_minimum or 0):
        yield "fee_minimum", "least_above_most"


BANK_ACCOUNTS = Register(
    name="bank_accounts",
    says=Text("tài khoản ngân hàng của hệ thống", "bank accounts"),
    holds="a bank account of the hub's own during one stretch of time: where gateways pay what they collected",
    model=BankAccount,
    columns=(
        Column("code", NAME, "the account"),
        Column("bank_bin", code("970[0-9]{3}", "970436", "six digits"), "BIN of the bank (SBV)"),
        Column("number", ACCOUNT, "the account's number, as its statements write it"),
        Column("holder", text(200), "in whose name it is"),
        Column("currency", code("[A-Z]{3}", "VND", "ISO 4217"), "its currency"),
        Column("statements", NAME, "the standard or mapping its statements are read with, such as `camt053` or `mt940`"),
        Column("notifications", NAME, "the same of its credit notifications, such as `camt054`", required=False),
        Column("authority", one_of("statement", "notification"), "whose word counts; the other corroborates it"),
        BEGINS,
        ENDS,
    ),
    key=("code", "valid_from"),
    slips=_bank_slips,
)

_FEE = whole(0, 1_000_000_000)
GATEWAY_TERMS = Register(
    name="gateway_terms",
    says=Text("điều khoản cổng thanh toán", "gateway terms"),
    holds="the terms of a gateway account from a day on, until the next row",
    model=GatewayTerms,
    columns=(
        Column("account", NAME, "the gateway account", of="gateway_accounts", attribute="gateway_account_id"),
        BEGINS,
        Column("cut_off", CLOCK, "what is paid at or after it belongs to the next working day"),
        Column("calendar", NAME, "the calendar whose working days count"),
        Column("grace_days", whole(0, 60), "days after its own on which a line may still come in a file"),
        Column("proven", flag("yes", "no"), "whether a text or a contract says so, or it is an assumption"),
        Column("source", text(500), "that text, or what is assumed"),
        Column(
            "payout_days", whole(0, 60), "working days after a file's last one until its money should be at the bank; empty: 1",
            required=False, empty=1, later=True,
        ),
        Column(
            "payout_tolerance", whole(0, 60), "working days after that until it is missing; empty: 3",
            required=False, empty=3, later=True,
        ),
        Column(
            "payout_text", text(60), "what must stand in the bank's text of a payout it does not name; empty: a person decides",
            required=False, later=True,
        ),
        Column("fee_bp", BASIS_POINTS, "tariff: basis points of a payment, rounded half up", required=False, later=True),
        Column("fee_fixed", _FEE, "tariff: and a fixed sum; without either nothing is checked", required=False, later=True),
        Column("fee_minimum", _FEE, "tariff: the least fee of a payment", required=False, later=True),
        Column("fee_maximum", _FEE, "tariff: the greatest", required=False, later=True),
        Column(
            "fee_bearer", one_of("treasury", "agency", "payer"), "who bears what is withheld; empty: the treasury",
            required=False, empty="treasury", later=True,
        ),
    ),
    key=("account", "valid_from"),
    ends=None,
    exclusive=False,
    slips=_terms_slips,
    checks=_terms_checks,
)  # fmt: skip

CALLBACK_NETWORKS = Register(
    name="callback_networks",
    says=Text("dải địa chỉ gọi lại", "callback networks"),
    holds="a network that a gateway calls an account back from; an account without any is called back from anywhere",
    model=CallbackNetwork,
    columns=(
        Column("account", NAME, "the gateway account", of="gateway_accounts", attribute="gateway_account_id"),
        Column("network", NETWORK, "the network in CIDR form, IPv4 or IPv6"),
        Column("source", text(500), "where the gateway publishes it"),
        BEGINS,
        ENDS,
    ),
    key=("account", "network", "valid_from"),
)
