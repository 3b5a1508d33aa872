"""What a portal is told of its day: all of it, the same as the ledger's, signed, and never changed."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import subprocess
import tracemalloc
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.exceptions import InvalidSignature
from sqlalchemy import BigInteger, bindparam, text
from sqlalchemy.exc import IntegrityError

from payhub.attesting import keys as signing
from payhub.attesting.keys import Attester, Signing
from payhub.people import jobs as people_jobs
from reconciliation.dayfiles import asking, entries, making, reading
from reconciliation.dayfiles.commands import day_files as command
from reconciliation.dayfiles.entries import TYPES
from reconciliation.dayfiles.models import DayFile
from reconciliation.reports.accounts import account_totals

ROOT = Path(__file__).parents[3]
FRIDAY, PORTAL, OTHER = date(2026, 11, 20), "dvc-bo-tu-phap", "mot-cua-hcm"
SATURDAY_EARLY = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
"""Half past midnight in Viet Nam."""
MIXED = [
    {"fee": "P-CHUNGTHUC", "agency": "000.00.00.H29", "amount": 8_000, "quantity": 4},
    {"fee": "LP-GPXD", "agency": "000.00.00.H29", "amount": 75_000},
]


HISTORY = text((ROOT / "benchmarks" / "history.sql").read_text()).bindparams(
    *(bindparam(name, type_=BigInteger) for name in ("day_number", "payments", "events_before")),
)


@pytest.fixture
def told(hub, client, keys):
    """Ask as a portal; return the answer."""

    def get(path: str = "", portal: str = PORTAL, **headers: str):
        return client.get(f"/v1/day-files{path}", headers={"Authorization": f"Bearer {keys[portal]}", **headers})

    return get


@pytest.fixture
def state(hub):
    """State a portal's day as things are."""

    def make(portal: str = PORTAL, on: date = FRIDAY) -> DayFile:
        [portal_id] = [each.id for each in hub.registers.portals.values() if each.code == portal]
        return making.make(hub, portal_id, on)

    return make


@pytest.fixture
def busy(pay, treasury, reverse, rows):
    """A day of every kind: two agencies, two portals, paid twice, given back, refused, taken back after that."""
    single, mixed, twice = pay(), pay(*MIXED, portal=OTHER), pay(pay_twice=True)
    [(held,)] = rows("SELECT reference FROM attempt JOIN unapplied_receipt ON attempt_id = attempt.id")
    treasury.give(single, 50_000)
    treasury.give(mixed, 8_000, will="refused")
    [(reference,)] = rows(f"SELECT a.reference FROM attempt a JOIN payment p ON p.id = a.payment_id WHERE p.reference = '{single['reference']}'")
    reverse(reference)
    reverse(held)
    return single, mixed, twice


