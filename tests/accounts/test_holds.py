"""Holding a gateway account back, and the books about it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from payhub.cli.gateways import gateways


@pytest.fixture
def act(minh, client):
    return lambda what, reason="maintenance", account="vnpay-main": minh.post(
        client, f"/v1/staff/gateways/{account}/{what}", {"reason": reason}
    )


def test_a_held_account_is_offered_to_nobody_until_it_is_released(act, minh, client, citizen, clock) -> None:
    assert act("hold").status_code == 200
    shown = minh.get(client, "/v1/staff/gateways").json["data"][0]
    assert (shown["account"], shown["condition"], shown["reason"], shown["held_by"]) == ("vnpay-main", "held", "maintenance", "minh")
    from payhub.payments.errors import GatewayNotOffered

    with pytest.raises(GatewayNotOffered):
        citizen.try_()
    clock.pass_(seconds=1)
    assert act("release").json["released_at"] is not None
    assert citizen.says(citizen.try_()) == "00"


def test_an_attempt_that_is_under_way_goes_on(act, citizen) -> None:
    reference = citizen.try_()
    act("hold")
    assert citizen.says(reference) == "00"


def test_what_would_change_nothing_is_refused(act) -> None:
    assert act("release").json["code"] == "gateway_hold_unchanged"
    act("hold")
    assert act("hold", reason="security").json["code"] == "gateway_hold_unchanged"
    assert act("hold", account="nobody").status_code == 404
    assert act("hold", reason="because").json["errors"][0]["pointer"] == "/reason"


def test_a_clerk_may_not(hire, client) -> None:
    clerk = hire("tam", "clerk")
    assert clerk.post(client, "/v1/staff/gateways/vnpay-main/hold", {"reason": "other"}).status_code == 403
    assert clerk.get(client, "/v1/staff/gateways").status_code == 200


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM gateway_hold",
        "UPDATE gateway_hold SET reason = 'other'",
        "UPDATE gateway_hold SET held_at = held_at - interval '1 day', released_at = now(), released_by = held_by",
        "INSERT INTO gateway_hold SELECT gen_random_uuid(), gateway_account_id, reason, held_by, held_at FROM gateway_hold",
    ],
)
def test_the_database_keeps_holds_as_they_were(act, hub, statement) -> None:
    act("hold")
    with pytest.raises(IntegrityError), hub.db.session() as session:
        session.execute(text(statement))


@pytest.mark.breaks_laws
def test_prove_notices_a_hold_that_nobody_is_on_record_for(act, hub) -> None:
    from payhub.app import registry
    from payhub.ledger.prove import prove

    act("hold")
    with hub.db.session() as session:
        session.execute(text("UPDATE gateway_hold SET released_at = now(), released_by = held_by"))
    broken = [law.law for law in prove(hub.db.engine, registry().laws) if not law.holds]
    assert broken == ["every hold of a gateway account, and every release, stands in the audit, by whom it was"]


def test_the_command_shows_holds_and_releases(minh, tmp_path, hub) -> None:
    token = tmp_path / "token"
    token.write_text(minh.token)

    def run(*words: str) -> str:
        done = CliRunner().invoke(gateways, [*words], obj=lambda: hub, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert "well" in run()
    assert run("hold", "vnpay-main", "--reason", "gateway_down", "--token-file", str(token)) == "vnpay-main is held: no page offers it from now on\n"
    shown = " ".join(run().split())
    assert "held" in shown
    assert "minh" in shown
    assert run("release", "vnpay-main", "--reason", "gateway_down", "--token-file", str(token)) == "vnpay-main is offered again\n"


def test_metrics_say_how_accounts_stand(act, client) -> None:
    def said() -> str:
        lines = client.get("/metrics").text.splitlines()
        return next(line for line in lines if line.startswith('payhub_gateway_condition{account="vnpay-main"') and line.endswith(" 1.0"))

    assert 'condition="well"' in said()
    act("hold")
    assert 'condition="held"' in said()
