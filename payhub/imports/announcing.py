"""Accounts are announced before they take effect, and whoever is trusted may stop them until then."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids, log
from payhub.agencies.models import Agency, CollectingAccount
from payhub.clock import local_date
from payhub.errors import NotFound, Text
from payhub.hub import Hub
from payhub.imports.applying import on_day
from payhub.imports.errors import NothingCools
from payhub.imports.models import AccountStop, Announcement
from payhub.imports.specs import Row
from payhub.imports.standing import Names
from payhub.registers import RegisterVersion
from payhub.sealed import context_of
from payhub.staff import audit
from payhub.staff.errors import RoleMissing
from payhub.staff.people import Person

_log = log.get(__name__)
MAY_STOP = ("approver", "admin")
KINDS = {
    "phi": Text("phí", "phí"),
    "le_phi": Text("lệ phí", "lệ phí"),
    "tax": Text("thuế", "tax"),
    "fine": Text("tiền phạt", "fines"),
    "contribution": Text("khoản đóng góp", "contributions"),
    "other": Text("khoản thu khác", "other revenue"),
}


def masked(number: str) -> str:
    """Return an account number of which only the last four digits are left."""
    digits = [at for at, character in enumerate(number) if character.isdigit()][:-4]
    return "".join("*" if at in digits else character for at, character in enumerate(number))


def announce(session: Session, added: Mapping[Row, uuid.UUID], names: Names, now: datetime) -> None:
    """Tell portals of new accounts; the rows are written in the transaction that made the accounts."""
    for row, account_id in added.items():
        kind, day = KINDS[row.purpose], row.valid_from
        number, holder = masked(row.number), row.holder
        where_vi, where_en = f"tài khoản {number}, ngân hàng {row.bank_bin}", f"account {number} at bank {row.bank_bin}"
        vi = f"Từ ngày {day:%d/%m/%Y}, {kind.vi} của {row.agency} được nộp vào {where_vi}, {holder}."
        en = f"From {day:%Y-%m-%d} on, {kind.en} of {row.agency} is paid into {where_en}, {holder}."
        account = {"agency_id": names.ids("agencies")[row.agency], "collecting_account_id": account_id, "effective_on": day}
        _write(session, "account", Text(vi, en), now, **account)
    session.flush()


def _write(session: Session, kind: str, said: Text, now: datetime, **account: Any) -> None:
    made = Announcement(id=ids.new_id(), kind=kind, text_vi=said.vi, text_en=said.en, created_at=now, **account)
    session.add(made)
    facts = {"agency": str(made.agency_id), "effective_on": str(made.effective_on), "announcement": str(made.id)}
    _log.info("account.announced", kind=kind, **facts)


def stop(hub: Hub, session: Session, agency_code: str, purpose: str, reason: str, by: Person) -> list[CollectingAccount]:
    """Stop what has not taken effect yet of an agency's accounts for one kind of fee; the account in force stays."""
    if not by.may(*MAY_STOP):
        raise RoleMissing
    now = hub.clock.now()
    today, agency = local_date(now), _agency(session, agency_code)
    on_day(session, today)
    # As an approval does: whoever changes registers waits here, never for one row while holding another.
    session.execute(select(RegisterVersion.version).with_for_update())
    accounts = session.scalars(
        select(CollectingAccount)
        .where(CollectingAccount.agency_id == agency.id, CollectingAccount.purpose == purpose)
        .order_by(CollectingAccount.valid_from.desc())
        .with_for_update()
    ).all()
    waiting = [account for account in accounts if account.valid_from > today and account.valid_to != account.valid_from]
    if not waiting:
        raise NothingCools
    for account in waiting:
        _take_back(session, account, accounts)
        number = masked(account.number)
        vi = f"Tài khoản {number} đã công bố cho {agency.code} không được áp dụng; tài khoản hiện hành giữ nguyên."
        en = f"The account {number} announced for {agency.code} does not take effect; the account in force stays."
        about = {"agency_id": agency.id, "collecting_account_id": account.id, "effective_on": account.valid_from}
        _write(session, "account_stopped", Text(vi, en), now, **about)
        sealed = hub.keyring.seal(reason.encode(), context_of("account_stop", collecting_account_id=account.id))
        stopped = {"stopped_by": by.id, "stopped_at": now, "reason_key": sealed.key, "reason": sealed.data}
        session.add(AccountStop(collecting_account_id=account.id, **stopped))
    session.flush()
    for account in waiting:
        data = {"agency": agency.code, "purpose": purpose, "valid_from": str(account.valid_from)}
        audit.append(session, actor=by.id, act="account.stopped", target=f"collecting_account/{account.id}", at=now, data=data)
    return waiting


def _take_back(session: Session, account: CollectingAccount, accounts: Sequence[CollectingAccount]) -> None:
    """Let an account never begin; the one whose place it was to take goes on for as long as it would have."""
    until, account.valid_to = account.valid_to, account.valid_from
    session.flush()
    for before in accounts:
        if before is not account and before.valid_to == account.valid_from and before.valid_from < account.valid_from:
            before.valid_to = until
    session.flush()


def _agency(session: Session, code: str) -> Agency:
    found = session.scalar(select(Agency).where(Agency.code == code).order_by(Agency.valid_from).limit(1))
    if found is None:
        raise NotFound(Text(f"Không có cơ quan {code}", f"There is no agency {code}"))
    return found


def newest(session: Session, limit: int, agency_code: str | None = None, before: uuid.UUID | None = None) -> Sequence[Any]:
    """Return announcements with their agencies' codes, newest first."""
    wanted = select(Announcement, Agency.code).join(Agency, Agency.id == Announcement.agency_id)
    if agency_code is not None:
        wanted = wanted.where(Agency.code == agency_code)
    if before is not None:
        wanted = wanted.where(Announcement.id < before)
    return session.execute(wanted.order_by(Announcement.id.desc()).limit(limit)).all()
