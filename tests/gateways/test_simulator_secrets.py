"""Secrets are rotated while orders are paid: the gateways of the hub, the simulator, and both secrets live."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateways.base import Query
from gateways.errors import Forged, GatewayError
from gateways.simulator import Delays

GATEWAYS = ("vnpay", "momo", "zalopay")
NEW = {
    "secret": "NEWSECRETNEWSECRET",
    "access_key": "NEWACCESSKEY",
    "secret_key": "NEWSECRETKEY0123",
    "key1": "NEWKEYONE",
    "key2": "NEWKEYTWO",
}
MOMENT = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = MOMENT - timedelta(hours=1)

    def __call__(self):
        return self.now


def started(simulator, name, **changes):
    clock = Clock()
    driver = simulator(gateway=name, clock=clock, **changes)
    driver.clock = clock
    driver.old = driver.account
    driver.new = with_secrets(driver.old, NEW)
    driver.both = with_secrets(driver.old, NEW, driver.old)
    return driver


def with_secrets(account, new, old=None):
    """The same account with the new secrets, before the old ones if they are kept."""
    if not account.named_secrets:
        return replace(account, secrets=(new["secret"], *(old.secrets if old else ())))
    named = {name: (new[name], *(old.named_secrets[name] if old else ())) for name in account.named_secrets}
    return replace(account, named_secrets=named)


def rotate(driver, **told):
    names = driver.account.named_secrets or ("secret",)
    values = {} if "forget" in told else {name: {"value": NEW[name]} for name in names}
    answer = driver.tell(
        "secrets", *({"terminal": driver.account.terminal, "name": name, **values.get(name, {}), **told} for name in names)
    )
    assert (answer.status_code, answer.json()) == (201, {"planned": len(names)})


def order(driver, code):
    return driver.order(code, created_at=driver.clock.now, expires_at=driver.clock.now + timedelta(minutes=15))


def believed(driver, account, incoming):
    try:
        driver.gateway.read_callback(account, incoming)
    except Forged:
        return False
    return True


def told(driver, messages):
    """The messages that the hub got, once they are so many."""
    driver.eventually(lambda: len(driver.hub.raw) >= messages)
    return driver.hub.raw


# No two questions have the same number.
_questions = itertools.count(1)


def asked(driver, account, paid):
    """Whether the simulator takes a question that is signed with the secrets of this account, and its answer."""
    query = Query(paid.reference, paid.created_at, f"Q{next(_questions)}", driver.clock.now, "203.0.113.9")
    answer = driver.send(driver.gateway.query(account, query))
    refused = (b'"vnp_ResponseCode":"97"', b'"resultCode":13', b'"sub_return_code":-402')
    return query, answer, not any(word in answer.body.replace(b" ", b"") for word in refused)


@pytest.mark.parametrize("name", GATEWAYS)
def test_requests_are_taken_under_either_secret_until_the_old_one_is_forgotten(simulator, name):
    driver = started(simulator, name)
    paid = order(driver, "PH1")
    driver.decide(paid)
    taken = []
    for step in (dict, lambda: rotate(driver, signs_from=MOMENT.isoformat()), lambda: rotate(driver, forget="old")):
        step()
        taken.append([asked(driver, account, paid)[2] for account in (driver.old, driver.new)])
    assert taken == [[True, False], [True, True], [False, True]]


@pytest.mark.parametrize("name", GATEWAYS)
def test_orders_and_refunds_signed_with_the_new_secret_are_taken(simulator, name):
    driver = started(simulator, name)
    rotate(driver)
    driver.account = driver.both
    paid = order(driver, "PH1")
    assert driver.returned(driver.decide(paid)).reference == paid.reference
    refund = driver.to_refund(paid, "R1", asked_at=driver.clock.now)
    if name == "zalopay":
        reference = refund.reference.replace(refund.reference[:6], f"{driver.clock.now + timedelta(hours=7):%y%m%d}", 1)
        refund = replace(refund, reference=reference)
    driver.refund(refund)
    (booked,) = driver.refunds()
    assert booked["taken"]


@pytest.mark.parametrize("name", GATEWAYS)
def test_messages_are_signed_with_the_new_secret_from_the_moment_on(simulator, name):
    driver = started(simulator, name)
    rotate(driver, signs_from=MOMENT.isoformat())
    driver.account = driver.both
    for number in (1, 2):
        driver.decide(order(driver, f"PH{number}"))
        told(driver, number)
        driver.clock.now = MOMENT
    before, after = driver.hub.raw
    assert [believed(driver, account, before) for account in (driver.old, driver.new, driver.both)] == [True, False, True]
    assert [believed(driver, account, after) for account in (driver.old, driver.new, driver.both)] == [False, True, True]


@pytest.mark.parametrize("name", GATEWAYS)
def test_the_browser_comes_back_with_the_secret_that_signs(simulator, name):
    driver = started(simulator, name)
    rotate(driver, signs_from=MOMENT.isoformat())
    for number, signed_by, other in ((1, driver.old, driver.new), (2, driver.new, driver.old)):
        driver.account = driver.both
        back = driver.decide(order(driver, f"PH{number}"))
        driver.account = other
        with pytest.raises(Forged):
            driver.returned(back)
        for account in (signed_by, driver.both):
            driver.account = account
            assert driver.returned(back).reference
        driver.clock.now = MOMENT


def test_answers_are_signed_with_the_new_secret_whatever_the_question_is_signed_with(simulator):
    driver = started(simulator, "vnpay")
    paid = order(driver, "PH1")
    driver.decide(paid)
    rotate(driver)
    query, answer, _ = asked(driver, driver.old, paid)
    assert driver.gateway.queried(driver.both, query, answer).reference == paid.reference
    with pytest.raises(GatewayError):
        driver.gateway.queried(driver.old, query, answer)


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_message_that_is_sent_again_is_signed_anew(simulator, name):
    driver = started(simulator, name, delays=Delays(ipn_s=0, retry_s=0.5))
    driver.hub.deaf = 1
    paid = order(driver, "PH1")
    driver.decide(paid)
    told(driver, 1)
    rotate(driver)
    first, second = told(driver, 2)[:2]
    assert believed(driver, driver.old, first)
    assert believed(driver, driver.new, second)
    assert driver.gateway.read_callback(driver.old, first) == driver.gateway.read_callback(driver.new, second)
    (ipn,) = driver.books(paid.reference)["ipns"]
    assert (ipn["query"].encode(), ipn["body"].encode()) == (second.query, second.body)


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_strangers_message_stays_a_strangers(simulator, name):
    driver = started(simulator, name)
    rotate(driver)
    driver.account = driver.both
    driver.decide(order(driver, "PH1"), scenario="forged")
    forged, true = told(driver, 2)[:2]
    assert [believed(driver, driver.both, incoming) for incoming in (forged, true)] == [False, True]


@pytest.mark.parametrize("name", ["momo", "zalopay"])
def test_a_page_that_is_open_outlives_its_secret(simulator, name):
    driver = started(simulator, name)
    paid = order(driver, "PH1")
    driver.pay_url(paid)
    rotate(driver)
    rotate(driver, forget="old")
    assert driver.decide(paid).status_code == 302


def test_a_secret_of_one_direction_changes_alone(simulator):
    driver = started(simulator, "zalopay")
    assert driver.tell("secrets", {"terminal": "2553", "name": "key2", "value": NEW["key2"]}).status_code == 201
    assert driver.tell("secrets", {"terminal": "2553", "name": "key2", "forget": "old"}).status_code == 201
    paid = order(driver, "PH1")
    driver.decide(paid)
    (message,) = told(driver, 1)
    assert [believed(driver, account, message) for account in (driver.old, driver.new)] == [False, True]
    assert [asked(driver, account, paid)[2] for account in (driver.old, driver.new)] == [True, False]


def test_which_secret_signs_is_told_and_no_secret_is(simulator):
    driver = started(simulator, "vnpay")
    rotate(driver, signs_from=MOMENT.isoformat())

    def shown():
        answer = driver.http.get(f"{driver.base}/simulator/secrets")
        assert NEW["secret"] not in answer.text + driver.http.get(f"{driver.base}/simulator/books").text
        (secret,) = [each for each in answer.json()["secrets"] if each["name"] == "secret"]
        return secret["live"], secret["signs"]

    assert shown() == (2, "old")
    driver.clock.now = MOMENT
    assert shown() == (2, "new")
    rotate(driver, forget="old")
    assert shown() == (1, "new")


def test_a_rotation_outlives_the_process(simulator, tmp_path):
    path = tmp_path / "books.jsonl"
    driver = started(simulator, "vnpay", books_path=path)
    paid = order(driver, "PH1")
    driver.decide(paid)
    rotate(driver)
    rotate(driver, forget="old")
    driver.stop()
    driver = started(simulator, "vnpay", books_path=path)
    assert [asked(driver, account, paid)[2] for account in (driver.old, driver.new)] == [False, True]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"name": "key1"}, 400),
        ({"value": "short"}, 400),
        ({"value": "with a space in it"}, 400),
        ({"signs_from": "tomorrow"}, 400),
        ({"terminal": "PAYHUB02"}, 404),
        ({"value": "PAYHUBVNPAYSECRET0123456789ABCDE"}, 409),
        ({"more": 1}, 400),
    ],
)
def test_a_secret_that_cannot_be_given_is_refused(simulator, changes, status):
    driver = started(simulator, "vnpay")
    answer = driver.tell("secrets", {"terminal": "PAYHUB01", "name": "secret", "value": NEW["secret"]} | changes)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_a_third_secret_waits_until_the_first_is_forgotten(simulator):
    driver = started(simulator, "vnpay")
    about = {"terminal": "PAYHUB01", "name": "secret"}
    assert driver.tell("secrets", {**about, "forget": "old"}).status_code == 409
    assert driver.tell("secrets", {**about, "value": NEW["secret"]}).status_code == 201
    assert driver.tell("secrets", {**about, "value": "ATHIRDSECRET"}).status_code == 409
    answer = driver.tell("secrets", {**about, "forget": "old"}, {**about, "value": "ATHIRDSECRET"}, {**about, "forget": "old"})
    assert (answer.status_code, answer.json()) == (201, {"planned": 3})
