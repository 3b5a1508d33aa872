"""The nation's payments: written month by month per gateway account, the file in which each gateway lists them, and the bank's."""

from __future__ import annotations

import calendar
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.types import BigInteger, Date, Uuid

from benchmarks.stage import PORTAL, Stage
from payhub.agencies.calendar import working_days_after
from payhub.ledger import rollups
from payhub.registers import in_force

HERE = Path(__file__).parent
AGENCIES = 500
EVERY = 1000
PLANTED = {
    "missing_at_gateway": 1, "amount_differs": 2, "missing_at_hub": 3, "currency_differs": 4, "duplicate_at_gateway": 5, "late": 6,
    "reversed": 7, "fee_differs": 8,
}  # fmt: skip
"""Which of each thousand payments of a month is made to differ, and how."""
_ACCOUNTS = ("vnpay-main", "momo-main", "zalopay-main")
_FEES = ("LP-LLTP", "P-CHUNGTHUC")
_WITHHELD = 1_100
"""What a gateway keeps of each payment, dong."""
BANK = "thu-ho"
_SEED = text((HERE / "seeding.sql").read_text(encoding="utf-8")).bindparams(
    bindparam("slice", type_=BigInteger), bindparam("payments", type_=BigInteger), bindparam("days", type_=BigInteger),
    bindparam("first_on", type_=Date), bindparam("portal_id", type_=Uuid), bindparam("account_id", type_=Uuid),
)  # fmt: skip
_HEADER = b"STT,MaGiaoDich,MaThamChieu,LoaiGiaoDich,ThoiGian,SoTien,Phi,LoaiTien\n"


@dataclass(frozen=True, slots=True)
class Month:
    """One account's month: its payments, and the file that lists them."""

    number: int
    account: str
    account_id: uuid.UUID
    first_on: date
    last_on: date
    payments: int
    file: Path

    @property
    def planted(self) -> int:
        """Return how many payments differ in each way."""
        return self.payments // EVERY


@dataclass(frozen=True, slots=True)
class Paid:
    """What the bank shows of one account's month: all that was listed in dong, less the fees, on the first working day after it."""

    account: str
    on: date
    amount: int


def months(stage: Stage, payments: int, count: int) -> list[Month]:
    """Divide so many payments among the accounts and so many months, the newest of which ended long ago."""
    accounts, folder = stage.hub.registers.gateway_accounts, stage.folder
    each, found = payments // (count * len(_ACCOUNTS)) // EVERY * EVERY, list[Month]()
    for number in range(count * len(_ACCOUNTS)):
        year, month = divmod(2023 * 12 + 6 - count + number // len(_ACCOUNTS), 12)
        first_on = date(year, month + 1, 1)
        last_on = first_on.replace(day=calendar.monthrange(year, month + 1)[1])
        account = accounts[_ACCOUNTS[number % len(_ACCOUNTS)]]
        file = folder / f"{account.code}-{first_on}.csv"
        found.append(Month(number + 1, account.code, account.id, first_on, last_on, each, file))
    return found


def write(stage: Stage, wanted: Sequence[Month]) -> list[Path]:
    """Write the payments of these months and their files; return the bank's statements. Nothing else may run meanwhile."""
    _registers(stage)
    portal = next(portal for portal in stage.hub.registers.portals.values() if portal.code == PORTAL)

    def fill(month: Month) -> None:
        with stage.engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            # Foreign keys and triggers are held against the same rows as laws, all at once.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            days = (month.last_on - month.first_on).days + 1
            binds = {"slice": month.number, "payments": month.payments, "first_on": month.first_on, "days": days}
            connection.execute(_SEED, {**binds, "portal_id": portal.id, "account_id": month.account_id})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, wanted))
    # Every month of an account is one transaction, and so one step.
    rollups.fold(stage.hub, len(wanted) + 1)
    with stage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM (ANALYZE, PARALLEL 2)"))
        connection.execute(text("CHECKPOINT"))
    with ThreadPoolExecutor(2) as pool:
        paid = list(pool.map(lambda month: _list(stage, month), wanted))
    balances = [0]
    return [_state(stage, list(of), balances) for _, of in groupby(paid, key=lambda each: (each.on.year, each.on.month))]


