"""A folder that is watched, a bank's server, and a worker that takes what came."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import paramiko
import pytest
from sqlalchemy import text

from payhub import ids
from payhub.accounts.sources import FileSourceSecret
from payhub.hub import Hub
from payhub.secrets import sealing
from payhub.settings import Settings
from reconciliation.receiving import folder, working


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    root = tmp_path / "in"
    root.mkdir()
    return replace(settings, files=replace(settings.files, folder=str(root), quiet_s=0, timeout_s=5.0))


@dataclass
class Inbox:
    """The folder of one account."""

    hub: Hub
    account: str
    of: str = "gateways"

    @property
    def path(self) -> Path:
        return Path(self.hub.settings.files.folder) / self.of / self.account

    def drop(self, name: str, body: bytes) -> Path:
        """Put a whole file there, as a careful program does."""
        (self.path / "incoming").mkdir(parents=True, exist_ok=True)
        hidden = self.path / "incoming" / f".{name}"
        hidden.write_bytes(body)
        return hidden.rename(self.path / "incoming" / name)

    def look(self) -> None:
        """Look into the folder, and take what may be taken."""
        folder.look(self.hub)
        take_all(self.hub)

    def holds(self) -> dict[str, list[str]]:
        """What lies in each of its folders."""
        found = {each.name: sorted(entry.name for entry in each.iterdir()) for each in self.path.iterdir()}
        return {name: entries for name, entries in found.items() if entries}


def take_all(hub: Hub) -> None:
    """Take every file that waits."""
    while True:
        with hub.db.session() as session:
            waiting = working.due(session, hub.clock.now())
        if not waiting:
            return
        for file_id in waiting:
            working.execute(hub, file_id)


@pytest.fixture
def inbox(hub: Hub) -> Inbox:
    return Inbox(hub, "vnpay-main")


@pytest.fixture
def take(hub: Hub) -> Callable[[], None]:
    return lambda: take_all(hub)


@pytest.fixture
def take_from() -> Callable[[Hub], None]:
    return take_all


@pytest.fixture
def came(hub: Hub) -> Callable[[], list[tuple[Any, ...]]]:
    """What became of each file that came, in the order in which they came."""

    def read() -> list[tuple[Any, ...]]:
        with hub.db.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text("SELECT file_name, state, error FROM received_file ORDER BY id"))]

    return read


@pytest.fixture
def source(hub: Hub, rewrite: Callable[..., None]) -> Callable[..., None]:
    """Write a row into the register of file sources, in place of those that are there."""

    def write(**row: Any) -> None:
        values = {"late_days": 1, "look_back_days": 7, "valid_from": "2020-01-01", **row}
        gateway, bank = values.pop("gateway_account", None), values.pop("bank_account", None)
        columns = ", ".join(values)
        binds = ", ".join(f":{name}" for name in values)
        rewrite(
            f"INSERT INTO file_source (id, gateway_account_id, bank_account_id, {columns}) VALUES (new_id(), "
            f"(SELECT id FROM gateway_account WHERE code = :gateway), (SELECT id FROM bank_account WHERE code = :bank), {binds})",
            gateway=gateway, bank=bank, **values,
        )  # fmt: skip

    return write


class _Door(paramiko.ServerInterface):
    """Lets in who has the password or the key."""

    def __init__(self, server: SftpServer) -> None:
        self._server = server

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_auth_password(self, username: str, password: str) -> int:
        self._server.tried.append(f"{username} password")
        good = (username, password) == ("payhub", self._server.password)
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._server.tried.append(f"{username} key")
        return paramiko.AUTH_SUCCESSFUL if key == self._server.client_key else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Handle(paramiko.SFTPHandle):
    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self.readfile = file

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Files(paramiko.SFTPServerInterface):
    """The bank's files, under one folder; names are relative to it."""

    def __init__(self, server: _Door, root: Path) -> None:
        self._root = root

    def _real(self, path: str) -> Path:
        return self._root / path.strip("/")

    def list_folder(self, path: str) -> Any:
        try:
            entries = list(self._real(path).iterdir())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return [paramiko.SFTPAttributes.from_stat(entry.lstat(), entry.name) for entry in entries]

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._real(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def open(self, path: str, flags: int, attr: Any) -> Any:
        try:
            return _Handle(self._real(path).open("rb"))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)


class SftpServer:
    """The bank's own server, over a real socket."""

    def __init__(self, root: Path) -> None:
        self.root, self.password, self.tried, self.mute = root, "bank-password", [], False
        self.host_key = paramiko.ECDSAKey.generate()
        self.client_key = paramiko.ECDSAKey.generate()
        self._wire = socket.create_server(("127.0.0.1", 0))
        self.port = self._wire.getsockname()[1]
        self._open: list[Any] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def line(self, key: paramiko.PKey | None = None) -> str:
        """The server's key as OpenSSH writes it."""
        key = key or self.host_key
        return f"{key.get_name()} {key.get_base64()}"

    def give(self, name: str, body: bytes, **at: float) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_bytes(body)
        os.utime(self.root / name, (at["mtime"], at["mtime"]) if at else None)

    def close(self) -> None:
        # Closing alone does not wake whoever waits for somebody to call.
        with suppress(OSError):
            self._wire.shutdown(socket.SHUT_RDWR)
        self._wire.close()
        for each in self._open:
            each.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                wire, _ = self._wire.accept()
            except OSError:
                return
            if self.mute:
                self._open.append(wire)
                continue
            transport = paramiko.Transport(wire)
            self._open.append(transport)
            transport.add_server_key(self.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, self.root)
            with suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(server=_Door(self))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpServer]:
    root = tmp_path / "bank"
    root.mkdir()
    made = SftpServer(root)
    yield made
    made.close()


@pytest.fixture
def share(hub: Hub, rows: Callable[[str], Any]) -> Callable[..., None]:
    """Make a secret of a source live, as two people do."""

    def add(code: str, name: str, secret: str) -> None:
        [(source_id,)] = rows(f"SELECT id FROM file_source WHERE code = '{code}' ORDER BY valid_from LIMIT 1")
        now = hub.clock.now()
        with hub.db.session() as session:
            held = sealing.seal(hub.keyring, "file_source_secret", ids.new_id(), secret)
            live = {"state": "live", "origin": "given", "created_at": now, "live_at": now}
            session.add(FileSourceSecret(**held, file_source_id=source_id, name=name, **live))

    return add
