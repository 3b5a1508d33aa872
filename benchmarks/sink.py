"""`python -m benchmarks.sink`: a portal's server that takes everything and notes when it came.

It prints its port. `GET /told` returns and forgets what came: [path, webhook-id, time] each. After `GET /silent?path` it never
answers that path, after `GET /answering` it does again.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from payhub.demo.surroundings import HOST

_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


class _Sink(asyncio.Protocol):
    told: list[tuple[str, str, float]]
    silent: set[str]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._line, self._buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            said = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = int(said.get("content-length", "0"))
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._answer(first.split(" ")[1], said.get("webhook-id", ""))

    def _answer(self, path: str, message: str) -> None:
        if path == "/told":
            body = json.dumps(self.told).encode()
            self.told.clear()
            self._line.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return
        if path.startswith("/silent?"):
            self.silent.add(path.partition("?")[2])
        elif path == "/answering":
            self.silent.clear()
        elif path in self.silent:
            return
        else:
            self.told.append((path, message, time.time()))
        self._line.write(_TAKEN)


async def _serve() -> None:
    _Sink.told, _Sink.silent = [], set()
    server = await asyncio.get_running_loop().create_server(_Sink, HOST, 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(_serve())
    except KeyboardInterrupt:
        sys.exit(130)
