"""Where webhooks may go: names that lead inside are refused, and a connection goes to the address that was judged."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from payhub.errors import InvalidInput
from payhub.hub import Hub
from webhooks import addresses, endpoints, relay
from webhooks.addresses import AddressRefused, Resolve, is_public
from webhooks.connections import FIRST_BYTES, Connection, Reply
from webhooks.couriers import Couriers


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fec0::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    ],
)  # fmt: skip
def test_an_address_that_is_not_on_the_public_network_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "203.162.4.1", "2001:ee0:4f00::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_is_public(address):
    assert is_public(address)


def post(url: str, resolve: Resolve, ca_bundle: str = "", limit_s: float = 2.0) -> Reply:
    """Send a message as couriers do."""
    with closing(Connection(url, resolve, ca_bundle)) as connection:
        return connection.post({}, b"{}", limit_s)


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A server on this machine that would answer, if anything reached it."""
    reached: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def answer() -> None:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line:
                reached.append(line.recv(65536))
                line.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1], reached
        if not reached:
            socket.create_connection(server.getsockname()).close()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f000001", "2130706433", "127.1"])
def test_nothing_reaches_this_machine_however_it_is_spelt(listener, host):
    port, reached = listener
    with pytest.raises(AddressRefused):
        post(f"http://{host}:{port}/hooks", addresses.public_only)
    assert reached == []


def test_a_closed_network_may_be_allowed(listener):
    port, reached = listener
    assert post(f"http://localhost:{port}/hooks", addresses.anywhere).status == 204
    assert reached


def here(_host: str, _port: int) -> list[str]:
    """Say of every name that it is on this machine: the names below exist nowhere else."""
    return ["127.0.0.1"]


def test_the_connection_goes_to_the_judged_address_and_speaks_to_the_name(listener):
    port, reached = listener
    assert post(f"http://portal.invalid:{port}/hooks", here).status == 204
    assert f"Host: portal.invalid:{port}".encode() in reached[0]


