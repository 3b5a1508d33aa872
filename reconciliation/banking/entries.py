"""Movements on a bank account, each once, however many statements and notifications tell of it."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, Date, Uuid

from payhub import ids
from payhub.crypto import Keyring, Sealed
from payhub.hub import Hub
from payhub.sealed import context_of
from reconciliation.banking.accounts import AUTHORITY, Till, mark_on
from reconciliation.banking.matching import REACH
from reconciliation.banking.models import BankEntry, PayoutNaming, Statement, StatementLine
from reconciliation.banking.reading import Entry
from reconciliation.banking.words import codes_in, holds, names_in

_BATCH = 2_000
_NONE = {"", "NONREF", "NOTPROVIDED"}
_SEPARATOR = "\x1f"

# Where an entry stands that these statements tell, or told: `banked` stays until the payouts are looked at.
_STAND = text(
    f"""
    UPDATE bank_entry SET state = now.state FROM (
      SELECT entry.id, CASE WHEN bool_or(file.kind = {AUTHORITY}) THEN 'open' WHEN bool_or(file.kind IS NOT NULL) THEN 'unproven'
                       ELSE 'withdrawn' END AS state
      FROM bank_entry AS entry JOIN statement_line AS line ON line.bank_entry_id = entry.id
      LEFT JOIN statement AS file ON file.id = line.statement_id AND file.superseded_by_id IS NULL
      WHERE entry.id IN (SELECT bank_entry_id FROM statement_line WHERE statement_id = ANY (:statements))
      GROUP BY entry.id
    ) AS now
    WHERE bank_entry.id = now.id AND bank_entry.state <> now.state AND NOT (bank_entry.state = 'banked' AND now.state = 'open')
    """  # noqa: S608 - our own piece
).bindparams(bindparam("statements", type_=ARRAY(Uuid())))
_REFERENCES = text(
    """
    SELECT DISTINCT gateway_account_id, reference FROM gateway_payout
    WHERE gateway_account_id = ANY (:accounts) AND named AND due_on BETWEEN :first_on AND :last_on
    """
).bindparams(bindparam("accounts", type_=ARRAY(Uuid())), bindparam("first_on", type_=Date()), bindparam("last_on", type_=Date()))
_WORDS = text(
    """
    SELECT line.id, line.text_key, line.text FROM statement_line AS line JOIN bank_entry AS entry ON entry.id = line.bank_entry_id
    WHERE entry.bank_account_id = :bank_id AND entry.booked_on BETWEEN :first_on AND :last_on AND line.text IS NOT NULL
    """
).bindparams(bindparam("bank_id", type_=Uuid()), bindparam("first_on", type_=Date()), bindparam("last_on", type_=Date()))


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a statement, and what it is a line about."""

    entry: Entry
    identity: bytes
    words: str


def identified(entries: Iterable[Entry]) -> list[Told]:
    """Give each line of one statement what it is recognised by wherever else it is told.

    That is the bank's own reference, else the line's text, with day and amount: a bank numbers from 1 again, and takes back under
    the same number. Lines that are alike in all of it are told apart by their order.
    """
    alike: Counter[tuple[str, ...]] = Counter()
    found = []
    for entry in entries:
        words = " ".join(filter(None, (entry.text, entry.reference)))
        reference = entry.bank_reference or ""
        by = ("text", entry.text) if reference in _NONE else ("reference", reference)
        key = (*by, entry.booked_on.isoformat(), str(entry.amount), entry.currency)
        alike[key] += 1
        identity = hashlib.sha256(_SEPARATOR.join((*key, str(alike[key]))).encode()).digest()
        found.append(Told(entry, identity, words))
    return found


def tell(hub: Hub, session: Session, till: Till, statement: Statement, entries: Iterable[Entry]) -> None:
    """Write the lines of a statement, and the movements that nobody has told of before."""
    told = identified(entries)
    references = _references(session, till, statement.from_on, statement.to_on)
    for batch in (told[start : start + _BATCH] for start in range(0, len(told), _BATCH)):
        known = _movements(session, statement, batch)
        lines = [_line(hub, till, statement, each, known[each.identity]) for each in batch]
        session.execute(insert(StatementLine), [line for line, _ in lines])
        named = [row for line, words in lines for row in _namings(line["id"], words, references)]
        if named:
            session.execute(insert(PayoutNaming), named)


