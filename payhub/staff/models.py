"""Principals, what proves a person, proposals, and the audit chain."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.sealed import SealedBytes, WrappedKey

SYSTEM_ID = uuid.UUID("00000000-0000-7000-8000-000000000001")
"""The principal that is the hub itself; the migration writes its row."""

ROLES = ("clerk", "approver", "auditor", "admin")
"""What a person may be trusted with: to propose, to approve, to look, to keep the registers."""


class Principal(Base):
    """Whoever can be the author of an act. A portal is one principal however many keys it has."""

    __tablename__ = "principal"
    __table_args__ = (
        CheckConstraint("kind IN ('person', 'portal', 'system')", name="kind"),
        CheckConstraint("(kind = 'portal') = (portal_id IS NOT NULL)", name="portal"),
        CheckConstraint("(kind = 'portal') = (position('/' in name) > 0)", name="name"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str] = mapped_column(unique=True)
    """A person's login name, `portal/<code>`, or `system`."""
    portal_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("portal.id"), unique=True)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class StaffRole(Base):
    """One thing a person is trusted with."""

    __tablename__ = "staff_role"
    __table_args__ = (CheckConstraint("role IN (" + ", ".join(f"'{role}'" for role in ROLES) + ")", name="role"),)

    principal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("principal.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    granted_at: Mapped[datetime]


class StaffToken(Base):
    """A person's bearer token: the prefix finds it, the hash proves it, the token itself is shown once and kept nowhere."""

    __tablename__ = "staff_token"
    __table_args__ = (Index("uq_staff_token_prefix", "prefix", unique=True),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    principal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("principal.id"), index=True)
    prefix: Mapped[str]
    digest: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class StaffTotp(Base):
    """A person's second proof (RFC 6238), sealed by the key ring, and how it has been tried."""

    __tablename__ = "staff_totp"

    principal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("principal.id"), primary_key=True)
    sealed_key: Mapped[bytes] = mapped_column(WrappedKey)
    sealed: Mapped[bytes] = mapped_column(SealedBytes)
    last_step: Mapped[int]
    """The step of the last code accepted: this one and all before it are never accepted again."""
    wrong_at: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)))
    """The latest wrong codes."""
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Proposal(Base):
    """An act that waits for a second person. What is proposed never changes; only its state does."""

    __tablename__ = "proposal"
    __table_args__ = (
        CheckConstraint("state IN ('proposed', 'approved', 'executed', 'declined', 'withdrawn', 'void')", name="state"),
        CheckConstraint(
            "CASE state WHEN 'proposed' THEN decided_by IS NULL AND decided_at IS NULL "
            "WHEN 'void' THEN (decided_by IS NULL) = (decided_at IS NULL) "
            "ELSE decided_by IS NOT NULL AND decided_at IS NOT NULL END",
            name="decided",
        ),
        CheckConstraint("decided_by IS NULL OR (state = 'withdrawn') = (decided_by = proposed_by)", name="two_people"),
        CheckConstraint("(state = 'executed') = (executed_at IS NOT NULL)", name="executed"),
        CheckConstraint("(state = 'void') = (voided_at IS NOT NULL)", name="voided"),
        CheckConstraint(
            "content_hash = sha256(convert_to(content_text, 'UTF8')) AND CAST(content_text AS jsonb) = content", name="content"
        ),
        Index(
            "uq_proposal_open",
            "kind",
            "target",
            "content_hash",
            unique=True,
            postgresql_where="state IN ('proposed', 'approved')",
        ),
        CheckConstraint("(words_key IS NULL) = (words IS NULL) AND (reason_key IS NULL) = (reason IS NULL)", name="sealed"),
        Index("ix_proposal_state", "state", "id"),
        Index("ix_proposal_target", "target"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    target: Mapped[str]
    """What it is about: `refund/<uuid>`."""
    target_seq: Mapped[int | None]
    """The target's version that the proposer saw; where the target has moved on, the proposal is void."""
    content: Mapped[dict[str, Any]]
    content_text: Mapped[str]
    """The content in canonical JSON, which is what is hashed."""
    content_hash: Mapped[bytes]
    state: Mapped[str]
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principal.id"))
    proposed_at: Mapped[datetime]
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("principal.id"))
    decided_at: Mapped[datetime | None]
    executed_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]
    words_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    words: Mapped[bytes | None] = mapped_column(SealedBytes)
    """What the proposer wrote, sealed (JSON by name); the content holds a digest of each text in its place."""
    reason_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    reason: Mapped[bytes | None] = mapped_column(SealedBytes)
    """Why it was declined, in the decider's words, sealed."""


class AuditEntry(Base):
    """One act. `hash` covers the entry and the hash before it, so that no earlier entry can change unnoticed."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        UniqueConstraint("previous_hash"),
        CheckConstraint("hash = sha256(previous_hash || convert_to(entry, 'UTF8'))", name="hash"),
        Index("ix_audit_entry_target", "target"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[uuid.UUID] = mapped_column(ForeignKey("principal.id"))
    act: Mapped[str]
    target: Mapped[str]
    data: Mapped[dict[str, Any]]
    entry: Mapped[str]
    """All of the above in canonical JSON, which is what is hashed."""
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]
