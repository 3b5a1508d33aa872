"""The hub's processes as children of this one: started, watched, and stopped in every case."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import requests

from payhub.demo.errors import DemoFailed

STOP_S = 15.0
_POLL_S = 0.05


class Processes:
    """Children in process groups of their own: a Ctrl-C at the terminal reaches only us, and we stop them in order."""

    def __init__(self, root: Path, logs: Path, environment: Mapping[str, str], stop_s: float = STOP_S) -> None:
        self._root, self._logs, self._environment, self._stop_s = root, logs, dict(environment), stop_s
        logs.mkdir(parents=True, exist_ok=True)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self, name: str, *arguments: str) -> None:
        """Start `python ARGUMENTS`; what it says goes to a log of its name."""
        setpriv = shutil.which("setpriv")
        # Should we be killed outright, the kernel ends our children for us.
        bound = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
        with self.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                [*bound, sys.executable, *arguments], cwd=self._root, env=self._environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip

    def log(self, name: str) -> Path:
        """Return the file that takes what a process says."""
        return self._logs / f"{name}.log"

    def check(self) -> None:
        """Raise `DemoFailed` where a child has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                last = " / ".join(self.log(name).read_text(errors="replace").splitlines()[-5:])
                raise DemoFailed(f"the process {name} ended with {process.returncode}; {self.log(name)} ends with: {last}")

    def wait_until(self, condition: Callable[[], bool], waiting_for: Callable[[], str], patience_s: float) -> None:
        """Wait until the condition holds; raise `DemoFailed` when a child ends or patience does."""
        deadline = time.monotonic() + patience_s
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise DemoFailed(f"after {patience_s:.0f} s still waiting for {waiting_for()}; see {self._logs}")
            time.sleep(_POLL_S)

    def wait_for_answer(self, url: str, patience_s: float = 30.0) -> None:
        """Wait until a GET of the URL is answered with 200."""
        self.wait_until(lambda: _answers(url), lambda: url, patience_s)

    def stop(self) -> None:
        """Ask every child to end, wait, and kill what does not; afterwards none is left, not even as a zombie."""
        for process in reversed(self._running.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._stop_s
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            # What a child left of its group goes with it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == HTTPStatus.OK
    except requests.RequestException:
        return False


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end us as Ctrl-C does, and only once: what we started is then stopped in peace."""
    ending = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if not ending.is_set():
            ending.set()
            raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
