"""Portals asking for payments in the same instant, and registers that change meanwhile."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from functools import partial

import pytest
from sqlalchemy import event, text

from payhub.ids import public_id, read_public_id

ROUNDS = 50
AGENCIES = ("000.00.00.G15", "000.00.00.H29", "000.00.00.G08")


def test_one_key_eight_times_makes_one_payment_and_one_answer(crowd, rows) -> None:
    for _ in range(ROUNDS):
        body, key = crowd.body(), uuid.uuid4().hex
        answers = crowd.face_to_face([partial(crowd.ask, body, key)] * 8)
        assert {answer.status_code for answer in answers} <= {201, 409}
        made = {answer.data for answer in answers if answer.status_code == 201}
        assert len(made) == 1
        for answer in answers:
            if answer.status_code == 409:
                assert answer.json["code"] == "request_in_flight"
                assert answer.headers["Retry-After"]
        again = crowd.ask(body, key)
        assert (again.data, again.headers["Idempotency-Replayed"]) == (made.pop(), "true")
    assert rows("SELECT count(*), (SELECT count(*) FROM idempotency) FROM payment") == [(ROUNDS, ROUNDS)]


def test_one_key_with_two_bodies_serves_one_of_them(crowd, rows) -> None:
    for _ in range(ROUNDS):
        key = uuid.uuid4().hex
        answers = crowd.face_to_face([partial(crowd.ask, crowd.body(), key) for _ in range(4)])
        codes = sorted(answer.json.get("code", "made") for answer in answers)
        assert codes.count("made") == 1
        assert set(codes) <= {"made", "idempotency_key_reused", "request_in_flight"}
    assert rows("SELECT count(*) FROM payment") == [(ROUNDS,)]


@pytest.mark.parametrize(("same", "code"), [("portal_reference", "portal_reference_taken"), ("dossier", "dossier_already_asked")])
def test_one_reference_or_dossier_with_eight_keys_is_asked_once(crowd, rows, same, code) -> None:
    for number in range(ROUNDS):
        answers = crowd.face_to_face([partial(crowd.ask, crowd.body(**{same: f"one {number}"})) for _ in range(8)])
        assert sorted(answer.json.get("code", "made") for answer in answers) == sorted(["made", *[code] * 7])
    assert rows("SELECT count(*), (SELECT count(*) FROM idempotency) FROM payment") == [(ROUNDS, ROUNDS)]


def test_one_key_that_replaces_a_payment_is_answered_the_same_for_ever(crowd, rows) -> None:
    for _ in range(ROUNDS // 2):
        old = crowd.payment()
        body, key = crowd.body(replaces=public_id("pay", old, "test")), uuid.uuid4().hex
        answers = crowd.face_to_face([partial(crowd.ask, body, key)] * 4)
        made = {answer.data for answer in answers if answer.status_code == 201}
        assert len(made) == 1
        assert {answer.json.get("code", "made") for answer in answers} <= {"made", "request_in_flight"}
        again = crowd.ask(body, key)
        assert (again.status_code, again.data) == (201, made.pop())
    assert rows("SELECT count(*) FROM payment WHERE replaces_id IS NOT NULL") == [(ROUNDS // 2,)]


class Prices:
    """One fee whose amount changes all the time, and what was in force between which instants of this process's clock."""

    def __init__(self, engine, pause_s: float) -> None:
        self._engine, self._pause_s = engine, pause_s
        self.began: dict[int, float] = {}
        self.ended: dict[int, float] = {}
        self.amounts: dict[int, int] = {}
        self._over = threading.Event()

    def __enter__(self):
        with self._engine.begin() as connection:
            self._version = connection.scalar(text("SELECT version FROM register_version"))
        self.began[self._version], self.amounts[self._version] = 0.0, 200_000
        self._thread = threading.Thread(target=self._change)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _change(self) -> None:
        for amount in itertools.cycle((300_000, 200_000)):
            if self._over.wait(self._pause_s):
                return
            with self._engine.begin() as connection:
                connection.execute(text("SET LOCAL payhub.today = '1900-01-01'"))
                connection.execute(text("UPDATE fee SET amount = :amount WHERE code = 'LP-LLTP'"), {"amount": amount})
                version = connection.scalar(text("SELECT version FROM register_version"))
                self.amounts[version], self.began[version] = amount, time.monotonic()
            self.ended[self._version], self._version = time.monotonic(), version


