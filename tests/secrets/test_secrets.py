"""Secrets of gateways and portals: two people, two live, and nothing left of what is over."""

from __future__ import annotations

import uuid
from dataclasses import replace
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from gateways.registry import GATEWAYS
from payhub.crypto import CryptoError
from payhub.demo.seed import DEVELOPMENT_SECRET
from payhub.hub import build
from payhub.secrets import sealing, service
from payhub.secrets.kinds import GATEWAY, PORTAL
from payhub.secrets.models import SharedSecret
from payhub.staff import service as staff
from payhub.staff.models import SYSTEM_ID, Principal, Proposal

NEW_SECRET = "SECRETOFTHEGATEWAYFORTOMORROW0001"


def test_a_secret_is_of_no_use_until_a_second_person_agrees(hub, keeping) -> None:
    shown = keeping.given()
    assert (shown["state"], shown["origin"], shown["secret"], shown["live_at"]) == ("proposed", "given", None, None)
    account = hub.registers.gateway_accounts["vnpay-main"].id
    assert hub.registers.protocol_accounts[account].secrets == (DEVELOPMENT_SECRET,)
    assert keeping.approve(shown).json["state"] == "executed"
    assert hub.registers.protocol_accounts[account].secrets == (NEW_SECRET, DEVELOPMENT_SECRET)


