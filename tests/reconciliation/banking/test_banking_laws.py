"""Each law notices what breaks it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from payhub.app import registry
from payhub.ledger.prove import prove
from reconciliation import telling, telling_laws
from reconciliation.banking.laws import LAWS

PAYOUT, BOOKS, STANDS, BALANCE, DAYS, LINE, ENTRY, AGREED, ALONE = (law.name for law in LAWS)
ONCE, LAST = (law.name for law in telling_laws.LAWS)


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("statement", "law"),
    [
        ("UPDATE gateway_payout SET lines = lines + 1", PAYOUT),
        ("UPDATE gateway_payout SET fees = fees + 1, net = net - 1", BOOKS),
        ("UPDATE payout_state SET state = 'awaited', bank_entry_id = NULL, banked_on = NULL", BOOKS),
        ("UPDATE run_total SET amount = amount - 1", BOOKS),
        ("UPDATE payout_state SET state = 'withdrawn', bank_entry_id = NULL, banked_on = NULL", STANDS),
        ("UPDATE payout_state SET banked_on = banked_on + 1", STANDS),
        ("UPDATE statement SET line_count = line_count + 1", BALANCE),
        ("UPDATE statement SET superseded_by_id = NULL", DAYS),
        ("UPDATE statement_line SET booked_on = booked_on + 1", LINE),
        ("UPDATE bank_entry SET state = 'unproven'", ENTRY),
        ("UPDATE bank_entry SET state = 'open'", ENTRY),
    ],
)
def test_prove_notices(desk, bank, hub, statement, law) -> None:
    desk.settle([desk.row_of(desk.pay(), fee=2_200)])
    entry = bank.entry(197_800, desk.payout)
    bank.take(bank.write(entry, bank.entry(1_000)))
    bank.take(bank.write(entry))
    assert [each.law for each in prove(hub.db.engine, registry().laws) if not each.holds] == []
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text(statement))
    broken = {each.law: each.broken for each in prove(hub.db.engine, registry().laws) if not each.holds}
    assert law in broken
    assert broken[law][0][0]


AGAIN = """
    WITH again AS (
      INSERT INTO payout_agreement SELECT gen_random_uuid(), bank_account_id, gen_random_uuid(), agreed_at FROM payout_agreement RETURNING id)
    INSERT INTO payout_agreement_entry SELECT again.id, bank_entry_id FROM again, payout_agreement_entry
"""


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("statement", "law"),
    [
        ("UPDATE payout_agreement SET ended_by_id = proposal_id", AGREED),
        ("DELETE FROM payout_agreement_entry WHERE bank_entry_id IN (SELECT id FROM bank_entry WHERE amount = 80000)", AGREED),
        ("UPDATE proposal SET kind = 'other'", AGREED),
        (AGAIN, ALONE),
        ("UPDATE event SET data = data || '{\"banked_on\": \"2026-11-30\"}' WHERE type = 'payment.banked'", LAST),
        ("UPDATE event SET type = 'payment.reported', data = data - 'banked_on' WHERE type = 'payment.banked'", ONCE),
    ],
)
def test_prove_notices_what_breaks_what_people_agreed_on_or_were_told(desk, bank, hub, office, rewrite, statement, law) -> None:
    rewrite("UPDATE portal SET told_proofs = true")
    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(120_000, desk.payout), bank.entry(80_000, desk.payout))
    office.agree(office.match(office.entries(120_000, 80_000)))
    telling.tell_due(hub)
    assert [each.law for each in prove(hub.db.engine, registry().laws) if not each.holds] == []
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text(statement))
    assert law in {each.law for each in prove(hub.db.engine, registry().laws) if not each.holds}