def _registers(stage: Stage) -> None:
    """Write the agencies, and let every account's files be read by the benchmark's own layout."""
    fees = [in_force(stage.hub.registers.fees[code], date(2023, 1, 1)) for code in _FEES]
    rows: list[dict[str, Any]] = [
        {"place": place, "id": _id(3, place), "account_id": _id(4, place), "code": f"Q{place:03}"} for place in range(AGENCIES)
    ]
    with stage.engine.begin() as connection:
        connection.execute(text(_TABLES))
        for statement in _AGENCY_ROWS:
            connection.execute(text(statement), rows)
        connection.execute(
            text("INSERT INTO seeded_fee VALUES (:place, :id, :kind, :budget_line, :retention_bp)"),
            [
                {"place": place, "id": fee.id, "kind": fee.kind, "budget_line": fee.budget_line, "retention_bp": 7000 * place}
                for place, fee in enumerate(fees)
                if fee is not None
            ],
        )
        till = "(SELECT id FROM bank_account WHERE code = :bank ORDER BY valid_from LIMIT 1)"
        accounts = f"UPDATE gateway_account SET mapping = 'layout', bank_account_id = {till}"
        connection.execute(text(accounts), {"bank": BANK})
        connection.execute(text("UPDATE bank_account SET statements = 'mt940'"))
        terms = (
            "UPDATE gateway_terms SET fee_fixed = :fee, payout_text = account.code FROM gateway_account AS account "
            "WHERE account.id = gateway_account_id"
        )
        connection.execute(text(terms), {"fee": _WITHHELD})
        connection.execute(text("UPDATE register_version SET version = version + 1"))


def _id(kind: int, place: int) -> uuid.UUID:
    return uuid.UUID(int=(kind << 120) + place)


_TABLES = """
    CREATE UNLOGGED TABLE seeded_agency (place int PRIMARY KEY, id uuid, account_id uuid);
    CREATE UNLOGGED TABLE seeded_fee (place int, id uuid, kind text, budget_line text, retention_bp int);
    SET LOCAL session_replication_role = replica
"""
_AGENCY_ROWS = (
    "INSERT INTO seeded_agency VALUES (:place, :id, :account_id)",
    """INSERT INTO agency (id, code, name_vi, name_en, chapter, budget_unit, valid_from)
       VALUES (:id, :code, :code, :code, '018', '1000000', '2020-01-01')""",
    """INSERT INTO collecting_account (id, agency_id, purpose, bank_bin, number, holder, valid_from)
       VALUES (:account_id, :id, 'all', '970436', :code, :code, '2020-01-01')""",
)


def _list(stage: Stage, month: Month) -> Paid:
    """Write the file of a month, the trailer last."""
    query = (HERE / "listing.sql").read_text(encoding="utf-8").format(
        account_id=month.account_id, first_on=month.first_on, last_on=month.last_on, fee=_WITHHELD, **PLANTED
    )  # fmt: skip
    count, total, net = 0, 0, 0
    connection = stage.engine.raw_connection()
    try:
        with connection.cursor() as cursor, month.file.open("wb") as out:  # type: ignore[attr-defined] # psycopg's own
            cursor.execute("SET statement_timeout = 0")
            out.write(_HEADER)
            with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as rows:
                for block in rows:
                    for amount, fee, currency in _rows(bytes(block)):
                        count, total = count + 1, total + amount
                        net += amount - fee if currency == b"VND" else 0
                    out.write(block)
            out.write(f"TONG,{count},{total},,,,,\n".encode())
    finally:
        connection.close()
    return Paid(month.account, working_days_after(stage.hub.registers, "kbnn", month.last_on, 1), net)


def _rows(block: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the amount, fee and currency of whole rows."""
    for row in block.splitlines():
        cells = row.split(b",")
        yield int(cells[5]), int(cells[6]), cells[7]


def _state(stage: Stage, paid: Sequence[Paid], balances: list[int]) -> Path:
    """Write the bank's MT940 of one month, which goes on from the last balance."""
    first_on = paid[0].on.replace(day=1)
    last_on = first_on.replace(day=calendar.monthrange(first_on.year, first_on.month)[1])
    rows = [f":20:{first_on:%Y%m}", ":25:1000000001", f":28C:{first_on:%m}/1", f":60F:C{first_on:%y%m%d}VND{balances[-1]},"]
    for each in paid:
        rows += [f":61:{each.on:%y%m%d}{each.on:%m%d}C{each.amount},NTRFNONREF//{each.account}", f":86:{each.account}"]
    balances.append(balances[-1] + sum(each.amount for each in paid))
    file = stage.folder / f"{BANK}-{first_on}.txt"
    file.write_bytes("\r\n".join([*rows, f":62F:C{last_on:%y%m%d}VND{balances[-1]},", ""]).encode("ascii"))
    return file
