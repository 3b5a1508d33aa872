"""Rings of keys, hubs that have them, and a database in which something of every kind is sealed."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, text

from gateways.registry import GATEWAYS
from gateways.simulator.bank import Entry, Statement
from gateways.simulator.camt import camt053
from gateways.simulator.config import GMT7
from payhub import ids
from payhub.agencies.models import CollectingAccount
from payhub.crypto import Sealed
from payhub.discrepancies import acting
from payhub.discrepancies import service as discrepancies
from payhub.discrepancies.models import Discrepancy
from payhub.hub import Hub, build
from payhub.imports.models import AccountStop
from payhub.payments.models import Payment
from payhub.portals.national.models import NationalReference
from payhub.sealed import SEALED, context_of
from payhub.secrets import service as secrets
from payhub.secrets.kinds import FILE_SOURCE, PORTAL
from payhub.staff import service
from payhub.staff.words import Said
from reconciliation.banking.statements import import_statement
from reconciliation.settlements import import_settlement
from webhooks import endpoints, relay, replies
from webhooks.models import Delivery, DeliveryTry

ROOT = Path(__file__).parents[2]
HEADING = "STT,MaGiaoDich,MaThamChieu,LoaiGiaoDich,ThoiGian,SoTien,Phi,NganHang,TrangThai,MaThanhToan"
DEVELOPMENT = "0:cGF5aHViIGRldmVsb3BtZW50IGtleSwgbm90IGxpdmU="


def key(version: int, byte: int | None = None) -> str:
    return f"{version}:{base64.b64encode(bytes([byte if byte is not None else version]) * 32).decode()}"


@pytest.fixture
def rings() -> SimpleNamespace:
    """The ring of every other test, one with a newer key too, and one with that alone."""
    return SimpleNamespace(old=DEVELOPMENT, both=f"{DEVELOPMENT},{key(1)}", new=key(1), key=key)


@pytest.fixture
def with_ring(settings, clock) -> Iterator[Callable[..., Hub]]:
    """A hub on the test's database that has these keys."""
    made: list[Hub] = []

    def give(keys: str, current: int = -1) -> Hub:
        made.append(build(replace(settings, secrets=replace(settings.secrets, keys=keys, current=current)), GATEWAYS, clock))
        return made[-1]

    yield give
    for hub in made:
        hub.db.close()
        hub.redis.close()


@pytest.fixture
def opened() -> Callable[[Hub], dict[tuple[str, Any], bytes]]:
    """Open everything that is sealed with the ring of a hub."""

    def open_all(hub: Hub) -> dict[tuple[str, Any], bytes]:
        found = {}
        with hub.db.engine.connect() as connection:
            for value in SEALED:
                named = "".join(f", {name} AS of_{name}" for name in value.named)
                wanted = f"SELECT {value.id} AS id, {value.key} AS key, {value.data} AS data{named} FROM {value.table} WHERE {value.key} IS NOT NULL"
                for row in connection.execute(text(wanted)):
                    context = value.context.format(**{name: getattr(row, f"of_{name}") for name in value.named})
                    found[value.name, row.id] = hub.keyring.open(Sealed(row.key, row.data), context)
        return found

    return open_all


@pytest.fixture
def ciphertexts(rows) -> Callable[[], set[bytes]]:
    """Every wrapped key and every sealed value as they stand in the database."""

    def read() -> set[bytes]:
        return {
            bytes(found) for value in SEALED for column in (value.key, value.data)
            for (found,) in rows(f"SELECT {column} FROM {value.table} WHERE {value.key} IS NOT NULL")
        }  # fmt: skip

    return read


@pytest.fixture
def environ(settings) -> Callable[[str], dict[str, str]]:
    """The environment of a process on the test's database that has these keys."""
    told = {
        **os.environ,
        "PAYHUB_CONFIG": str(ROOT / "config" / "test.toml"),
        "DATABASE_URL": settings.database.url,
        "REDIS_URL": settings.redis.url,
        "PYTHONPATH": str(ROOT),
    }
    return lambda keys: {**told, "PAYHUB_SECRETS__KEYS": keys}


@pytest.fixture
def payhub(environ) -> Callable[..., subprocess.Popen[str]]:
    """Run the real command in a process of its own, with these keys."""

    def run(keys: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "payhub", *arguments],
            cwd=ROOT,
            env={**environ(keys), **more},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return run


@pytest.fixture
def said(payhub) -> Callable[..., tuple[int, str, str]]:
    """Run the real command to its end; return exit code, output, errors."""

    def run(keys: str, *arguments: str, **more: str) -> tuple[int, str, str]:
        process = payhub(keys, *arguments, **more)
        out, error = process.communicate(timeout=120)
        return process.returncode, out, error

    return run


