"""A person lets a kept message be heard again: under the same rules, with a reason, in the audit."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from payhub.crypto import Sealed
from webhooks.callbacks import replaying, waiting
from webhooks.callbacks.commands import group

STATES = "SELECT p.state, a.state, a.applied FROM payment p JOIN attempt a ON a.payment_id = p.id ORDER BY a.id"
AUDIT = "SELECT target, data FROM audit_entry WHERE act = 'callback.replayed' ORDER BY seq"


@pytest.fixture
def replay(client, lan, callback_ids):
    """Replay the last message, or one of them."""

    def send(which: int = -1, *, by=lan, reason: str = "fault_mended", key: str | None = None):
        return by.post(client, f"/v1/staff/callbacks/{callback_ids()[which]}/replay", {"reason": reason}, key)

    return send


def test_a_message_that_stood_before_a_person_is_applied_once(citizen, hub, kept, rows, rename, retry, replay) -> None:
    reference = citizen.try_()
    rename(reference, "GONE")
    citizen.says(reference)
    for _ in hub.settings.callbacks.ladder_s:
        retry(hours=1)
    assert replay(reason="order_restored").json["verdict"] == "unknown_reference"
    assert kept() == [("waiting", "unknown_reference", "unknown_reference", False)] or kept()[0][0] == "person"
    rename("GONE", reference)
    first = replay(reason="order_restored")
    assert first.status_code == 200, first.json
    assert (first.json["verifies"], first.json["verdict"], first.json["callback"]["standing"]) == (True, "recorded", "settled")
    assert first.json["callback"]["payment"] == citizen.payment["id"]
    assert replay().json["verdict"] == "repeated"
    assert rows(STATES) == [("paid", "succeeded", True)]
    assert rows("SELECT count(*) FROM journal") == [(1,)]
    assert rows("SELECT state FROM discrepancy") == [("resolved",)]
    [(id_,)] = rows("SELECT id FROM callback")
    assert [(target, data["reason"], data["verdict"]) for target, data in rows(AUDIT)] == [
        (f"callback/{id_}", "order_restored", "unknown_reference"),
        (f"callback/{id_}", "order_restored", "recorded"),
        (f"callback/{id_}", "fault_mended", "repeated"),
    ]


def test_the_same_key_replays_once(paid, replay, rows) -> None:
    first, again = replay(key="one"), replay(key="one")
    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert rows("SELECT replays FROM callback") == [(1,)]


def test_a_message_judged_forged_for_want_of_its_secret_pays_when_it_verifies(citizen, hub, kept, rows, replay, monkeypatch) -> None:
    reference = citizen.try_()
    # Sealed by the database as it was: only the register of secrets changes.
    with secret_gone(hub):
        assert citizen.says(reference) in {"97", "99"}
        assert replay().json["verifies"] is False
        assert rows("SELECT replays, last_verdict FROM callback")[0][0] == 1
    done = replay(reason="secret_corrected").json
    assert (done["verifies"], done["verdict"], done["callback"]["verified"]) == (True, "recorded", True)
    assert rows(STATES) == [("paid", "succeeded", True)]
    assert replay().json["verdict"] == "repeated"
    assert citizen.says(reference) == "02"
    assert rows("SELECT count(*), sum(times)::int FROM callback") == [(1, 2)]


def test_a_genuine_one_kept_as_unverified_whose_bytes_came_again_is_that_message(citizen, hub, kept, rows, replay) -> None:
    reference = citizen.try_()
    with secret_gone(hub):
        citizen.says(reference)
    assert citizen.says(reference) == "00"
    done = replay(0).json
    assert (done["verdict"], done["callback"]["verdict"]) == ("repeated", "recorded")
    [(_, data)] = rows(AUDIT)
    assert data["same_as"] == str(rows("SELECT id FROM callback WHERE digest IS NOT NULL")[0][0])
    assert rows("SELECT digest IS NULL, replays FROM callback ORDER BY id") == [(True, 1), (False, 0)]


def test_a_forgery_stays_one(citizen, rows, replay, kept) -> None:
    message = citizen.message(citizen.try_())
    citizen.call_back(message[:-1] + ("0" if message[-1] != "0" else "1"))
    done = replay().json
    assert (done["verifies"], done["verdict"]) == (False, "forged")
    assert rows("SELECT count(*) FROM journal") == [(0,)]
    assert kept()[0][3] is False


def test_what_was_destroyed_says_so(paid, client, lan, hub, replay, rows, callback_ids) -> None:
    with hub.db.engine.begin() as connection:
        connection.execute(text("UPDATE callback SET raw = NULL, raw_key = NULL"))
    refused = replay()
    assert (refused.status_code, refused.json["code"]) == (410, "callback_destroyed")
    assert lan.get(client, f"/v1/staff/callbacks/{callback_ids()[0]}").json["body"] == "destroyed"
    assert rows(AUDIT) == []


def test_what_does_not_open_says_so(paid, hub, replay) -> None:
    with hub.db.engine.begin() as connection:
        connection.execute(text("UPDATE callback SET raw = raw || '\\x00'::bytea"))
    assert (replay().status_code, replay().json["code"]) == (409, "callback_unreadable")


@pytest.mark.parametrize(("roles", "status"), [(("clerk",), 200), (("approver",), 200), (("auditor",), 403), (("admin",), 403)])
def test_who_may_replay(paid, replay, hire, roles, status) -> None:
    assert replay(by=hire("hoa-nguyen", *roles)).status_code == status


def test_a_reason_is_one_of_the_list_and_needed(client, lan, paid, callback_ids) -> None:
    path = f"/v1/staff/callbacks/{callback_ids()[0]}/replay"
    assert lan.post(client, path, {}).status_code == 422
    assert lan.post(client, path, {"reason": "bà Nguyễn Thị A gọi"}).status_code == 422
    assert client.post(path, json={"reason": "other"}).status_code == 401


def test_an_id_of_nothing_is_not_found(client, lan) -> None:
    for name in (f"cbk_test_{'0' * 32}", "cbk_test_1", "x"):
        assert lan.post(client, f"/v1/staff/callbacks/{name}/replay", {"reason": "other"}).status_code == 404
        assert lan.get(client, f"/v1/staff/callbacks/{name}").status_code == 404


def test_a_replay_while_the_job_tries_again_pays_once(citizen, hub, lan, kept, rows, rename, clock) -> None:
    reference = citizen.try_()
    rename(reference, "GONE")
    citizen.says(reference)
    rename("GONE", reference)
    clock.pass_(seconds=10)
    [(callback_id,)] = rows("SELECT id FROM callback")
    gate = threading.Barrier(4)

    def by_job() -> None:
        gate.wait()
        waiting.retry(hub, callback_id)

    def by_person() -> None:
        gate.wait()
        with hub.db.session() as session:
            replaying.replay(hub, session, callback_id, lan.id, "other")

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(act) for act in (by_job, by_person, by_person, by_job)]:
            done.result()
    assert kept()[0][0] == "settled"
    assert rows("SELECT count(*) FROM journal") == [(1,)]
    assert rows("SELECT replays FROM callback") == [(2,)]
    assert len(rows(AUDIT)) == 2


def test_the_bytes_are_shown_for_a_reason_and_the_audit_has_it(paid, client, lan, minh, rows, callback_ids) -> None:
    path = f"/v1/staff/callbacks/{callback_ids()[0]}"
    shown = lan.post(client, f"{path}/reveal", {"reason": "dispute"})
    assert "vnp_TxnRef=" in shown.json["query"]
    assert shown.json["method"] == "GET"
    [(id_,)] = rows("SELECT id FROM callback")
    assert rows("SELECT target, data FROM audit_entry WHERE act = 'callback.revealed'") == [(f"callback/{id_}", {"reason": "dispute"})]
    assert minh.post(client, f"{path}/reveal", {"reason": "dispute"}).status_code == 403
    assert "vnp_" not in lan.get(client, path).text


def test_the_list_is_filtered_and_paged(citizen, client, lan, callback_ids) -> None:
    reference = citizen.try_()
    citizen.says(reference)
    citizen.says("PHNEVERMADE001")
    citizen.call_back("vnp_TxnRef=1&vnp_SecureHash=00")

    def listed(**wanted: str) -> list[str]:
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        answer = lan.get(client, f"/v1/staff/callbacks?{query}")
        assert answer.status_code == 200, answer.json
        return [each["id"] for each in answer.json["data"]]

    paid, unknown, forged = callback_ids()
    assert listed() == [forged, unknown, paid]
    assert listed(standing="waiting") == [unknown]
    assert listed(verdict="recorded") == [paid]
    assert listed(verified="no") == [forged]
    assert listed(reference=reference) == [paid]
    assert listed(reference="PHNEVERMADE001") == [unknown]
    assert listed(account="vnpay-main") == [forged, unknown, paid]
    assert listed(account="nope") == []
    first = lan.get(client, "/v1/staff/callbacks?limit=2").json
    assert listed(cursor=first["next"]) == [paid]
    assert lan.get(client, "/v1/staff/callbacks?cursor=x").status_code == 422


def test_the_commands_list_show_and_replay(paid, hub, lan, callback_ids, tmp_path) -> None:
    (tmp_path / "token").write_text(lan.token)

    def run(*arguments: str):
        return CliRunner().invoke(group, arguments, obj=lambda: hub, env={"COLUMNS": "200"})

    [name] = callback_ids()
    assert name in run("list", "--standing", "settled").output
    assert name not in run("list", "--standing", "person").output
    assert json.loads(run("show", name).output)["verdict"] == "recorded"
    done = run("replay", name, "--reason", "gateway_asks", "--token-file", str(tmp_path / "token"))
    assert done.output == f"{name}  verifies: repeated; it is settled\n"
    assert run("replay", name, "--token-file", str(tmp_path / "token")).exit_code == 2


class secret_gone:  # noqa: N801 - it reads as a word after `with`
    """A time in which the hub has no secret of the account."""

    def __init__(self, hub) -> None:
        self.hub = hub

    def _set(self, state: str) -> None:
        with self.hub.db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE gateway_secret DISABLE TRIGGER USER"))
            connection.execute(text(f"UPDATE gateway_secret SET state = '{state}', live_at = CASE '{state}' WHEN 'live' THEN now() END"))
            connection.execute(text("ALTER TABLE gateway_secret ENABLE TRIGGER USER"))
            connection.execute(text("UPDATE register_version SET version = version + 1"))
        self.hub.cache.fresh()

    def __enter__(self) -> None:
        self._set("proposed")

    def __exit__(self, *_: object) -> None:
        self._set("live")


def test_a_sealed_message_keeps_its_bytes_through_a_replay(paid, hub, replay, rows) -> None:
    def opened() -> bytes:
        [(id_, key, data)] = rows("SELECT id, raw_key, raw FROM callback")
        return hub.keyring.open(Sealed(key, data), f"callback {id_}")

    before = opened()
    replay()
    assert opened() == before
