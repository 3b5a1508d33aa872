"""A day file's content, piece by piece, and whether all that is said of it is true."""

from __future__ import annotations

import base64
import codecs
import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from payhub.crypto import Sealed
from payhub.hub import Hub
from payhub.sealed import context_of
from reconciliation.dayfiles import entries, writing
from reconciliation.dayfiles.errors import DayFileDestroyed
from reconciliation.dayfiles.models import DayFile, DayFileSum
from reconciliation.models import FilePart


def content(hub: Hub, file_id: uuid.UUID) -> Iterator[bytes]:
    """Yield the content; no connection is held while it is sent. Raise `DayFileDestroyed` before the first piece."""
    pieces = _pieces(hub, file_id)
    first = next(pieces)

    def all_of_them() -> Iterator[bytes]:
        yield first
        yield from pieces

    return all_of_them()


def _pieces(hub: Hub, file_id: uuid.UUID) -> Iterator[bytes]:
    ordinal = 0
    while True:
        asked = select(FilePart.id, FilePart.body_key, FilePart.body)
        asked = asked.where(FilePart.file_id == file_id, FilePart.ordinal == ordinal)
        with hub.db.autocommit() as connection:
            piece = connection.execute(asked).one_or_none()
        if piece is None:
            return
        if piece.body is None or piece.body_key is None:
            raise DayFileDestroyed
        yield hub.keyring.open(Sealed(piece.body_key, piece.body), context_of("file_part", id=piece.id))
        ordinal += 1


@dataclass(frozen=True, slots=True)
class Verified:
    """What is wrong with a file, and whether the ledger says something else of its day by now, which is no fault of the file."""

    wrong: tuple[str, ...]
    moved_on: bool


def verify(hub: Hub, made: DayFile) -> Verified:
    """Hold a file against its signature, its manifest, its content and its rows."""
    wrong = []
    if not hub.attester.verifies(made.key, made.manifest.encode(), base64.b64decode(made.signature)):
        wrong.append("the signature is of none of the keys in signing.keys, or of another manifest")
    said = json.loads(made.manifest)
    digest = hashlib.sha256()
    try:
        found = writing.read(_text(content(hub, made.id), digest))
    except ValueError as error:
        return Verified((*wrong, f"the content cannot be read: {error}"), moved_on=False)
    if (digest.hexdigest(), made.digest) != (said["sha256"],) * 2:
        wrong.append("the content is not the one that was signed")
    if (found.count, found.sums()) != (said["count"], said["sums"]):
        wrong.append("the rows add up to something else than the manifest says")
    with hub.db.session() as session:
        kept = session.scalars(select(DayFileSum).where(DayFileSum.day_file_id == made.id))
        sums = {(each.type, each.currency): (each.count, each.amount) for each in kept}
        now = entries.counted(session, made.portal_id, made.business_on)
    if sums != {(each["type"], each["currency"]): (each["count"], each["amount"]) for each in said["sums"]}:
        wrong.append("the sums that are kept are not those of the manifest")
    return Verified(tuple(wrong), moved_on=now != sums)


def _text(pieces: Iterator[bytes], digest: hashlib._Hash) -> Iterator[str]:
    """Yield lines of text, a piece at a time, while the bytes are hashed."""
    decoder, rest = codecs.getincrementaldecoder("utf-8")(), ""
    for piece in pieces:
        digest.update(piece)
        *lines, rest = (rest + decoder.decode(piece)).split("\n")
        yield from (f"{line}\n" for line in lines)
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest
