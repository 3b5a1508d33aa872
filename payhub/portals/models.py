"""Portals, what they are granted, and their keys."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.secrets.models import SharedSecret, guards


class Portal(Base):
    """A ministry's, province's or counter's system that asks for payments, during one stretch of time (`valid_to` exclusive).

    A code goes on in another row when its name or origins change; the first row of a code is the one that other tables name.
    """

    __tablename__ = "portal"
    __table_args__ = (
        UniqueConstraint("code", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    return_origins: Mapped[list[str]]
    """Origins (`https://host[:port]`) a citizen may be sent back to."""
    told_proofs: Mapped[bool] = mapped_column(server_default=false())
    """Whether it is told when its payments are reported and banked."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class PortalGrant(Base):
    """Leave to ask for one fee (or any) of one agency (or any); `valid_to` is exclusive."""

    __tablename__ = "portal_grant"
    __table_args__ = (CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"), index=True)
    agency_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agency.id"))
    fee_code: Mapped[str | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class ApiKey(Base):
    """A key of a portal: the prefix finds it, the hash proves it, the key itself is shown once and kept nowhere."""

    __tablename__ = "api_key"
    __table_args__ = (
        Index("uq_api_key_prefix", "prefix", unique=True),
        CheckConstraint(
            "(rate IS NULL) = (burst IS NULL) AND rate BETWEEN 0 AND 100000 AND burst BETWEEN 1 AND 1000000", name="limit"
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"), index=True)
    prefix: Mapped[str]
    digest: Mapped[bytes]
    """SHA-256 of the whole key; the key holds 160 random bits, so nothing slower is needed."""
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    networks: Mapped[list[str]] = mapped_column(server_default="{}")
    """From where it may be used, in CIDR form as `ipaddress` writes it; from anywhere where there is none."""
    rate: Mapped[int | None]
    """Calls a second on average, 0 for as many as come; None is what the settings say."""
    burst: Mapped[int | None]
    """Calls at once, after a rest."""
    replaces_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("api_key.id"), unique=True)
    """The key it was made to follow."""


class ApiKeyUse(Base):
    """When a key was last used, to the minute. It is no register: nothing is decided by it, and it changes all the time."""

    __tablename__ = "api_key_use"

    api_key_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("api_key.id"), primary_key=True)
    used_at: Mapped[datetime]


class PortalSecret(SharedSecret, Base):
    """A secret that messages between a portal and the hub are proven with, for protocols in which an API key is not enough."""

    __tablename__ = "portal_secret"
    __table_args__ = (
        *guards("portal_secret", "portal_id", "direction"),
        CheckConstraint("direction IN ('inbound', 'outbound')", name="direction"),
    )

    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"), index=True)
    direction: Mapped[str]
    """`inbound`: the portal signs and we verify; `outbound`: we sign."""