def lines(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_all_portals_files_of_a_day_are_the_ledgers_day(hub, busy, state, clock) -> None:
    clock.set(SATURDAY_EARLY)
    made = [state(portal.code) for portal in hub.registers.portals.values()]
    stated: Counter[str] = Counter()
    for each in made:
        for row in json.loads(each.manifest)["sums"]:
            stated[row["type"]] += row["amount"]
        assert reading.verify(hub, each) == reading.Verified((), moved_on=False)
    with hub.db.session() as session:
        totals = account_totals(session, FRIDAY)
    expected = {kind: sum(total.figures[figure.name] for total in totals) for kind, figure in TYPES.items()}
    assert {kind: stated[kind] for kind in TYPES} == expected
    assert all(expected[kind] for kind in ("payment", "refund", "reversal", "held", "held_reversal", "left_twice")), expected


def test_a_portal_finds_every_payment_of_its_own_with_the_gateways_numbers(busy, state, told, rows) -> None:
    single, mixed, twice = busy
    state(), state(OTHER)
    mine, theirs = lines(told("/2026-11-20/content")), lines(told("/2026-11-20/content", OTHER))
    assert {row["payment"] for row in mine} == {single["id"], twice["id"]}
    assert {row["portal_reference"] for row in theirs} == {mixed["portal_reference"]}
    [paid] = [row for row in theirs if row["type"] == "payment"]
    [(reference, transaction)] = rows(f"SELECT a.reference, gateway_transaction FROM attempt a JOIN payment p ON p.id = a.payment_id WHERE p.reference = '{mixed['reference']}'")
    assert (paid["attempt_reference"], paid["gateway_transaction"], paid["gateway"]) == (reference, transaction, "vnpay")
    assert (int(paid["amount"]), paid["currency"], paid["dossier"]) == (mixed["total"], "VND", mixed["dossier"])
    [refund] = [row for row in mine if row["type"] == "refund"]
    assert refund["refund"].startswith("ref_test_")
    assert [(refund["gateway_transaction"] or None,)] == rows("SELECT gateway_transaction FROM refund_try ORDER BY id LIMIT 1")
    # What came back from a refund that failed is a row below zero, so that the sum is what was given back.
    assert sum(int(row["amount"]) for row in theirs if row["type"] == "refund") == 0
    assert len({(row["entry"], row["type"]) for row in mine}) == len(mine)


def test_anybody_can_verify_a_file_with_what_is_published(paid, state, told, client, hub, tmp_path) -> None:
    state()
    shown, content = told("/2026-11-20").json, told("/2026-11-20/content")
    manifest = json.loads(shown["manifest"])
    assert hashlib.sha256(content.data).hexdigest() == manifest["sha256"] == shown["sha256"]
    assert (len(content.data), len(lines(content))) == (manifest["size"], manifest["count"])
    assert (manifest["portal"], manifest["day"], manifest["hub"]) == (PORTAL, "2026-11-20", hub.settings.web.base_url)
    published, page = client.get("/v1/signing-keys").json, (ROOT / "docs" / "reference" / "day-files.md").read_text()
    scope: dict[str, Any] = {}
    exec(page.split("```python")[1].split("```")[0], scope)
    assert scope["verified"](shown, content.data, published) == manifest
    with pytest.raises(InvalidSignature):
        scope["verified"]({**shown, "manifest": shown["manifest"].replace("200000", "300000")}, content.data, published)
    with pytest.raises(ValueError, match="not what was signed"):
        scope["verified"](shown, content.data + b" ", published)
    [key] = [each for each in published["keys"] if each["kid"] == shown["key"]]
    # As the same page has it for openssl.
    named = {"manifest": shown["manifest"].encode(), "sig": base64.b64decode(shown["signature"]),
             "der": bytes.fromhex("302a300506032b6570032100") + base64.urlsafe_b64decode(key["x"] + "=")}  # fmt: skip
    for name, body in named.items():
        (tmp_path / name).write_bytes(body)
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "der", "-rawin", "-in", "manifest", "-sigfile", "sig"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_content_is_not_sent_again_to_whoever_has_it(paid, state, told) -> None:
    state()
    first = told("/2026-11-20/content")
    assert first.headers["Content-Type"].startswith("text/csv")
    assert "\r\n" in first.text
    again = told("/2026-11-20/content", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_statement_stands_and_another_follows_where_more_is_known(desk, state, told, client, keys, hub, clock) -> None:
    attempt = desk.pay()
    clock.pass_(days=3)
    first = state()
    assert state().id == first.id
    desk.settle([desk.row_of(attempt)])
    asked = client.post("/v1/day-files/2026-11-20", headers={"Authorization": f"Bearer {keys[PORTAL]}", "Idempotency-Key": "k"})
    assert (asked.status_code, asked.json) == (202, {"day": "2026-11-20", "version": 1})
    assert asking.work(hub, first.portal_id) == 1
    assert asking.work(hub, first.portal_id) == 0
    [before], [after] = (lines(told(f"/2026-11-20/content?version={number}")) for number in (1, 2))
    assert {name for name in after if after[name] != before[name]} == {"reported_on"}
    assert (before["reported_on"], after["reported_on"]) == ("", "2026-11-20")
    assert [(each["day"], each["version"], each["sums"][0]["amount"]) for each in told().json["data"]] == [("2026-11-20", 2, 200_000)]
    assert told("/2026-11-20?version=3").json["code"] == "day_file_missing"


@pytest.fixture
def desk_of_files(hub, ask, order):
    from tests_reconciliation_desk import Desk

    return Desk(hub, ask, order)


def test_in_the_morning_every_portal_has_its_day_even_an_empty_one(hub, paid, clock, told, rows, bound) -> None:
    from reconciliation.dayfiles import jobs

    clock.set(SATURDAY_EARLY - timedelta(seconds=1))
    jobs.ask_due()
    assert rows("SELECT count(*) FROM day_file_ask") == [(0,)]
    clock.set(SATURDAY_EARLY)
    jobs.ask_due()
    jobs.ask_due()
    with hub.db.session() as session:
        portals = asking.due(session)
        assert asking.late(session, SATURDAY_EARLY + timedelta(hours=6, minutes=29)) == 0
        assert asking.late(session, SATURDAY_EARLY + timedelta(hours=6, minutes=30)) == len(portals) > 1
    for portal_id in portals:
        jobs.make(str(portal_id))
    with hub.db.session() as session:
        assert (asking.due(session), asking.late(session, SATURDAY_EARLY + timedelta(hours=7))) == ([], 0)
    assert told("/2026-11-20").json["count"] == 1
    assert (told("/2026-11-20", OTHER).json["count"], lines(told("/2026-11-20/content", OTHER))) == (0, [])
    assert told("/2026-11-20", "kbnn").status_code == 403


def test_what_came_to_a_day_after_it_was_stated_is_stated_by_itself(hub, citizen, clock, rows, bound, told) -> None:
    from reconciliation.dayfiles import jobs

    def morning(day: int) -> None:
        clock.set(SATURDAY_EARLY + timedelta(days=day))
        jobs.ask_due()
        with hub.db.session() as session:
            waiting = asking.due(session)
        for portal_id in waiting:
            jobs.make(str(portal_id))

    reference = citizen.try_()
    morning(0)
    assert told("/2026-11-20").json["count"] == 0
    assert citizen.says(reference) == "00"
    morning(1)
    assert [(told(f"/2026-11-{day}").json["version"], told(f"/2026-11-{day}").json["count"]) for day in (20, 21)] == [(2, 1), (1, 0)]
    morning(2)
    assert told("/2026-11-20").json["version"] == 2


def test_a_day_that_goes_on_is_not_stated(client, keys, hub) -> None:
    for day, status in (("2026-11-20", 409), ("2026-11-21", 409), ("2026-11-19", 202), ("soon", 404)):
        headers = {"Authorization": f"Bearer {keys[PORTAL]}", "Idempotency-Key": day}
        assert client.post(f"/v1/day-files/{day}", headers=headers).status_code == status


def test_two_do_not_make_one_portals_files_at_once(hub, paid, state) -> None:
    [portal] = [each for each in hub.registers.portals.values() if each.code == PORTAL]
    with hub.db.session() as session:
        session.execute(making.TRY, {"key": f"day file {portal.id}"})
        with pytest.raises(making.BeingMade):
            state()
    assert state().version == 1


@pytest.mark.breaks_laws
def test_a_day_of_any_size_needs_the_same_memory(hub, paid, state, rows, monkeypatch) -> None:
    [lent] = rows("SELECT portal_id, fee_id, kind, budget_line, agency_id, collecting_account_id FROM payment_line JOIN payment p ON p.id = payment_id")
    [account] = rows("SELECT id, code FROM gateway_account WHERE code = 'vnpay-main'")
    names = ("portal_id", "fee_id", "kind", "budget_line", "agency_id", "collecting_account_id", "account_id", "account")
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for number, (on, payments) in enumerate(((FRIDAY, 6_000), (date(2026, 11, 19), 1_000)), 1):
            binds = {**dict(zip(names, (*lent, *account), strict=True)), "day_number": number, "day": on, "payments": payments, "events_before": number * 10**5}
            connection.execute(HISTORY, binds)
    # Smaller steps, so that thousands of rows are what a million are in truth.
    monkeypatch.setattr(entries, "BATCH", 100)
    peaks = []
    for on in (date(2026, 11, 18), date(2026, 11, 19), FRIDAY):
        tracemalloc.start()
        assert state(on=on).count in {0, 1_000, 6_001}
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # What is written is kept in pieces of a MiB, and each is sealed: neither the rows nor the file stand in memory.
    assert peaks[2] - peaks[1] < 4 * 1024 * 1024, peaks


class Clock:
    """A clock that lets something happen whenever somebody looks at it for the first time."""

    def __init__(self, clock, happens) -> None:
        self._clock, self._happens = clock, [happens]

    def now(self) -> datetime:
        if self._happens:
            self._happens.pop()()
        return self._clock.now()


def test_what_is_committed_while_a_file_is_made_is_in_the_next_whole(hub, citizen, state) -> None:
    reference, portal_id = citizen.try_(), state(on=date(2026, 11, 19)).portal_id
    meanwhile = replace(hub, clock=Clock(hub.clock, lambda: citizen.says(reference)))
    made = making.make(meanwhile, portal_id, FRIDAY)
    assert (made.version, made.count) == (1, 0)
    assert (state().version, state().count) == (2, 1)


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("UPDATE day_file SET manifest = replace(manifest, '200000', '300000')", "signature"),
        ("UPDATE day_file SET signature = 'AAAA' || substr(signature, 5)", "signature"),
        ("UPDATE day_file_sum SET amount = amount + 1", "sums that are kept"),
        ("UPDATE day_file SET digest = repeat('0', 64)", "content"),
    ],
)
def test_whoever_writes_rows_by_force_is_found_out(hub, paid, state, broken, said) -> None:
    from payhub.ledger.prove import prove
    from reconciliation.dayfiles.laws import LAWS

    made = state()
    with pytest.raises(IntegrityError), hub.db.engine.begin() as connection:
        connection.execute(text(broken))
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(broken))
    done = CliRunner().invoke(command, ["verify", "2026-11-20"], obj=lambda: hub)
    assert (done.exit_code, said in done.output) == (1, True), done.output
    if "signature =" not in broken and "manifest" not in broken:
        assert not all(law.holds for law in prove(hub.db.engine, LAWS))
    assert made.version == 1