def test_a_gateway_rotates_without_a_gap(hub, client, keeping, citizen_of, ask, order, sign) -> None:
    def pays(secret: str) -> str:
        body = {**order, "portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex}
        citizen = citizen_of(ask(body))
        query = citizen.message(citizen.try_()).rsplit("&vnp_SecureHash=", 1)[0]
        told = dict(pair.split("=", 1) for pair in query.replace("vnp_", "").replace("+", " ").split("&"))
        return citizen.call_back(sign(secret, **told))

    [old] = keeping.of("vnpay-main")
    assert (pays(DEVELOPMENT_SECRET), pays(NEW_SECRET)) == ("00", "97")
    keeping.rotated()
    assert (pays(DEVELOPMENT_SECRET), pays(NEW_SECRET)) == ("00", "00")
    account = hub.registers.gateway_accounts["vnpay-main"].id
    assert hub.registers.protocol_accounts[account].secrets[0] == NEW_SECRET
    retired = keeping.retire(old["id"]).json
    assert retired["state"] == "live"
    assert keeping.approve(retired).json["state"] == "executed"
    assert (pays(DEVELOPMENT_SECRET), pays(NEW_SECRET)) == ("97", "00")


def test_what_is_over_is_destroyed(keeping, rows, uuid_of) -> None:
    def held(shown):
        return rows(f"SELECT state, sealed, sealed_key FROM gateway_secret WHERE id = '{uuid_of(shown)}'")

    declined = keeping.given()
    assert keeping.decline(declined).json["state"] == "declined"
    withdrawn = keeping.given("another-one-entirely-0001")
    assert keeping.withdraw(withdrawn).json["state"] == "withdrawn"
    [old] = keeping.of("vnpay-main")
    keeping.rotated()
    keeping.approve(keeping.retire(old["id"]).json)
    assert [held(each) for each in (declined, withdrawn)] == [[("dropped", None, None)]] * 2
    assert held(old) == [("retired", None, None)]


def test_a_secret_that_is_not_the_one_proposed_is_destroyed_and_never_live(hub, keeping, rows, uuid_of) -> None:
    shown = keeping.given()
    sealed = sealing.seal(hub.keyring, "gateway_secret", uuid_of(shown), "slipped-in-by-someone-else")
    with hub.db.engine.begin() as connection:
        connection.execute(text("UPDATE gateway_secret SET sealed_key = :sealed_key, sealed = :sealed WHERE id = :id"), sealed)
    assert keeping.approve(shown).json["code"] == "proposal_void"
    assert rows("SELECT state, sealed FROM gateway_secret WHERE state <> 'live'") == [("dropped", None)]


def test_there_is_no_third(hub, keeping) -> None:
    keeping.rotated()
    answer = keeping.add(secret="a-third-secret-0001")
    assert (answer.status_code, answer.json["code"]) == (409, "two_secrets_live")
    assert len(keeping.of("vnpay-main")) == 2


def test_only_one_waits_and_the_same_is_not_added_twice(keeping) -> None:
    assert keeping.add(secret=DEVELOPMENT_SECRET).json["code"] == "secret_known"
    first = keeping.given()
    again = keeping.add(secret="another-one-entirely-0001")
    assert (again.status_code, again.json["code"]) == (409, "already_proposed")
    keeping.decline(first)
    keeping.given("another-one-entirely-0001")


def test_one_that_does_not_open_is_named_and_another_takes_its_place(hub, keeping, run, uuid_of) -> None:
    [damaged] = keeping.of("vnpay-main")
    run("UPDATE gateway_secret SET sealed = sealed || '\\x00' WHERE id = :id", id=uuid_of(damaged))
    with capture_logs() as logged, pytest.raises(CryptoError):
        hub.cache.fresh()
    row = f"gateway_secret/{uuid_of(damaged)}"
    assert logged == [{"event": "secret.not_opened", "log_level": "error", "row": row, "version": 0, "ring": [0]}]
    assert keeping.approve(keeping.given()).json["state"] == "executed"
    assert keeping.approve(keeping.retire(damaged["id"]).json).json["state"] == "executed"
    assert hub.cache.fresh().protocol_accounts[hub.registers.gateway_accounts["vnpay-main"].id].secrets == (NEW_SECRET,)


def test_whoever_adds_does_not_approve(hire, client, keeping) -> None:
    both = hire("both", "admin", "approver")
    shown = both.post(client, "/v1/staff/secrets", {"kind": "gateway", "owner": "vnpay-main", "secret": NEW_SECRET}).json
    answer = both.post(client, f"/v1/proposals/{shown['waits_for']}/approve", {"totp": both.code()})
    assert answer.json["code"] == "not_two_people"


def test_the_last_one_is_retired_only_where_that_is_said(hub, keeping) -> None:
    [old] = keeping.of("vnpay-main")
    assert keeping.retire(old["id"]).json["code"] == "last_secret"
    asked = keeping.retire(old["id"], last=True).json
    assert keeping.approve(asked).json["state"] == "executed"
    account = hub.registers.gateway_accounts["vnpay-main"].id
    assert hub.registers.protocol_accounts[account].secrets == ()


def test_what_became_the_last_one_meanwhile_stays(keeping) -> None:
    [first] = keeping.of("vnpay-main")
    second = keeping.rotated()
    asked = [keeping.retire(each["id"]).json for each in (first, second)]
    assert keeping.approve(asked[0]).json["state"] == "executed"
    assert keeping.approve(asked[1]).json["code"] == "last_secret"
    assert len(keeping.of("vnpay-main")) == 1


def test_what_is_retired_is_not_retired_again(keeping) -> None:
    [first] = keeping.of("vnpay-main")
    keeping.rotated()
    waiting = keeping.retire(first["id"], last=True).json
    assert keeping.retire(first["id"], last=True).json["code"] == "already_proposed"
    other = keeping.retire(first["id"]).json
    assert keeping.approve(waiting).json["state"] == "executed"
    assert keeping.approve(other).json["code"] == "proposal_void"
    assert keeping.retire(first["id"]).json["code"] == "secret_not_live"


def test_portals_have_secrets_of_two_directions_made_by_us_and_shown_once(hub, keeping) -> None:
    assert keeping.add("portal", "kbnn").json["errors"][0]["pointer"] == "/use"
    inbound = keeping.add("portal", "kbnn", use="inbound").json
    given = keeping.add("portal", "kbnn", use="outbound", secret="theirs-theirs-theirs").json
    assert (len(inbound["secret"]), inbound["origin"], given["secret"]) == (64, "generated", None)
    for shown in (inbound, given):
        assert keeping.approve(shown).json["state"] == "executed"
    portal = next(portal for portal in hub.registers.portals.values() if portal.code == "kbnn")
    assert hub.registers.portal_secrets[portal.id] == {"inbound": (inbound["secret"],), "outbound": ("theirs-theirs-theirs",)}


def test_a_protocol_with_two_keys_has_two_of_each(hub, settings, clock) -> None:
    """As ZaloPay: key1 signs requests, key2 signs what comes back."""
    zalopay = SimpleNamespace(name="zalopay", secret_names=("key1", "key2"))
    made = build(settings, {**GATEWAYS, "zalopay": zalopay}, clock)
    with made.db.session() as session:
        session.execute(text("UPDATE gateway_account SET gateway = 'zalopay'"))
        owner = GATEWAY.find(session, "vnpay-main")
        by = session.get_one(Principal, SYSTEM_ID)
        for number, name in enumerate(("key1", "key2")):
            added = service.add(made, session, GATEWAY, owner, by, use=name, given=f"{name}-secret-{number}")
            with pytest.raises(service.InvalidInput):
                service.add(made, session, GATEWAY, owner, by, given="which one is that")
            assert added.proposal.content["use"] == name
            staff.withdraw(made, session, added.proposal.id, by, clock.now())
    made.db.close()
    made.redis.close()


def test_each_name_is_read_apart_and_the_newest_signs(hub, keeping) -> None:
    account = hub.registers.gateway_accounts["vnpay-main"].id
    with hub.db.engine.begin() as connection:
        for name, secret in (("key1", "first-of-key1"), ("key2", "first-of-key2"), ("key1", "second-of-key1")):
            held = sealing.seal(hub.keyring, "gateway_secret", uuid.uuid4(), secret)
            connection.execute(
                text(
                    "INSERT INTO gateway_secret (id, gateway_account_id, name, state, origin, fingerprint, sealed_key, sealed, "
                    "created_at, live_at) VALUES (:id, :account, :name, 'live', 'given', :fingerprint, :sealed_key, :sealed, "
                    "clock_timestamp(), clock_timestamp())"
                ),
                {**held, "account": account, "name": name},
            )
    protocol = hub.cache.fresh().protocol_accounts[account]
    assert protocol.named_secrets["key1"] == ("second-of-key1", "first-of-key1")
    assert protocol.named_secrets["key2"] == ("first-of-key2",)
    assert protocol.secrets == (DEVELOPMENT_SECRET,)
    assert DEVELOPMENT_SECRET not in repr(protocol)
    assert "first-of-key2" not in repr(hub.registers)


@pytest.mark.parametrize("secret", ["", "short", " padded-with-spaces ", "line\nend-of-it\n", "tab\tin-the-middle", "x" * 8193])
def test_a_secret_with_a_slip_of_the_hand_is_refused_unquoted(keeping, secret) -> None:
    answer = keeping.add(secret=secret)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/secret")
    assert not secret or secret not in answer.text


def test_a_private_key_of_many_lines_is_a_secret_too(keeping) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(["MIGkAgEBBDB" * 5] * 4) + "\n-----END PRIVATE KEY-----"
    assert keeping.add(secret=pem).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "bank", "owner": "vnpay-main"}, "/kind"),
        ({"kind": "gateway", "owner": "nobody"}, "/owner"),
        ({"kind": "webhook", "owner": "no-uuid"}, "/owner"),
        ({"kind": "gateway", "owner": "vnpay-main", "use": "key9"}, "/use"),
        ({"kind": "gateway", "owner": "vnpay-main", "colour": "red"}, "/colour"),
    ],
)
def test_what_is_not_known_is_named(client, hanh, body, pointer) -> None:
    answer = hanh.post(client, "/v1/staff/secrets", body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


def test_every_act_stands_in_the_audit(keeping, rows, uuid_of, hanh, minh) -> None:
    first = keeping.given()
    keeping.decline(first)
    [old] = keeping.of("vnpay-main")
    new = keeping.rotated()
    keeping.approve(keeping.retire(old["id"]).json)
    acts = rows("SELECT act, target, actor FROM audit_entry WHERE act LIKE 'secret.%' ORDER BY seq")
    named = {uuid_of(first): "first", uuid_of(new): "new", uuid_of(old): "old"}
    assert [(act, named[uuid.UUID(target.split("/")[1])], actor) for act, target, actor in acts] == [
        ("secret.proposed", "first", hanh.id), ("secret.dropped", "first", minh.id), ("secret.proposed", "new", hanh.id),
        ("secret.added", "new", minh.id), ("secret.retired", "old", minh.id),
    ]  # fmt: skip


# What the database itself refuses.


def insert(run, hub, state: str = "live", **more) -> None:
    held = sealing.seal(hub.keyring, "gateway_secret", uuid.uuid4(), f"another-{uuid.uuid4()}")
    account = hub.registers.gateway_accounts["vnpay-main"].id
    live_at = "now()" if state == "live" else "NULL"
    run(
        "INSERT INTO gateway_secret (id, gateway_account_id, name, state, origin, fingerprint, sealed_key, sealed, created_at, live_at) "
        f"VALUES (:id, :account, 'secret', '{state}', 'given', :fingerprint, :sealed_key, :sealed, now(), {live_at})",
        **held, account=account,
    )  # fmt: skip


@pytest.fixture
def run(hub):
    def execute(statement: str, **values) -> None:
        with hub.db.engine.begin() as connection:
            connection.execute(text(statement), values)

    return execute


def test_the_database_refuses_a_third_whoever_writes_it(hub, run) -> None:
    insert(run, hub)
    with pytest.raises(IntegrityError, match="two secrets are live already"):
        insert(run, hub)


def test_the_database_makes_nothing_live_that_two_people_have_not_agreed_on(hub, run, keeping, uuid_of) -> None:
    shown = keeping.given()
    with pytest.raises(IntegrityError, match="two people have not agreed"):
        run("UPDATE gateway_secret SET state = 'live', live_at = now() WHERE id = :id", id=uuid_of(shown))
    [old] = keeping.of("vnpay-main")
    with pytest.raises(IntegrityError, match="two people have not agreed"):
        run(
            "UPDATE gateway_secret SET state = 'retired', ended_at = now(), sealed = NULL, sealed_key = NULL WHERE id = :id",
            id=uuid_of(old),
        )


def test_where_money_is_real_the_database_takes_no_secret_that_works_at_once(hub, run) -> None:
    run("INSERT INTO deployment (id, mode, stamped_at) VALUES (1, 'live', now())")
    with pytest.raises(IntegrityError, match="begins as proposed"):
        insert(run, hub)
    run("DELETE FROM deployment")
    insert(run, hub)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE gateway_secret SET gateway_account_id = gen_random_uuid()", "UPDATE gateway_secret SET name = 'key2'",
        "UPDATE gateway_secret SET fingerprint = 'x'", "UPDATE gateway_secret SET sealed = NULL, sealed_key = NULL",
        "UPDATE gateway_secret SET state = 'proposed', live_at = NULL", "DELETE FROM gateway_secret", "TRUNCATE gateway_secret",
    ],
)  # fmt: skip
def test_the_database_keeps_whose_secret_it_was_and_what_became_of_it(run, change) -> None:
    with pytest.raises(IntegrityError):
        run(change)


