"""Everything that hangs on the key ring, in one list: what is sealed, what is derived, what is proven by a key of it.

`payhub keys rotate` and `payhub keys status` work through these lists and nothing else. A sealed value is a pair of columns: the
wrapped data key, declared as `WrappedKey`, and the sealed bytes, declared as `SealedBytes`. A test walks every model and fails
where a binary column is neither in this list nor known to be plain.

A rotation seals the value again under a fresh data key, so both columns change, the first byte of the key (its version) among them.
A trigger that keeps sealed bytes as they are lets them change together with that byte.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Session

from payhub.crypto import Keyring


class WrappedKey(LargeBinary):
    """A column that holds a wrapped data key: `payer_key: Mapped[bytes | None] = mapped_column(WrappedKey)`."""

    cache_ok = True


class SealedBytes(LargeBinary):
    """A column that holds what a data key sealed."""

    cache_ok = True


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A pair of columns that hold sealed values. `context` names columns of the row, as in `payer {id}`."""

    table: str
    id: str
    """The column that is the primary key, a UUID."""
    key: str
    data: str
    context: str

    @property
    def name(self) -> str:
        """How it is called in reports: `payment.payer`."""
        return f"{self.table}.{self.data}"

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that the context names."""
        return tuple(dict.fromkeys(name for _, name, _, _ in Formatter().parse(self.context) if name))


SEALED = (
    SealedValue("gateway_secret", "id", "sealed_key", "sealed", "gateway_secret {id}"),
    SealedValue("file_source_secret", "id", "sealed_key", "sealed", "file_source_secret {id}"),
    SealedValue("portal_secret", "id", "sealed_key", "sealed", "portal_secret {id}"),
    # The first secret of an endpoint has the endpoint's own id: it was sealed in the endpoint's row.
    SealedValue("webhook_secret", "id", "sealed_key", "sealed", "webhook_endpoint {id}"),
    SealedValue("staff_totp", "principal_id", "sealed_key", "sealed", "staff_totp {principal_id}"),
    SealedValue("payer", "payment_id", "record_key", "record", "payer record {payment_id}"),
    SealedValue("payer", "payment_id", "contact_key", "contact", "payer contact {payment_id}"),
    SealedValue("payment", "id", "words_key", "words", "payment words {id}"),
    SealedValue("payment", "id", "basis_key", "basis", "payment basis {id}"),
    SealedValue("proposal", "id", "words_key", "words", "proposal words {id}"),
    SealedValue("proposal", "id", "reason_key", "reason", "proposal reason {id}"),
    SealedValue("account_stop", "collecting_account_id", "reason_key", "reason", "account_stop {collecting_account_id}"),
    SealedValue("refund", "id", "note_key", "note", "refund note {id}"),
    SealedValue("discrepancy_note", "id", "note_key", "note", "discrepancy note {id}"),
    SealedValue("callback", "id", "raw_key", "raw", "callback {id}"),
    SealedValue("national_reference", "id", "message_key", "message", "national_reference {id}"),
    SealedValue("delivery_try", "id", "reply_key", "reply", "delivery_try {id}"),
    SealedValue("statement_line", "id", "text_key", "text", "statement_line {id}"),
    SealedValue("file_part", "id", "body_key", "body", "settlement {id}"),
)
"""Every sealed value there is. Small tables first: what everything else needs is under the new key within seconds."""


def context_of(table: str, **named: object) -> str:
    """Return the context of a value of a table that has one: `context_of("payment", id=payment_id)`."""
    [context] = [value.context for value in SEALED if value.table == table]
    return context.format(**named)


@dataclass(frozen=True, slots=True)
class Moved:
    """What one batch of a rotation came to."""

    last: uuid.UUID | None
    """The last row that was looked at, in the order of ids; None where none was left."""
    looked_at: int = 0
    done: int = 0
    passed_over: int = 0
    """What somebody else held, or changed at that moment: it comes in another pass."""
    unopened: tuple[uuid.UUID, ...] = ()
    """The rows whose value could not be opened."""


@dataclass(frozen=True, slots=True)
class Derived:
    """Rows that hold something made with a key of the ring other than by sealing: a blind index, for one."""

    name: str
    """How it is called in reports: `payment.payer_index`."""
    versions: Callable[[Session], Mapping[int, int]]
    """Tell how many rows each version of the ring has made."""
    rekey: Callable[[Keyring, Session, uuid.UUID | None, int], Moved]
    """Make the next so many rows of other versions, after this id, anew by the newest, in this transaction.

    The caller commits and calls again. Rows that others hold are passed over (`SKIP LOCKED`), so that nobody waits for it.
    """


DERIVED: list[Derived] = []
"""A feature appends its own when it is imported."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A MAC made with the ring that outlives the request it was made in. Each version on the ring verifies it."""

    purpose: str
    module: str
    """Who makes it."""
    without: str
    """What stops working when its version leaves the ring."""


PROOFS = (
    Proof("checkout", "payhub/payments/links.py", "links to payments that were given out before the ring's newest key was"),
    Proof("secret fingerprint", "payhub/secrets/sealing.py", "proposals of secrets that wait: they are void when approved"),
    Proof("proposal words", "payhub/staff/words.py", "what was written with a proposal is not proven to be what was agreed on"),
    Proof("offer", "payhub/checkout/ways.py", "why a way stood where it did is not kept of attempts from pages shown before"),
    Proof("idempotency", "payhub/idempotency.py", "the same POST of a secret again is not recognised as the same"),
)
"""What is proven by the ring and never made anew: it ends by itself."""
