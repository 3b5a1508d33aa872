"""SFTP servers of gateways and banks: the server is the one whose key the register has, or nothing is said to it."""

from __future__ import annotations

import base64
import hmac
import io
import logging
import socket
import stat
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO

import paramiko
from sqlalchemy.orm import Session

from payhub.accounts.sources import FileSource, FileSourceSecret
from payhub.hub import Hub
from payhub.secrets import sealing
from reconciliation.receiving.errors import FileGone, TooLarge, Unreachable
from reconciliation.receiving.models import ReceivedFile
from reconciliation.receiving.places import called

WAY = "sftp"
PORT = 22
_MOST_FILES = 20_000
_PIECE = 256 * 1024
_AT_ONCE = 64
_LONGEST_S = 3600
_KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
# What goes wrong is said by us, without what the other side wrote.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)


def secrets_of(hub: Hub, session: Session, source_id: uuid.UUID) -> Mapping[str, tuple[str, ...]]:
    """Return the live secrets of a source by what they are, the newest first."""
    return sealing.live(session, hub.keyring, FileSourceSecret, "file_source_id", "name").get(source_id, {})


def listed(hub: Hub, row: FileSource, secrets: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Return the name of every plain file of a server's folder that is at rest, with how it looks; raise `Unreachable`."""
    found = []
    with _connected(hub, row, secrets) as client:
        for number, entry in enumerate(client.listdir_iter(row.folder or ".")):
            if number >= _MOST_FILES:
                raise Unreachable("too_many_files")
            at_rest = time.time() - (entry.st_mtime or 0) >= hub.settings.files.quiet_s
            if entry.st_mode is not None and stat.S_ISREG(entry.st_mode) and at_rest:
                found.append((entry.filename, _mark(entry)))
    return found


def fetch(
    hub: Hub, source: FileSource, secrets: Mapping[str, tuple[str, ...]], row: ReceivedFile, out: IO[bytes]
) -> None:
    """Copy a file that was found, if it is still what it was."""
    most, ends = hub.settings.files.most_bytes, time.monotonic() + _LONGEST_S
    with _connected(hub, source, secrets) as client:
        path = _path(client, source, row)
        with client.open(path, "rb") as remote:
            remote.settimeout(hub.settings.files.timeout_s)
            found = remote.stat()
            if _mark(found) != row.mark:
                raise FileGone
            # Many pieces are asked for at once: one by one a large file takes as long as its way there and back, times its pieces.
            remote.prefetch(min(found.st_size or 0, most + 1), max_concurrent_requests=_AT_ONCE)
            while piece := remote.read(_PIECE):
                if out.tell() + len(piece) > most:
                    raise TooLarge(most)
                if time.monotonic() > ends:
                    raise Unreachable("timed_out")
                out.write(piece)
            if _mark(remote.stat()) != row.mark:
                raise FileGone


def _path(client: paramiko.SFTPClient, source: FileSource, row: ReceivedFile) -> str:
    folder = source.folder or "."
    for entry in client.listdir_iter(folder):
        if called(entry.filename) == row.file_name:
            return f"{folder.rstrip('/')}/{entry.filename}"
    raise FileGone


def _mark(entry: paramiko.SFTPAttributes) -> str:
    return f"{entry.st_size}-{entry.st_mtime}"


@contextmanager
def _connected(hub: Hub, row: FileSource, secrets: Mapping[str, tuple[str, ...]]) -> Iterator[paramiko.SFTPClient]:
    """Lend a session; whatever goes wrong in it, but for what is ours, is `Unreachable`."""
    timeout_s = hub.settings.files.timeout_s
    if not secrets:
        raise Unreachable("no_secret")
    try:
        address = (str(row.host), row.port or PORT)
        with socket.create_connection(address, timeout_s) as wire, _transport(wire, timeout_s) as transport:
            _demand_server(transport, str(row.host_key), timeout_s)
            _log_in(transport, str(row.user_name), secrets)
            client = paramiko.SFTPClient.from_transport(transport)
            if client is None:
                raise Unreachable("protocol")
            channel = client.get_channel()
            if channel is not None:
                channel.settimeout(timeout_s)
            yield client
    except TimeoutError:
        raise Unreachable("timed_out") from None
    except FileNotFoundError:
        raise Unreachable("folder_missing") from None
    except PermissionError:
        raise Unreachable("not_allowed") from None
    except paramiko.AuthenticationException:
        raise Unreachable("login_refused") from None
    except (paramiko.SSHException, EOFError):
        raise Unreachable("protocol") from None
    except OSError:
        raise Unreachable("unreachable") from None


@contextmanager
def _transport(wire: socket.socket, timeout_s: float) -> Iterator[paramiko.Transport]:
    transport = paramiko.Transport(wire)
    transport.banner_timeout = transport.auth_timeout = transport.handshake_timeout = transport.channel_timeout = timeout_s
    try:
        yield transport
    finally:
        transport.close()


def _demand_server(transport: paramiko.Transport, host_key: str, timeout_s: float) -> None:
    """Greet the server, and go no further unless it proves to have the key of the register."""
    kind, _, encoded = host_key.partition(" ")
    try:
        wanted = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise Unreachable("host_key_unreadable") from None
    # A server has several keys: it is asked for the one that we know.
    transport.get_security_options().key_types = _RSA if kind == "ssh-rsa" else (kind,)
    try:
        transport.start_client(timeout=timeout_s)
    except paramiko.ssh_exception.IncompatiblePeer:
        raise Unreachable("host_key_differs") from None
    if not hmac.compare_digest(transport.get_remote_server_key().asbytes(), wanted):
        raise Unreachable("host_key_differs")


def _log_in(transport: paramiko.Transport, user: str, secrets: Mapping[str, Sequence[str]]) -> None:
    """Log in by a key where there is one, else by a password; of two live ones the older is tried too."""
    tries: list[tuple[paramiko.PKey | None, str]] = [(_key(text), "") for text in secrets.get("private_key", ())]
    tries = tries or [(None, text) for text in secrets.get("password", ())]
    for left, (key, password) in zip(range(len(tries) - 1, -1, -1), tries, strict=True):
        try:
            if key is not None:
                transport.auth_publickey(user, key)
            else:
                transport.auth_password(user, password, fallback=False)
        except paramiko.AuthenticationException:
            if not left:
                raise
        else:
            return


def _key(text: str) -> paramiko.PKey:
    for kind in _KEYS:
        try:
            return kind.from_private_key(io.StringIO(f"{text}\n"))
        except (paramiko.SSHException, ValueError):
            continue
    raise Unreachable("key_unreadable")
