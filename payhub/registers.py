"""The registers in force, read once and kept in memory: agencies, accounts, fees, portals, keys, gateway accounts.

Every change of a register table moves `register_version` (a trigger does it). A copy in memory is checked against it at most every
`register_s` seconds; a statement that writes money guards itself with the version it was decided under, so that no payment is ever
made from a register that had changed.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import CheckConstraint, SmallInteger, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateways.base import Account
from payhub.accounts.models import BankAccount, GatewayAccount, GatewayHold, GatewaySecret, GatewayTerms
from payhub.agencies.models import Agency, CollectingAccount, DayOff
from payhub.crypto import Keyring
from payhub.db import Base, Database
from payhub.fees.models import Fee, FeeTier, Relief, Retention
from payhub.inbox.networks import CallbackNetwork, Network, by_account
from payhub.portals.models import ApiKey, Portal, PortalGrant, PortalSecret
from payhub.portals.national.models import NationalFee, NationalPartner
from payhub.secrets import sealing


class RegisterVersion(Base):
    """The one row that counts changes of all registers."""

    __tablename__ = "register_version"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    version: Mapped[int]


TABLES = (
    "agency", "collecting_account", "day_off", "portal", "portal_grant", "api_key", "fee", "fee_tier", "relief", "retention",
    "gateway_account", "gateway_terms", "gateway_secret", "gateway_hold", "portal_secret", "callback_network",
    "bank_account", "file_source", "file_source_secret", "national_partner", "national_fee",
)  # fmt: skip
"""The tables whose changes are counted."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Registers:
    """One consistent copy. Rows are detached and never changed."""

    version: int
    agencies: Mapping[str, Agency]
    """By code, its first row: the one that other tables name."""
    agencies_by_id: Mapping[uuid.UUID, Agency]
    agency_rows: Mapping[str, Sequence[Agency]]
    """By code, every row in order of time."""
    collecting_accounts: Mapping[uuid.UUID, Sequence[CollectingAccount]]
    fees: Mapping[str, Sequence[Fee]]
    fees_by_id: Mapping[uuid.UUID, Fee]
    tiers: Mapping[uuid.UUID, Sequence[FeeTier]]
    reliefs: Mapping[str, Sequence[Relief]]
    reliefs_by_id: Mapping[uuid.UUID, Relief]
    retentions: Mapping[tuple[uuid.UUID, str], Sequence[Retention]]
    portals: Mapping[uuid.UUID, Portal]
    """The first row of each code: the one that other tables name."""
    portal_rows: Mapping[str, Sequence[Portal]]
    grants: Mapping[uuid.UUID, Sequence[PortalGrant]]
    keys: Mapping[str, ApiKey]
    key_networks: Mapping[uuid.UUID, Sequence[IPv4Network | IPv6Network]]
    """By key: from where it may be used; keys that may be used from anywhere are not here."""
    bank_accounts: Mapping[str, Sequence[BankAccount]]
    """The hub's own, by code, every row in order of time; others name the first."""
    bank_accounts_by_id: Mapping[uuid.UUID, BankAccount]
    gateway_accounts: Mapping[str, GatewayAccount]
    gateway_accounts_by_id: Mapping[uuid.UUID, GatewayAccount]
    terms: Mapping[uuid.UUID, Sequence[GatewayTerms]]
    protocol_accounts: Mapping[uuid.UUID, Account]
    callback_networks: Mapping[uuid.UUID, Sequence[Network]]
    """By gateway account, of every day: from where it is called back."""
    portal_secrets: Mapping[uuid.UUID, Mapping[str, tuple[str, ...]]] = field(repr=False)
    """By portal and direction, `inbound` or `outbound`: the live ones, the signing one first."""
    national_partners: Mapping[str, Sequence[NationalPartner]]
    """By partner code, every row."""
    national_fees: Mapping[tuple[uuid.UUID, str], Sequence[NationalFee]]
    """By portal and the portal's own code."""
    held: Mapping[uuid.UUID, GatewayHold]
    """By gateway account: those that a person holds back."""
    days_off: Mapping[str, frozenset[date]]
    days_worked: Mapping[str, frozenset[date]]
    """Saturdays and Sundays on which a calendar works."""


def in_force(rows: Sequence[Row], on: date) -> Row | None:
    """Return the row whose dates hold `on` (`valid_to` is exclusive and may be absent), or None."""
    for row in rows:
        dated: Any = row
        ends = getattr(dated, "valid_to", None)
        if dated.valid_from <= on and (ends is None or on < ends):
            return row
    return None


