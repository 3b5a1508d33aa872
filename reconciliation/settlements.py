"""Taking a settlement file: whole or not at all, once, and the run over it asked for in the same transaction."""

from __future__ import annotations

import csv
import hashlib
import io
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import PurePath
from typing import IO

from sqlalchemy import Select, insert, select, text, update
from sqlalchemy.orm import Session

from payhub import ids, log
from payhub.accounts.models import GatewayAccount
from payhub.discrepancies import service as discrepancies
from payhub.discrepancies.models import Discrepancy
from payhub.errors import NotFound, Text
from payhub.hub import Hub
from payhub.identifiers import is_identifier
from reconciliation import mappings, runs
from reconciliation.errors import DayWrong, FileTooLarge
from reconciliation.models import Run, Settlement, SettlementReject
from reconciliation.reading import Tally, lines
from reconciliation.rows import Line, Reject

MAX_BYTES = 256 * 1024 * 1024
"""One file is held in memory and sealed as one value; beyond this size it is split by day."""
KIND = "daily"
_log = log.get(__name__)
_BATCH = 5_000
_COPY = f"COPY settlement_line (settlement_id, {', '.join(Line._fields)}) FROM STDIN (FORMAT csv)"


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


def import_settlement(hub: Hub, account_code: str, period_on: date, file_name: str, source: bytes | IO[bytes]) -> Imported:
    """Take a file for one day of an account, or refuse it and change nothing.

    The same bytes again are recognised. Another file for the same day takes the place of the one before, whose rows stay.
    """
    account = account_of(hub, account_code)
    mapping = mappings.load(hub.settings.paths.mappings, account.mapping)
    body = source if isinstance(source, bytes) else source.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise FileTooLarge(f"tệp lớn hơn {MAX_BYTES} byte", f"the file has more than {MAX_BYTES} bytes")
    digest, now = hashlib.sha256(body).digest(), hub.clock.now()
    with hub.db.session() as session:
        session.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'"))
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"settlement {account.id} {period_on}"}
        )
        known = session.scalar(_of_day(account, period_on).where(Settlement.digest == digest))
        if known is not None:
            return Imported(known, _last_run(session, known), already=True, rejects=_rejects(session, known))
        settlement, tally = _begin(session, account, period_on, digest, now), Tally()
        _copy(session, settlement.id, lines(body, mapping, tally))
        _check_day(tally, period_on, mapping.heading("happened"))
        sealed = hub.keyring.seal(body, f"settlement {settlement.id}")
        settlement.body_key, settlement.body, settlement.file_name = sealed.key, sealed.data, _plain_name(file_name, settlement)
        _keep(session, settlement, tally)
        _supersede(session, settlement)
        _tell_difference(session, account, settlement)
        run_id = runs.ask_run(session, settlement, now)
    _log.info("settlement.taken", account=account.code, period=str(period_on), lines=tally.lines, rejects=len(tally.rejects))
    return Imported(settlement, run_id, already=False, rejects=tuple(tally.rejects[:100]))


def current(session: Session, account: GatewayAccount, period_on: date) -> Settlement | None:
    """Return the settlement that counts for a day."""
    return session.scalar(_of_day(account, period_on).where(Settlement.superseded_by_id.is_(None)))


def _of_day(account: GatewayAccount, period_on: date) -> Select[Settlement]:
    return select(Settlement).where(
        Settlement.gateway_account_id == account.id, Settlement.kind == KIND, Settlement.period_on == period_on
    )


def _last_run(session: Session, settlement: Settlement) -> uuid.UUID:
    return session.scalars(select(Run.id).where(Run.settlement_id == settlement.id).order_by(Run.id.desc()).limit(1)).one()


def _rejects(session: Session, settlement: Settlement) -> tuple[Reject, ...]:
    found = session.scalars(
        select(SettlementReject).where(SettlementReject.settlement_id == settlement.id).order_by(SettlementReject.number).limit(100)
    )
    return tuple(Reject(row.number, row.field, row.reason) for row in found)


