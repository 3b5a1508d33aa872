"""The folder a server's Unix socket lives in."""

import hashlib
import os
import re
import stat
from pathlib import Path

from payhub.embedded.errors import EmbeddedError

# The kernel allows 107 bytes for a socket's path, and PostgreSQL adds its own name to the folder's.
LONGEST_FOLDER = 90
# libpq reads a comma as a second host, URLs read % and +; such folders are served from /tmp as well.
TEMPORARY = Path("/tmp")  # noqa: S108 - TMPDIR may be as long as what we flee from; each folder is checked
PLAIN = re.compile(r"[A-Za-z0-9_./-]+")


def socket_folder(data: Path, uid: int) -> Path:
    """Return the data folder itself, or a short private folder when its name does not fit into a socket's path."""
    folder = place(data, uid)
    return folder if folder == data else _private_folder(folder, uid)


def place(data: Path, uid: int) -> Path:
    """Return where that folder is, or would be."""
    name = str(data)
    if len(name) <= LONGEST_FOLDER and PLAIN.fullmatch(name):
        return data
    # The uid is part of the name: a folder made for one account is never in another's way.
    digest = hashlib.sha256(f"{uid} {name}".encode()).hexdigest()[:8]
    return TEMPORARY / f"payhub-{digest}"


def _private_folder(folder: Path, uid: int) -> Path:
    try:
        folder.mkdir(mode=0o700)
        if uid != os.geteuid():
            os.chown(folder, uid, -1)
    except FileExistsError:
        pass
    # Anyone may write to /tmp: a folder made by someone else, a link or an open door would let them listen in our name.
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) != 0o700:
        raise EmbeddedError(
            f"{folder} is not a private folder of the server's account. "
            "Find out who made it, remove it, and start again; or move the project to a shorter path."
        )
    return folder
