"""What the database refuses about refunds, whoever asks."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

SUM = "INSERT INTO refund_line SELECT id, (SELECT id FROM payment_line LIMIT 1), 1 FROM refund ORDER BY number DESC LIMIT 1"


@pytest.fixture
def requested(pay, desk):
    return desk.ask(pay(), 200_000).json


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE refund SET state = 'approved', version = 2",
        "UPDATE refund SET state = 'succeeded'",
        "UPDATE refund SET amount = amount + 1",
        "UPDATE refund SET requested_by = '00000000-0000-7000-8000-000000000001'",
        "UPDATE refund SET proposal_id = NULL",
        "DELETE FROM refund",
        "TRUNCATE refund CASCADE",
        "UPDATE refund_line SET amount = 1",
        "DELETE FROM refund_line",
        "INSERT INTO refund SELECT (r.x).* FROM (SELECT jsonb_populate_record(refund, '{\"state\": \"approved\", \"number\": 9}') AS x FROM refund) r",
    ],
)
def test_a_refund_is_not_changed_behind_its_back(requested, hub, statement) -> None:
    with pytest.raises(DBAPIError), hub.db.engine.begin() as connection:
        connection.execute(text(statement))


def test_a_declined_refund_does_not_come_back(requested, desk, hub) -> None:
    desk.decline(requested)
    with pytest.raises(DBAPIError, match="does not become"), hub.db.engine.begin() as connection:
        connection.execute(text("UPDATE refund SET state = 'requested'"))


def test_raw_rows_ask_no_more_back_than_was_paid(requested, hub) -> None:
    row = (
        "INSERT INTO refund SELECT (r.x).* FROM (SELECT jsonb_populate_record(refund, jsonb_build_object('id', gen_random_uuid(), "
        "'number', 2, 'amount', 1, 'proposal_id', NULL)) AS x FROM refund) r"
    )
    with pytest.raises(DBAPIError, match="more is asked back"), hub.db.engine.begin() as connection:
        connection.execute(text(row))
        connection.execute(text(SUM))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE refund_try SET reference = 'PH0'",
        "UPDATE refund_try SET asked_at = now()",
        "UPDATE refund_try SET state = 'created'",
        "DELETE FROM refund_try",
    ],
)
def test_what_was_sent_stays_on_record(pay, desk, hub, statement) -> None:
    desk.refund(pay())
    with pytest.raises(DBAPIError), hub.db.engine.begin() as connection:
        connection.execute(text(statement))


def test_no_second_request_while_one_is_unanswered(pay, desk, gateway, hub) -> None:
    gateway.will("unknown_done")
    desk.refund(pay(), 50_000)
    again = (
        "INSERT INTO refund_try SELECT (t.x).* FROM (SELECT jsonb_populate_record(refund_try, jsonb_build_object('id', "
        "gen_random_uuid(), 'number', 2, 'reference', 'PH1')) AS x FROM refund_try) t"
    )
    with pytest.raises(DBAPIError, match="uq_refund_try_unanswered"), hub.db.engine.begin() as connection:
        connection.execute(text(again))
