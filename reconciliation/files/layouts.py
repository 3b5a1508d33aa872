"""Which reader takes which format."""

from __future__ import annotations

from collections.abc import Iterable

from reconciliation.files.chunks import Chunk
from reconciliation.files.delimited import Delimited
from reconciliation.files.fixed import Fixed
from reconciliation.files.frames import Frame
from reconciliation.files.sources import Base64Source, Source
from reconciliation.files.workbooks import Workbook


def chunks(source: Source, frame: Frame, *, at_once: bool = True) -> Iterable[Chunk]:
    """Return the rows of a file between header and trailer. Without `at_once` every row of a delimited file goes through `csv`."""
    opened = Base64Source(source) if frame.mapping.envelope == "base64" else source
    match frame.mapping.format:
        case "fixed":
            return Fixed(opened, frame)
        case "xlsx":
            return Workbook(opened, frame)
        case _:
            return Delimited(opened, frame, at_once=at_once)
