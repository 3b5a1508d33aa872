"""Who gets in, and what is kept of what they hold."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text
from structlog.testing import CapturingLogger

from payhub.errors import InvalidInput
from payhub.portals import keys as portal_keys
from payhub.staff import people, service, tokens
from payhub.staff.errors import NameTaken, PersonUnknown


@pytest.fixture
def who(hub):
    def ask(token: str) -> str | None:
        with hub.db.session() as session:
            person = people.authenticate_person(hub, session, token)
            return person.principal.name if person else None

    return ask


def test_a_token_opens_for_its_person_until_it_expires(lan, minh, who, clock) -> None:
    assert (who(lan.token), who(minh.token)) == ("lan", "minh")
    clock.pass_(days=people.TOKEN_DAYS, seconds=-1)
    assert who(lan.token) == "lan"
    clock.pass_(seconds=1)
    assert who(lan.token) is None


def test_what_is_not_exactly_a_token_opens_nothing(lan, who, keys) -> None:
    token = lan.token
    live = tokens.new_token("live")
    for wrong in (
        "",
        "phs_test_",
        token[:-1],
        token + "0",
        token.upper(),
        token.replace("phs", "phk"),
        live,
        "phs_test_ệ",
        *keys.values(),
    ):
        assert who(wrong) is None
    swapped = token[:20] + token[21] + token[20] + token[22:]
    assert swapped == token or who(swapped) is None
    assert who(tokens.new_token("test")) is None


def test_a_token_is_no_api_key_and_an_api_key_is_no_token(lan, client, keys) -> None:
    assert portal_keys.prefix_of(lan.token, "test") is None
    assert tokens.prefix_of(lan.token, "test")
    for swapped in (keys["kbnn"], keys["kbnn"].replace("phk", "phs")):
        assert tokens.prefix_of(swapped, "test") is None
    as_key = client.get("/v1/payments", headers={"Authorization": f"Bearer {lan.token}"})
    as_token = client.get("/v1/proposals", headers={"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"})
    assert (as_key.status_code, as_token.status_code) == (401, 401)


def test_a_new_token_ends_the_old_one(lan, who, hub) -> None:
    with hub.db.session() as session:
        token = people.new_token(hub, session, "lan")
    assert (who(lan.token), who(token)) == (None, "lan")


def test_who_is_disabled_stays_so(lan, who, hub, run) -> None:
    from sqlalchemy.exc import IntegrityError

    with hub.db.session() as session:
        people.disable(hub, session, "lan")
    assert who(lan.token) is None
    for act in (people.disable, people.new_token, people.new_authenticator):
        with pytest.raises(PersonUnknown), hub.db.session() as session:
            act(hub, session, "lan")
    with pytest.raises(IntegrityError):
        run("UPDATE principal SET disabled_at = NULL WHERE name = 'lan'")


def test_a_name_is_one_persons_for_ever(hire, lan, hub) -> None:
    with pytest.raises(NameTaken):
        hire("lan", "clerk")
    with hub.db.session() as session:
        people.disable(hub, session, "lan")
    with pytest.raises(NameTaken):
        hire("lan", "clerk")


def test_one_name_asked_for_twice_at_once_is_given_once(hire) -> None:
    barrier, outcomes = threading.Barrier(2), []

    def add() -> None:
        barrier.wait()
        try:
            hire("thu", "clerk")
            outcomes.append("added")
        except NameTaken:
            outcomes.append("taken")

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(add) for _ in range(2)]:
            future.result(timeout=30)
    assert sorted(outcomes) == ["added", "taken"]


@pytest.mark.parametrize(
    ("name", "roles", "pointers"),
    [
        ("a b", ("clerk",), ["/name"]),
        ("x", ("clerk",), ["/name"]),
        ("system", ("clerk",), ["/name"]),
        ("portal/x", ("clerk",), ["/name"]),
        ("thu\n", ("clerk",), ["/name"]),
        ("thu", (), ["/roles"]),
        ("", ("king",), ["/name", "/roles"]),
    ],
)
def test_names_and_roles_are_checked(hire, name, roles, pointers) -> None:
    with pytest.raises(InvalidInput) as refused:
        hire(name, *roles)
    assert [problem.pointer for problem in refused.value.problems] == pointers


def test_a_vietnamese_name_is_a_name(hire) -> None:
    assert hire("nguyễn.thị.lan", "clerk").person.may("clerk", "approver")


def test_the_authenticator_says_whose_and_where(lan) -> None:
    uri = urlsplit(lan.uri)
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/PayHub%20test:lan")
    assert parse_qs(uri.query)["issuer"] == ["PayHub test"]


def test_what_is_shown_once_is_kept_nowhere(lan, hub, propose, minh, caplog, capfd, client, public, monkeypatch) -> None:
    """Every row of every table, the log and the answers are searched for the token and the authenticator's secret."""
    with hub.db.session() as session:
        renewed = people.new_token(hub, session, "lan")
        uri = people.new_authenticator(hub, session, "lan")
    code, logged = minh.code(), CapturingLogger()
    # What is bound to a logger is seen before it is written, and its form.
    monkeypatch.setattr(service, "_log", logged)
    answer = minh.post(client, f"/v1/proposals/{public(propose())}/approve", {"totp": code})
    assert answer.status_code == 200
    secrets = [parse_qs(urlsplit(shown).query)["secret"][0] for shown in (lan.uri, uri, minh.uri)]
    proofs = [token.split("_")[3][:32] for token in (lan.token, renewed, minh.token)]
    hidden = [*secrets, *proofs]
    hidden += [value.encode().hex() for value in hidden]
    with hub.db.engine.connect() as connection:
        tables = connection.scalars(
            text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        ).all()
        rows = "\n".join(line for table in tables for line in connection.scalars(text(f'SELECT "{table}"::text FROM "{table}"')))
    said = caplog.text + "".join(capfd.readouterr()) + answer.text + repr(logged.calls)
    assert "lan" in rows
    assert "proposal.approved" in said
    for value in hidden:
        assert value not in rows
        assert value not in said
    assert code not in repr(logged.calls)


def test_secrets_are_not_shown_by_accident(lan) -> None:
    assert lan.token not in repr(lan.person)


def test_an_account_is_closed_while_its_wrong_codes_are_counted(lan, hub, rows) -> None:
    """Both write to the audit and touch the person's row; neither may wait for the other in a circle."""
    from payhub.errors import PayHubError
    from payhub.staff import totp

    barrier = threading.Barrier(2)

    def guess() -> None:
        barrier.wait()
        for _ in range(20):
            with contextlib.suppress(PayHubError):
                totp.spend(hub, lan.id, lan.wrong(), hub.clock.now())
            hub.clock.pass_(minutes=4)

    def renew() -> None:
        barrier.wait()
        for _ in range(20):
            with hub.db.session() as session:
                people.new_token(hub, session, "lan")

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(guess), pool.submit(renew)]:
            future.result(timeout=60)
    assert rows("SELECT count(*) FROM audit_entry WHERE act LIKE 'totp.%' OR act LIKE 'person.token%'") == [(40,)]