def _begin(session: Session, account: GatewayAccount, period_on: date, digest: bytes, now: datetime) -> Settlement:
    settlement_id = ids.new_id()
    settlement = Settlement(
        id=settlement_id, gateway_account_id=account.id, kind=KIND, period_on=period_on, digest=digest, file_name="",
        mapping=account.mapping, currency=account.currency, declared_count=None, declared_sum=None, line_count=0, line_sum=0,
        reject_count=0, body_key=None, body=None, received_at=now, superseded_by_id=settlement_id,
    )  # fmt: skip
    session.add(settlement)
    session.flush()
    return settlement


def _plain_name(file_name: str, settlement: Settlement) -> str:
    """Return a file's name if it is no more than a name; otherwise one of ours, for it may tell of a person."""
    name = PurePath(file_name.replace("\\", "/")).name
    return name if name and is_identifier(name) else f"settlement-{settlement.period_on}.csv"


def _copy(session: Session, settlement_id: uuid.UUID, found: Iterable[Line]) -> None:
    """Stream lines into the table; an error on the way takes the whole transaction with it."""
    connection = session.connection().connection.driver_connection
    assert connection is not None  # noqa: S101 - a session that is in a transaction has one
    key = str(settlement_id)
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        source = iter(found)
        while batch := tuple(islice(source, _BATCH)):
            rows = io.StringIO()
            csv.writer(rows, lineterminator="\n").writerows((key, *line) for line in batch)
            copy.write(rows.getvalue())


def _check_day(tally: Tally, period_on: date, heading: str) -> None:
    day = timedelta(days=1)
    if tally.lines and (tally.last_on < period_on - day or tally.first_on > period_on + day):
        raise DayWrong(
            f"mọi dòng đều thuộc ngày khác {period_on}: từ {tally.first_on} đến {tally.last_on}",
            f"every row is of another day than {period_on}: {tally.first_on} to {tally.last_on}",
            row=2, field=heading,
        )  # fmt: skip


def _keep(session: Session, settlement: Settlement, tally: Tally) -> None:
    settlement.declared_count, settlement.declared_sum = tally.declared_count, tally.declared_sum
    settlement.line_count, settlement.line_sum, settlement.reject_count = tally.lines, tally.sum, len(tally.rejects)
    if tally.rejects:
        rows = [
            {"settlement_id": settlement.id, "number": row.number, "field": row.field, "reason": row.reason}
            for row in tally.rejects
        ]
        session.execute(insert(SettlementReject), rows)
    session.flush()
    if tally.lines:
        session.execute(text("ANALYZE settlement_line"))


def _supersede(session: Session, settlement: Settlement) -> None:
    """Let the file count, and the one before it no longer; its rows stay."""
    before = update(Settlement).where(Settlement.gateway_account_id == settlement.gateway_account_id, Settlement.kind == KIND)
    before = before.where(Settlement.period_on == settlement.period_on, Settlement.superseded_by_id.is_(None))
    session.execute(before.values(superseded_by_id=settlement.id))
    settlement.superseded_by_id = None
    session.flush()


def _tell_difference(session: Session, account: GatewayAccount, settlement: Settlement) -> None:
    """Rows set aside leave the file's sum short of what it declares: a person must look, until a better file comes."""
    kind, key, now = "count_or_sum_differs", f"{account.code}/settlement/{settlement.period_on}", settlement.received_at
    if not settlement.reject_count:
        open_ones = session.scalars(
            select(Discrepancy.id).where(Discrepancy.kind == kind, Discrepancy.key == key, Discrepancy.state != "resolved")
        )
        discrepancies.resolve(session, list(open_ones), act="closed by file", actor="system", now=now)
        return
    discrepancies.open_(
        session,
        kind=kind,
        key=key,
        on=settlement.period_on,
        amount=abs((settlement.declared_sum or 0) - settlement.line_sum),
        currency=settlement.currency,
        evidence={
            "declared": {"count": settlement.declared_count, "sum": settlement.declared_sum},
            "read": {"count": settlement.line_count, "sum": settlement.line_sum},
            "rejected": settlement.reject_count,
        },
        now=now,
        gateway_account_id=account.id,
    )
