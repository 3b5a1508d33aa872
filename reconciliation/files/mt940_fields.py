"""The fields of MT940 messages, one after the other, with or without the blocks of the SWIFT network around them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from reconciliation.files.statements import LONGEST_TEXT

_TAG = re.compile(r":(\d\d[A-Z]?|NS):", re.ASCII)
_KNOWN = frozenset({
    "13D", "20", "21", "25", "25P", "28", "28C", "34F", "60F", "60M", "61", "62F", "62M", "64", "65", "86", "90C", "90D", "NS",
})  # fmt: skip


class Field(NamedTuple):
    """One field: what it is, what it says, and the row of the file it begins in."""

    tag: str
    value: str
    row: int


def fields(blocks: Iterable[str]) -> Iterator[Field]:
    """Yield the fields of a file; a field ends where the next begins or its message does."""
    tag, parts, begun, length = "", [""], 0, 0
    for row, line in enumerate(_lines(blocks), 1):
        ends = (line.startswith("-") and line in {"-", "-}"}) or line.startswith("-}{")
        text = line.partition("{4:")[2] if line.startswith("{") else line
        match = _TAG.match(text)
        if match is not None and match[1] in _KNOWN:
            if tag:
                yield Field(tag, "\n".join(parts).strip(), begun)
            tag, parts, begun, length = match[1], [text[match.end() :][:LONGEST_TEXT]], row, 0
        elif ends or line.startswith("{"):
            if tag:
                yield Field(tag, "\n".join(parts).strip(), begun)
            tag = ""
        elif tag and length < LONGEST_TEXT:
            # Free text may have a line that looks like a field; only those of MT940 are.
            parts.append(text[:LONGEST_TEXT])
            length += len(text) + 1
        elif not tag and text.strip():
            yield Field("", "", row)
    if tag:
        yield Field(tag, "\n".join(parts).strip(), begun)


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    for block in blocks:
        for line in io.StringIO(block, newline=""):
            yield line.rstrip("\r\n").rstrip()
