"""A person's name, number, telephone and e-mail go in by every door there is; then they are looked for everywhere.

Never in a log, an address or Valkey, nor in any file of the database in plain; after erasure nowhere that anybody could open.
"""

from __future__ import annotations

import base64
import http.server
import io
import json
import mmap
import os
import re
import sys
import threading
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from gateways.simulator.bank import Entry, Statement
from gateways.simulator.camt import camt053
from gateways.simulator.config import GMT7
from payhub import jobs, log
from payhub.app import create_app
from payhub.cli.people import people
from payhub.crypto import CryptoError, Sealed
from payhub.hub import Hub
from payhub.payments import jobs as payment_jobs
from payhub.payments.refunds import sending
from payhub.people import jobs as people_jobs
from payhub.sealed import SEALED
from reconciliation import runs
from webhooks import couriers, endpoints, relay


@dataclass(frozen=True)
class Person:
    """Somebody nobody else is called like."""

    mark: str
    number: str

    @property
    def name(self) -> str:
        return f"Nguyễn Thị {self.mark.capitalize()}"

    @property
    def plain_name(self) -> str:
        return f"NGUYEN THI {self.mark.upper()}"

    @property
    def phone(self) -> str:
        return f"0{self.number[:9]}"

    @property
    def id_number(self) -> str:
        return f"0{self.number[9:20]}"

    @property
    def email(self) -> str:
        return f"{self.mark}@thu.example"

    @property
    def all(self) -> str:
        return f"{self.name} {self.id_number} {self.phone} {self.email}"

    @property
    def payer(self) -> dict[str, str]:
        address = f"Số 1 ngõ {self.mark}, Hà Nội"
        return {"name": self.name, "id_number": self.id_number, "phone": self.phone, "email": self.email, "address": address}

    @property
    def traces(self) -> dict[str, bytes]:
        """Every spelling in which a part of this person may lie somewhere."""
        found: dict[str, bytes] = {}
        # Without its first letter, which may be a capital.
        for part in (self.mark[1:], self.mark[1:].upper(), self.phone[1:], self.id_number[1:]):
            raw = part.encode()
            found |= {part: raw, f"{part} as hex": raw.hex().encode(), f"{part} as HEX": raw.hex().upper().encode()}
            for shift in range(3):
                # What stands before it shifts the letters; the first and last of them depend on the neighbours.
                coded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
                found[f"{part} in base64 at {shift}"] = coded[(0, 2, 3)[shift] : len(coded) - (len(raw) + shift) % 3]
        return found

    def found_in(self, data: Any) -> list[str]:
        return [how for how, trace in self.traces.items() if data.find(trace) >= 0]


@pytest.fixture
def person() -> Person:
    number = str(uuid.uuid4().int % 10**20).zfill(20)
    return Person("vet" + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:14]), number)


@pytest.fixture
def hub(hub: Hub) -> Hub:
    """A hub that says everything it ever says."""
    return replace(hub, settings=replace(hub.settings, log=replace(hub.settings.log, level="DEBUG", format="json")))