def test_of_many_at_once_two_are_live(hub, run) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def attempt(_: int) -> str:
        try:
            insert(run, hub)
        except IntegrityError:
            return "refused"
        return "live"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == ["live", "refused", "refused", "refused"]


def test_every_process_follows_within_a_second(hub, settings, clock, keeping, eventually) -> None:
    another = build(replace(settings, api=replace(settings.api, register_s=1.0)), GATEWAYS, clock)
    account = another.registers.gateway_accounts["vnpay-main"].id
    shown = keeping.given()
    assert another.registers.protocol_accounts[account].secrets == (DEVELOPMENT_SECRET,)
    keeping.approve(shown)
    eventually(lambda: NEW_SECRET in another.registers.protocol_accounts[account].secrets, "it does not follow", within_s=1.2)
    assert another.registers.protocol_accounts[account].secrets[0] == NEW_SECRET
    another.db.close()
    another.redis.close()


def test_the_proposal_says_whose_and_which_and_never_what(hub, keeping, session) -> None:
    shown = keeping.given()
    [proposal] = session.query(Proposal).all()
    assert proposal.content == {
        "kind": "gateway", "owner": "vnpay-main", "use": "secret", "origin": "given", "fingerprint": shown["fingerprint"],
    }  # fmt: skip
    assert sealing.recognises(hub.keyring, shown["fingerprint"], NEW_SECRET)
    assert not sealing.recognises(hub.keyring, shown["fingerprint"], NEW_SECRET + "1")


def test_a_kind_knows_its_table() -> None:
    for kind in (GATEWAY, PORTAL):
        assert issubclass(kind.model, SharedSecret)
        assert {kind.owner, kind.use} <= set(kind.model.__table__.columns.keys())
