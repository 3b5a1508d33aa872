"""The load: some connections kept alive, each repeating a script as fast as it is answered, in a process of its own.

`python -m benchmarks.load` reads what to do as JSON and prints what came of it. It speaks HTTP in the few bytes it takes, so that
it leaves the processors to what is measured.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.steps import SCRIPTS, Answer, Script, Target, Unexpected

_SILENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted: a script, over so many connections, for some seconds or a number of times."""

    target: Target
    script: str
    connections: int
    seconds: float | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: scripts ended within the time, and all that were begun (each is brought to its end)."""

    rate: float
    total: int
    seconds: float
    cpu_s: float
    latency_ms: dict[str, dict[str, float]]


def load(root: Path, order: Order) -> Load:
    """Carry out an order in another process."""
    return Load(**elsewhere(root, "benchmarks.load", asdict(order)))


def elsewhere(root: Path, module: str, order: dict[str, Any]) -> dict[str, Any]:
    """Run a module that reads an order as JSON; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=root, input=json.dumps(order), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Unexpected(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"the load ended with {done.returncode}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


class Line:
    """One connection and the script it is at."""

    def __init__(self, target: Target) -> None:
        self._host = f"{target.host}:{target.port}".encode()
        self.socket = socket.create_connection((target.host, target.port), timeout=_SILENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._script: Script
        self._came = b""
        self._step, self._sent_at = "", 0.0

    def begin(self, script: Script) -> None:
        """Send the first request of a script."""
        self._script = script
        self._send(next(script))

    def proceed(self, took: dict[str, list[float]]) -> bool:
        """Take in what came; send the next request where the answer is whole; False where the script has ended."""
        came = self.socket.recv(65536)
        if not came:
            raise Unexpected("the hub closed a connection")
        self._came += came
        answer = _answer(self._came)
        if answer is None:
            return True
        took.setdefault(self._step, []).append(time.perf_counter() - self._sent_at)
        self._came = b""
        try:
            self._send(self._script.send(answer))
        except StopIteration:
            return False
        return True

    def _send(self, request: Any) -> None:
        self._step, self._sent_at = request.step, time.perf_counter()
        self.socket.sendall(request.encoded(self._host))


def _answer(came: bytes) -> Answer | None:
    head, found, body = came.partition(b"\r\n\r\n")
    if not found:
        return None
    status, lines = int(head[9:12]), head.lower()
    length = int(lines.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0])
    if len(body) < length:
        return None
    location = ""
    if 300 <= status < 400:
        place = lines.index(b"\r\nlocation:") + len(b"\r\nlocation:")
        location = head[place:].split(b"\r\n", 1)[0].strip().decode()
    return Answer(status, location, body)


def _carry_out(order: Order) -> Load:
    script, took = SCRIPTS[order.script], dict[str, list[float]]()
    poll, lines = select.epoll(), dict[int, Line]()
    for _ in range(order.connections):
        line = Line(order.target)
        lines[line.socket.fileno()] = line
        poll.register(line.socket, select.EPOLLIN)
    total = done = 0
    began, spent = time.perf_counter(), time.process_time()
    ends = began + order.seconds if order.seconds is not None else float("inf")
    for number in list(lines):
        if order.times is not None and total == order.times:
            del lines[number]
            continue
        lines[number].begin(script(order.target))
        total += 1
    while lines:
        ready = poll.poll(_SILENCE_S)
        if not ready:
            raise Unexpected(f"no answer for {_SILENCE_S:.0f} s")
        for number, _ in ready:
            line = lines[number]
            if line.proceed(took):
                continue
            in_time = time.perf_counter() < ends
            done += in_time
            if in_time and (order.times is None or total < order.times):
                line.begin(script(order.target))
                total += 1
            else:
                poll.unregister(number)
                del lines[number]
                line.socket.close()
    seconds = order.seconds or time.perf_counter() - began
    return Load(
        done / seconds, total, seconds, time.process_time() - spent, {step: percentiles(each) for step, each in took.items()}
    )


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return what half, 95 and 99 of a hundred stayed below, in milliseconds."""
    ordered = sorted(seconds)
    return {f"p{share}": round(1000 * ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 2) for share in (50, 95, 99)}


def main() -> None:
    """Read an order, carry it out, print what came of it."""
    told = json.load(sys.stdin)
    target = Target(**told.pop("target"))
    try:
        print(json.dumps(asdict(_carry_out(Order(target=target, **told)))))
    except (OSError, Unexpected) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