def test_no_payment_is_made_at_a_price_that_was_not_in_force(crowd, hub, rows) -> None:
    asked: dict[uuid.UUID, tuple[int, float, float]] = {}

    def before(_connection, _cursor, _statement, parameters, context, _many) -> None:
        context.asked = (parameters, time.monotonic()) if "in_register_version" in parameters else None

    def after(_connection, _cursor, _statement, _parameters, context, _many) -> None:
        if context.asked is not None:
            parameters, began = context.asked
            asked[uuid.UUID(str(parameters["in_id"]))] = parameters["in_register_version"], began, time.monotonic()

    event.listen(crowd.hub.db.resting, "before_cursor_execute", before)
    event.listen(crowd.hub.db.resting, "after_cursor_execute", after)
    ends = time.monotonic() + 3

    def asking(amount: int) -> list[str]:
        said = []
        while time.monotonic() < ends:
            line = {"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": amount}
            answer = crowd.ask(crowd.body(lines=[line]))
            said.append(answer.json.get("code", "made"))
        return said

    with Prices(hub.db.engine, 0.02) as prices:
        said = list(itertools.chain(*crowd.together([partial(asking, amount) for amount in (200_000, 300_000) * 4])))
    # Prices that change faster than registers can be read turn somebody away now and then, with the word to come again.
    assert {"made", "invalid_input"} <= set(said) <= {"made", "invalid_input", "unavailable"}
    assert said.count("unavailable") < len(said) / 10
    made = rows("SELECT id, total FROM payment")
    assert len(made) == said.count("made")
    assert {total for _, total in made} == {200_000, 300_000}
    for payment, total in made:
        version, began, ended = asked[payment]
        assert total == prices.amounts[version]
        assert prices.began[version] <= ended
        assert began <= prices.ended.get(version, ended)


def test_registers_read_again_under_load_turn_nobody_away(crowd, hub, eventually) -> None:
    said: list[int] = []
    over = threading.Event()

    def answered(since: int) -> bool:
        return len(said) >= since + 16

    def renaming() -> None:
        try:
            for number in range(20):
                # Everybody asks between one change and the next, however slow this machine is.
                eventually(partial(answered, len(said)), "nobody is answered")
                with hub.db.engine.begin() as connection:
                    connection.execute(text("SET LOCAL payhub.today = '1900-01-01'"))
                    connection.execute(text("UPDATE portal SET name_en = :name"), {"name": f"Portal {number}"})
        finally:
            over.set()

    def asking() -> None:
        while not over.is_set():
            said.append(crowd.ask(crowd.body()).status_code)
        said.append(crowd.ask(crowd.body()).status_code)

    crowd.together([renaming, *[asking] * 8])
    assert set(said) == {201}
    assert next(iter(crowd.hub.registers.portals.values())).name_en == "Portal 19"


def test_three_agencies_from_sixteen_connections_never_wait_for_each_other(crowd, rows) -> None:
    # Every order of agencies at once: whoever locked rows in the order asked would stand in somebody's way.
    orders = list(itertools.islice(itertools.cycle(itertools.permutations(AGENCIES)), 16))
    bodies = [crowd.body(lines=[{"fee": "LP-LLTP", "agency": each, "amount": 200_000} for each in order], additional=True) for order in orders]
    asked = crowd.back_to_back([partial(crowd.ask, body) for body in bodies])
    payments = [read_public_id("pay", answer.json["id"], "test") for answer in asked]
    references = crowd.back_to_back([partial(crowd.start, payment) for payment in payments])
    messages = [crowd.message(reference, 600_000) for reference in references]
    assert crowd.back_to_back([partial(crowd.call_back, message) for message in messages]) == ["00"] * 16
    assert rows("SELECT state, count(*) FROM payment GROUP BY state") == [("paid", 16)]
    assert rows("SELECT count(DISTINCT agency_id), count(*) FROM posting WHERE agency_id IS NOT NULL")[0][0] == 3
