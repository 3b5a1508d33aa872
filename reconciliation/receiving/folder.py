"""The watched folder: `gateways/CODE/incoming` and `banks/CODE/incoming`, beside each `taken` and `refused`.

Whoever drops files there is not trusted with more than that: links are not followed, names are not believed, and everything is done
relative to the open folders.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import IO

from payhub import log
from payhub.clock import LOCAL, local_date
from payhub.errors import PayHubError
from payhub.hub import Hub
from payhub.identifiers import HIDDEN
from reconciliation.receiving import arriving
from reconciliation.receiving.arriving import Seen
from reconciliation.receiving.errors import FileGone, NameOdd, NameUnexpected, NoFile, TooLarge
from reconciliation.receiving.models import OPEN, ReceivedFile
from reconciliation.receiving.places import Expected, Place, Source, called, expected, place_of, places, sources

WAY = "folder"
_AT_ONCE = 1000
_LONGEST_NAME = 200
_PIECE = 1024 * 1024
_BEING_WRITTEN = (".part", ".tmp", ".filepart", ".crdownload", "~")
_log = log.get(__name__)


def look(hub: Hub) -> None:
    """Write down every file that came and is whole, refuse what is none, and put away what was left lying."""
    root = hub.settings.files.folder
    if not root:
        return
    if not Path(root).is_dir():
        # A share that is not there is not made: files would come to rest where nobody looks for them.
        _log.error("folder.missing")
        return
    with hub.db.session() as session:
        ways = sources(hub, session, local_date(hub.clock.now()), WAY)
    for place in places(hub):
        try:
            with _opened(hub, place, "incoming") as incoming:
                _look_into(hub, place, incoming, ways)
        except OSError as error:
            _log.warning("folder.not_read", account=place.code, kind=type(error).__name__)


def fetch(hub: Hub, row: ReceivedFile, out: IO[bytes]) -> None:
    """Copy a file that was found, if it is still what it was."""
    place, most = place_of(hub, row.gateway_account_id, row.bank_account_id), hub.settings.files.most_bytes
    with _opened(hub, place, "incoming") as incoming:
        name = _name_of(incoming, row)
        with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=incoming), "rb") as source:
            if _mark(os.fstat(source.fileno())) != row.mark:
                raise FileGone
            while piece := source.read(_PIECE):
                if out.tell() + len(piece) > most:
                    raise TooLarge(most)
                out.write(piece)
            if _mark(os.fstat(source.fileno())) != row.mark:
                raise FileGone


def tidy(hub: Hub, row: ReceivedFile) -> None:
    """Put a file away as its row says; one that failed stays until somebody has it tried again."""
    if row.way != WAY or row.state in OPEN or row.state == "failed":
        return
    place = place_of(hub, row.gateway_account_id, row.bank_account_id)
    with _opened(hub, place, "incoming") as incoming, suppress(FileGone):
        name = _name_of(incoming, row)
        if row.state in {"taken", "known"}:
            with _opened(hub, place, "taken") as taken:
                os.rename(name, _free(taken, name, row), src_dir_fd=incoming, dst_dir_fd=taken)
        else:
            with _opened(hub, place, "refused") as refused:
                kept = _free(refused, name, row)
                # Nothing lies there without its reason.
                _explain(refused, f"{kept}.txt", row)
                os.rename(name, kept, src_dir_fd=incoming, dst_dir_fd=refused)
    arriving.tidied(hub, row.id)


def _look_into(hub: Hub, place: Place, incoming: int, ways: Sequence[Source]) -> None:
    with os.scandir(incoming) as entries:
        found = [entry.name for _, entry in zip(range(_AT_ONCE), entries, strict=False)]
    for name in sorted(found):
        if name.startswith(".") or name.endswith(_BEING_WRITTEN):
            continue
        try:
            looks = os.stat(name, dir_fd=incoming, follow_symlinks=False)
            # Whoever writes moves the one instant, whoever renames the other.
            if time.time() - max(looks.st_mtime, looks.st_ctime) >= hub.settings.files.quiet_s:
                _found(hub, place, name, looks, ways)
        except FileNotFoundError:
            continue
        except OSError as error:
            _log.warning("folder.file_left", account=place.code, file=called(name), kind=type(error).__name__)


def _found(hub: Hub, place: Place, name: str, looks: os.stat_result, ways: Sequence[Source]) -> None:
    seen = Seen(place, WAY, name, _mark(looks))
    with hub.db.session() as session:
        row = arriving.known(session, seen)
        if row is None:
            what, wrong = _judged(place, name, looks, ways)
            arriving.note(hub, session, seen, what, wrong)
            row = arriving.known(session, seen) if wrong else None
    if row is not None:
        tidy(hub, row)


def _judged(place: Place, name: str, looks: os.stat_result, ways: Sequence[Source]) -> tuple[Expected, PayHubError | None]:
    """Return what a file is, and what stands against it before it is read."""
    wrong: PayHubError | None = None
    if not stat.S_ISREG(looks.st_mode):
        wrong = NoFile()
    elif HIDDEN.search(name) or not _is_text(name) or len(os.fsencode(name)) > _LONGEST_NAME:
        wrong = NameOdd()
    else:
        try:
            return expected(place, name, ways), None
        except NameUnexpected as error:
            wrong = error
    return Expected(place.usual, None, None, None), wrong


def _is_text(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _mark(looks: os.stat_result) -> str:
    return f"{looks.st_size}-{looks.st_mtime_ns}-{looks.st_ctime_ns}"


def _name_of(incoming: int, row: ReceivedFile) -> str:
    """Return what a row's file is called in the folder; raise `FileGone` where it is not there as it was."""
    with os.scandir(incoming) as entries:
        for entry in entries:
            if called(entry.name) == row.file_name and _mark(entry.stat(follow_symlinks=False)) == row.mark:
                return entry.name
    raise FileGone


def _free(folder: int, name: str, row: ReceivedFile) -> str:
    """Return a name that is free in a folder: a plain one as it is, unless another file has it."""
    name = name if _is_text(name) and not HIDDEN.search(name) and len(os.fsencode(name)) <= _LONGEST_NAME else row.file_name
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return name
    plain = PurePath(name)
    return f"{plain.stem}.{row.id.hex[-8:]}{plain.suffix}"


def _explain(refused: int, name: str, row: ReceivedFile) -> None:
    at = f"{row.finished_at.astimezone(LOCAL):%Y-%m-%d %H:%M}" if row.finished_at else ""
    cancelled = row.state == "cancelled"
    vi = "Người có quyền đã hủy tệp này." if cancelled else row.error_vi
    en = "Somebody who may do so cancelled it." if cancelled else row.error_en
    said = (
        f"Tệp này không được nhận và không có gì của nó được ghi ({at}, giờ Việt Nam).\nLý do: {vi}\n"
        f"Sửa xong, hãy chuyển tệp trở lại thư mục incoming.\n\n"
        f"This file was not taken, and nothing of it was kept ({at}, time of Viet Nam).\nReason: {en}\n"
        f"When that is put right, move the file back into incoming.\n\n{row.error or row.state}\n"
    )
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(name, flags, 0o640, dir_fd=refused), "w", encoding="utf-8") as text:
        text.write(said)


@contextmanager
def _opened(hub: Hub, place: Place, which: str) -> Iterator[int]:
    """Open one of an account's folders, making it where it is missing."""
    path = Path(hub.settings.files.folder) / ("gateways" if place.of_gateway else "banks") / place.code / which
    path.mkdir(parents=True, exist_ok=True)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield folder
    finally:
        os.close(folder)
