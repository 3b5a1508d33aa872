"""Opening the archive a workbook is, once it is certain that it cannot fill the memory or the day."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import IO

from reconciliation.errors import ArchiveTooLarge, FileEmpty, FormatWrong
from reconciliation.files.sources import Source

MAX_PACKED = 256 << 20
MAX_HELD = 64 << 20
"""What is held of a source that cannot be sought in."""
MAX_UNPACKED = 1 << 30
MAX_ENTRIES = 1_000
MAX_DIRECTORY = 1 << 20
MAX_RATIO = 200
_PACKINGS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""What programs pack workbooks with; other ways may take memory of their own."""
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, LookupError, OSError, ValueError)
"""What `zipfile` raises for an archive that is broken, sealed with a password or packed in a way it does not know."""
_SMALL = 1 << 20
_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR_SIZE = 20


def opened(source: Source) -> zipfile.ZipFile:
    """Return the archive; raise where it is none, or may unpack to more than it should."""
    file = _sought(source)
    _check_directory(file)
    try:
        archive = zipfile.ZipFile(file)
    except _BROKEN:
        raise not_a_workbook() from None
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    thin = any(entry.file_size > max(_SMALL, MAX_RATIO * entry.compress_size) for entry in entries)
    if any(entry.compress_type not in _PACKINGS for entry in entries):
        raise not_a_workbook()
    if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED or thin:
        raise _too_large()
    return archive


class Part:
    """One file of an archive, read forward."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        try:
            self._file = archive.open(name)
        except _BROKEN:
            raise not_a_workbook() from None

    def read(self, size: int) -> bytes:
        """Return at most so many bytes; none at the end."""
        try:
            return self._file.read(size)
        except _BROKEN:
            raise not_a_workbook() from None


def not_a_workbook() -> FormatWrong:
    """Return the refusal of what is no workbook, or a broken one."""
    return FormatWrong("không phải tệp Excel (.xlsx) đọc được", "this is not a workbook (.xlsx) that can be read")


def _too_large() -> ArchiveTooLarge:
    return ArchiveTooLarge("tệp Excel giải nén ra quá lớn", "a workbook that unpacks to more than one may have")


def _sought(source: Source) -> IO[bytes]:
    seekable = getattr(source, "seekable", None)
    if seekable is not None and seekable():
        return source  # type: ignore[return-value] # it seeks
    held = io.BytesIO()
    while piece := source.read(1 << 20):
        held.write(piece)
        if held.tell() > MAX_HELD:
            raise _too_large()
    return held


def _check_directory(file: IO[bytes]) -> None:
    """Look at the archive's last record before `zipfile` reads everything that record tells it to."""
    size = file.seek(0, io.SEEK_END)
    if not size:
        raise FileEmpty("tệp rỗng", "the file is empty")
    if size > MAX_PACKED:
        raise _too_large()
    file.seek(max(0, size - (1 << 16) - _END_SIZE - _LOCATOR_SIZE))
    tail = file.read()
    at = len(tail) - _END_SIZE if tail[-_END_SIZE:].startswith(_END) and tail.endswith(b"\0\0") else tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise not_a_workbook()
    # The longer form of the directory is for archives far beyond these limits.
    long_form = tail[max(0, at - _LOCATOR_SIZE) : at].startswith(b"PK\x06\x07")
    entries, directory = int.from_bytes(tail[at + 10 : at + 12], "little"), int.from_bytes(tail[at + 12 : at + 16], "little")
    if long_form or entries > MAX_ENTRIES or directory > MAX_DIRECTORY:
        raise _too_large()
    file.seek(0)
