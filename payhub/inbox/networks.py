"""From where a gateway calls back, as dated rows: what it publishes, and since when.

Most gateways publish nothing; an account without a row in force is called back from anywhere, and its signature is the proof.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.identifiers import within


class CallbackNetwork(Base):
    """One network that a gateway says it calls an account back from, during one stretch of time."""

    __tablename__ = "callback_network"
    __table_args__ = (
        UniqueConstraint("gateway_account_id", "network", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    network: Mapped[str]
    """In CIDR form, as `ipaddress` writes it."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    source: Mapped[str]
    """Where the gateway says so."""


@dataclass(frozen=True, slots=True)
class Network:
    """A row of the register, read once."""

    network: IPv4Network | IPv6Network
    valid_from: date
    valid_to: date | None

    def holds(self, on: date) -> bool:
        """Tell whether it is in force on a day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


def by_account(rows: Iterable[CallbackNetwork]) -> Mapping[uuid.UUID, Sequence[Network]]:
    """Return the networks of each gateway account."""
    groups: defaultdict[uuid.UUID, list[Network]] = defaultdict(list)
    for row in rows:
        groups[row.gateway_account_id].append(Network(ip_network(row.network), row.valid_from, row.valid_to))
    return dict(groups)


def listed(networks: Sequence[Network], source: str, on: date) -> bool:
    """Tell whether a message may come from this address on this day; where no network is in force, it may come from any."""
    in_force = [each.network for each in networks if each.holds(on)]
    return not in_force or within(in_force, source)
