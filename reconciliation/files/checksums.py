"""The checksum a trailer declares over the lines before it."""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import zlib

from reconciliation.files.mapping import Checksum, Mapping
from reconciliation.files.rows import composed


class Running:
    """A checksum over lines as they pass. Blank lines are none; the trailer and what follows it is left out."""

    def __init__(self, mapping: Mapping, how: Checksum) -> None:
        self._how, self._marker = how, composed(mapping.trailer.marker) if mapping.trailer else ""
        self._delimiter = mapping.delimiter
        self._skip = mapping.data_row - 1 if how.over == "rows" else 0
        self._encoder = codecs.getincrementalencoder(mapping.encoding)()
        self._digest = None if how.algorithm == "crc32" else hashlib.new(how.algorithm, usedforsecurity=False)
        self._crc, self._begun, self._done = 0, False, False

    def see(self, block: str) -> None:
        """Take the lines of a block."""
        if self._done:
            return
        lines = [line for line in block.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]
        skipped = min(self._skip, len(lines))
        self._skip -= skipped
        lines = lines[skipped:]
        if self._marker:
            ends = next((place for place, line in enumerate(lines) if self._is_trailer(line)), None)
            self._done, lines = ends is not None, lines[:ends]
        if not lines:
            return
        joined = self._how.join.join(lines)
        before = self._how.join if self._begun and not self._how.ends else ""
        self._begun = True
        self._add(before + joined + (self._how.join if self._how.ends else ""))

    def _is_trailer(self, line: str) -> bool:
        if not self._delimiter:
            return composed(line).startswith(self._marker)
        return composed(line.partition(self._delimiter)[0].strip(' "')) == self._marker

    def _add(self, text: str) -> None:
        data = self._encoder.encode(text)
        if self._digest is None:
            self._crc = zlib.crc32(data, self._crc)
        else:
            self._digest.update(data)

    def agrees(self, declared: str) -> bool:
        """Tell whether this is what was declared."""
        raw = self._crc.to_bytes(4, "big") if self._digest is None else self._digest.digest()
        if self._how.written == "decimal":
            return declared.strip() == str(self._crc)
        try:
            return (base64.b64decode(declared, validate=True) if self._how.written == "base64" else bytes.fromhex(declared)) == raw
        except (ValueError, binascii.Error):
            return False
