"""No secret reaches a log, an answer, an error, a printout, a process title, Valkey or a job, whatever way it came in."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from redis import Redis
from sqlalchemy import make_url, text

from gateways.registry import GATEWAYS
from payhub import settings as settings_module
from payhub.crypto import Keyring
from payhub.demo.seed import DEVELOPMENT_SECRET
from payhub.embedded.valkey import ValkeyServer
from payhub.hub import build
from payhub.idempotency import Once
from payhub.portals.keys import authenticate
from payhub.registers import Registers
from payhub.secrets import service as secrets
from payhub.secrets.kinds import PORTAL
from webhooks import endpoints

ROOT = Path(__file__).parents[2]
RING = "0:cGF5aHViIGRldmVsb3BtZW50IGtleSwgbm90IGxpdmU=,1:" + base64.b64encode(b"a key of the ring to look for..!").decode()
DATABASE, VALKEY, GATEWAY = "DatabasePasswordMarker", "ValkeyPasswordMarker", "GATEWAYSECRETMARKER0123456789"
UNUSED = "PORTALSECRETMARKERTHATWASREFUSED"


def spellings(secret: str) -> set[str]:
    """How a secret may stand somewhere: as it is, percent-encoded, in hexadecimal, in base64 at any offset."""
    raw = secret.encode()
    found = {secret, quote(secret, safe=""), raw.hex(), raw.hex().upper()}
    for offset in range(3):
        # The ends depend on what stands beside it.
        found.add(base64.b64encode(b"x" * offset + raw).decode()[4:-4])
    return found


def found_in(text: str | bytes, hidden: dict[str, str]) -> list[str]:
    """Name the secrets that stand in a text in any spelling."""
    body = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return [name for name, secret in hidden.items() if any(spelling in body for spelling in spellings(secret))]


@pytest.fixture
def valkey(tmp_path) -> Iterator[SimpleNamespace]:
    """A Valkey that takes a password."""
    home = tmp_path / "valkey"
    for name in ("run", "log"):
        (home / name).mkdir(parents=True)
    server = ValkeyServer(home, "valkey")
    server.start()
    client = Redis.from_url(server.url)
    client.execute_command("ACL", "SETUSER", "hub", "on", f">{VALKEY}", "~*", "&*", "+@all")
    yield SimpleNamespace(client=client, url=server.url.replace("unix://", f"unix://hub:{VALKEY}@"))
    client.close()
    server.stop()


@pytest.fixture
def environ(settings, valkey, tmp_path) -> dict[str, str]:
    """The settings of real processes, as production has them: what is secret stands in files."""
    given = {
        "DATABASE_URL_FILE": make_url(settings.database.url).set(password=DATABASE).render_as_string(hide_password=False),
        "REDIS_URL_FILE": valkey.url,
        "PAYHUB_SECRETS__KEYS_FILE": RING,
    }
    for name, value in given.items():
        (tmp_path / name).write_text(value)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PAYHUB", "DATABASE", "REDIS"))}
    return {
        **inherited, **{name: str(tmp_path / name) for name in given}, "PAYHUB_CONFIG": str(ROOT / "config" / "test.toml"),
        "PAYHUB_LOG__LEVEL": "DEBUG", "PAYHUB_LOG__FORMAT": "json", "PAYHUB_WEB__PORT": port, "PYTHONPATH": str(ROOT),
    }  # fmt: skip


RUN = """
import contextlib, io, json, sys
from payhub.cli import payhub
said = []
for arguments in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        payhub(arguments, standalone_mode=False)
    said.append(out.getvalue())
