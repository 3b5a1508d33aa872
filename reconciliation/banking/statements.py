"""Taking a bank's statement: whole or not at all, once, and what follows from it in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import IO

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from payhub import ids, log
from payhub.accounts.models import BankAccount
from payhub.clock import local_date
from payhub.hub import Hub
from payhub.identifiers import identifier
from reconciliation import received, telling
from reconciliation.banking import coverage, entries, settling
from reconciliation.banking.accounts import Till, bank_rows, row_on, till
from reconciliation.banking.errors import (
    BalanceMissing,
    DaysUnknown,
    NoNotifications,
    OtherAccount,
    StatementEmpty,
    StatementOverlaps,
)
from reconciliation.banking.models import Statement
from reconciliation.banking.reading import Entry, StatementHead, read_statements
from reconciliation.errors import PagesApart, StatementRefused
from reconciliation.received import Received

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """The statements of a file. `already`: this very file was taken before, and nothing changed."""

    code: str
    statements: Sequence[Statement]
    already: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """One statement that is ours: its days are known, and its reader has proven that its lines lead from balance to balance."""

    number: str | None
    from_on: date
    to_on: date
    opening: int | None
    closing: int | None
    entries: Sequence[Entry]

    def joined(self, later: Sheet) -> Sheet:
        """Return this one and its next page as one."""
        return replace(
            self, from_on=min(self.from_on, later.from_on), to_on=max(self.to_on, later.to_on), closing=later.closing,
            entries=[*self.entries, *later.entries],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _File:
    received: Received
    kind: str
    how: str


def import_statement(hub: Hub, code: str, kind: str, file_name: str, source: bytes | IO[bytes]) -> Taken:
    """Take a file of statements or notifications of one of the hub's bank accounts, or refuse it and change nothing.

    The same bytes again are recognised. A statement takes the place of those whose days it covers, and their lines stay; one that
    covers only some of the days of another is refused. Notifications add up.
    """
    rows, now = bank_rows(hub.registers, code), hub.clock.now()
    row = row_on(rows, local_date(now))
    how = row.statements if kind == "statement" else row.notifications
    if how is None:
        raise NoNotifications
    place = till(hub.registers, rows[0])
    with received.receive(source, file_name) as file, hub.db.session() as session:
        session.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'"))
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"statement {rows[0].id}"})
        mine = (Statement.bank_account_id == rows[0].id, Statement.kind == kind)
        known = select(Statement).where(*mine, Statement.digest == file.digest).order_by(Statement.from_on)
        if found := session.scalars(known).all():
            return Taken(code, found, already=True)
        sheets = proven(read_statements(file.body, how, hub.settings.paths.mappings), rows, kind)
        # A run that finds new payouts looks for them in what is here; what comes meanwhile must see them.
        place.lock(session)
        statements, replaced = _keep(hub, session, place, sheets, _File(file, kind, how))
        entries.stand(session, [*(each.id for each in statements), *(each.id for each in replaced)])
        coverage.tell(session, rows[0].id, code, now)
        days = [day for each in (*statements, *replaced) for day in (each.from_on, each.to_on)]
        settling.settle(hub, session, place, min(days), max(days), now=now, actor=f"statement {statements[0].id}")
        telling.ask(hub, session, now)
    _log.info("statement.taken", account=code, kind=kind, lines=sum(each.line_count for each in statements))
    return Taken(code, statements, already=False)


def proven(read: Iterable[tuple[StatementHead, Sequence[Entry]]], rows: Sequence[BankAccount], kind: str) -> list[Sheet]:
    """Return the statements of a file in the order of their days; raise where one is not ours or not whole."""
    sheets: list[Sheet] = []
    for head, told in read:
        sheet = _sheet(head, told, rows, kind)
        if sheets and (kind == "notification" or sheet.from_on <= sheets[-1].to_on):
            before = sheets.pop()
            # Pages of one day follow each other by their balances; notifications have none, and add up.
            if before.closing != sheet.opening:
                raise StatementRefused.of(PagesApart(before.closing, sheet.opening))
            sheet = before.joined(sheet)
        sheets.append(sheet)
    if not sheets:
        raise StatementEmpty
    return sheets


def _sheet(head: StatementHead, told: Sequence[Entry], rows: Sequence[BankAccount], kind: str) -> Sheet:
    days = [entry.booked_on for entry in told]
    to_on = head.to_on or max(days, default=head.from_on)
    from_on = head.from_on or min(days, default=to_on)
    if from_on is None or to_on is None or any(not from_on <= day <= to_on for day in days):
        raise DaysUnknown
    row = row_on(rows, from_on)
    if head.account is not None and _bare(head.account) != _bare(row.number):
        raise OtherAccount("account")
    if {head.currency, *(entry.currency for entry in told)} != {row.currency}:
        raise OtherAccount("currency")
    number, told = _identifier(head.number), [_plain(entry) for entry in told]
    if kind == "notification":
        return Sheet(number, from_on, to_on, None, None, told)
    if head.opening is None or head.closing is None:
        raise BalanceMissing
    return Sheet(number, from_on, to_on, head.opening, head.closing, told)


def _plain(entry: Entry) -> Entry:
    """Return an entry whose names of things are no sentences: only its words are sealed."""
    return entry._replace(bank_reference=_identifier(entry.bank_reference), transaction_code=_identifier(entry.transaction_code))


def _identifier(name: str | None) -> str | None:
    return identifier(name) if name else None


def _bare(number: str) -> str:
    """Return an account's number as every bank writes it: without the dots of the treasury's."""
    return number.replace(".", "")


def _keep(hub: Hub, session: Session, place: Till, sheets: Sequence[Sheet], file: _File) -> tuple[list[Statement], list[Statement]]:
    """Write the statements of a file; return them and those whose place they take."""
    made: list[Statement] = []
    replaced: list[Statement] = []
    file_id = ids.new_id()
    for sheet in sheets:
        before = _replaced(session, place, sheet) if file.kind == "statement" else []
        statement = _statement(hub, place, sheet, file)
        statement.id = ids.new_id() if made else file_id
        statement.file_id = file_id
        session.add(statement)
        session.flush()
        gone = update(Statement).where(Statement.id.in_([each.id for each in before]))
        session.execute(gone.values(superseded_by_id=statement.id))
        entries.tell(hub, session, place, statement, sheet.entries)
        made.append(statement)
        replaced += before
    received.keep(session, hub.keyring, file_id, file.received)
    return made, replaced


def _statement(hub: Hub, place: Till, sheet: Sheet, file: _File) -> Statement:
    currency = row_on(hub.registers.bank_accounts[place.code], sheet.from_on).currency
    return Statement(
        bank_account_id=place.bank_id, kind=file.kind, from_on=sheet.from_on, to_on=sheet.to_on, digest=file.received.digest,
        file_name=file.received.name or f"{file.kind}-{sheet.from_on}", reads=file.how, currency=currency, number=sheet.number,
        opening=sheet.opening, closing=sheet.closing, line_count=len(sheet.entries),
        line_sum=sum(entry.amount for entry in sheet.entries),
        received_at=hub.clock.now(), superseded_by_id=None,
    )  # fmt: skip


def _replaced(session: Session, place: Till, sheet: Sheet) -> Sequence[Statement]:
    """Return the statements whose place one takes: all of whose days it covers."""
    mine = (Statement.bank_account_id == place.bank_id, Statement.kind == "statement", Statement.superseded_by_id.is_(None))
    meeting = (Statement.from_on <= sheet.to_on, Statement.to_on >= sheet.from_on)
    found = session.scalars(select(Statement).where(*mine, *meeting).order_by(Statement.from_on)).all()
    for other in found:
        if other.from_on < sheet.from_on or other.to_on > sheet.to_on:
            raise StatementOverlaps(other.from_on, other.to_on)
    return found
