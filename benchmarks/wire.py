"""Statements and round trips of each step, counted on the line between the application and PostgreSQL.

A relay stands in the middle and reads what the server says: every `ReadyForQuery` ends one wait of the client, whatever library
asked and however it hid the BEGIN; every `CommandComplete` is a statement.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import make_url

from benchmarks.inside import inside
from benchmarks.stage import Stage
from benchmarks.steps import Answer, Request, lifecycle

_WARM = 12
"""So often until every statement of a connection is prepared."""
_COUNTED = 20
_READY, _COMPLETE, _HEAD = b"Z", b"C", 5


def round_trips(stage: Stage) -> dict[str, dict[str, float]]:
    """Return statements and round trips per step of a life-cycle."""
    with _relay(stage.surroundings.database_url) as (url, counted), inside(stage, url) as app:
        for _ in range(_WARM):
            app.play(lifecycle)
        found: dict[str, Counter[bytes]] = {}

        def send(request: Request) -> Answer:
            counted.clear()
            answer = app.send(request)
            found.setdefault(request.step, Counter()).update(counted)
            return answer

        playing = type(app)(app.app, app.hub, send, app.target)
        for _ in range(_COUNTED):
            playing.play(lifecycle)
    return {
        step: {"statements": counts[_COMPLETE] / _COUNTED, "round_trips": counts[_READY] / _COUNTED}
        for step, counts in found.items()
    }


@contextmanager
def _relay(database_url: str) -> Iterator[tuple[str, Counter[bytes]]]:
    """Stand between a client and the server; lend the address for the client, and what the server has said by kind of message."""
    url, counted = make_url(database_url), Counter[bytes]()
    server = str(Path(str(url.query["host"])) / f".s.PGSQL.{url.query['port']}")
    # A short name: a socket's path has little room.
    with TemporaryDirectory(prefix="payhub-") as folder, socket.socket(socket.AF_UNIX) as door:
        door.bind(str(Path(folder) / f".s.PGSQL.{url.query['port']}"))
        door.listen()
        threading.Thread(target=_receive, args=(door, server, counted), daemon=True).start()
        yield url.update_query_dict({"host": folder}).render_as_string(hide_password=False), counted
        with suppress(OSError):
            door.shutdown(socket.SHUT_RDWR)


def _receive(door: socket.socket, server: str, counted: Counter[bytes]) -> None:
    with suppress(OSError):
        while True:
            client, _ = door.accept()
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(server)
            threading.Thread(target=_pass_on, args=(client, upstream, None), daemon=True).start()
            threading.Thread(target=_pass_on, args=(upstream, client, counted), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket, counted: Counter[bytes] | None) -> None:
    """Pass bytes on until one side closes; count the messages before they are passed, so that a client never sees one uncounted."""
    pending = b""
    with suppress(OSError):
        while came := source.recv(65536):
            if counted is not None:
                pending = _count(pending + came, counted)
            sink.sendall(came)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _count(came: bytes, counted: Counter[bytes]) -> bytes:
    """Count every whole message; return what is left of the last one."""
    place = 0
    while len(came) - place >= _HEAD:
        ends = place + 1 + int.from_bytes(came[place + 1 : place + _HEAD], "big")
        if ends > len(came):
            break
        counted[came[place : place + 1]] += 1
        place = ends
    return came[place:]