print(json.dumps(said))
"""


class Processes:
    """Real processes of a hub, and everything they say."""

    def __init__(self, environ: dict[str, str], log: Path) -> None:
        self.environ, self.log, self.running = environ, log, list[subprocess.Popen[bytes]]()
        self.url = f"http://127.0.0.1:{environ['PAYHUB_WEB__PORT']}"

    def start(self, *arguments: str) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "payhub", *arguments]
            self.running.append(
                subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=log, stderr=log, start_new_session=True)
            )

    def run(self, *commands: str) -> list[str]:
        """Run commands one after the other in one process; return what each printed. Their errors go to the log."""
        given = json.dumps([command.split() for command in commands])
        done = subprocess.run(
            [sys.executable, "-c", RUN], cwd=ROOT, env=self.environ, input=given, capture_output=True, text=True, check=False
        )
        with self.log.open("a") as log:
            log.write(done.stderr)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def titles(self) -> str:
        """What anybody on the machine sees of every process of ours, and what their own user sees of how they were started."""
        sessions = {process.pid for process in self.running}
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if os.getsid(int(entry.name)) in sessions:
                        found += [
                            (entry / name).read_bytes().replace(b"\0", b" ").decode() for name in ("cmdline", "environ", "comm")
                        ]
                except (OSError, ProcessLookupError):
                    continue
        return "\n".join(found)

    def stop(self) -> None:
        for process in self.running:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.running:
            process.wait(30)


@pytest.fixture
def processes(environ, tmp_path) -> Iterator[Processes]:
    made = Processes(environ, tmp_path / "said.log")
    yield made
    made.stop()


@pytest.fixture
def comes_true(eventually) -> Callable[..., None]:
    """Wait for processes, which take their time to start."""
    return partial(eventually, within_s=60.0, despite=(requests.RequestException,))


def everything_in(client: Any) -> Iterator[bytes]:
    """Every key and value of a Valkey, and what is compressed in them."""
    read = {
        b"string": lambda name: [client.get(name)], b"hash": lambda name: [part for pair in client.hgetall(name).items() for part in pair],
        b"list": lambda name: client.lrange(name, 0, -1), b"set": client.smembers, b"zset": lambda name: client.zrange(name, 0, -1),
        b"stream": lambda name: [repr(client.xrange(name)).encode()], b"none": lambda _: [],
    }  # fmt: skip
    for name in client.keys("*"):
        yield name
        for value in read[client.type(name)](name):
            yield value or b""
            with suppress(zlib.error):
                yield zlib.decompress(value)


def test_a_working_hub_tells_nobody(processes, valkey, hub, keys, order, comes_true, sign, tmp_path) -> None:
    roles = ("admin", "approver")
    shown = processes.run(
        *(f"staff add {role} --role {role}" for role in roles), "key new dvc-bo-tu-phap",
        "webhooks add dvc-bo-tu-phap http://127.0.0.1:9/told --type payment.created",
    )  # fmt: skip
    people = {role: said.split() for role, said in zip(roles, shown, strict=False)}
    tokens = {role: said[0] for role, said in people.items()}
    key, (endpoint, webhook) = shown[2].strip(), shown[3].split()
    shown += processes.run(f"webhooks rotate {endpoint}")
    hidden = {
        "database": DATABASE, "valkey": VALKEY, "gateway": GATEWAY, "refused": UNUSED, "portal key": key, "webhook": webhook,
        "gateway, in use": DEVELOPMENT_SECRET, "second webhook": shown[4].strip(),
        "ring 0": RING.split(",")[0][2:], "ring 1": RING.split(",")[1][2:],
        **{f"token of {role}": token for role, token in tokens.items()},
        **{f"authenticator of {role}": parse_qs(urlsplit(said[1]).query)["secret"][0] for role, said in people.items()},
    }  # fmt: skip
    # Whoever looks would find them.
    assert len(found_in("\n".join(shown), hidden)) == 7
    (tmp_path / "token").write_text(tokens["admin"])
    (tmp_path / "secret").write_text(GATEWAY)
    said = processes.run(
        f"secrets add gateway vnpay-main --file {tmp_path}/secret --token-file {tmp_path}/token", "secrets list", "staff list",
        "proposals", "keys status", "webhooks list", "keys rotate --anyway",
    )  # fmt: skip
    assert "proposed" in said[0]
    for name in ("web", "worker", "scheduler"):
        processes.start(name)
    comes_true(lambda: requests.get(f"{processes.url}/readyz", timeout=5).status_code == 200)

    def send(method: str, path: str, who: str | None = None, **more: Any) -> requests.Response:
        headers = {
            "Idempotency-Key": uuid.uuid4().hex,
            **({"Authorization": f"Bearer {who}"} if who else {}),
            **more.pop("headers", {}),
        }
        return requests.request(method, processes.url + path, headers=headers, timeout=20, **more)

    made = send("POST", "/v1/staff/secrets", tokens["admin"], json={"kind": "portal", "owner": "kbnn", "use": "inbound"}).json()
    hidden["portal, made by us"] = made["secret"]
    new = {"kind": "portal", "owner": "kbnn", "use": "outbound", "secret": UNUSED}
    answers = [
        send("POST", "/v1/payments", key, json=order), send("POST", "/v1/payments", key + "x", json=order),
        send("POST", "/v1/payments", key, data=f'{{"secret": "{UNUSED}", {GATEWAY}'), send("GET", f"/v1/payments?api_key={key}"),
        send("GET", f"/v1/{tokens['admin']}/x", tokens["admin"]), send("GET", "/v1/staff/secrets", tokens["admin"]),
        send("POST", "/v1/staff/secrets", tokens["approver"], json=new), send("POST", "/v1/staff/secrets", UNUSED, json=new),
        send("POST", "/v1/staff/secrets", tokens["admin"], json={**new, "colour": UNUSED}),
        send("POST", "/v1/staff/secrets", tokens["admin"], json={**new, "secret": f" {UNUSED} "}),
        send("POST", "/v1/staff/secrets", tokens["admin"], data=UNUSED, headers={"Content-Type": "text/plain"}),
        send("POST", "/v1/staff/secrets", tokens["admin"], json={**new, "use": "none-of-these"}),
        send("POST", f"/v1/proposals/{made['waits_for']}/approve", tokens["approver"], json={"totp": "000000"}),
        send("POST", f"/v1/proposals/{made['waits_for']}/approve", tokens["approver"], json={"totp": UNUSED}),
        send("GET", f"/v1/proposals/{made['waits_for']}", tokens["approver"]), send("GET", f"/callbacks/vnpay/vnpay-main?x={GATEWAY}"),
        send("GET", f"/pay/{UNUSED}"), send("GET", "/metrics"),
    ]  # fmt: skip
    # The secret that is live signs an order and verifies what comes back, right and wrong.
    started = send(
        "POST",
        f"{urlsplit(answers[0].json()['checkout_url']).path}/start",
        data={"way": "vnpay-main", "form_token": str(uuid.uuid4())},
        allow_redirects=False,
    )
    [reference] = parse_qs(urlsplit(started.headers["Location"]).query)["vnp_TxnRef"]
    told = {
        "Amount": "100",
        "TmnCode": "PAYHUB01",
        "TxnRef": reference,
        "ResponseCode": "00",
        "TransactionStatus": "00",
        "TransactionNo": "1",
    }
    called = [send("GET", f"/callbacks/vnpay/vnpay-main?{sign(secret, **told)}") for secret in (DEVELOPMENT_SECRET, GATEWAY)]
    assert [answer.json()["RspCode"] for answer in called] == ["04", "97"]
    answers += [started, *called]
    # Our own fault, in the middle of it: the table is gone.
    with hub.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE portal_secret RENAME TO gone"))
    answers.append(send("POST", "/v1/staff/secrets", tokens["admin"], json=new))
    with hub.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO portal_secret"))
    assert answers[-1].status_code == 500
    valkey.client.rpush("rq:queue:payhub", "what-is-no-job")
    comes_true(lambda: b"rq" in b"".join(valkey.client.keys("*")) and b"delivery.sent" in processes.log.read_bytes())
    kept = b"\n".join(everything_in(valkey.client))
    assert b"webhooks.jobs.relay" in kept
    titles = processes.titles()
    processes.stop()
    processes.running.clear()
    log = processes.log.read_bytes()
    assert titles.count("payhub") > 3
    assert b"request.failed" in log
    assert found_in(kept, hidden) == []
    assert found_in(titles, hidden) == []
    assert found_in(log, hidden) == []
    assert [found_in(text, hidden) for text in said] == [[]] * len(said)
    assert [found_in(f"{answer.text} {answer.headers}", hidden) for answer in answers] == [[]] * len(answers)


def test_printing_what_holds_a_secret_shows_none(hub, keys, template, hire, session) -> None:
    portal = PORTAL.find(session, "kbnn")
    someone = hire("someone", "admin")
    added = secrets.add(hub, session, PORTAL, portal, someone.person.principal, use="inbound")
    endpoint, webhook = endpoints.add(hub, session, portal, "https://portal.example/told", ["payment.paid"])
    loaded = replace(
        hub.settings, database=replace(hub.settings.database, url=f"postgresql+psycopg://u:{DATABASE}@h/d", replica_url=f"postgresql+psycopg://u:{DATABASE}@h/d"),
        redis=replace(hub.settings.redis, url=f"redis://:{VALKEY}@h"), secrets=replace(hub.settings.secrets, keys=RING),
    )  # fmt: skip
    other = build(loaded, GATEWAYS, hub.clock)
    hidden = {
        "database": DATABASE,
        "valkey": VALKEY,
        "ring": RING.split(",")[1][2:],
        "shown": added.shown,
        "webhook": webhook,
        "key": keys["kbnn"],
        "token": someone.token,
    }
    caller = authenticate(hub.registers, keys["kbnn"], "test", hub.clock.now())
    printed = [
        loaded, loaded.secrets, other, other.keyring, other.db, other.db.engine, other.redis, added, added.row, endpoint,
        endpoints.target(hub, session, endpoint.id), hub.registers, *hub.registers.protocol_accounts.values(), caller, template,
        someone.person, Once.of(portal, "key", b'{"secret": "%s"}' % GATEWAY.encode()),
    ]  # fmt: skip
    assert isinstance(hub.registers, Registers)
    for each in printed:
        assert found_in(repr(each) + str(each), hidden) == [], type(each)
    secrets_of_accounts = {
        f"{number}": secret for account in hub.registers.protocol_accounts.values() for number, secret in enumerate(account.secrets)
    }
    assert found_in(repr(hub.registers), secrets_of_accounts) == []
    other.db.close()
    other.redis.close()
    staff_withdraw(hub, session, added, someone)


def staff_withdraw(hub: Any, session: Any, added: Any, someone: Any) -> None:
    from payhub.staff import service

    service.withdraw(hub, session, added.proposal.id, someone.person.principal, hub.clock.now())


GOOD = {
    "PAYHUB_MODE": "test", "DATABASE_URL": "postgresql+psycopg://x", "REDIS_URL": "redis://x", "PAYHUB_SECRETS__KEYS": RING,
    "PAYHUB_WEB__BASE_URL": "http://localhost",
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"DATABASE_URL": f"postgresql+psycopg://u:p@h:{DATABASE}/d"}, {"DATABASE_URL": DATABASE},
        {"DATABASE_URL": f"{DATABASE}://u:p@h/d"}, {"DATABASE_REPLICA_URL": f"postgresql://u@h:{DATABASE}/d"},
        {"REDIS_URL": f"redis://:{VALKEY}/x@h:1/0"}, {"REDIS_URL": f"redis://:{VALKEY}#x@h/0"}, {"REDIS_URL": VALKEY},
        {"PAYHUB_SECRETS__KEYS": RING + "x"}, {"PAYHUB_SECRETS__KEYS": RING.replace("1:", "one:")},
        {"PAYHUB_SECRETS__KEYS": f"{RING},2:{RING.split(':')[2]}"}, {"PAYHUB_SECRETS__CURRENT": "7"},
        {"PAYHUB_SECRETS__CURRENT": RING}, {"PAYHUB_SECRETS__KEY": RING}, {"PAYHUB_DATABASE__POOL_SIZE": DATABASE},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_read_are_named_and_not_quoted(wrong) -> None:
    with pytest.raises(settings_module.SettingsError) as refused:
        settings_module.load({**GOOD, **wrong})
    keys = {f"ring {number}": entry.partition(":")[2] for number, entry in enumerate(RING.split(","))}
    assert found_in(str(refused.value), {"database": DATABASE, "valkey": VALKEY, **keys}) == []
    assert next(iter(wrong)).removesuffix("S").lower().split("__")[-1] in str(refused.value).lower()


def test_what_a_store_says_of_a_wrong_password_is_not_passed_on(client, hub, valkey, settings, app) -> None:
    wrong = replace(settings, redis=replace(settings.redis, url=valkey.url.replace(VALKEY, UNUSED)))
    other = build(wrong, GATEWAYS, hub.clock)
    app.extensions["payhub"] = other
    answer = client.get("/readyz")
    assert found_in(answer.text, {"valkey": UNUSED}) == []
    with pytest.raises(Exception) as refused:
        other.redis.ping()
    assert found_in(repr(refused.value), {"valkey": UNUSED}) == []
    other.db.close()
    other.redis.close()


def test_errors_about_sealed_things_quote_nothing() -> None:
    ring = Keyring.parse(RING)
    sealed = ring.seal(GATEWAY.encode(), "row")
    for act in (
        lambda: ring.open(sealed, "other"),
        lambda: Keyring({9: b"x" * 32}).open(sealed, "row"),
        lambda: ring.open(replace(sealed, key=b""), "row"),
    ):
        with pytest.raises(Exception) as refused:
            act()
        assert found_in(f"{refused.value!r}", {"gateway": GATEWAY, "ring": RING.split(",")[1][2:]}) == []


def test_a_failed_statement_does_not_carry_its_parameters(hub, session) -> None:
    with pytest.raises(Exception) as refused:
        session.execute(text("SELECT CAST(:secret AS text), 1 / 0, :other"), {"secret": GATEWAY, "other": UNUSED})
    session.rollback()
    assert found_in(str(refused.value), {"gateway": GATEWAY, "refused": UNUSED}) == []


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_looks_like_a_secret_is_blanked_wherever_it_stands_in_the_log(form, keys) -> None:
    shapes = [
        keys["kbnn"], "phs_live_0123abcd_" + "0" * 38, "whsec_" + base64.b64encode(b"s" * 32).decode(), RING,
        "otpauth://totp/PayHub:an?secret=JBSWY3DPEHPK3PXP&issuer=PayHub", f"postgresql://payhub:{DATABASE}@h/d",
    ]  # fmt: skip
    script = f"""
import json, logging, sys
from payhub import log
from payhub.settings import Log
log.configure(Log(format={form!r}, level="DEBUG"))
for shape in json.loads(sys.stdin.read()):
    log.get("ours").warning("happened", address=shape, among=["x", {{"y": shape}}], raw=shape.encode(), text=f"before {{shape}} after")
    logging.getLogger("some.package").error("of %s", shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(shapes),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    hidden = {shape[:8]: shape.removeprefix("postgresql://payhub:").removesuffix("@h/d") for shape in shapes}
    assert found_in(done.stderr, hidden) == []
    assert done.stderr.count("before") == done.stderr.count("after") == len(shapes)