@pytest.fixture
def everything(hub, client, ask, order, paid, hire, lan, minh, keys) -> None:
    """At least one sealed value of every kind there is."""
    person = {"name": "Nguyễn Văn An", "id_number": "001099012345", "phone": "0912345678", "email": "an@example.com"}
    free = {"fee": "P-CGCN", "agency": "000.00.00.G15", "amount": 50_000, "reason": "Thông báo 12/TB"}
    with hub.db.session() as session:
        told = endpoints.add(hub, session, hub.registers.portal_rows["dvc-bo-tu-phap"][0].id, "https://portal.example/told", ["payment.created"])[0].id
    for number, line in enumerate((order["lines"][0], free)):
        body = {
            **order,
            "portal_reference": f"every-{number}",
            "dossier": f"every-{number}",
            "payer": person,
            "metadata": {"ho_so": "1"},
        }
        answer = ask({**body, "lines": [line]})
        assert answer.status_code == 201, answer.text
    paid.call_back("vnp_TxnRef=1&vnp_SecureHash=00")
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": uuid.uuid4().hex}
    wanted = {"lines": [{"number": 1, "amount": 1000}], "reason": "other", "note": "Nộp hai lần"}
    refund = client.post(f"/v1/payments/{paid.payment['id']}/refunds", json=wanted, headers=headers)
    assert refund.status_code == 201, refund.text
    assert minh.post(client, f"/v1/proposals/{refund.json['proposal']}/decline", {"reason": "Không đủ căn cứ"}).status_code == 200
    with hub.db.session() as session:
        words = Said(hub.keyring, {"evidence": "Công văn 12"})
        service.propose(
            session,
            kind="test",
            target="test/1",
            content={},
            by=lan.person.principal,
            now=hub.clock.now(),
            target_seq=None,
            said=words,
        )
        portal = PORTAL.find(session, "kbnn")
        secrets.add(hub, session, PORTAL, portal, lan.person.principal, use="inbound")
        source = FILE_SOURCE.find(session, "vnpay-folder")
        secrets.add(hub, session, FILE_SOURCE, source, lan.person.principal, use="password")
        account = session.scalars(select(CollectingAccount.id).limit(1)).one()
        reason = hub.keyring.seal(b"sai ten", context_of("account_stop", collecting_account_id=account))
        stopped = {"stopped_by": lan.id, "stopped_at": hub.clock.now(), "reason_key": reason.key, "reason": reason.data}
        session.add(AccountStop(collecting_account_id=account, **stopped))
        endpoints.add(hub, session, portal, "https://portal.example/told", ["payment.paid"])
        now = hub.clock.now()
        asked, name_id = session.get_one(Payment, paid.id), ids.new_id()
        message = hub.keyring.seal(b"{}", context_of("national_reference", id=name_id))
        name = NationalReference(
            id=name_id, portal_id=asked.portal_id, reference="every", payment_id=asked.id, partner="P", contract="paygov", asked_at_text="", amount=asked.total,
            digest=bytes(32), event_seq=1, differs=[], message_key=message.key, message=message.data, created_at=now,
        )  # fmt: skip
        session.add(name)
        discrepancies.open_(session, kind="late", key="k", on=now.date(), amount=1, currency="VND", evidence={}, now=now)
        acting.comment(hub, session, session.scalars(select(Discrepancy.id)).one(), lan.person, "Đã gọi cổng")
    relay.run(hub.db, hub.clock.now())
    with hub.db.session() as session:
        delivery_id = session.scalars(select(Delivery.id).where(Delivery.endpoint_id == told).limit(1)).one()
        try_id = ids.new_id()
        reply = replies.seal(hub.keyring, try_id, b"Khong nhan")
        session.add(
            DeliveryTry(
                id=try_id, delivery_id=delivery_id, at=now, status=500, error="status_500", took_ms=1, reply_key=reply.key, reply=reply.data
            )
        )  # fmt: skip
    file = f"{HEADING}\n1,1,{uuid.uuid4().hex},THANH_TOAN,20/11/2026 10:05:00,200000,0,NCB,THANH_CONG,\nTONG,1,200000,,,,,,,\n"
    import_settlement(hub, "vnpay-main", date(2026, 11, 20), "day.csv", file.encode())
    entry = Entry("FT1", datetime(2026, 11, 23, 9, tzinfo=GMT7), date(2026, 11, 23), 1_000, "NGUYEN VAN AN nop phi")
    account = {"account": "1000000001", "name": "PAYHUB", "bic": "SIMUVNVX"}
    import_statement(hub, "thu-ho", "statement", "statement.xml", camt053(Statement(account, date(2026, 11, 23), 0, (entry,))))


@pytest.fixture
def callbacks(hub) -> Callable[[int], None]:
    """Fill the inbox with so many sealed messages that nobody signed for."""

    def fill(count: int, by: Any = None) -> None:
        sealing = by or hub
        account = sealing.registers.gateway_accounts["vnpay-main"].id
        made = []
        for number in range(count):
            callback_id = ids.new_id()
            sealed = sealing.keyring.seal(f"message {number}".encode(), f"callback {callback_id}")
            made.append({"id": callback_id, "account": account, "key": sealed.key, "data": sealed.data})
        with hub.db.engine.begin() as connection:
            columns = [name for (name,) in connection.execute(_COLUMNS) if name not in _GIVEN]
            values = ", ".join(_VALUES[name] for name in columns)
            statement = f"INSERT INTO callback (id, gateway_account_id, raw_key, raw, {', '.join(columns)}) VALUES (:id, :account, :key, :data, {values})"
            connection.execute(text(statement), made)

    return fill


_COLUMNS = text(
    "SELECT column_name FROM information_schema.columns WHERE table_name = 'callback' AND is_nullable = 'NO' AND column_default IS NULL"
)
_GIVEN = {"id", "gateway_account_id"}
_VALUES = {
    "verdict": "'forged'", "last_verdict": "'forged'", "method": "'GET'", "source": "'203.0.113.9'", "headers": "'{}'", "times": "1",
    "received_at": "now()", "last_received_at": "now()",
}  # fmt: skip
