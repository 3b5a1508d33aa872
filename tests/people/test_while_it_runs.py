"""People ask, pay and look while others are erased, the ring gets a new key and what is past its term is destroyed."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import event, text

from gateways.registry import GATEWAYS
from payhub.app import create_app
from payhub.hub import Hub, build
from payhub.people import jobs
from payhub.ring import rotation

pytestmark = pytest.mark.heavy

NEWER = f"1:{base64.b64encode(bytes(range(32))).decode()}"


@pytest.fixture
def turned(settings, clock) -> Iterator[Hub]:
    """A hub whose ring has a newer key too, and a connection for each of many."""
    secrets = replace(settings.secrets, keys=f"{settings.secrets.keys},{NEWER}", current=-1)
    made = build(replace(settings, secrets=secrets, database=replace(settings.database, pool_size=12)), GATEWAYS, clock)
    yield made
    made.db.close()
    made.redis.close()


class Life:
    """A payment from the request to the money, by a client of its own; every answer is looked at."""

    def __init__(self, app: Any, hub: Hub, citizen_of: Callable[[Any], Any], ask: dict[str, Any], key: str) -> None:
        self._client, self._hub, self._citizen_of, self._body, self._key = app.test_client(), hub, citizen_of, ask, key

    def ask(self) -> dict[str, Any]:
        mark = uuid.uuid4().hex
        body = {**self._body, "portal_reference": mark, "dossier": mark, "metadata": {"a": "b"}}
        headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": mark}
        answer = self._client.post("/v1/payments", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json

    def pay(self, payment: dict[str, Any]) -> None:
        class Answer:
            json = payment

        citizen = self._citizen_of(Answer)
        citizen = type(citizen)(self._hub, self._client, payment)
        reference = citizen.try_()
        assert citizen.says(reference) == "00"
        assert citizen.says(reference) == "02"

    def look(self, payment: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        for path in (f"/v1/payments/{payment['id']}", "/v1/payments", urlsplit(payment["checkout_url"]).path):
            assert self._client.get(path, headers=headers).status_code == 200


def test_erasing_rotating_and_destroying_under_load(turned, hub, order, payer, citizen_of, keys, lan, minh, office, rows) -> None:
    app, body = create_app(hub=turned), {**order, "payer": payer}

    def life(of: Any = None, at: Hub = turned) -> Life:
        return Life(of or app, at, citizen_of, body, keys["dvc-bo-tu-phap"])

    before = life(create_app(hub=hub), hub)
    old = [before.ask() for _ in range(16)]
    for payment in old[:8]:
        before.pay(payment)
    office.client = app.test_client()
    erased = [old[number] for number in (0, 2, 4, 6, 8, 10)]

    def load() -> None:
        mine = life()
        for _ in range(12):
            mine.pay(mine.ask())

    def pay_the_old() -> None:
        mine = life()
        for payment in old[8:]:
            mine.pay(payment)

    def look() -> None:
        mine = life()
        for _ in range(3):
            for payment in old:
                mine.look(payment)

    def erase() -> None:
        for payment in erased:
            office.erase(payment["id"])

    def rotate() -> None:
        for _ in range(3):
            assert rotation.rotate(turned, lambda _: None, 5) == 0

    def destroy() -> None:
        for _ in range(8):
            jobs.run(turned, batch=3)

    with ThreadPoolExecutor(8) as pool:
        for doing in [pool.submit(act) for act in (load, load, pay_the_old, look, erase, rotate, destroy, destroy)]:
            doing.result(60)
    jobs.run(turned)
    assert rotation.rotate(turned, lambda _: None) == 0
    assert rows("SELECT count(*) FROM payer WHERE get_byte(record_key, 0) <> 1 OR get_byte(contact_key, 0) <> 1") == [(0,)]
    assert rows("SELECT count(*) FROM payer_index WHERE version <> 1") == [(0,)]
    assert rows("SELECT count(*) FROM payment WHERE state = 'paid'") == [(40,)]
    left = "SELECT count(*) FROM callback c JOIN attempt a ON a.id = c.attempt_id JOIN payment p ON p.id = a.payment_id WHERE p.erased_at IS NOT NULL"
    assert rows(f"{left} AND c.raw_key IS NOT NULL") == [(0,)]
    assert rows("SELECT count(*) FROM payment WHERE erased_at IS NOT NULL") == [(len(erased),)]
    assert all(office.look(payment["id"]).json["state"] == "erased" for payment in erased)


def test_asking_with_everything_a_payer_may_say_is_one_statement(asked, hub) -> None:
    sent: list[str] = []

    @event.listens_for(hub.db.resting, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM register_version" not in statement or "INSERT" in statement:
            sent.append(statement)

    asked()
    sent.clear()
    asked(metadata={"a": "b"}, return_url="https://dichvucong.moj.example/xong", lines=[{
        "fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000, "description": "Cho Nguyễn Văn A",
    }])  # fmt: skip
    assert len(sent) == 1, sent
    assert "payer_index" in sent[0]
    with hub.db.engine.connect() as connection:
        counts = "SELECT (SELECT count(*) FROM payer), (SELECT count(*) FROM payer_index)"
        assert connection.execute(text(counts)).one() == (2, 8)