def certified(name: str, *, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, says: x509.ExtensionType) -> bytes:
    """Return a certificate of the National Root, in PEM."""
    subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]) for common in (name, "National Root"))
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        .add_extension(says, critical=isinstance(says, x509.BasicConstraints)).sign(by, hashes.SHA256())
    ).public_bytes(serialization.Encoding.PEM)  # fmt: skip


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A server whose certificate is for portal.invalid and localhost, and the file of the national authority that says so."""
    national, portal = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName("portal.invalid"), x509.DNSName("localhost")])
    authority = certified("National Root", key=national, by=national, says=x509.BasicConstraints(ca=True, path_length=0))
    certificate = certified("portal.invalid", key=portal, by=national, says=names)
    trusted, pem = tmp_path / "national.pem", tmp_path / "portal.pem"
    trusted.write_bytes(authority)
    private = portal.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(private + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Accepting)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port, trusted
    server.shutdown()
    thread.join()
    server.server_close()


class _Accepting(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_certificate_is_verified_by_the_name_and_not_by_the_address(tls_server):
    port, authority = tls_server
    assert post(f"https://portal.invalid:{port}/hooks", here, str(authority)).status == 204
    with pytest.raises(ssl.SSLError, match=r"doesn't match|mismatch"):
        post(f"https://other.invalid:{port}/hooks", here, str(authority))


def test_an_authority_that_nobody_named_is_not_believed(tls_server, monkeypatch):
    port, authority = tls_server
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(authority))
    with pytest.raises(ssl.SSLError, match="unable to get local issuer"):
        post(f"https://portal.invalid:{port}/hooks", here)


def test_an_authority_that_is_added_to_the_file_is_believed_by_the_next_connection(tls_server, tmp_path):
    port, authority = tls_server
    believed = tmp_path / "believed.pem"
    believed.write_bytes(Path(certifi.where()).read_bytes())
    with pytest.raises(ssl.SSLError):
        post(f"https://portal.invalid:{port}/hooks", here, str(believed))
    authority.rename(believed)
    assert post(f"https://portal.invalid:{port}/hooks", here, str(believed)).status == 204


def test_couriers_believe_the_authorities_of_the_settings(tls_server, hub: Hub, ask, order, rows, clock):
    port, authority = tls_server
    closed = replace(hub.settings.webhooks, private_addresses=True)
    doubting, trusting = (
        replace(hub, settings=replace(hub.settings, webhooks=replace(closed, ca_bundle=bundle))) for bundle in ("", str(authority))
    )
    portal_id = next(portal.id for portal in hub.registers.portals.values() if portal.code == "dvc-bo-tu-phap")
    with hub.db.session() as session:
        endpoints.add(doubting, session, portal_id, f"https://localhost:{port}/hooks", ("payment.created",))
    ask(order)
    relay.run(hub.db, clock.now())
    Couriers().deliver_due(doubting)
    assert rows("SELECT state, last_error FROM delivery") == [("due", "tls")]
    clock.pass_(hours=1)
    Couriers().deliver_due(trusting)
    assert rows("SELECT state, last_error FROM delivery") == [("delivered", None)]


def test_no_proxy_of_the_environment_is_obeyed(listener, monkeypatch):
    port, reached = listener
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    with pytest.raises(AddressRefused):
        post("http://10.255.255.1/hooks", addresses.public_only)
    assert reached == []


@pytest.fixture
def talker() -> Iterator[Callable[[bytes, bytes], int]]:
    """Start a server that answers every message with its first words at once, and then with others, a byte every 20 ms, without end."""
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def answer(server: socket.socket, first: bytes, drip: bytes) -> None:
        # Whoever was waited for long enough hangs up.
        with suppress(OSError):
            while True:
                line, _ = server.accept()
                with line, suppress(OSError):
                    while line.recv(65536):
                        line.sendall(first)
                        while drip:
                            line.sendall(drip)
                            # The slowness is what is tested.
                            time.sleep(0.02)

    def start(first: bytes, drip: bytes = b"") -> int:
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)
        threads.append(threading.Thread(target=answer, args=(server, first, drip), daemon=True))
        threads[-1].start()
        return server.getsockname()[1]

    yield start
    for each in sockets:
        each.shutdown(socket.SHUT_RDWR)
        each.close()
    for each in threads:
        each.join()


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2"])
def test_who_answers_a_byte_at_a_time_is_waited_for_no_longer_than_who_is_silent(talker, first):
    port = talker(first, b"1")
    with pytest.raises(TimeoutError):
        post(f"http://127.0.0.1:{port}/hooks", addresses.anywhere, limit_s=0.3)


def test_a_body_without_end_is_cut_and_the_status_counts(talker):
    port = talker(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"1")
    said = post(f"http://127.0.0.1:{port}/hooks", addresses.anywhere, limit_s=0.3)
    assert (said.status, set(said.first)) == (200, {ord("1")})


def test_no_more_of_a_reply_is_read_than_its_beginning(talker):
    port = talker(b"HTTP/1.1 500 Oh\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 300_000)
    said = post(f"http://127.0.0.1:{port}/hooks", addresses.anywhere)
    assert (said.status, said.first) == (500, b"x" * FIRST_BYTES)


def test_a_connection_is_kept_while_it_holds_and_opened_anew_when_the_other_side_had_closed_it():
    bodies: list[bytes] = []
    lines: list[tuple[str, int]] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for hangs_up_after in (2, 1):
                line, whence = server.accept()
                lines.append(whence)
                with line:
                    for _ in range(hangs_up_after):
                        bodies.append(line.recv(65536))
                        while not bodies[-1].endswith(b"{}"):
                            bodies[-1] += line.recv(65536)
                        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=answer)
        thread.start()
        with closing(Connection(f"http://127.0.0.1:{server.getsockname()[1]}/a?b=c", addresses.anywhere)) as connection:
            replies = [connection.post({"webhook-id": str(number)}, b"{}", 2.0) for number in range(3)]
        thread.join()
    assert [reply.first for reply in replies] == [b"ok"] * 3
    assert len(set(lines)) == 2
    assert [f"webhook-id: {number}".encode() in body for number, body in enumerate(bodies)] == [True] * 3
    assert bodies[0].startswith(b"POST /a?b=c HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/hooks", "https://[::1]/hooks", "https://10.0.0.8/hooks", "https://localhost/hooks"]
)
def test_an_endpoint_written_as_a_private_address_is_refused_when_it_is_added(hub: Hub, url):
    strict = replace(hub, settings=replace(hub.settings, webhooks=replace(hub.settings.webhooks, private_addresses=False)))
    with pytest.raises(InvalidInput), hub.db.session() as session:
        endpoints.add(strict, session, next(iter(hub.registers.portals)), url, ("payment.paid",))


def test_where_money_is_real_an_endpoint_must_be_https(hub: Hub):
    live = replace(hub, settings=replace(hub.settings, mode="live"))
    with pytest.raises(InvalidInput), hub.db.session() as session:
        endpoints.add(live, session, next(iter(hub.registers.portals)), "http://example.org/hooks", ("payment.paid",))
