"""The parts of a workbook beside its sheets: which sheets there are, the texts they share, which styles are dates."""

from __future__ import annotations

import posixpath
import re
import unicodedata
import zipfile
from dataclasses import dataclass, field

from reconciliation.errors import ArchiveTooLarge, FormatWrong
from reconciliation.files.archives import Part
from reconciliation.files.markup import Target, passing

MAX_SHARED = 128 << 20
"""Bytes of shared texts: the only part of a workbook that must be held."""
LONGEST_CELL = 32_767
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_NOT_PATTERN = re.compile(r'"[^"]*"|\\.|\[(?!h+\]|m+\]|s+\])[^\]]*\]|_.|\*.')
_DATE_PATTERN = re.compile(r"[dmyhs]", re.IGNORECASE)


@dataclass(slots=True)
class _Links:
    """A relations part: identifier to target, and kind to target."""

    by_id: dict[str, str] = field(default_factory=dict)
    by_kind: dict[str, str] = field(default_factory=dict)

    def begin(self, _namespace: str, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and "Target" in attributes:
            self.by_id[attributes.get("Id", "")] = attributes["Target"]
            self.by_kind.setdefault(attributes.get("Type", "").rpartition("/")[2], attributes["Target"])

    def text(self, text: str) -> None: ...

    def end(self, name: str) -> None: ...


@dataclass(slots=True)
class _Contents:
    """The workbook part: sheets by name, and whether days count from 1904."""

    sheets: dict[str, str] = field(default_factory=dict)
    from_1904: bool = False

    def begin(self, _namespace: str, name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            link = next((value for key, value in attributes.items() if key.endswith("}id")), "")
            self.sheets.setdefault(unicodedata.normalize("NFC", attributes.get("name", "")), link)
        elif name == "workbookPr":
            self.from_1904 = attributes.get("date1904", "0") in {"1", "true"}

    def text(self, text: str) -> None: ...

    def end(self, name: str) -> None: ...


@dataclass(slots=True)
class _Styles:
    """The styles part: which styles of cells show a number as a date or a time."""

    dates: set[int] = field(default_factory=set)
    _own: dict[int, bool] = field(default_factory=dict)
    _inside: bool = False
    _style: int = 0

    def begin(self, _namespace: str, name: str, attributes: dict[str, str]) -> None:
        number = attributes.get("numFmtId", "")
        code = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
        if name == "numFmt":
            pattern = _NOT_PATTERN.sub("", attributes.get("formatCode", "").split(";")[0])
            self._own[code] = bool(_DATE_PATTERN.search(pattern)) and pattern.lower() != "general"
        elif name == "cellXfs":
            self._inside = True
        elif name == "xf" and self._inside:
            if self._own.get(code, code in _DATES):
                self.dates.add(self._style)
            self._style += 1

    def text(self, text: str) -> None: ...

    def end(self, name: str) -> None:
        self._inside = self._inside and name != "cellXfs"


@dataclass(slots=True)
class _Texts:
    """The shared texts, in order; what is written above characters to tell their sound is left out."""

    found: list[str] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _reading: bool = False
    _sound: bool = False

    def begin(self, _namespace: str, name: str, _attributes: dict[str, str]) -> None:
        self._sound = self._sound or name == "rPh"
        self._reading = name == "t" and not self._sound

    def text(self, text: str) -> None:
        if self._reading:
            self._parts.append(text)

    def end(self, name: str) -> None:
        self._reading = False
        if name == "rPh":
            self._sound = False
        elif name == "si":
            self.found.append("".join(self._parts)[:LONGEST_CELL])
            self._parts.clear()


@dataclass(frozen=True, slots=True)
class Book:
    """What a sheet needs to be read: where it is, the shared texts, the styles that are dates."""

    sheet: str
    texts: list[str]
    dates: frozenset[int]
    from_1904: bool


def read_book(archive: zipfile.ZipFile, sheet: str) -> Book:
    """Find a sheet by name, or the first one, with all it needs."""
    root = _links(archive, "", "")
    main = _inside("", root.by_kind.get("officeDocument", "xl/workbook.xml"))
    folder, _, file = main.rpartition("/")
    links, contents = _links(archive, folder, file), _Contents()
    _read(archive, main, contents)
    wanted = unicodedata.normalize("NFC", sheet) or next(iter(contents.sheets), "")
    if wanted not in contents.sheets:
        raise FormatWrong(f"không có trang tính {sheet}", f"there is no sheet {sheet}" if sheet else "there is no sheet")
    texts, styles = _Texts(), _Styles()
    if shared := links.by_kind.get("sharedStrings"):
        name = _inside(folder, shared)
        if name in archive.NameToInfo and archive.NameToInfo[name].file_size > MAX_SHARED:
            raise ArchiveTooLarge("tệp Excel có quá nhiều chữ", "a workbook with more text than one may have")
        _read(archive, name, texts)
    if styled := links.by_kind.get("styles"):
        _read(archive, _inside(folder, styled), styles)
    where = links.by_id.get(contents.sheets[wanted], "")
    return Book(_inside(folder, where), texts.found, frozenset(styles.dates), contents.from_1904)


def _links(archive: zipfile.ZipFile, folder: str, file: str) -> _Links:
    links = _Links()
    _read(archive, posixpath.join(folder, "_rels", f"{file}.rels"), links)
    return links


def _inside(folder: str, target: str) -> str:
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")


def _read(archive: zipfile.ZipFile, name: str, target: Target) -> None:
    for _ in passing(Part(archive, name), target):
        pass
