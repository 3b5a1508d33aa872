"""XML read forward only, in flat memory, from people who may mean harm.

A document type definition is refused where it begins. Without one there are no entities but XML's own five, so nothing in a file
can grow, and nothing is fetched. Nothing is kept of the document either: whoever reads gets each start, text and end as it passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from xml.parsers import expat

from reconciliation.errors import EncodingWrong, FileCutOff, FileEmpty, FormatWrong, RowTooLong
from reconciliation.files.sources import Source

_PIECE = 1 << 16
_LONGEST_TOKEN = 1 << 20
_DEPTH = 64
_CUT = {
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_UNCLOSED_TOKEN, expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
    )
}  # fmt: skip
_ENCODING = {
    expat.errors.codes[text] for text in (expat.errors.XML_ERROR_UNKNOWN_ENCODING, expat.errors.XML_ERROR_INCORRECT_ENCODING)
}


class Target(Protocol):
    """Whoever reads a document as it passes. Names come without their namespace."""

    def begin(self, namespace: str, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def text(self, text: str) -> None:
        """Text of the element that began last, or a part of it."""

    def end(self, name: str) -> None:
        """An element ends."""


def passing(source: Source, target: Target) -> Iterator[None]:
    """Let a document pass; pauses after every piece, so that what the target has found can be taken from it."""
    state = _State()
    parser, fed = _parser(target, state), 0
    try:
        while data := source.read(_PIECE):
            if not fed and not data.strip():
                continue
            fed += len(data)
            parser.Parse(data, False)  # noqa: FBT003 - expat's own
            if fed - max(parser.CurrentByteIndex, 0) > _LONGEST_TOKEN:
                raise RowTooLong("thẻ XML quá dài", "a piece of markup that has no end", row=parser.CurrentLineNumber)
            yield
        if not fed:
            raise FileEmpty("tệp rỗng", "the file is empty")
        parser.Parse(b"", True)  # noqa: FBT003 - as above
        yield
    except expat.ExpatError as error:
        raise _refused(error) from None
    except (LookupError, ValueError):
        if not state.quiet:
            raise
        # Before the first element: an encoding that Python does not know, or that expat cannot use.
        raise EncodingWrong("bảng mã không dùng được", "an encoding that cannot be read", row=1) from None


def _refused(error: expat.ExpatError) -> EncodingWrong | FileCutOff | FormatWrong:
    if error.code in _ENCODING:
        return EncodingWrong("bảng mã không dùng được", "an encoding that cannot be read", row=error.lineno)
    if error.code in _CUT:
        return FileCutOff("tệp bị cắt", "the file is cut off", row=error.lineno)
    return FormatWrong("không phải XML hợp lệ", "this is not well-formed XML", row=error.lineno)


@dataclass(slots=True)
class _State:
    quiet: bool = True
    """No element has begun yet."""
    depth: int = 0


def _parser(target: Target, state: _State) -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True

    def begin(name: str, attributes: dict[str, str]) -> None:
        state.quiet = False
        state.depth += 1
        if state.depth > _DEPTH:
            raise FormatWrong("XML lồng quá sâu", "XML nested too deep", row=parser.CurrentLineNumber)
        namespace, _, local = name.rpartition("}")
        target.begin(namespace, local, attributes)

    def end(name: str) -> None:
        state.depth -= 1
        target.end(name.rpartition("}")[2])

    def refuse(*_: object) -> None:
        raise FormatWrong("XML có DTD", "XML with a document type definition", row=parser.CurrentLineNumber)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, target.text
    parser.StartDoctypeDeclHandler = refuse
    return parser
