"""Portals, what they are granted, and their keys."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base


class Portal(Base):
    """A ministry's, province's or counter's system that asks for payments."""

    __tablename__ = "portal"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name_vi: Mapped[str]
    name_en: Mapped[str]
    return_origins: Mapped[list[str]]
    """Origins (`https://host[:port]`) a citizen may be sent back to."""
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class PortalGrant(Base):
    """Leave to ask for one fee (or any) of one agency (or any); `valid_to` is exclusive."""

    __tablename__ = "portal_grant"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"), index=True)
    agency_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agency.id"))
    fee_code: Mapped[str | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class ApiKey(Base):
    """A key of a portal: the prefix finds it, the hash proves it, the key itself is shown once and kept nowhere."""

    __tablename__ = "api_key"
    __table_args__ = (Index("uq_api_key_prefix", "prefix", unique=True),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"), index=True)
    prefix: Mapped[str]
    digest: Mapped[bytes]
    """SHA-256 of the whole key; the key holds 160 random bits, so nothing slower is needed."""
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
