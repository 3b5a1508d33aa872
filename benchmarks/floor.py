"""The floor: pgbench sending PostgreSQL the very statements of a life-cycle, with nothing before them.

The script is taken from the application as it runs: two life-cycles are listened to, and what differs between them (ids,
references, keys, digests) is made anew by each life-cycle of the script. So it cannot fall behind the code, and `rows` proves that
it writes as much.
"""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
import psycopg
from psycopg.types.json import Json, Jsonb
from sqlalchemy import Engine, event

from benchmarks.inside import inside
from benchmarks.stage import Stage
from benchmarks.steps import lifecycle

CLIENTS, THREADS = 8, 2
_WARM = 8
_PARAMETER = re.compile(r"%\((\w+)\)s")
_VARIABLE = re.compile(r":(?=[A-Za-z_])")
# A number of its own for every life-cycle of every client of every round, of ten digits at most.
_HEAD = "\\set i :i + 1\n\\set n :round * 100000000 + :client_id * 10000000 + :i\n"
_SHORTEST = 11


class FloorFailed(Exception):
    """The floor cannot be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One statement as the application sends it."""

    text: str
    parameters: Mapping[str, Any]


class Floor:
    """The script, and rounds of it: no two rounds make the same numbers."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._round = stage, 0
        self.statements = _listen(stage)
        self._path = stage.folder / "lifecycle.pgbench"
        self._path.write_text(script(*self.statements), encoding="utf-8")

    def rate(self, seconds: int) -> float:
        """Return life-cycles per second."""
        told = self._run("-T", str(seconds))
        return float(re.findall(r"^tps = ([0-9.]+)", told, re.MULTILINE)[0])

    def times(self, count: int) -> None:
        """Write so many life-cycles, a multiple of the clients."""
        self._run("-t", str(count // CLIENTS))

    def _run(self, *how: str) -> str:
        self._round += 1
        options = ("-n", "-M", "prepared", "-c", str(CLIENTS), "-j", str(THREADS), "-D", "i=0", "-D", f"round={self._round}")
        command = self._stage.pgbench(*options, *how, "-f", str(self._path))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise FloorFailed(f"pgbench ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout


def _listen(stage: Stage) -> tuple[Sequence[Sent], Sequence[Sent]]:
    """Return the statements of two life-cycles, once all that is read only once has been read."""
    with inside(stage) as app:
        for _ in range(_WARM):
            app.play(lifecycle)
        heard: list[list[Sent]] = []
        for _ in range(2):
            with _heard(app.hub.db.resting) as sent:
                app.play(lifecycle)
            heard.append(sent)
    return heard[0], heard[1]


@contextmanager
def _heard(engine: Engine) -> Iterator[list[Sent]]:
    sent: list[Sent] = []

    def hear(connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:  # noqa: FBT001 - SQLAlchemy calls it so
        if many or not connection.connection.dbapi_connection.autocommit:
            raise FloorFailed("a life-cycle is no longer made of single statements, and the floor knows nothing else")
        sent.append(Sent(statement, dict(parameters)))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def script(first: Sequence[Sent], second: Sequence[Sent]) -> str:
    """Return the script of a life-cycle, learned from two of them."""
    if [sent.text for sent in first] != [sent.text for sent in second]:
        raise FloorFailed("two life-cycles are not the same statements")
    fresh: dict[str, str] = {}
    for one, other in zip(first, second, strict=True):
        for name, value in one.parameters.items():
            _learn(_plain(value), _plain(other.parameters[name]), fresh)
    return _HEAD + "".join(f"{_written(sent, fresh)};\n" for sent in first)


def _plain(value: Any) -> Any:
    """Return what a parameter is made of: json as the types of json, bytes as bytes."""
    if isinstance(value, Json | Jsonb):
        return orjson.loads(orjson.dumps(value.obj))
    return bytes(value.obj) if isinstance(value, psycopg.Binary) else value


def _learn(one: Any, other: Any, fresh: dict[str, str]) -> None:
    """Note each value that differs between two life-cycles, with an expression that makes another one like it."""
    if isinstance(one, dict):
        for name, value in one.items():
            _learn(value, other[name], fresh)
    elif isinstance(one, list):
        for value, its in zip(one, other, strict=True):
            _learn(value, its, fresh)
    elif one != other and not isinstance(one, date | datetime):
        made = _another(one, len(fresh))
        if made:
            fresh.setdefault(_key(one), made)


def _another(value: Any, ordinal: int) -> str | None:
    """Return an expression for a value of the same type and length, unique to the life-cycle; None where it need not be."""
    text = str(value)
    if _is_uuid(text):
        if uuid.UUID(text).version == 7:
            # Sorted by time, as the hub's own: the rows of one life-cycle lie side by side.
            return f"('{text[:13]}-7000-8000-' || lpad(to_hex(:n::bigint), 10, '0') || '{ordinal:02x}')"
        return f"md5(:n::bigint::text || ' {ordinal}')::uuid::text"
    if isinstance(value, bytes):
        return f"sha256(convert_to(:n::bigint::text || ' {ordinal}', 'UTF8'))" if len(value) == 32 else None
    if isinstance(value, int):
        return f"hashint8extended(:n::bigint, {ordinal})"
    if len(text) <= _SHORTEST:
        raise FloorFailed(
            f"a value of {len(text)} characters differs between two life-cycles; the floor cannot make others like it"
        )
    # Reversed, so that they fall all over an index, as random ones do. No other number begins like these.
    if text.isdecimal():
        return f"('01' || reverse(lpad(:n::bigint::text, {len(text) - 2}, '0')))"
    return f"rpad(reverse(lpad(to_hex(:n::bigint), 10, '0')), {len(text)}, 'x')"


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4


def _key(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _written(sent: Sent, fresh: Mapping[str, str]) -> str:
    filled = _PARAMETER.sub(lambda found: _literal(sent.parameters[found[1]], fresh), sent.text)
    return filled.replace("%%", "%")


def _literal(value: Any, fresh: Mapping[str, str]) -> str:
    """Write a parameter as SQL, what is fresh in it made anew."""
    match _plain(value):
        case None:
            return "NULL"
        case bool() as truth:
            return str(truth).lower()
        case int() as number:
            return fresh.get(_key(number)) or f"({number})"
        case bytes() as data:
            return fresh.get(_key(data)) or f"'\\x{data.hex()}'::bytea"
        case date() as at:
            return f"'{at.isoformat()}'"
        case dict() | list() as tree:
            return _text(json.dumps(tree, ensure_ascii=False), fresh)
        case other:
            return _text(str(other), fresh)


def _text(text: str, fresh: Mapping[str, str]) -> str:
    """Write a text, the fresh values in it made anew."""
    known = [each for each in fresh if each in text]
    if not known:
        return _quoted(text)
    parts = re.split("(" + "|".join(re.escape(each) for each in sorted(known, key=len, reverse=True)) + ")", text)
    return "(" + " || ".join(fresh.get(part) or _quoted(part) for part in parts if part) + ")"


def _quoted(text: str) -> str:
    # pgbench takes a colon and a name for one of its variables, inside quotes too.
    return "'" + _VARIABLE.sub(":' || '", text.replace("'", "''")) + "'"
