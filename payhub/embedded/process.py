"""A server process that may outlive us, and how we know whether it lives.

A pid proves nothing: it may be a zombie's, or a stranger's by now. So each server inherits a locked file and keeps the lock for as
long as it or a child of it lives; the kernel lets go when the last of them is gone, and not before.
"""

import fcntl
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from payhub.embedded.accounts import Identity
from payhub.embedded.errors import EmbeddedError
from payhub.embedded.programs import ENVIRONMENT

# A crash recovery may take minutes: a server that works is never given up, one that says nothing for this long is.
PATIENCE_S = 300.0
STOP_S = 60.0
POLL_S = 0.01
LOG_LIMIT = 10_000_000


class Child(subprocess.Popen[bytes]):
    """A server we started; that it still runs when we let go of it is no leak but the point."""

    def __del__(self) -> None:
        """Give no warning about a process left running."""


@dataclass
class Server(ABC):
    """One server of one project: found running or started, and stopped."""

    # What a person can do when its log tells why it did not start.
    advice: ClassVar[str]

    home: Path
    name: str
    pid: int = field(init=False, default=0)
    child: Child | None = field(init=False, default=None)

    @abstractmethod
    def answering(self) -> int | None:
        """Return the pid of the server if it answers at its socket."""

    @abstractmethod
    def spawn(self, life: int) -> Child:
        """Clear away what a killed server left, and start a new one that keeps the lock `life`."""

    @abstractmethod
    def end(self, pid: int) -> None:
        """Ask the server to stop in good order."""

    @abstractmethod
    def recorded(self) -> int | None:
        """Return the pid the server wrote down, if that process is still this server."""

    @abstractmethod
    def is_lost(self) -> bool:
        """Tell whether a server that runs has lost its socket, so that nobody will ever reach it."""

    @property
    def data(self) -> Path:
        """The folder of its data; where it really is, if it is elsewhere."""
        return (self.home / self.name).resolve()

    @property
    def log(self) -> Path:
        """The file that takes what it says."""
        return self.home / "log" / f"{self.name}.log"

    def start(self) -> None:
        """Join the server if it runs, recover it if it was killed, start it if there is none."""
        self.pid, life = self._join()
        if life is None:
            return
        try:
            said = self._open_log()
            self.child = self.spawn(life)
        finally:
            os.close(life)
        child = self.child
        wait_until(lambda: self.answering() == child.pid or child.poll() is not None)
        if self.answering() != child.pid:
            raise EmbeddedError(f"{self.name} did not start. {self._explain(said)} {self.advice}")
        self.pid = child.pid

    def stop(self) -> None:
        """Stop the server, whoever started it, and wait until nothing of it is left."""
        if self._is_gone():
            return
        pid = self.answering() or self.recorded() or (self.child and self.child.pid)
        if pid:
            self.end(pid)
        if not wait_until(self._is_gone, STOP_S):
            raise EmbeddedError(f"{self.name} (process {pid or 'unknown'}) does not stop. See {self.log}, then stop it by hand.")

    def run(self, command: Sequence[str], life: int, identity: Identity | None = None) -> Child:
        """Start the command on its own: a Ctrl-C at our terminal must not reach it before our orderly stop."""
        with self.log.open("ab") as log:
            return Child(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=ENVIRONMENT, umask=0o077,
                start_new_session=True, pass_fds=[life], **(identity or {}),
            )  # fmt: skip

    def _join(self) -> tuple[int, int | None]:
        """Return the pid of the running server, or the lock of life when nothing of an earlier one is left."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if (pid := self.answering()) is not None:
                return pid, None
            if (life := try_lock(self._life)) is not None:
                return 0, life
            if self.is_lost() and (lost := self.recorded()) is not None:
                self.end(lost)
            time.sleep(POLL_S)
        raise EmbeddedError(f"{self.name} runs but does not answer. See {self.log}, then stop its processes by hand.")

    @property
    def _life(self) -> Path:
        return self.home / "run" / f"{self.name}.lock"

    def _is_gone(self) -> bool:
        if self.child is not None:
            # Our own child is known to live even if all its files were deleted; asking after it buries it, too.
            if self.child.poll() is None:
                return False
            self.child = None
        if not self._life.exists():
            return True
        life = try_lock(self._life)
        if life is not None:
            os.close(life)
        return life is not None

    def _open_log(self) -> int:
        """Set a long log aside and return where this start's words will begin."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        return self.log.stat().st_size if self.log.exists() else 0

    def _explain(self, said: int) -> str:
        with self.log.open("rb") as log:
            log.seek(said)
            lines = log.read().decode(errors="replace").splitlines()
        return f"Its log ({self.log}) ends with: " + " / ".join(lines[-5:]) + "."


def try_lock(path: Path) -> int | None:
    """Lock the file if nobody holds it; the lock lasts until every copy of the descriptor is closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for the file's lock and hold it; a holder that is killed lets go."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def wait_until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    """Look again and again until the condition holds; False when patience ends first."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def process_of(pid_file: Path, mark: str) -> int | None:
    """Return the process a pid file names, if its command line bears our mark."""
    try:
        pid = int(pid_file.read_text().split(maxsplit=1)[0])
        return pid if mark.encode() in Path(f"/proc/{pid}/cmdline").read_bytes() else None
    except (OSError, ValueError, IndexError):
        return None


def interrupt(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone already."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
