"""Callbacks as they came, and who is told what."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.sealed import SealedBytes, WrappedKey
from payhub.secrets.models import SharedSecret, guards


class Standing(StrEnum):
    """Whether anything is still to be done about a message."""

    SETTLED = "settled"
    WAITING = "waiting"
    """For its order, for the gateway's answer, or for a fault of ours to be over: it is tried again."""
    PERSON = "person"
    """Nobody tries it again by itself."""


STRANGE_SOURCE = "strange_source"
"""The verdict on a message that verifies and came from where its gateway does not call back from; it is no word of a protocol."""


class Callback(Base):
    """One message from a gateway; a verified one that comes again is the same row, counted.

    The digest is of verified content only: a forgery has none, so it never stands in the way of the genuine message.
    """

    __tablename__ = "callback"
    __table_args__ = (
        Index("uq_callback_digest", "gateway_account_id", "digest", unique=True, postgresql_where="digest IS NOT NULL"),
        Index("ix_callback_attempt_id", "attempt_id"),
        Index("ix_callback_unverified", "received_at", postgresql_where="digest IS NULL"),
        Index("ix_callback_raw", "received_at", postgresql_where="raw_key IS NOT NULL"),
        # None of these holds the frequent message: written once, settled, and never looked for but by its attempt.
        Index("ix_callback_standing", "standing", "id", postgresql_where="standing <> 'settled'"),
        Index("ix_callback_due", "next_try_at", postgresql_where="next_try_at IS NOT NULL"),
        Index("ix_callback_reference", "reference", postgresql_where="reference IS NOT NULL"),
        Index("ix_callback_verdict", "verdict", "id", postgresql_where="verdict <> 'recorded'"),
        CheckConstraint("(raw_key IS NULL) = (raw IS NULL)", name="sealed"),
        CheckConstraint(
            "verdict IN ('recorded', 'repeated', 'unknown_reference', 'wrong_amount', 'forged', 'malformed', 'our_fault', "
            "'strange_source')",
            name="verdict",
        ),
        CheckConstraint("standing IN ('settled', 'waiting', 'person')", name="standing"),
        CheckConstraint("(standing = 'waiting') = (next_try_at IS NOT NULL)", name="waits"),
        CheckConstraint("digest IS NOT NULL OR standing = 'settled'", name="unverified"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    digest: Mapped[bytes | None]
    verdict: Mapped[str]
    """What the first arrival was answered with; what a later one was, `last_verdict`."""
    last_verdict: Mapped[str]
    outcome: Mapped[str | None]
    raw_code: Mapped[str | None]
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("attempt.id"))
    method: Mapped[str]
    source: Mapped[str]
    """Network address it came from."""
    raw_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    raw: Mapped[bytes | None] = mapped_column(SealedBytes)
    """Query string, body and headers with a NUL byte between, sealed."""
    times: Mapped[int]
    received_at: Mapped[datetime]
    last_received_at: Mapped[datetime]
    # The database fills these in: the statement that pays says nothing of them and stays short.
    standing: Mapped[str] = mapped_column(server_default=text("'settled'"))
    reference: Mapped[str | None]
    """What it calls the order, where it was not done with at once."""
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """How often the hub has tried it again by itself."""
    next_try_at: Mapped[datetime | None]
    replays: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """How often a person has let it be heard again."""


class WebhookEndpoint(Base):
    """An address of a portal that is told of events. `after_position` is the last event it was considered for."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        CheckConstraint("protocol IN ('standard', 'payment_platform')", name="protocol"),
        CheckConstraint("scheme IN ('hmac', 'ed25519')", name="scheme"),
        CheckConstraint("version > 0", name="version"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"), index=True)
    url: Mapped[str]
    event_types: Mapped[list[str]]
    protocol: Mapped[str] = mapped_column(server_default=text("'standard'"))
    """How it is spoken to (`webhooks.speaking`)."""
    scheme: Mapped[str] = mapped_column(server_default=text("'hmac'"))
    """What its next secret is of; while two are live they may differ."""
    version: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    """Of the bodies it is told in (`messages.VERSIONS`)."""
    after_position: Mapped[int]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class WebhookSecret(SharedSecret, Base):
    """A secret that an endpoint's messages are signed with; while two are live, each message carries both signatures."""

    __tablename__ = "webhook_secret"
    __table_args__ = (
        *guards("webhook_secret", "endpoint_id", "direction"),
        CheckConstraint("direction = 'outbound'", name="direction"),
    )

    endpoint_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook_endpoint.id"), index=True)
    direction: Mapped[str]


class Delivery(Base):
    """One event for one endpoint, or for one name of its payment there: told, to be told, or given up."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id", "name_id", postgresql_nulls_not_distinct=True),
        Index("ix_delivery_due", "endpoint_id", "position", postgresql_where="state = 'due'"),
        Index("ix_delivery_dead", "endpoint_id", "position", postgresql_where="state = 'dead'"),
        Index("ix_delivery_position", "endpoint_id", "position"),
        CheckConstraint("state IN ('due', 'delivered', 'dead')", name="state"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook_endpoint.id"))
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("event.id"))
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"))
    name_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("national_reference.id"))
    """The name it is told under, where the endpoint's protocol tells a payment by its names."""
    position: Mapped[int]
    """The event's own."""
    state: Mapped[str]
    tries: Mapped[int] = mapped_column(SmallInteger)
    next_try_at: Mapped[datetime]
    last_status: Mapped[int | None] = mapped_column(SmallInteger)
    last_error: Mapped[str | None]
    delivered_at: Mapped[datetime | None]
    """When the endpoint took it the first time; it stays when it is told again."""
    resent_at: Mapped[datetime | None]
    """When it was last put back to be told again."""


class DeliveryTry(Base):
    """One try of a delivery, kept for a while: what came back, how long it took, and how a reply that was no acceptance began."""

    __tablename__ = "delivery_try"
    __table_args__ = (
        Index("ix_delivery_try_delivery_id", "delivery_id", "at"),
        Index("ix_delivery_try_at", "at"),
        Index("ix_delivery_try_reply", "id", postgresql_where="reply_key IS NOT NULL"),
        CheckConstraint("(reply_key IS NULL) = (reply IS NULL)", name="sealed"),
        CheckConstraint("reply IS NULL OR error IS NOT NULL", name="reply"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delivery.id"))
    at: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    error: Mapped[str | None]
    took_ms: Mapped[int] = mapped_column(Integer)
    reply_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    reply: Mapped[bytes | None] = mapped_column(SealedBytes)
    """At most `replies.KEPT` characters of it, sealed: a portal may have written anything there."""
