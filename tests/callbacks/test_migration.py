"""The inbox of an earlier release becomes this one's, and back."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from payhub import migrate
from payhub.db import Base


def test_messages_left_alone_before_are_tried_and_end_before_a_person(citizen, hub, rows, kept, retry) -> None:
    citizen.says(citizen.try_())
    citizen.says("PHNEVERMADE001")
    citizen.call_back("vnp_TxnRef=1&vnp_SecureHash=00")
    hub.db.engine.dispose()
    migrate.downgrade(hub.db.engine, "0012")
    assert rows("SELECT to_regclass('callback_network')") == [(None,)]
    migrate.upgrade(hub.db.engine)
    assert [row[0] for row in kept()] == ["settled", "waiting", "settled"]
    with hub.db.engine.begin() as connection:
        connection.execute(text("UPDATE callback SET next_try_at = '2026-11-20' WHERE next_try_at IS NOT NULL"))
    for _ in hub.settings.callbacks.ladder_s:
        assert retry(days=3) == 1
    assert [row[0] for row in kept()] == ["settled", "person", "settled"]


def test_the_tables_are_what_the_models_say(hub) -> None:
    with hub.db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = [str(each) for each in compare_metadata(context, Base.metadata)]
    assert [each for each in found if "callback" in each] == []
