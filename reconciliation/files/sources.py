"""From bytes to text: read forward only, in pieces that end where a row may end, so that memory stays flat for any size."""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Callable, Iterator
from typing import Protocol

from reconciliation.errors import EncodingWrong, FileEmpty, RowTooLong

PIECE = 1 << 16
MAX_ROW = 1 << 17
"""Characters in one row: far above any real one, and what `csv` lets one field have."""


class Source(Protocol):
    """Whatever gives bytes one piece after the other."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes; none at the end."""


class Base64Source:
    """The bytes that a Base64 text stands for, with or without line ends in it."""

    def __init__(self, source: Source) -> None:
        self._source, self._rest, self._ended = source, b"", False

    def read(self, size: int) -> bytes:
        """Return some bytes; none at the end. A piece may be longer or shorter than was asked for."""
        while piece := self._source.read(size):
            text = self._rest + piece.translate(None, b" \t\r\n")
            whole = len(text) - len(text) % 4
            self._rest = text[whole:]
            if whole:
                return self._decoded(text[:whole])
        if self._rest:
            raise _not_base64()
        return b""

    def _decoded(self, text: bytes) -> bytes:
        if self._ended:
            raise _not_base64()
        # Padding ends the text: whatever comes after it was put there by somebody else.
        self._ended = text.endswith(b"=")
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            raise _not_base64() from None


def _not_base64() -> EncodingWrong:
    return EncodingWrong("không phải Base64", "this is not Base64", row=1)


class Blocks:
    """The text of a file. With `hold_last` the last row that is not blank is kept back, and stands in `held` at the end."""

    def __init__(
        self, source: Source, encoding: str, *, hold_last: bool = False, watch: Callable[[str], None] | None = None
    ) -> None:
        self._source, self._encoding = source, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._hold_last, self._watch = hold_last, watch
        self._ends = 0
        self.held = ""

    def __iter__(self) -> Iterator[str]:
        blocks = self._blocks()
        first = next(blocks, "")
        second = next(blocks, "") if not first.strip() else ""
        if not (first + second + self.held).strip():
            raise FileEmpty("tệp rỗng", "the file is empty")
        for block in (first, second):
            if block:
                yield self._seen(block)
        for block in blocks:
            yield self._seen(block)

    def _seen(self, block: str) -> str:
        if self._watch is not None:
            self._watch(block)
        return block

    def _blocks(self) -> Iterator[str]:
        rest, begun = "", False
        while data := self._source.read(PIECE):
            text = self._decoded(data, final=False)
            if text and not begun:
                text, begun = text.removeprefix("\ufeff"), True
            rest += text
            cut = self._cut(rest)
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
            if len(rest) > MAX_ROW:
                raise RowTooLong("dòng quá dài", f"a row of more than {MAX_ROW} characters", row=self._row(rest))
        rest += self._decoded(b"", final=True)
        if self._hold_last:
            cut = _last_row(rest)
            self.held, rest = rest[cut:], rest[:cut]
        if rest:
            yield rest

    def _row(self, rest: str) -> int:
        return self._ends + 1 - rest.count("\n")

    def _decoded(self, data: bytes, *, final: bool) -> str:
        try:
            text = self._decoder.decode(data, final)
        except UnicodeError as error:
            before = error.object[: error.start].count(b"\n") if isinstance(error, UnicodeDecodeError) else 0
            row = self._ends + before + 1
            raise EncodingWrong(f"không phải {self._encoding}", f"this is not {self._encoding}", row=row) from None
        self._ends += text.count("\n")
        return text

    def _cut(self, text: str) -> int:
        # A carriage return at the very end may be the first half of a line end.
        cut = text.rfind("\n") + 1 or text.rfind("\r", 0, len(text) - 1) + 1
        return _last_row(text[:cut]) if self._hold_last else cut


def _last_row(text: str) -> int:
    """Return where the last row begins that is not blank."""
    end = len(text.rstrip("\r\n"))
    return max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1