@contextmanager
def gateway_that_talks(said: str) -> Iterator[str]:
    """A gateway that answers every question with a person's name and no signature."""

    class Talk(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"vnp_ResponseCode": said, "vnp_Message": said}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Talk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Doors:
    """Every way in, with a person carried through each."""

    def __init__(self, hub: Hub, client: Any, keys: dict[str, str], staff: tuple[Any, Any, Any], person: Person, sign: Any) -> None:
        self.hub, self.client, self.keys, self.person = hub, client, keys, person
        self.clerk, self.approver, self.admin = staff
        self.sign, self.payments = sign, list[str]()
        self.noise = {"User-Agent": person.all.encode("ascii", "ignore").decode(), "X-Request-Id": person.email, "Cookie": f"a={person.phone}"}

    def key(self, portal: str = "dvc-bo-tu-phap") -> dict[str, str]:
        key = f"{self.person.email}/{self.person.phone}/{uuid.uuid4().hex}"
        return {"Authorization": f"Bearer {self.keys[portal]}", "Idempotency-Key": key, **self.noise}

    def asks(self) -> None:
        """A portal asks, once well and often badly, twice with the same key."""
        person, mark = self.person, uuid.uuid4().hex[:10]
        body = {
            "portal_reference": f"HS-{mark}", "dossier": f"H53.12-{mark}", "payer": person.payer,
            "metadata": {"ghi_chu": person.all, person.mark: person.phone},
            "return_url": f"https://dichvucong.moj.example/xong?ten={quote(person.all)}",
            "lines": [{"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000, "description": person.all}],
        }  # fmt: skip
        headers = self.key()
        made = [self.client.post("/v1/payments", json=body, headers=headers) for _ in range(2)]
        assert [(each.status_code, each.data) for each in made] == [(201, made[0].data)] * 2
        self.payments.append(made[0].json["id"])
        self.page = made[0].json["checkout_url"].split("8000")[1]
        free = {"fee": "P-CGCN", "agency": "000.00.00.G06", "amount": 1_000, "reason": f"Quyết định về {person.all}"}
        other = {**body, "portal_reference": f"X-{mark}", "dossier": f"X-{mark}", "lines": [free]}
        del other["return_url"]
        more = self.client.post("/v1/payments", json=other, headers=self.key("mot-cua-hcm"))
        assert more.status_code == 201, more.text
        assert more.json["lines"][0]["reason"] == free["reason"]
        self.payments.append(more.json["id"])
        quoted = self.client.post("/v1/quotes", json={"lines": body["lines"]}, headers=self.key())
        assert quoted.status_code == 200, quoted.text
        for change in (
            {"dossier": person.id_number}, {"portal_reference": f"{person.phone}-1"}, {person.all: person.all}, {"currency": person.name},
            {"lines": [{**body["lines"][0], "fee": person.name[:60]}]}, {"return_url": f"https://evil.example/{person.mark}"},
            {"replaces": person.email}, {"metadata": {person.all: person.all}}, {"payer": {**person.payer, "name": person.all * 9}},
        ):  # fmt: skip
            assert self.client.post("/v1/payments", json={**body, **change}, headers=self.key()).status_code == 422
        self.client.post("/v1/payments", data=f"{{{person.all}".encode(), headers={**self.key(), "Content-Type": "application/json"})

    def looks(self) -> None:
        """Addresses with a person in them, and pages that are asked for them."""
        said, headers = quote(self.person.all), self.key()
        for address in (
            f"/v1/payments?portal_reference={said}", f"/v1/payments/{said}", f"/v1/payments?{said}=1", f"/v1/{said}", f"/{said}",
            f"/pay/{said}", f"{self.page}?lang={said}", f"/callbacks/{said}/{said}", f"/v1/discrepancies?kind={said}", f"/return/{said}",
        ):  # fmt: skip
            self.client.get(address, headers=headers)
        form = {"way": self.person.all, "form_token": str(uuid.uuid4())}
        self.client.post(f"{self.page}/start", data=form, headers=self.noise)
        self.client.post(f"/v1/payments/{self.payments[1]}/cancel", headers=self.key("mot-cua-hcm"))

    def pays(self) -> None:
        """The gateway's own words: verified, forged, of an order nobody made, and on the browser's way back."""
        person = self.person
        form = {"way": "vnpay-main", "form_token": str(uuid.uuid4())}
        to = self.client.post(f"{self.page}/start", data=form, headers=self.noise, environ_base={"REMOTE_ADDR": "203.0.113.9"})
        self.reference = to.headers["Location"].split("vnp_TxnRef=")[1].split("&")[0]
        more = self.client.post(f"{self.page}/start", data={**form, "form_token": str(uuid.uuid4())}, headers=self.noise)
        second = more.headers["Location"].split("vnp_TxnRef=")[1].split("&")[0]
        said = {"Amount": "20000000", "OrderInfo": person.all, "BankCode": person.plain_name, "CardType": person.all, "TmnCode": "PAYHUB01"}
        said |= {"BankTranNo": person.phone, "PayDate": "20261120100500", "TransactionStatus": "00", "ResponseCode": "00"}
        paid = {**said, "TransactionNo": "14226112", "TxnRef": self.reference}
        forged = self.sign("not-the-secret-not-the-secret-00", **paid)
        for query in (forged, self.sign(**paid), self.sign(**paid), self.sign(**{**paid, "CardType": person.name})):
            self.client.get(f"/callbacks/vnpay/vnpay-main?{query}", headers=self.noise, environ_base={"REMOTE_ADDR": person.email})
        twice = {**said, "TransactionNo": "14226114", "TxnRef": second}
        assert self.client.get(f"/callbacks/vnpay/vnpay-main?{self.sign(**twice)}").json["RspCode"] == "00"
        lost = {**said, "TransactionNo": "14226113", "TxnRef": f"{person.plain_name} 1", "ResponseCode": "00"}
        answer = self.client.get(f"/callbacks/vnpay/vnpay-main?{self.sign(**lost)}")
        assert answer.json["RspCode"] == "01"
        self.client.get(f"/return/vnpay-main?{self.sign(**paid)}", headers=self.noise)
        self.client.get(f"/return/vnpay-main?{forged}", headers=self.noise)

    def gives_back(self) -> None:
        """A refund with a note, a gateway whose answer cannot be believed, evidence, and a reason to decline it."""
        body = {"lines": [{"number": 1, "amount": 1_000}], "reason": "other", "note": self.person.all}
        refund = self.client.post(f"/v1/payments/{self.payments[0]}/refunds", json=body, headers=self.key()).json
        self._agree(refund["proposal"])
        with gateway_that_talks(self.person.all) as url:
            with self.hub.db.engine.begin() as connection:
                connection.execute(text("UPDATE gateway_account SET endpoints = endpoints || jsonb_build_object('api', :url ::text)"), {"url": url})
            self.hub.cache.fresh()
            with self.hub.db.session() as session:
                [due] = sending.due(session, self.hub.clock.now())
            sending.step(self.hub, due)
        evidence = {"outcome": "failed", "evidence": self.person.all}
        assert self.clerk.post(self.client, f"/v1/staff/refunds/{refund['id']}/outcome", evidence).status_code == 200
        waiting = self.clerk.get(self.client, "/v1/proposals?state=proposed").json["data"]
        assert [each["words"] for each in waiting] == [{"evidence": self.person.all}]
        declined = self.approver.post(self.client, f"/v1/proposals/{waiting[0]['id']}/decline", {"reason": self.person.all})
        assert declined.json["reason"] == self.person.all
        assert self.clerk.get(self.client, f"/v1/staff/refunds/{refund['id']}").json["note"] == self.person.all

    def settles(self) -> None:
        """A file that names people where codes belong."""
        heading = "STT,MaGiaoDich,MaThamChieu,LoaiGiaoDich,ThoiGian,SoTien,Phi,NganHang,TrangThai,MaThanhToan"
        rows = [
            f"1,14226112,{self.reference},THANH_TOAN,20/11/2026 10:05:00,200000,0,{self.person.plain_name},THANH_CONG,",
            f"2,{self.person.plain_name},{self.person.plain_name} 2,THANH_TOAN,20/11/2026 10:06:00,1000,0,NCB,THANH_CONG,",
            f"3,3,{self.person.name},THANH_TOAN,20/11/2026 10:06:00,1000,0,NCB,THANH_CONG,",
            f"4,4,PHX,{self.person.name},20/11/2026 10:06:00,1000,0,NCB,THANH_CONG,",
        ]
        file = "\n".join([heading, *rows, "TONG,4,203000,,,,,,,", ""])
        headers = {"Authorization": f"Bearer {self.keys['kbnn']}", "Content-Type": "text/csv", **self.noise}
        address = f"/v1/settlements/vnpay-main/2026-11-20?file_name={quote(self.person.all)}.csv"
        taken = self.client.put(address, data=file.encode(), headers=headers)
        assert taken.status_code == 202, taken.text
        runs.execute(self.hub, uuid.UUID(taken.json["run"].removeprefix("run_test_")))

    def banks(self) -> None:
        """A statement whose every text names the person, who paid in by transfer."""
        nine = datetime(2026, 11, 23, 9, tzinfo=GMT7)
        said = [
            Entry(name, nine, nine.date(), 1_000, self.person.all, payer=self.person.name)
            for name in (self.person.plain_name, None)
        ]
        account = {"account": "1000000001", "name": self.person.name, "bic": "SIMUVNVX"}
        told = camt053(Statement(account, nine.date(), 0, tuple(said))).decode()
        # Its own number, the kind of an entry and the sender's reference are names of things, and this bank puts people there.
        for thing, name in (("2026327", self.person.name), ("DMCT", self.person.plain_name), ("NOTPROVIDED", self.person.phone)):
            assert thing in told
            told = told.replace(thing, name)
        headers = {"Authorization": f"Bearer {self.keys['kbnn']}", "Content-Type": "application/octet-stream", **self.noise}
        address = f"/v1/statements/thu-ho?file_name={quote(self.person.all)}.xml"
        taken = self.client.put(address, data=told.encode(), headers=headers)
        assert taken.status_code == 200, taken.text
        shown = self.client.get("/v1/bank-entries", headers=headers)
        assert (len(shown.json["data"]), self.person.found_in(shown.data)) == (2, [])

    def asks_staff(self) -> None:
        """What the staff types about the person."""
        for field, value in (("name", self.person.name), ("phone", self.person.phone), ("email", self.person.email)):
            found = self.clerk.post(self.client, "/v1/staff/payers/search", {"field": field, "value": value})
            assert {each["payment"] for each in found.json["data"]} == set(self.payments)
        revealed = self.clerk.post(self.client, f"/v1/staff/payments/{self.payments[0]}/payer/reveal", {"reason": "refund"})
        assert revealed.json["name"] == self.person.name
        refused = self.clerk.post(self.client, f"/v1/staff/payments/{self.payments[0]}/payer/reveal", {"reason": self.person.all})
        assert refused.status_code == 422
        self.client.get("/v1/proposals", headers={"Authorization": f"Bearer {self.person.email}"})

    def tells(self) -> None:
        """Portals are told of everything, and one does not answer."""
        with self.hub.db.session() as session:
            [portal] = session.scalars(text("SELECT portal_id FROM payment ORDER BY id LIMIT 1"))
            types = list(endpoints.EVENT_TYPES)
            endpoints.add(self.hub, session, portal, "http://127.0.0.1:9/told", types)
            session.execute(text("UPDATE webhook_endpoint SET after_position = 0, created_at = '2026-01-01'"))
        relay.run(self.hub.db, self.hub.clock.now())
        couriers.Couriers().deliver_due(self.hub)

    def erase(self) -> None:
        body = {"reason": "requested_by_person", "payments": self.payments}
        proposed = self.clerk.post(self.client, "/v1/staff/payers/erase", body)
        assert proposed.status_code == 201, proposed.text
        self._agree(proposed.json["proposal"])

    def declines(self) -> None:
        """Why a person of the staff says no: to a chargeback, to an allocation, to an erasure."""
        payment = self.payments[0]
        case = {"gateway_case": "NCB-1", "lines": [{"number": 1, "amount": 1_000}]}
        named = self.clerk.post(self.client, f"/v1/staff/payments/{payment}/disputes", {**case, "gateway_case": self.person.plain_name})
        assert named.json["errors"][0]["pointer"] == "/gateway_case"
        dispute = self.clerk.post(self.client, f"/v1/staff/payments/{payment}/disputes", case).json
        lost = self.clerk.post(self.client, f"/v1/staff/disputes/{dispute['id']}/lost").json["proposal"]
        [unapplied] = self.client.get(f"/v1/payments/{payment}", headers=self.key()).json["unapplied"]
        other = {"portal_reference": "other", "lines": [{"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000}]}
        other = self.client.post("/v1/payments", json=other, headers=self.key()).json["id"]
        allocated = self.clerk.post(self.client, f"/v1/staff/unapplied/{unapplied['id']}/allocate", {"payment": other}).json["id"]
        wanted = {"reason": "requested_by_person", "payments": self.payments}
        erased = self.clerk.post(self.client, "/v1/staff/payers/erase", wanted).json["proposal"]
        for proposal in (lost, allocated, erased):
            declined = self.approver.post(self.client, f"/v1/proposals/{proposal}/decline", {"reason": self.person.all})
            assert declined.json["reason"] == self.person.all

    def works(self) -> None:
        """What people write about a discrepancy: a comment, why nothing more is done, why it is opened again."""
        listed = self.clerk.get(self.client, f"/v1/staff/discrepancies?payment={self.payments[0]}&kind=paid_twice").json["data"]
        case = f"/v1/staff/discrepancies/{listed[0]['id']}"
        assert self.clerk.post(self.client, f"{case}/comment", {"text": self.person.all}).status_code == 200
        accepted = self.clerk.post(self.client, f"{case}/accept", {"reason": "explained", "note": self.person.all})
        assert accepted.status_code == 201, accepted.text
        self._agree(accepted.json["proposal"])
        assert self.clerk.post(self.client, f"{case}/reopen", {"reason": self.person.all}).status_code == 200
        self.clerk.get(self.client, f"/v1/staff/discrepancies?owner={quote(self.person.name)}")
        # Where codes belong, nobody is named.
        row = {"row": 2, "type": "payment", "amount": 1, "happened_at": "2026-11-20T09:30:00+07:00"}
        for body in ({"rows": [{**row, "reference": self.person.name}]}, {"rows": [{**row, "reference": "X", "bank": self.person.email}]}):
            assert self.clerk.post(self.client, f"{case}/correct", body).status_code == 422

    def brings_registers(self) -> None:
        """Files of registers that name the person where nobody belongs, and words people look for in the registers."""
        said = quote(self.person.all)
        files = (self.person.all, f"code,{self.person.name}\nA,B", f"fee,valid_from,above,amount,basis_points\n{self.person.all},x,y,z,")
        for body in files:
            for dry_run in ("true", "false"):
                headers = {"Authorization": f"Bearer {self.admin.token}", "Content-Type": "text/csv", "Idempotency-Key": self.person.phone}
                address = f"/v1/staff/registers/tiers/imports?dry_run={dry_run}&file_name={said}"
                assert self.client.post(address, data=body.encode(), headers=headers).status_code == 422
        registers = Path(__file__).parents[2] / "config" / "sample"
        fee = "LP-MOI,le_phi,Lệ phí mới,New fee,2771,,fixed,120000,,,,,,,,apply,example,2027-01-01,"
        fees = f"{(registers / 'fees.csv').read_text(encoding='utf-8').rstrip()}\n{fee}\n"
        address = f"/v1/staff/registers/fees/imports?file_name={said}"
        headers = {**headers, "Idempotency-Key": "fees"}
        taken = self.client.post(address, data=fees.encode(), headers=headers)
        assert taken.status_code == 201, taken.text
        stop = {"agency": self.person.name[:40], "purpose": "phi", "reason": self.person.all}
        assert self.admin.post(self.client, "/v1/staff/accounts/stop", stop).status_code == 404
        for address in (f"/v1/agencies?search={said}", f"/v1/fees?search={said}"):
            assert self.client.get(address, headers=self.key()).json["data"] == []

    def types(self, token: Path) -> None:
        """A person of the staff at a terminal."""
        token.write_text(self.clerk.token)
        arguments = ["find", "--field", "email", "--token-file", str(token)]
        done = CliRunner().invoke(people, arguments, obj=lambda: self.hub, input=f"{self.person.email}\n")
        assert self.payments[0] in done.output
        assert self.person.found_in(done.output.encode()) == []

    def _agree(self, proposal: str) -> None:
        self.hub.clock.pass_(seconds=30)
        agreed = self.approver.post(self.client, f"/v1/proposals/{proposal}/approve", {"totp": self.approver.code()})
        assert agreed.status_code == 200, agreed.text


@pytest.fixture
def logged(monkeypatch) -> io.StringIO:
    """Everything written to the log from now on."""
    # The log is the process's standard error, and a logger that was used before would write where it wrote then.
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    for module in [*sys.modules.values()]:
        if hasattr(module, "_log") and module.__name__.split(".")[0] in {"payhub", "webhooks", "reconciliation"}:
            monkeypatch.setattr(module, "_log", log.get(module.__name__))
    return sys.stderr


@pytest.fixture
def doors(logged, hub, keys, lan, minh, hire, person, sign) -> Doors:
    def signed(secret: str | None = None, **said: str) -> str:
        return sign(secret, **said) if secret else sign(**said)

    return Doors(hub, create_app(hub=hub).test_client(), keys, (lan, minh, hire("thu", "admin")), person, signed)


def in_rows(hub: Hub, person: Person) -> list[str]:
    """Where in any column of any table a trace lies: as text, and bytes as they are."""
    found = []
    with hub.db.engine.connect() as connection:
        columns = connection.execute(
            text("SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'")
        ).all()
        for table, column, kind in columns:
            shown = f'"{column}"' if kind == "bytea" else f'convert_to("{column}"::text, \'UTF8\')'
            for (value,) in connection.execute(text(f'SELECT {shown} FROM "{table}" WHERE "{column}" IS NOT NULL')):
                found += [f"{table}.{column}: {how}" for how in person.found_in(bytes(value))]
    return found


def in_what_opens(hub: Hub, person: Person) -> dict[str, list[str]]:
    """What of the person anybody with the key ring can still open, by column."""
    found: dict[str, list[str]] = {}
    with hub.db.engine.connect() as connection:
        for each in SEALED:
            named = ", ".join({each.key, each.data, *each.named})
            for row in connection.execute(text(f"SELECT {named} FROM {each.table} WHERE {each.key} IS NOT NULL")).mappings():
                try:
                    plain = hub.keyring.open(Sealed(row[each.key], row[each.data]), each.context.format(**row))
                except CryptoError:
                    continue
                if traces := person.found_in(plain):
                    found.setdefault(each.name, []).extend(traces)
    return found


def in_files(hub: Hub, person: Person) -> list[str]:
    """Where in any file of the servers a trace lies: tables and what was written ahead of them, logs, Valkey's own."""
    with hub.db.engine.connect() as connection:
        connection.execute(text("CHECKPOINT"))
        folders = {Path(connection.scalar(text("SHOW data_directory")))}
    folders.add(Path(hub.redis.config_get("dir")["dir"]))
    found = []
    # Other tests' databases are dropped meanwhile: what vanishes while it is listed or read holds nothing any more.
    listed = (Path(place, name) for folder in folders for place, _, names in os.walk(folder.parent) for name in names)
    for path in {path for path in listed if path.is_file() and not path.is_symlink()}:
        try:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                found += [f"{path}: {how}" for how in person.found_in(data)]
        except (ValueError, FileNotFoundError):
            continue
    return found


def in_valkey(hub: Hub, person: Person) -> list[str]:
    """Where in any key a trace lies; what jobs are handed, return and fail of lies there packed."""
    reading = {b"string": hub.redis.get, b"hash": hub.redis.hgetall, b"list": lambda key: hub.redis.lrange(key, 0, -1)}
    reading |= {b"set": hub.redis.smembers, b"zset": lambda key: hub.redis.zrange(key, 0, -1), b"stream": hub.redis.xrange}
    found = []
    for key in hub.redis.scan_iter("*"):
        for value in (key, *values_in(reading[hub.redis.type(key)](key))):
            found += [f"{key!r}: {how}" for how in person.found_in(value)]
    return found


def values_in(value: Any) -> Iterator[bytes]:
    """Every piece of what Valkey answers, as it is and unpacked."""
    if isinstance(value, bytes):
        yield value
        for read in (zlib.decompress, lambda packed: zlib.decompress(base64.b64decode(packed, validate=True))):
            with suppress(zlib.error, ValueError):
                yield read(value)
    elif value is not None:
        for each in value.items() if isinstance(value, dict) else value:
            yield from values_in(each)


@pytest.mark.usefixtures("bound")
def test_a_person_leaves_no_trace(doors: Doors, hub: Hub, person: Person, clock, logged, tmp_path, rows) -> None:
    doors.asks()
    doors.looks()
    doors.pays()
    doors.gives_back()
    doors.settles()
    doors.banks()
    doors.asks_staff()
    doors.declines()
    doors.works()
    doors.brings_registers()
    doors.types(tmp_path / "token")
    doors.tells()
    payment_jobs.check_due()

    opens = in_what_opens(hub, person)
    assert set(opens) == {
        "payer.record", "payer.contact", "payment.words", "payment.basis", "proposal.words", "proposal.reason", "refund.note",
        "discrepancy_note.note", "callback.raw", "file_part.body", "statement_line.text",
    }  # fmt: skip
    assert in_rows(hub, person) == []
    assert in_valkey(hub, person) == []
    assert in_files(hub, person) == []

    doors.erase()
    people_jobs.destroy_due()
    left = in_what_opens(hub, person)
    assert set(left) == {"payer.record", "file_part.body", "callback.raw", "statement_line.text"}
    assert rows("SELECT count(*) FROM callback WHERE attempt_id IS NOT NULL AND raw_key IS NOT NULL") == [(0,)]
    assert not [how for how in left["payer.record"] if how.startswith(person.phone[1:])]
    assert in_rows(hub, person) == []
    assert in_valkey(hub, person) == []
    # Messages of nobody's order belong to no payment: they go with their own term. The rest goes when the records' term ends.
    clock.set(datetime(2037, 1, 1, 3, 0, tzinfo=UTC))
    people_jobs.destroy_due()
    payment_jobs.sweep()
    assert in_what_opens(hub, person) == {}
    assert in_rows(hub, person) == []
    assert in_files(hub, person) == []
    written = logged.getvalue()
    assert {"callback.refused", "gateway.answered", "delivery.sent", "payer.revealed"} <= set(re.findall(r"[a-z]+\.[a-z_]+", written))
    assert person.found_in(written.encode()) == []


def test_traces_are_found_where_there_are_any(person: Person) -> None:
    for written in (person.all, person.plain_name, person.payer["address"]):
        for data in (written.encode(), written.encode().hex().encode(), *(base64.b64encode(b"x" * shift + written.encode()) for shift in range(3))):
            assert person.found_in(data), data


def test_traces_in_rows_files_and_valkey_are_found(hub: Hub, person: Person) -> None:
    with hub.db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE trace (words text, bytes bytea, more jsonb)"))
        values = {"words": person.all, "bytes": person.name.encode(), "more": json.dumps({"a": [person.phone]})}
        connection.execute(text("INSERT INTO trace VALUES (:words, :bytes, :more)"), values)
    hub.redis.set("a", person.email)
    jobs.queue(hub).enqueue("a.job", person.phone, description="a job")
    assert {each.split(":")[0] for each in in_rows(hub, person)} == {"trace.words", "trace.bytes", "trace.more"}
    assert in_files(hub, person)
    assert {each.split(":")[0] for each in in_valkey(hub, person)} == {"b'a'", "b'rq"}
    hub.redis.flushdb()
