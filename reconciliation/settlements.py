"""Taking a settlement file: whole or not at all, once, and the run over it asked for in the same transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import IO

from sqlalchemy import ColumnElement, insert, select, text, update
from sqlalchemy.orm import Session

from payhub import ids, log
from payhub.accounts.models import GatewayAccount
from payhub.discrepancies import service as discrepancies
from payhub.discrepancies.models import Discrepancy
from payhub.errors import NotFound, Text
from payhub.hub import Hub
from reconciliation import received, runs
from reconciliation.banking import payouts
from reconciliation.errors import DayWrong, PeriodOverlaps, PeriodWrong
from reconciliation.files import mappings, reading
from reconciliation.files.lines import Reject, Tally
from reconciliation.files.reading import SettlementReading
from reconciliation.models import Run, Settlement, SettlementReject
from reconciliation.received import Received

KIND = "daily"
LARGE = 16 * 1024 * 1024
"""From so many bytes on, a file has a table of lines to itself."""
LONGEST = timedelta(days=366)
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Imported:
    """A settlement the hub has, and the run over it. `already`: this very file was taken before, and nothing changed."""

    settlement: Settlement
    run_id: uuid.UUID
    already: bool
    rejects: tuple[Reject, ...]
    """The first of the rows set aside."""


def account_of(hub: Hub, code: str) -> GatewayAccount:
    """Return a gateway account by its code."""
    account = hub.registers.gateway_accounts.get(code)
    if account is None:
        raise NotFound(Text(f"Không có tài khoản cổng {code}", f"There is no gateway account {code}"))
    return account


def import_settlement(
    hub: Hub, account_code: str, period_on: date, file_name: str, source: bytes | IO[bytes], until_on: date | None = None
) -> Imported:
    """Take a file for a day of an account, or for all days until another, or refuse it and change nothing.

    The same bytes again are recognised. Another file takes the place of those whose days it covers, and their rows stay; one that
    covers only some of the days of another is refused.
    """
    account, until_on = account_of(hub, account_code), until_on or period_on
    if not period_on <= until_on <= period_on + LONGEST:
        raise PeriodWrong
    mapping = mappings.load(hub.settings.paths.mappings, account.mapping)
    with received.receive(source, file_name) as file, hub.db.session() as session:
        # Indexes are made without helpers: each worker has a processor.
        session.execute(
            text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'; SET LOCAL max_parallel_maintenance_workers = 0")
        )
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"settlement {account.id}"})
        same = (Settlement.period_on == period_on, Settlement.until_on == until_on, Settlement.digest == file.digest)
        known = session.scalar(select(Settlement).where(*_of(account), *same))
        if known is not None:
            return Imported(known, _last_run(session, known), already=True, rejects=_rejects(session, known))
        replaced = _replaced(session, account, period_on, until_on)
        settlement, read = _begin(hub, session, account, (period_on, until_on), file), reading.settlement(file.body, mapping)
        _copy(session, settlement, read)
        tally = read.tally
        _check_days(tally, settlement, mapping.heading("happened"))
        received.keep(session, hub.keyring, settlement.id, file)
        _keep(session, settlement, tally, net=mapping.trailer is not None and mapping.trailer.sums == "net")
        payouts.write(session, hub.registers, account, settlement)
        _supersede(session, settlement, replaced)
        tell_difference(session, account, settlement, replaced, settlement.received_at, "closed by file")
        run_id = runs.ask_run(session, settlement, hub.clock.now())
    _log.info("settlement.taken", account=account.code, period=str(period_on), lines=tally.lines, rejects=tally.rejected)
    return Imported(settlement, run_id, already=False, rejects=tuple(tally.rejects[:100]))


def current(session: Session, account: GatewayAccount, day: date) -> Settlement | None:
    """Return the settlement that counts for a day."""
    return session.scalar(select(Settlement).where(*_of(account), *_covering(day, day), Settlement.superseded_by_id.is_(None)))


def _of(account: GatewayAccount) -> tuple[ColumnElement[bool], ...]:
    return Settlement.gateway_account_id == account.id, Settlement.kind == KIND


def _covering(first: date, last: date) -> tuple[ColumnElement[bool], ...]:
    return Settlement.period_on <= last, Settlement.until_on >= first


def _replaced(session: Session, account: GatewayAccount, first: date, last: date) -> Sequence[Settlement]:
    """Return the settlements whose place a file of these days takes: all of whose days it covers."""
    before = select(Settlement).where(*_of(account), *_covering(first, last), Settlement.superseded_by_id.is_(None))
    found = session.scalars(before.order_by(Settlement.period_on)).all()
    for other in found:
        if other.period_on < first or other.until_on > last:
            raise PeriodOverlaps(other.period_on, other.until_on)
    return found


def _last_run(session: Session, settlement: Settlement) -> uuid.UUID:
    return session.scalars(select(Run.id).where(Run.settlement_id == settlement.id).order_by(Run.id.desc()).limit(1)).one()


def _rejects(session: Session, settlement: Settlement) -> tuple[Reject, ...]:
    found = session.scalars(
        select(SettlementReject).where(SettlementReject.settlement_id == settlement.id).order_by(SettlementReject.number).limit(100)
    )
    return tuple(Reject(row.number, row.field, row.reason) for row in found)


def _begin(hub: Hub, session: Session, account: GatewayAccount, period: tuple[date, date], file: Received) -> Settlement:
    settlement_id = ids.new_id()
    part = session.scalar(text("SELECT open_settlement_part(:id)"), {"id": settlement_id}) if file.size >= LARGE else 0
    settlement = Settlement(
        id=settlement_id, gateway_account_id=account.id, kind=KIND, period_on=period[0], until_on=period[1], digest=file.digest,
        file_name=file.name or f"settlement-{period[0]}.csv", mapping=account.mapping, currency=account.currency,
        declared_count=None, declared_sum=None, line_count=0, line_sum=0, reject_count=0, ignored_count=0, part=part,
        received_at=hub.clock.now(),
        superseded_by_id=settlement_id,
    )  # fmt: skip
    session.add(settlement)
    session.flush()
    return settlement


def _copy(session: Session, settlement: Settlement, read: SettlementReading) -> None:
    """Stream lines into the table; an error on the way takes the whole transaction with it."""
    connection = session.connection().connection.driver_connection
    assert connection is not None  # noqa: S101 - a session that is in a transaction has one
    columns = ", ".join(read.columns)
    own = f"COPY parts.settlement_line_{settlement.part} ({columns}) FROM STDIN (FREEZE, NULL '')"
    shared = f"COPY settlement_line (settlement_id, {columns}) FROM STDIN (NULL '')"
    key = "" if settlement.part else f"{settlement.id}\t"
    with connection.cursor() as cursor, cursor.copy(own if settlement.part else shared) as copy:
        for batch in read:
            copy.write(batch.copy_text(key, read.columns))


def _check_days(tally: Tally, settlement: Settlement, heading: str) -> None:
    day, first, last = timedelta(days=1), settlement.period_on, settlement.until_on
    if tally.lines and (tally.last_on < first - day or tally.first_on > last + day):
        period = f"{first}" if first == last else f"{first}..{last}"
        raise DayWrong(
            f"mọi dòng đều thuộc ngày khác {period}: từ {tally.first_on} đến {tally.last_on}",
            f"every row is of another day than {period}: {tally.first_on} to {tally.last_on}",
            row=2, field=heading,
        )  # fmt: skip


def _keep(session: Session, settlement: Settlement, tally: Tally, *, net: bool) -> None:
    # What is declared was held against the rows by its own rule when they were read; only a net sum is the lines' own.
    settlement.declared_count, settlement.declared_sum = tally.declared_count, tally.declared_sum if net else None
    settlement.line_count, settlement.line_sum = tally.lines, tally.sum
    settlement.reject_count, settlement.ignored_count = tally.rejected, tally.ignored
    if tally.rejects:
        rows = [
            {"settlement_id": settlement.id, "number": row.number, "field": row.field, "reason": row.reason}
            for row in tally.rejects
        ]
        session.execute(insert(SettlementReject), rows)
    session.flush()
    if settlement.part or tally.lines:
        session.execute(text("SELECT close_settlement_part(:part)"), {"part": settlement.part})


def _supersede(session: Session, settlement: Settlement, replaced: Sequence[Settlement]) -> None:
    """Let the file count, and those before it no longer; their rows stay."""
    before = update(Settlement).where(Settlement.id.in_([other.id for other in replaced]))
    session.execute(before.values(superseded_by_id=settlement.id))
    settlement.superseded_by_id = None
    session.flush()


def tell_difference(
    session: Session, account: GatewayAccount, settlement: Settlement, replaced: Sequence[Settlement], now: datetime, act: str
) -> None:
    """Rows set aside leave the file's sum short of what it declares: a person must look, until that is over."""
    kind, own = "count_or_sum_differs", difference_key(account, settlement.period_on)
    differs = bool(settlement.reject_count) or not as_declared(settlement)
    over = {difference_key(account, other.period_on) for other in (settlement, *replaced)} - ({own} if differs else set())
    open_ones = session.scalars(
        select(Discrepancy.id).where(Discrepancy.kind == kind, Discrepancy.key.in_(over), Discrepancy.state != "resolved")
    )
    by = {"settlement": str(settlement.id), "sha256": settlement.digest.hex()}
    discrepancies.resolve(session, list(open_ones), act=act, actor="system", now=now, data=by)
    if not differs:
        return
    discrepancies.open_(
        session,
        kind=kind,
        key=own,
        on=settlement.period_on,
        amount=0 if settlement.declared_sum is None else abs(settlement.declared_sum - settlement.line_sum),
        currency=settlement.currency,
        evidence={
            "declared": {"count": settlement.declared_count, "sum": settlement.declared_sum},
            "read": {"count": settlement.line_count, "sum": settlement.line_sum},
            "rejected": settlement.reject_count,
        },
        now=now,
        gateway_account_id=account.id,
    )


def as_declared(settlement: Settlement) -> bool:
    """Tell whether what was read is what the file declares, as far as it does."""
    pairs = ((settlement.declared_count, settlement.line_count), (settlement.declared_sum, settlement.line_sum))
    return all(declared is None or declared == read for declared, read in pairs)


def difference_key(account: GatewayAccount, day: date) -> str:
    """Return what a discrepancy about the whole of a file is about: the file's first day."""
    return f"{account.code}/settlement/{day}"
