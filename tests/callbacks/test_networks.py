"""From where a gateway may call back: a genuine message from elsewhere is kept and asked about, and moves nothing."""

from __future__ import annotations

import uuid
from ipaddress import ip_network
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from payhub.clock import local_date
from payhub.imports.service import propose
from payhub.imports.tables import REGISTERS
from payhub.inbox.networks import Network, listed
from payhub.payments import attempts, checks

STATES = "SELECT p.state, a.state, a.applied FROM payment p JOIN attempt a ON a.payment_id = p.id ORDER BY a.id"
HOME, AWAY = "203.0.113.9", "198.51.100.7"


@pytest.fixture
def call_from(client):
    """Send a message from an address; return the RspCode answered."""
    return lambda source, message: client.get(f"/callbacks/vnpay/vnpay-main?{message}", environ_base={"REMOTE_ADDR": source}).json["RspCode"]


def test_without_a_list_everybody_may_call(citizen, call_from, rows) -> None:
    assert call_from(AWAY, citizen.message(citizen.try_())) == "00"


def test_from_a_listed_network_it_pays_at_once(citizen, call_from, rows, allow, kept) -> None:
    allow("192.0.2.0/24", "203.0.113.0/24", "2001:db8::/32")
    assert call_from(HOME, citizen.message(citizen.try_())) == "00"
    assert kept() == [("settled", "recorded", "recorded", True)]


def test_from_elsewhere_it_is_kept_asked_about_and_moves_nothing(citizen, call_from, rows, allow, kept, clock) -> None:
    allow("203.0.113.0/24")
    message = citizen.message(citizen.try_())
    assert call_from(AWAY, message) == "99"
    assert kept() == [("waiting", "strange_source", "strange_source", True)]
    assert rows(STATES) == [("open", "created", False)]
    assert rows("SELECT next_check_at, checks FROM attempt") == [(clock.now(), 0)]
    assert rows("SELECT count(*) FROM journal") == [(0,)]


def test_sent_again_it_makes_nobody_ask_twice(citizen, call_from, rows, allow, clock) -> None:
    allow("203.0.113.0/24")
    message = citizen.message(citizen.try_())
    call_from(AWAY, message)
    [(asked, _)] = rows("SELECT next_check_at, checks FROM attempt")
    clock.pass_(seconds=5)
    assert call_from(AWAY, message) == "99"
    assert rows("SELECT next_check_at FROM attempt") == [(asked,)]
    assert rows("SELECT times FROM callback") == [(2,)]


def test_the_same_bytes_from_home_pay_although_they_came_from_elsewhere_first(citizen, call_from, rows, allow, kept) -> None:
    allow("203.0.113.0/24")
    message = citizen.message(citizen.try_())
    call_from(AWAY, message)
    assert call_from(HOME, message) == "00"
    assert kept() == [("settled", "strange_source", "recorded", True)]
    assert rows(STATES) == [("paid", "succeeded", True)]
    assert call_from(AWAY, message) == "02"


