"""A call that fails is one of two: it cannot have arrived, or only the gateway knows."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from gateways.base import Request
from payhub.exchange import NotReached, OutcomeUnknown, send

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
AT_ONCE = struct.pack("ii", 1, 0)


@pytest.fixture
def answering() -> Iterator[Callable[..., Request]]:
    """A gateway that says some bytes to whoever asks, and then hangs up, rudely or not, or keeps the line."""
    with ExitStack() as stack:

        def serve(said: bytes, then: str = "close") -> Request:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            kept: list[socket.socket] = []
            stack.callback(lambda: [each.close() for each in kept])

            def work() -> None:
                with suppress(OSError):
                    heard = listening.accept()[0]
                    heard.recv(65_536)
                    heard.sendall(said)
                    if then == "keep":
                        kept.append(heard)
                        return
                    if then == "reset":
                        heard.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                    heard.close()

            thread = threading.Thread(target=work)
            thread.start()
            stack.callback(thread.join)
            return Request("POST", f"http://127.0.0.1:{listening.getsockname()[1]}/", {}, b"{}", timeout_s=0.3)

        yield serve


@pytest.mark.parametrize(
    ("said", "then"),
    [
        (b"", "close"),
        (b"", "reset"),
        (b"", "keep"),
        (b"no protocol at all\r\n\r\n", "close"),
        (HEAD + b"Content-Length: 9\r\n\r\n{", "close"),
        (HEAD + b"Content-Length: 9\r\n\r\n{", "reset"),
        (HEAD + b"Content-Length: 9\r\n\r\n{", "keep"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n", "close"),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nno gzip!!", "close"),
        (HEAD + b"\r\n" + b"9" * (1024 * 1024 + 1), "close"),
    ],
)
def test_an_answer_that_breaks_off_or_never_ends_is_unknown(answering, said, then) -> None:
    with pytest.raises(OutcomeUnknown):
        send(answering(said, then))


def test_where_nobody_listens_nothing_arrived() -> None:
    with pytest.raises(NotReached):
        send(Request("POST", "http://127.0.0.1:9/", {}, b"{}", timeout_s=1))


def test_any_status_is_an_answer(answering) -> None:
    assert send(answering(HEAD.replace(b"200 OK", b"503 no") + b"Content-Length: 2\r\n\r\n{}")).status == 503
