"""Days that are over: paid payments written set by set, and the gateway's settlement file of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.types import BigInteger, Date, Uuid

from benchmarks.stage import ACCOUNT, PORTAL, Stage
from payhub.agencies.service import collecting_account
from payhub.clock import local_date
from payhub.ledger import rollups
from payhub.registers import in_force

_STATEMENT = text((Path(__file__).parent / "history.sql").read_text(encoding="utf-8")).bindparams(
    *(bindparam(name, type_=Uuid) for name in ("portal_id", "fee_id", "agency_id", "collecting_account_id", "account_id")),
    *(bindparam(name, type_=BigInteger) for name in ("day_number", "payments", "events_before")),
    bindparam("day", type_=Date),
)
# A run also looks at the files of a month before; each day stands alone, so that all rounds do the same work.
_APART = timedelta(days=40)
# Of each thousand: one the file leaves out, one with another amount, and one more that nobody at the hub knows of.
_EVERY, _OMITTED, _DIFFERENT, _STRANGE = 1000, 1, 2, 3
_HEADER = "STT,MaGiaoDich,MaThamChieu,LoaiGiaoDich,ThoiGian,SoTien,Phi,NganHang,TrangThai,MaThanhToan"
_LINES = text(
    f"""
    WITH paid AS (
      SELECT gateway_transaction, reference, confirmed, row_number() OVER (ORDER BY reference) % {_EVERY} AS place,
             to_char(paid_at AT TIME ZONE 'Asia/Ho_Chi_Minh', 'DD/MM/YYYY HH24:MI:SS') AS at
      FROM attempt WHERE gateway_account_id = :account_id AND gateway_on = :day
    ), listed AS (
      SELECT gateway_transaction, reference, at, confirmed + CASE place WHEN {_DIFFERENT} THEN 1000 ELSE 0 END AS amount
      FROM paid WHERE place <> {_OMITTED}
      UNION ALL
      SELECT gateway_transaction || 'X', reference || 'X', at, confirmed FROM paid WHERE place = {_STRANGE}
    )
    SELECT concat_ws(',', row_number() OVER (), gateway_transaction, reference, 'THANH_TOAN', at, amount, 0, 'NCB', 'THANH_CONG,'),
           amount
    FROM listed
    """
)


@dataclass(frozen=True, slots=True)
class Day:
    """One day's settlement file, and how many lines it has."""

    on: date
    file: bytes
    lines: int
    differing: int
    """How many of each kind of disagreement it holds."""


def write(stage: Stage, days: int, payments: int) -> list[Day]:
    """Write days of paid payments and return their files. Nothing else may run meanwhile."""
    today = local_date(stage.hub.clock.now())
    with stage.engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        # Foreign keys and triggers are held against the same rows at the end, as laws, all at once.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        ids = _ids(stage, today)
        written = [today - number * _APART for number in range(1, days + 1)]
        for number, on in enumerate(written, 1):
            events = 3 * payments * (number - 1)
            connection.execute(_STATEMENT, {**ids, "day_number": number, "day": on, "payments": payments, "events_before": events})
    rollups.fold(stage.hub, days + 1)
    with stage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
        return [_file(connection, on, ids, payments) for on in written]


def _ids(stage: Stage, today: date) -> dict[str, object]:
    registers = stage.hub.registers
    fee = in_force(registers.fees["LP-LLTP"], today)
    agency = registers.agencies["000.00.00.G15"]
    assert fee is not None
    account = collecting_account(registers, agency, fee.kind, today)
    assert account is not None
    portal = next(portal for portal in registers.portals.values() if portal.code == PORTAL)
    return {
        "portal_id": portal.id, "fee_id": fee.id, "kind": fee.kind, "budget_line": fee.budget_line, "agency_id": agency.id,
        "collecting_account_id": account.id, "account_id": registers.gateway_accounts[ACCOUNT].id, "account": ACCOUNT,
    }  # fmt: skip


def _file(connection: Connection, on: date, ids: dict[str, object], payments: int) -> Day:
    rows = connection.execute(_LINES, {"account_id": ids["account_id"], "day": on}).all()
    lines = [row[0] for row in rows]
    trailer = f"TONG,{len(lines)},{sum(row[1] for row in rows)},,,,,,,"
    return Day(on, "\n".join((_HEADER, *lines, trailer, "")).encode(), len(lines), payments // _EVERY)
