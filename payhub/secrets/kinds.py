"""Whom secrets are shared with. Each feature registers its own kind when it is imported, the rooms included."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.accounts.models import GatewayAccount, GatewaySecret
from payhub.accounts.sources import SFTP_SECRETS, FileSource, FileSourceSecret
from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.hub import Hub
from payhub.portals.models import Portal, PortalSecret
from payhub.secrets.models import SharedSecret

DIRECTIONS = ("inbound", "outbound")


def new_secret(_owner: Any) -> str:
    """Return 256 random bits in hexadecimal, which every protocol can carry."""
    return secrets.token_hex(32)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of owner."""

    name: str
    model: type[SharedSecret]
    owner: str
    """The column of the model that names the owner."""
    use: str
    """The column of the model that tells the secrets of one owner apart."""
    owners: Any
    """The model of the owner."""
    code: str
    """The column by which people name an owner."""
    since: str
    """The column that says since when an owner is there."""
    uses: Callable[[Hub, Any], tuple[str, ...]]
    """What an owner can have secrets for; the first is meant where none is named."""
    two_people: bool = True
    """Whether a change is a proposal that another person approves."""
    given: bool = True
    """Whether the other side may give the secret; otherwise only we make them."""
    make: Callable[[Any], str] = new_secret
    """Make a secret for an owner."""
    shown: Callable[[str], str] = str
    """What of a secret we made is shown to whoever asked for it: itself, or the public key of a pair."""

    def owner_of(self, row: SharedSecret) -> uuid.UUID:
        """Return whose secret a row holds."""
        owner: uuid.UUID = getattr(row, self.owner)
        return owner

    def use_of(self, row: SharedSecret) -> str:
        """Return what a row's secret is for."""
        return str(getattr(row, self.use))

    def lock(self, session: Session, owner_id: uuid.UUID) -> Any:
        """Return an owner, whose secrets nobody else changes until this transaction ends."""
        # Not a key lock: payments and attempts that name the owner are written meanwhile.
        return session.get_one(self.owners, owner_id, with_for_update={"key_share": True}, populate_existing=True)

    def find(self, session: Session, named: str) -> uuid.UUID:
        """Return the owner that people call so; raise where there is none."""
        wanted = select(self.owners.id).where(getattr(self.owners, self.code) == _typed(self, named))
        # A code may go on in another row; the first one is the one that other tables name.
        found: uuid.UUID | None = session.scalar(wanted.order_by(getattr(self.owners, self.since)).limit(1))
        if found is None:
            unknown = Text(f"Không có {self.name} nào mang mã này", f"There is no {self.name} of this code")
            raise InvalidInput([FieldProblem("/owner", "unknown", unknown)])
        return found


def _typed(kind: Kind, named: str) -> Any:
    if kind.code != "id":
        return named
    try:
        return uuid.UUID(named)
    except ValueError:
        return None


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Make a kind known."""
    return KINDS.setdefault(kind.name, kind)


GATEWAY = register(
    Kind(
        name="gateway", model=GatewaySecret, owner="gateway_account_id", use="name", owners=GatewayAccount, code="code",
        since="opened_at",
        uses=lambda hub, account: hub.gateways[account.gateway].secret_names,
    )
)  # fmt: skip
PORTAL = register(
    Kind(
        name="portal", model=PortalSecret, owner="portal_id", use="direction", owners=Portal, code="code",
        since="valid_from",
        uses=lambda _hub, _portal: DIRECTIONS,
    )
)  # fmt: skip
FILE_SOURCE = register(
    Kind(
        name="file_source", model=FileSourceSecret, owner="file_source_id", use="name", owners=FileSource, code="code",
        since="valid_from",
        uses=lambda _hub, _source: SFTP_SECRETS,
    )
)  # fmt: skip
