"""No forgery stands in the way of a genuine message, and the frequent case stays one statement."""

from __future__ import annotations

import pytest
from sqlalchemy import event, text

from payhub.app import registry
from payhub.ledger.prove import prove
from webhooks import laws

URL = "/callbacks/vnpay/vnpay-main"


def test_a_forged_copy_with_the_same_content_never_blocks(citizen, rows) -> None:
    genuine = citizen.message(citizen.try_())
    content, _, signature = genuine.rpartition("=")
    for forged in (f"{content}={'0' * len(signature)}", f"{content}=", content, f"{genuine}&vnp_SecureHash=0"):
        assert citizen.call_back(forged) in {"97", "99"}
    assert citizen.call_back(genuine) == "00"
    assert rows("SELECT count(*) FILTER (WHERE digest IS NULL), count(*) FILTER (WHERE attempt_id IS NOT NULL) FROM callback") == [(4, 1)]


def test_the_same_bytes_with_other_headers_and_method_of_transport_are_the_same_message(citizen, client, rows) -> None:
    message = citizen.message(citizen.try_())
    for agent, address in (("VNPAY/1", "203.0.113.1"), ("VNPAY/2", "203.0.113.2")):
        client.get(f"{URL}?{message}", headers={"User-Agent": agent, "X-Request-Id": agent}, environ_base={"REMOTE_ADDR": address})
    assert rows("SELECT times, verdict, last_verdict FROM callback") == [(2, "recorded", "repeated")]


@pytest.mark.parametrize("with_list", [False, True])
def test_an_open_payment_paid_whole_is_one_statement(citizen, hub, allow, with_list) -> None:
    if with_list:
        allow("127.0.0.0/8", "203.0.113.0/24")
    message, seen = citizen.message(citizen.try_()), []
    assert hub.registers

    @event.listens_for(hub.db.resting, "before_cursor_execute")
    def count(_connection, _cursor, statement, *_) -> None:
        seen.append(statement)

    assert citizen.call_back(message) == "00"
    assert len(seen) == 1, seen


def test_messages_are_counted_by_verdict(citizen, client) -> None:
    def counted(verdict: str) -> float:
        told = client.get("/metrics").text.splitlines()
        found = [line for line in told if line.startswith("payhub_callbacks_total{") and f'verdict="{verdict}"' in line]
        return sum(float(line.split()[-1]) for line in found)

    names = ("recorded", "repeated", "unknown_reference", "forged", "malformed")
    before = {name: counted(name) for name in names}
    reference = citizen.try_()
    citizen.says(reference)
    citizen.says(reference)
    citizen.says("PHNEVERMADE001")
    citizen.call_back(f"{citizen.message(reference)[:-1]}x")
    citizen.call_back("")
    counts = {name: counted(name) - before[name] for name in names}
    assert (counts["recorded"], counts["repeated"], counts["unknown_reference"], counts["forged"] + counts["malformed"]) == (1, 1, 1, 2)


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("broken", "law"),
    [
        ("UPDATE callback SET standing = 'settled', next_try_at = NULL WHERE attempt_id IS NULL", "names its attempt"),
        ("UPDATE callback SET reference = 'OTHER' WHERE attempt_id IS NULL", "verified money"),
        ("UPDATE callback SET replays = 1", "heard again"),
        ("UPDATE callback SET digest = NULL WHERE attempt_id IS NOT NULL", "could not be verified"),
        ("UPDATE attempt SET state = 'started', applied = false, confirmed = NULL, ended_at = NULL", "shows the money"),
    ],
)
def test_a_row_that_breaks_a_law_is_found(citizen, hub, broken, law) -> None:
    citizen.says(citizen.try_())
    citizen.says("PHNEVERMADE001")
    names = {each.name for each in laws.CALLBACKS}
    assert all(each.holds for each in prove(hub.db.engine, registry().laws))
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(broken))
    found = [each for each in prove(hub.db.engine, laws.CALLBACKS) if not each.holds]
    assert any(law in str(each) for each in found), (found, names)
