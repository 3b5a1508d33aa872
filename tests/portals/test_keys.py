"""Who is let in, from where, until when; and what is known of each key."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from gateways.registry import GATEWAYS
from payhub.app import create_app
from payhub.hub import build
from payhub.portals.keys import new_key
from payhub.portals.scopes import SCOPES
from payhub.portals.settings import Api

USED = "SELECT used_at FROM api_key_use ORDER BY used_at"


def test_a_revoked_key_reads_nothing_on_any_process_within_a_second(hub, settings, clock, new, run, look) -> None:
    key = new()
    elsewhere = build(replace(settings, api=replace(settings.api, register_s=Api().register_s)), GATEWAYS, clock)
    try:
        other = create_app(hub=elsewhere).test_client()
        assert look(key, asking=other).status_code == 200
        run("revoke", key.split("_")[2])
        ended = time.monotonic()
        assert look(key).json["code"] == "key_revoked"
        # A copy of the registers that was read before this is older than it may be, however slow this machine is.
        time.sleep(max(0.0, ended + 1.0 - time.monotonic()))
        answer = look(key, asking=other)
        assert (answer.status_code, answer.json["code"]) == (401, "key_revoked")
    finally:
        elsewhere.db.close()
        elsewhere.redis.close()


def test_a_key_says_why_it_opens_nothing_to_whoever_holds_it(hub, new, run, look, clock) -> None:
    short, revoked, live = new("--days", "1"), new(), new_key("live")
    run("revoke", revoked)
    clock.pass_(days=1)
    stranger = short[:-40] + new_key("test")[-38:]
    why = {look(key).json["code"]: look(key).status_code for key in (short, revoked, live, stranger, "")}
    assert why == {"key_expired": 401, "key_revoked": 401, "key_of_other_mode": 401, "unauthenticated": 401}
    assert "phk_test_" in look(live).json["detail"]


@pytest.mark.parametrize(
    ("network", "within", "outside"),
    [
        ("203.0.113.0/24", ("203.0.113.0", "203.0.113.255", "::ffff:203.0.113.7"), ("203.0.112.255", "203.0.114.0", "::1", "")),
        ("198.51.100.7/32", ("198.51.100.7",), ("198.51.100.8",)),
        ("2001:db8:40::/48", ("2001:db8:40::1", "2001:db8:40:ffff::"), ("2001:db8:41::", "203.0.113.1", "unix:")),
    ],
)
def test_a_key_opens_from_its_networks_alone(new, look, network, within, outside) -> None:
    key = new("--network", network, "--network", "192.0.2.0/28")
    assert {look(key, source).status_code for source in (*within, "192.0.2.15")} == {200}
    for source in (*outside, "192.0.2.16"):
        answer = look(key, source)
        assert (answer.status_code, answer.json["code"]) == (403, "address_not_allowed")
        assert (source or "?") in answer.json["detail"] or not source[0].isdigit()


def test_behind_a_proxy_its_word_counts_and_the_callers_does_not(served, new, look) -> None:
    key = new("--network", "203.0.113.0/24")
    behind, bare = served(web={"trusted_proxies": 1}), served()
    said = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    forged = {"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}
    assert look(key, "10.0.0.1", asking=behind, **said).status_code == 200
    assert look(key, "10.0.0.1", asking=behind, **forged).status_code == 403
    assert look(key, "198.51.100.1", asking=bare, **said).status_code == 403


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--scope", "payments:wirte"), "scopes"),
        (("--network", "203.0.113.7/24"), "networks"),
        (("--network", "everywhere"), "networks"),
        (("--limit", "100001/s,5"), "limit"),
        (("--limit", "fast"), "limit"),
    ],
)
def test_what_no_key_can_have_is_refused_when_it_is_made(run, rows, wrong, said) -> None:
    before = rows("SELECT count(*) FROM api_key")
    assert said in run("new", "dvc-bo-tu-phap", *wrong, fails=True)
    assert "portal" in run("new", "dvc-nobody", fails=True)
    assert rows("SELECT count(*) FROM api_key") == before


def test_every_scope_that_an_address_asks_for_can_be_given(app) -> None:
    asked = {getattr(view, "operation", {}).get("scope", "") for view in app.view_functions.values()}
    portals = {scope for scope in asked if scope and not scope.startswith("staff:")}
    assert portals <= set(SCOPES)


def test_rotation_overlaps_and_then_the_old_key_is_over(hub, new, run, look, clock, rows) -> None:
    old = new("--network", "203.0.113.0/24", "--limit", "7/s,9", "--days", "200")
    fresh = run("rotate", old.split("_")[2], "--overlap", "7d")
    clock.pass_(days=6, hours=23)
    assert [look(key).status_code for key in (old, fresh)] == [200, 200]
    assert look(fresh, "192.0.2.1").json["code"] == "address_not_allowed"
    assert look(fresh).headers["RateLimit-Policy"].startswith('"key";q=9;')
    assert "follows" in run("rotate", old, fails=True) or "over" in run("rotate", old, fails=True)
    clock.pass_(hours=1)
    assert [look(key).status_code for key in (old, fresh)] == [401, 200]
    clock.pass_(days=192, hours=23)
    assert look(fresh).status_code == 200
    clock.pass_(hours=1)
    assert look(fresh).json["code"] == "key_expired"
    assert rows("SELECT act FROM audit_entry WHERE act LIKE 'api_key%' ORDER BY seq") == [("api_key.added",), ("api_key.rotated",)]


def test_an_overlap_never_lengthens_a_keys_life(new, run, look, clock) -> None:
    old = new("--days", "1")
    run("rotate", old, "--overlap", "30d")
    clock.pass_(days=1)
    assert look(old).json["code"] == "key_expired"
    assert "over" in run("rotate", old, fails=True)


def test_who_did_what_to_a_key_is_in_the_audit(hub, hire, new, run, rows, tmp_path) -> None:
    token = tmp_path / "token"
    token.write_text(hire("an", "admin").token)
    key = new("--token-file", token)
    run("change", key, "--network", "2001:db8::/32", "--limit", "none", "--days", "30", "--token-file", token)
    run("change", key, "--anywhere", "--limit", "usual")
    run("revoke", key, "--token-file", token)
    done = rows(
        "SELECT name, act, data -> 'networks', data ->> 'rate' FROM audit_entry JOIN principal ON principal.id = actor "
        "WHERE act LIKE 'api_key%' ORDER BY seq"
    )
    assert done == [
        ("an", "api_key.added", [], None), ("an", "api_key.changed", ["2001:db8::/32"], "0"),
        ("system", "api_key.changed", [], None), ("an", "api_key.revoked", None, None),
    ]  # fmt: skip
    assert key not in str(rows("SELECT entry FROM audit_entry"))


def test_a_change_leaves_a_keys_scopes_as_they_were_given(keys, run, rows) -> None:
    prefix = keys["kbnn"].split("_")[2]
    before = rows(f"SELECT scopes FROM api_key WHERE prefix = '{prefix}'")
    run("change", prefix, "--limit", "5/s,5")
    assert rows(f"SELECT scopes FROM api_key WHERE prefix = '{prefix}'") == before


def test_only_an_admin_makes_keys_by_a_token(hire, run, tmp_path) -> None:
    token = tmp_path / "token"
    token.write_text(hire("binh", "clerk").token)
    run("new", "kbnn", "--token-file", token, fails=True)


def test_the_list_says_all_of_a_key_but_what_opens(new, run, look, clock) -> None:
    key, over = new("--network", "203.0.113.0/24", "--limit", "7/s,9"), new()
    fresh = run("rotate", key)
    run("revoke", over)
    look(key)
    told = {line.split()[1]: line for line in run("list", "dvc-bo-tu-phap", "--all").splitlines()[1:]}
    mine, follower, ended = (told[each.split("_")[2]] for each in (key, fresh, over))
    for part in ("ending", "2026-11-27 10:00", "2026-11-20 10:00", "7/s,9", "203.0.113.0/24", "payments:read"):
        assert part in mine
    assert " live " in follower
    assert "never" in follower
    assert " revoked " in ended
    assert "10000/s" in ended
    assert over.split("_")[2] not in run("list")
    assert not any(each.split("_")[3] in line for each in (key, fresh, over) for line in told.values())


def test_the_last_use_is_never_a_minute_behind_and_moves_no_register(hub, new, look, rows, clock) -> None:
    key, version = new(), "SELECT version FROM register_version"
    before, first = rows(version), clock.now()
    for seconds in (0, 20, 39):
        clock.pass_(seconds=seconds)
        look(key)
    assert rows(USED) == [(first,)]
    clock.pass_(seconds=1)
    look(key)
    assert rows(USED) == [(clock.now(),)]
    assert rows(version) == before


def test_a_call_within_the_minute_asks_the_database_no_more_than_before(hub, look, keys, order, ask) -> None:
    seen: list[str] = []
    event.listen(hub.db.resting, "before_cursor_execute", lambda *told: seen.append(told[2]))
    counts = []
    for number in range(3):
        seen.clear()
        body = {**order, "portal_reference": f"HS-{number}", "dossier": f"D-{number}"}
        assert ask(body).status_code == 201
        counts.append(len(seen))
    # The first writes its use; a payment is one statement, and the version of the registers was read apart.
    assert counts == [2, 1, 1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_key SET revoked_at = NULL WHERE revoked_at IS NOT NULL",
        "UPDATE api_key SET digest = 'x'",
        "UPDATE api_key SET scopes = scopes || '{reports:read}'",
        "UPDATE api_key SET portal_id = (SELECT id FROM portal WHERE code = 'kbnn')",
        "DELETE FROM api_key",
        "UPDATE api_key SET rate = 5",
    ],
)
def test_raw_sql_makes_no_key_another_and_wakes_none(hub, new, run, statement) -> None:
    run("revoke", new())
    with pytest.raises(IntegrityError), hub.db.engine.begin() as connection:
        connection.execute(text(statement))