def test_a_file_outlives_the_key_it_was_signed_with(hub, paid, state) -> None:
    first, second = signing.new_key(), signing.new_key()
    before = replace(hub, attester=Attester(Signing(first), hub.settings.paths.home, live=True))
    made = making.make(before, state().portal_id, date(2026, 11, 19))
    public = signing.public_half(before.attester.signs)
    for keys, wrong in ((second + first, 0), (second + public, 0), (second, 1)):
        after = replace(hub, attester=Attester(Signing(keys), hub.settings.paths.home, live=True))
        assert len(reading.verify(after, made).wrong) == wrong
        assert after.attester.signs.id == signing.read(second)[0].id


def test_what_is_destroyed_is_said_to_be(hub, paid, state, told, clock) -> None:
    state()
    clock.set(datetime(2037, 1, 2, tzinfo=UTC))
    people_jobs.run(hub)
    assert told("/2026-11-20/content").json["code"] == "day_file_destroyed"
    with hub.db.session() as session:
        assert session.scalar(text("SELECT count(*) FROM file_part WHERE body IS NOT NULL")) == 0


def test_the_commands_make_list_verify_and_write_files(hub, paid, clock, tmp_path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(command, words, obj=lambda: hub)
        assert done.exit_code == 0, done.output or done.exception
        return done.output

    clock.set(SATURDAY_EARLY)
    assert f"{PORTAL}  2026-11-20  version 1  1 rows" in run("make", "2026-11-20")
    assert "payment 200.000 VND (1)" in run("list", "--portal", PORTAL)
    assert run("verify", "2026-11-20").count("holds") == 4
    run("get", "2026-11-20", "--portal", PORTAL, "--to", str(tmp_path))
    content = (tmp_path / f"{PORTAL}-2026-11-20-v1.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest() == json.loads((tmp_path / f"{PORTAL}-2026-11-20-v1.json").read_text())["sha256"]