def stand(session: Session, statements: Sequence[uuid.UUID]) -> None:
    """Say where each entry stands that these statements tell of, or told of before others took their place."""
    session.execute(_STAND, {"statements": list(statements)})


def look_again(hub: Hub, session: Session, till: Till, first_due: date, last_due: date) -> None:
    """Look for payouts that are new in what the bank has written around the days on which they are due."""
    if till.bank_id is None:
        return
    references = _references(session, till, first_due, last_due, reach=False)
    if not references:
        return
    near = {"bank_id": till.bank_id, "first_on": first_due - REACH, "last_on": last_due + REACH}
    for rows in session.execute(_WORDS, near).partitions(_BATCH):
        named = [row for line in rows for row in _namings(line.id, _opened(hub.keyring, line), references)]
        if named:
            session.execute(upsert(PayoutNaming).on_conflict_do_nothing(), named)


def _opened(keyring: Keyring, line: Any) -> str:
    return keyring.open(Sealed(line.text_key, line.text), context_of("statement_line", id=line.id)).decode()


def _references(session: Session, till: Till, first: date, last: date, *, reach: bool = True) -> Mapping[str, list[uuid.UUID]]:
    """Return what payouts are called that may be meant on these days, and whose they are."""
    if not till.paid_by:
        return {}
    more = REACH if reach else REACH * 0
    found: dict[str, list[uuid.UUID]] = {}
    asked = {"accounts": till.account_ids, "first_on": first - more, "last_on": last + more}
    for account_id, reference in session.execute(_REFERENCES, asked):
        found.setdefault(reference, []).append(account_id)
    return found


def _namings(line_id: uuid.UUID, words: str, references: Mapping[str, list[uuid.UUID]]) -> Iterator[dict[str, Any]]:
    for reference in names_in(words, references):
        for account_id in references[reference]:
            yield {"statement_line_id": line_id, "gateway_account_id": account_id, "reference": reference}


def _movements(session: Session, statement: Statement, batch: Sequence[Told]) -> Mapping[bytes, uuid.UUID]:
    """Return the movements of these lines, writing those that are new."""
    rows = [
        {
            "id": ids.new_id(), "bank_account_id": statement.bank_account_id, "identity": each.identity,
            "booked_on": each.entry.booked_on, "value_on": each.entry.value_on, "amount": each.entry.amount,
            "currency": each.entry.currency, "bank_reference": each.entry.bank_reference, "state": "withdrawn",
            "first_told_at": statement.received_at,
        }
        for each in batch
    ]  # fmt: skip
    session.execute(upsert(BankEntry).on_conflict_do_nothing(), rows)
    mine = BankEntry.bank_account_id == statement.bank_account_id
    found = select(BankEntry.identity, BankEntry.id).where(mine, BankEntry.identity.in_([each.identity for each in batch]))
    return {row.identity: row.id for row in session.execute(found)}


def _line(hub: Hub, till: Till, statement: Statement, told: Told, entry_id: uuid.UUID) -> tuple[dict[str, Any], str]:
    line_id, entry = ids.new_id(), told.entry
    sealed = hub.keyring.seal(told.words.encode(), context_of("statement_line", id=line_id))
    marks = [
        account.id
        for account in till.paid_by
        if (mark := mark_on(hub.registers, account, entry.booked_on)) is not None and holds(told.words, mark)
    ]
    row = {
        "id": line_id, "statement_id": statement.id, "number": entry.number, "bank_entry_id": entry_id,
        "booked_on": entry.booked_on, "value_on": entry.value_on, "amount": entry.amount, "currency": entry.currency,
        "bank_reference": entry.bank_reference, "transaction_code": entry.transaction_code, "text_key": sealed.key,
        "text": sealed.data, "codes": codes_in(told.words), "marks": marks,
    }  # fmt: skip
    return row, told.words
