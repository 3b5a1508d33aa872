"""The blind index when the ring's newest key changes: each row is made anew from what is sealed, so that an old key can go."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from sqlalchemy import delete, func, select, text, tuple_
from sqlalchemy.orm import Session

from payhub.crypto import CryptoError, Keyring
from payhub.people.indexing import digests, plain
from payhub.people.models import Payer, PayerIndex
from payhub.people.sealing import opened
from payhub.sealed import DERIVED, Derived, Moved

_INDEX = "payer_index"


def versions(session: Session) -> Mapping[int, int]:
    """Tell how many rows of the index each key of the ring has made."""
    counted = select(PayerIndex.version, func.count().label("rows")).group_by(PayerIndex.version)
    return {row.version: row.rows for row in session.execute(counted)}


def rekey(keyring: Keyring, session: Session, after: uuid.UUID | None, limit: int) -> Moved:
    """Make what finds the next so many payments anew by the key that seals, where another made it."""
    other = PayerIndex.version != keyring.newest
    wanted = select(PayerIndex.payment_id).where(other).distinct().order_by(PayerIndex.payment_id).limit(limit)
    payments = session.scalars(wanted.where(PayerIndex.payment_id > after) if after else wanted).all()
    those = (other, PayerIndex.payment_id.in_(payments))
    count = session.scalar(select(func.count()).where(*those)) or 0
    held = select(PayerIndex.payment_id, PayerIndex.field).where(*those).with_for_update(skip_locked=True)
    rows = session.execute(held).all()
    made, unopened = _digests(keyring, session, {row.payment_id for row in rows})
    fresh = [(*row, made[row.payment_id][row.field]) for row in rows if row.field in made.get(row.payment_id, {})]
    # What the others were made from is destroyed, and so must be what is found by them.
    gone = [tuple(row) for row in rows if row.payment_id not in unopened and row.field not in made.get(row.payment_id, {})]
    session.execute(delete(PayerIndex).where(tuple_(PayerIndex.payment_id, PayerIndex.field).in_(gone)))
    columns = dict(zip(("payments", "fields", "digests"), map(list, zip(*fresh, strict=True)), strict=True)) if fresh else None
    if columns:
        session.execute(_REPLACE, {**columns, "newest": keyring.newest})
    return Moved(payments[-1] if payments else None, count, len(fresh) + len(gone), count - len(rows), tuple(sorted(unopened)))


def _digests(
    keyring: Keyring, session: Session, payments: set[uuid.UUID]
) -> tuple[dict[uuid.UUID, Mapping[str, bytes]], set[uuid.UUID]]:
    """Return the digests of these payments' payers, and the payments whose payer cannot be opened."""
    made, unopened = dict[uuid.UUID, Mapping[str, bytes]](), set[uuid.UUID]()
    for payer in session.scalars(select(Payer).where(Payer.payment_id.in_(payments))):
        try:
            made[payer.payment_id] = digests(keyring, plain(opened(keyring, payer)))
        except CryptoError:
            unopened.add(payer.payment_id)
    return made, unopened


_REPLACE = text(
    "UPDATE payer_index SET digest = fresh.digest, version = :newest "
    "FROM unnest(CAST(:payments AS uuid[]), CAST(:fields AS text[]), CAST(:digests AS bytea[])) "
    "AS fresh (payment_id, field, digest) "
    "WHERE payer_index.payment_id = fresh.payment_id AND payer_index.field = fresh.field"
)


def offer() -> None:
    """Let the ring's rotation know of the index."""
    if not any(derived.name == _INDEX for derived in DERIVED):
        DERIVED.append(Derived(_INDEX, versions, rekey))