def test_the_gateways_own_answer_settles_it(citizen, gateway, call_from, rows, allow, kept, retry, hub, clock) -> None:
    allow("203.0.113.0/24")
    url = attempts.start(hub, citizen.id, "vnpay-main", uuid.uuid4(), "203.0.113.5").url
    reference = parse_qs(urlsplit(url).query)["vnp_TxnRef"][0]
    requests.post(url, data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
    call_from(AWAY, citizen.message(reference))
    with hub.db.session() as session:
        [attempt] = checks.due(session, clock.now())
    checks.check(hub, attempt)
    assert rows(STATES) == [("paid", "succeeded", True)]
    retry(seconds=10)
    assert kept() == [("settled", "strange_source", "repeated", True)]


def test_an_order_found_again_is_no_longer_missing_whoever_told_of_it(citizen, call_from, rows, allow, kept, rename, retry) -> None:
    allow("203.0.113.0/24")
    reference = citizen.try_()
    rename(reference, "GONE")
    call_from(AWAY, citizen.message(reference))
    rename("GONE", reference)
    assert call_from(HOME, citizen.message(reference, CardType="ATM")) == "00"
    retry(seconds=10)
    assert kept()[0] == ("settled", "unknown_reference", "repeated", True)
    assert rows("SELECT kind, state FROM discrepancy") == [("missing_at_hub", "resolved")]


def test_a_reversal_from_elsewhere_undoes_nothing_and_a_person_sees_it(paid, call_from, rows, allow, kept) -> None:
    allow("203.0.113.0/24")
    [(reference,)] = rows("SELECT reference FROM attempt")
    assert call_from(AWAY, paid.message(reference, status="04")) == "99"
    assert rows(STATES) == [("paid", "succeeded", True)]
    assert kept()[-1] == ("person", "strange_source", "strange_source", True)


def test_what_the_gateway_never_confirms_stands_before_a_person(citizen, call_from, hub, rows, allow, kept, retry) -> None:
    allow("203.0.113.0/24")
    call_from(AWAY, citizen.message(citizen.try_()))
    for _ in hub.settings.callbacks.ladder_s:
        retry(days=3)
    assert kept() == [("person", "strange_source", "strange_source", True)]
    assert rows(STATES) == [("open", "created", False)]


def test_a_strange_success_of_an_attempt_that_then_failed_is_a_persons(citizen, call_from, rows, allow, kept, retry) -> None:
    allow("203.0.113.0/24")
    reference = citizen.try_()
    call_from(AWAY, citizen.message(reference))
    assert call_from(HOME, citizen.message(reference, code="51", status="02", number="0")) == "00"
    retry(seconds=10)
    assert kept()[0] == ("person", "strange_source", "strange_source", True)


def test_a_failure_from_elsewhere_is_settled_once_the_outcome_is_known(citizen, call_from, rows, allow, kept, retry) -> None:
    allow("203.0.113.0/24")
    reference = citizen.try_()
    call_from(AWAY, citizen.message(reference, code="51", status="02", number="0"))
    assert rows(STATES) == [("open", "created", False)]
    assert call_from(HOME, citizen.message(reference)) == "00"
    retry(seconds=10)
    assert kept()[0] == ("settled", "strange_source", "repeated", True)


def test_the_list_mended_a_replay_applies_it(citizen, client, call_from, rows, allow, kept, lan, callback_ids) -> None:
    allow("203.0.113.0/24")
    call_from(AWAY, citizen.message(citizen.try_()))
    path = f"/v1/staff/callbacks/{callback_ids()[0]}/replay"
    assert lan.post(client, path, {"reason": "other"}).json["verdict"] == "strange_source"
    assert rows(STATES) == [("open", "created", False)]
    allow("198.51.100.0/24")
    assert lan.post(client, path, {"reason": "networks_corrected"}).json["verdict"] == "recorded"
    assert rows(STATES) == [("paid", "succeeded", True)]
    assert kept() == [("settled", "strange_source", "recorded", True)]


def test_a_list_is_in_force_from_day_to_day(citizen, call_from, allow, clock, hub) -> None:
    allow("203.0.113.0/24", since="2025-01-01", until="2026-11-20")
    allow("192.0.2.0/24", since="2026-11-21")
    assert call_from(AWAY, citizen.message(citizen.try_())) == "00"
    clock.pass_(days=1)
    assert call_from(AWAY, citizen.message("PHNEVERMADE001")) == "01"


@pytest.mark.parametrize(
    ("source", "allowed"),
    [("203.0.113.1", True), ("203.0.114.1", False), ("::ffff:203.0.113.1", True), ("2001:db8::1", True), ("2001:db9::1", False), ("", False), ("x", False)],
)
def test_addresses_of_both_kinds(source, allowed, clock) -> None:
    today = local_date(clock.now())
    networks = [Network(ip_network(each), today, None) for each in ("203.0.113.0/24", "2001:db8::/32")]
    assert listed(networks, source, today) is allowed


def test_two_people_keep_the_list(hub, hire, minh, call_from, citizen, rows) -> None:
    body = b"account,network,source,valid_from,valid_to\nvnpay-main,203.0.113.0/24,example,2026-11-20,\n"
    thu = hire("thu", "admin")
    with hub.db.session() as session:
        propose(hub, session, REGISTERS["callback_networks"], body, thu.person.principal, "callback_networks.csv")
    assert call_from(AWAY, citizen.message("PHNEVERMADE001")) == "01"
    minh.approve(rows("SELECT id FROM proposal")[0][0])
    hub.cache.fresh()
    assert call_from(AWAY, citizen.message(citizen.try_())) == "99"


@pytest.mark.parametrize("network", ["203.0.113.1/24", "203.0.113.0/255.255.255.0", "203.0.113.1", "x", "2001:DB8::/32"])
def test_a_network_has_one_spelling(network) -> None:
    from payhub.imports.problems import Unreadable

    with pytest.raises(Unreadable):
        REGISTERS["callback_networks"].columns[1].read(network)