class RegisterCache:
    """Lends the registers in force, reading them again when their version has moved."""

    def __init__(self, db: Database, keyring: Keyring, stale_s: float) -> None:
        self._db, self._keyring, self._stale_s = db, keyring, stale_s
        self._held: Registers | None = None
        self._checked = 0.0
        self._lock = threading.Lock()

    def current(self) -> Registers:
        """Return a copy that was in force at most `stale_s` seconds ago."""
        held = self._held
        if held is not None and monotonic() - self._checked < self._stale_s:
            return held
        return self.fresh()

    def fresh(self) -> Registers:
        """Return the copy in force now."""
        # Whoever asks may hold a connection already, and so may everybody else.
        with self._lock, self._db.apart() as session:
            asked = monotonic()
            # The version is read before the rows: rows newer than it fail the guard of whoever writes by this copy.
            version = session.scalars(select(RegisterVersion.version)).one()
            if self._held is None or self._held.version != version:
                self._held = _read(session, self._keyring, version)
            self._checked = asked
            return self._held


def _read(session: Session, keyring: Keyring, version: int) -> Registers:
    agencies = session.scalars(select(Agency).order_by(Agency.valid_from)).all()
    portals = session.scalars(select(Portal).order_by(Portal.valid_from)).all()
    fees = session.scalars(select(Fee).order_by(Fee.valid_from)).all()
    reliefs = session.scalars(select(Relief).order_by(Relief.code, Relief.valid_from)).all()
    banks = session.scalars(select(BankAccount).order_by(BankAccount.valid_from)).all()
    accounts = session.scalars(select(GatewayAccount).order_by(GatewayAccount.rank, GatewayAccount.code)).all()
    secrets = sealing.live(session, keyring, GatewaySecret, "gateway_account_id", "name")
    keys = session.scalars(select(ApiKey)).all()
    holds = select(GatewayHold).where(GatewayHold.released_at.is_(None))
    days: defaultdict[bool, defaultdict[str, set[date]]] = defaultdict(lambda: defaultdict(set))
    for day in session.scalars(select(DayOff)):
        days[day.works][day.calendar].add(day.on)
    registers = Registers(
        version=version,
        agencies={agency.code: agency for agency in reversed(agencies)},
        agencies_by_id={agency.id: agency for agency in agencies},
        agency_rows=_group(agencies, "code"),
        collecting_accounts=_group(session.scalars(select(CollectingAccount)).all(), "agency_id"),
        fees=_group(fees, "code"),
        fees_by_id={fee.id: fee for fee in fees},
        tiers=_group(session.scalars(select(FeeTier).order_by(FeeTier.above)).all(), "fee_id"),
        reliefs=_group(reliefs, "code"),
        reliefs_by_id={relief.id: relief for relief in reliefs},
        retentions=_group(session.scalars(select(Retention)).all(), "agency_id", "fee_code"),
        portals={portal.id: portal for portal in {portal.code: portal for portal in reversed(portals)}.values()},
        portal_rows=_group(portals, "code"),
        grants=_group(session.scalars(select(PortalGrant)).all(), "portal_id"),
        keys={key.prefix: key for key in keys},
        key_networks={key.id: [ip_network(each) for each in key.networks] for key in keys if key.networks},
        bank_accounts=_group(banks, "code"),
        bank_accounts_by_id={bank.id: bank for bank in banks},
        gateway_accounts={account.code: account for account in accounts},
        gateway_accounts_by_id={account.id: account for account in accounts},
        terms=_group(session.scalars(select(GatewayTerms).order_by(GatewayTerms.valid_from)).all(), "gateway_account_id"),
        protocol_accounts={account.id: _protocol(account, secrets.get(account.id, {})) for account in accounts},
        callback_networks=by_account(session.scalars(select(CallbackNetwork))),
        portal_secrets=sealing.live(session, keyring, PortalSecret, "portal_id", "direction"),
        national_partners=_group(session.scalars(select(NationalPartner)).all(), "code"),
        national_fees=_group(session.scalars(select(NationalFee)).all(), "portal_id", "code"),
        held={hold.gateway_account_id: hold for hold in session.scalars(holds)},
        days_off={calendar: frozenset(off) for calendar, off in days[False].items()},
        days_worked={calendar: frozenset(worked) for calendar, worked in days[True].items()},
    )
    session.expunge_all()
    return registers


def _group(rows: Sequence[Row], *names: str) -> dict[Any, list[Row]]:
    groups: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        key = tuple(getattr(row, name) for name in names)
        groups[key if len(names) > 1 else key[0]].append(row)
    return dict(groups)


def _protocol(account: GatewayAccount, secrets: Mapping[str, tuple[str, ...]]) -> Account:
    return Account(
        terminal=account.terminal,
        secrets=secrets.get("secret", ()),
        endpoints=dict(account.endpoints),
        named_secrets=secrets,
    )
