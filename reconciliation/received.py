"""A file on its way in: on disk while it is read, and kept as it came, sealed in pieces, so that no size needs much memory."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath
from typing import IO

from sqlalchemy import insert
from sqlalchemy.orm import Session

from payhub import ids
from payhub.crypto import Keyring
from payhub.identifiers import is_identifier
from payhub.sealed import context_of
from reconciliation.errors import FileTooLarge
from reconciliation.models import FilePart

MAX_BYTES = 4 * 1024**3
"""The nation's payments of ten years are half a gigabyte."""
PIECE = 512 * 1024
"""What is sealed at once: the session and the driver each hold it again on its way."""
_STEP = 128 * 1024
_IN_MEMORY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """A file that is here whole, at its beginning."""

    body: IO[bytes]
    size: int
    digest: bytes
    """SHA-256."""
    name: str
    """Its name, if that is no more than a name; it may tell of a person."""


@contextmanager
def receive(source: bytes | IO[bytes], file_name: str) -> Iterator[Received]:
    """Take a file in; raise `FileTooLarge` where it does not end."""
    stream = BytesIO(source) if isinstance(source, bytes) else source
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
        size, digest = 0, hashlib.sha256()
        while piece := stream.read(_STEP):
            size += len(piece)
            if size > MAX_BYTES:
                raise FileTooLarge(f"tệp lớn hơn {MAX_BYTES} byte", f"the file has more than {MAX_BYTES} bytes")
            digest.update(piece)
            body.write(piece)
        body.seek(0)
        name = PurePath(file_name.replace("\\", "/")).name
        yield Received(body, size, digest.digest(), name if name and is_identifier(name) else "")


def keep(session: Session, keyring: Keyring, file_id: uuid.UUID, received: Received) -> None:
    """Seal a file piece by piece; the first piece has the file's own id."""
    received.body.seek(0)
    ordinal, piece_id = 0, file_id
    while piece := received.body.read(PIECE):
        sealed = keyring.seal(piece, context_of("file_part", id=piece_id))
        row = {"id": piece_id, "file_id": file_id, "ordinal": ordinal, "body_key": sealed.key, "body": sealed.data}
        session.execute(insert(FilePart), row)
        ordinal, piece_id = ordinal + 1, ids.new_id()
