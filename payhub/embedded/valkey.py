"""Valkey (or Redis) for one project: started, found again and stopped."""

import os
import signal
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from payhub.embedded.process import Child, Server, interrupt, process_of
from payhub.embedded.programs import Source, find_redis
from payhub.embedded.sockets import socket_folder


@dataclass
class ValkeyServer(Server):
    """The project's Valkey."""

    # Valkey reads what Redis wrote, but not the other way round.
    advice = "If it cannot read its data, remove that folder: all that must not be lost is in PostgreSQL."

    source: Source = "auto"

    @property
    def socket_file(self) -> Path:
        """The socket file."""
        return socket_folder(self.data, os.geteuid()) / "valkey.sock"

    @property
    def url(self) -> str:
        """The address for redis-py."""
        return f"unix://{self.socket_file}?db=0"

    def answering(self) -> int | None:
        """Send PING, and learn from the kernel who answers."""
        try:
            with self._line() as line:
                line.sendall(b"PING\r\n")
                if not line.recv(64).startswith(b"+PONG"):
                    return None
                peer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
                return int(struct.unpack("3i", peer)[0])
        except OSError:
            return None

    def recorded(self) -> int | None:
        """Return the pid it wrote down; its command line shows its socket."""
        return process_of(self.data / "valkey.pid", str(self.socket_file))

    def is_lost(self) -> bool:
        """Tell whether its socket was removed."""
        return not self.socket_file.exists()

    def spawn(self, life: int) -> Child:
        """Start it with a log of every write, and never forgetting a key to make room."""
        program = find_redis(self.source)
        self.data.mkdir(mode=0o700, exist_ok=True)
        options = {
            "dir": str(self.data),
            "port": "0",
            "unixsocket": str(self.socket_file),
            "unixsocketperm": "700",
            "pidfile": str(self.data / "valkey.pid"),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return self.run([str(program), *(part for name, value in options.items() for part in (f"--{name}", value))], life)

    def end(self, pid: int) -> None:
        """Send SHUTDOWN, which brings the log of writes to the disk first; a signal asks for the same, but a moment later."""
        try:
            with self._line() as line:
                line.sendall(b"SHUTDOWN\r\n")
                line.recv(64)
        except OSError:
            interrupt(pid, signal.SIGTERM)

    def _line(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(2)
        try:
            line.connect(str(self.socket_file))
        except OSError:
            line.close()
            raise
        return line
