"""What people wrote goes with who pays, or after its own term."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from payhub.people import jobs as people_jobs


def test_what_was_written_goes_with_the_payer_and_nothing_more_is_written(bench, twice, citizen, rows, client, bound) -> None:
    bench.done(twice, "comment", {"text": "Bà A gọi điện"})
    body = {"reason": "requested_by_person", "payments": [citizen.payment["id"]]}
    bench.decide(bench.clerk.post(client, "/v1/staff/payers/erase", body).json["proposal"])
    assert [each["note"] for each in bench.look(twice)["history"]] == [None, None]
    assert rows("SELECT note_key FROM discrepancy_note") == [(None,)]
    assert bench.refused(twice, "comment", {"text": "Bà A gọi lại"}) == "invalid_input"
    assert bench.refused(twice, "accept", {"reason": "explained", "note": "Bà A"}) == "invalid_input"
    assert bench.done(twice, "accept", {"reason": "explained"})["state"] == "proposed"


def test_what_was_written_has_a_term_of_its_own(bench, stranger, clock, rows, bound) -> None:
    bench.done(stranger, "comment", {"text": "Bà A gọi điện"})
    people_jobs.destroy_due()
    assert rows("SELECT count(note_key) FROM discrepancy_note") == [(1,)]
    clock.pass_(days=731)
    people_jobs.destroy_due()
    assert rows("SELECT count(note_key) FROM discrepancy_note") == [(0,)]


def test_what_was_written_never_becomes_something_else(bench, stranger, hub) -> None:
    bench.done(stranger, "comment", {"text": "Đã hỏi"})
    for statement in ("UPDATE discrepancy_note SET note = '\\x00'", "UPDATE discrepancy_note SET written_at = now()"):
        with pytest.raises(DBAPIError, match="does not change"), hub.db.session() as session:
            session.execute(text(statement))
