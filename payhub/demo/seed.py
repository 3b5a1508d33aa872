"""Filling the registers with the sample data. What is there stays: seeding again adds only what is missing, and fresh API keys."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.accounts.models import GatewayAccount, GatewaySecret, GatewayTerms
from payhub.agencies.models import Agency, CollectingAccount, DayOff
from payhub.crypto import Sealed
from payhub.db import Base
from payhub.demo.tables import ANY, a_date, date_or_none, number_or_none, rows
from payhub.fees.models import Fee, Retention
from payhub.hub import Hub
from payhub.portals import keys
from payhub.portals.models import ApiKey, Portal, PortalGrant
from webhooks import endpoints
from webhooks.models import WebhookEndpoint

VNPAY_SANDBOX = {
    "pay": "https://sandbox.vnpayment.vn/paymentv2/vpcpay.html",
    "api": "https://sandbox.vnpayment.vn/merchant_webapi/api/transaction",
}
DEVELOPMENT_SECRET = "PAYHUB-DEVELOPMENT-SECRET-NOT-LIVE"  # noqa: S105 - shared with the simulator, which takes no money
TOLD = ("payment.paid", "payment.expired", "payment.reversed")
"""What the sample portals are told of."""

Entity = TypeVar("Entity", bound=Base)


@dataclass(frozen=True, slots=True)
class Seeded:
    """What is shown only once: API keys and webhook secrets, by portal code."""

    keys: Mapping[str, str] = field(repr=False)
    webhook_secrets: Mapping[str, str] = field(repr=False)


def seed(
    hub: Hub,
    folder: Path,
    *,
    endpoints_of: Mapping[str, str] = VNPAY_SANDBOX,
    secret: str = DEVELOPMENT_SECRET,
    origins: Mapping[str, Sequence[str]] | None = None,
    webhook_urls: Mapping[str, str] | None = None,
) -> Seeded:
    """Fill the registers from the CSV files of a folder, in one transaction.

    `endpoints_of` and `secret` are the gateway's; by portal code, `origins` are more return origins and `webhook_urls` who is told.
    """
    with hub.db.session() as session:
        seeding = _Seeding(hub, session, folder, hub.clock.now())
        agencies = seeding.agencies()
        seeding.fees()
        seeding.retentions(agencies)
        seeding.days_off()
        portals = seeding.portals(origins or {})
        seeding.grants(portals, agencies)
        seeding.gateway_accounts(agencies, endpoints_of, secret)
        session.flush()
        made = seeding.api_keys(portals)
        told = {code: _tell(hub, session, portals[code], url) for code, url in (webhook_urls or {}).items()}
    hub.cache.fresh()
    return Seeded(made, {code: given for code, given in told.items() if given})


def _tell(hub: Hub, session: Session, portal: Portal, url: str) -> str | None:
    """Add an endpoint; None where the portal has that one, whose secret was shown when it was added."""
    known = select(WebhookEndpoint.id).where(WebhookEndpoint.portal_id == portal.id, WebhookEndpoint.url == url)
    if session.scalar(known.limit(1)) is not None:
        return None
    return endpoints.add(hub, session, portal.id, url, TOLD)[1]


@dataclass(frozen=True, slots=True)
class _Seeding:
    hub: Hub
    session: Session
    folder: Path
    now: datetime

    def agencies(self) -> dict[str, Agency]:
        """Add agencies, their successors and their accounts."""
        read = list(rows(self.folder, "agencies"))
        names = ("name_vi", "name_en", "chapter", "budget_unit")
        agencies = {}
        for row in read:
            values = {name: row[name] for name in names}
            agencies[row["code"]] = self._once(Agency, {"code": row["code"]}, **values, **_dates(row), successor_id=None)
        for row in read:
            agencies[row["code"]].successor_id = agencies[row["successor"]].id if row["successor"] else None
        for row in rows(self.folder, "collecting_accounts"):
            values = {name: row[name] for name in ("purpose", "bank_bin", "number", "holder")}
            self._once(CollectingAccount, {"agency_id": agencies[row["agency"]].id, **values}, **_dates(row))
        return agencies

    def fees(self) -> None:
        """Add the fee schedule."""
        for row in rows(self.folder, "fees"):
            amounts = {name: number_or_none(row[name]) for name in ("amount", "minimum", "maximum")}
            texts = {name: row[name] for name in ("kind", "name_vi", "name_en", "budget_line", "rule", "late_money", "source")}
            dates = _dates(row)
            self._once(
                Fee, {"code": row["code"], "valid_from": dates.pop("valid_from")},
                **texts, **amounts, **dates, procedure=row["procedure"] or None,
            )  # fmt: skip

    def retentions(self, agencies: Mapping[str, Agency]) -> None:
        """Add what agencies retain of each phí."""
        for row in rows(self.folder, "retentions"):
            of = {"agency_id": agencies[row["agency"]].id, "fee_code": row["fee"], "valid_from": a_date(row["valid_from"])}
            self._once(Retention, of, basis_points=int(row["basis_points"]), valid_to=date_or_none(row["valid_to"]))

    def days_off(self) -> None:
        """Add public holidays."""
        for row in rows(self.folder, "days_off"):
            self._once(DayOff, {"calendar": row["calendar"], "on": a_date(row["on"])}, name=row["name"])

    def portals(self, origins: Mapping[str, Sequence[str]]) -> dict[str, Portal]:
        """Add portals, and the origins their citizens may return to."""
        portals = {}
        for row in rows(self.folder, "portals"):
            code = row["code"]
            names = {name: row[name] for name in ("name_vi", "name_en")}
            portal = self._once(Portal, {"code": code}, **names, return_origins=[], created_at=self.now, closed_at=None)
            registered = [*portal.return_origins, *row["return_origins"].split(), *origins.get(code, ())]
            portal.return_origins = list(dict.fromkeys(registered))
            portals[code] = portal
        return portals

    def grants(self, portals: Mapping[str, Portal], agencies: Mapping[str, Agency]) -> None:
        """Add what each portal may ask for."""
        for row in rows(self.folder, "grants"):
            agency = None if row["agency"] == ANY else agencies[row["agency"]].id
            fee = None if row["fee"] == ANY else row["fee"]
            of = {"portal_id": portals[row["portal"]].id, "agency_id": agency, "fee_code": fee}
            self._once(PortalGrant, of, valid_from=a_date("2020-01-01"), valid_to=None)

    def gateway_accounts(self, agencies: Mapping[str, Agency], endpoints_of: Mapping[str, str], secret: str) -> None:
        """Add gateway accounts with their terms and secret; where they are reached is brought up to date."""
        accounts = {}
        names = ("gateway", "terminal", "name_vi", "name_en", "settlement", "currency", "mapping")
        for row in rows(self.folder, "gateway_accounts"):
            owner = agencies[row["owner"]].id if row["owner"] else None
            numbers = {name: int(row[name]) for name in ("minimum", "maximum", "rank")}
            account = self._once(
                GatewayAccount, {"code": row["code"]}, **{name: row[name] for name in names}, **numbers,
                endpoints={}, owner_agency_id=owner, opened_at=datetime.fromisoformat(row["opened_at"]), closed_at=None,
            )  # fmt: skip
            account.endpoints = dict(endpoints_of)
            accounts[row["code"]] = account
        self.session.flush()
        for row in rows(self.folder, "gateway_terms"):
            of = {"gateway_account_id": accounts[row["account"]].id, "valid_from": a_date(row["valid_from"])}
            cut_off = time.fromisoformat(row["cut_off"])
            self._once(GatewayTerms, of, cut_off=cut_off, calendar=row["calendar"], grace_days=int(row["grace_days"]))
        for account in accounts.values():
            self._share_secret(account, secret)

    def api_keys(self, portals: Mapping[str, Portal]) -> dict[str, str]:
        """Make one key for each portal; only its hash is kept, so every seeding makes new ones."""
        made = {}
        for row in rows(self.folder, "keys"):
            made[row["portal"]] = key = keys.new_key(self.hub.settings.mode)
            api_key = ApiKey(
                id=ids.new_id(), portal_id=portals[row["portal"]].id, prefix=key.split("_")[2], digest=keys.digest(key),
                scopes=row["scopes"].split(), created_at=self.now, expires_at=None, revoked_at=None,
            )  # fmt: skip
            self.session.add(api_key)
        return made

    def _share_secret(self, account: GatewayAccount, secret: str) -> None:
        live = select(GatewaySecret).where(GatewaySecret.gateway_account_id == account.id, GatewaySecret.retired_at.is_(None))
        for known in self.session.scalars(live):
            if self.hub.keyring.open(Sealed(known.sealed_key, known.sealed), f"gateway_secret {known.id}") == secret.encode():
                return
        row_id = ids.new_id()
        sealed = self.hub.keyring.seal(secret.encode(), f"gateway_secret {row_id}")
        self.session.add(
            GatewaySecret(
                id=row_id, gateway_account_id=account.id, sealed_key=sealed.key, sealed=sealed.data, created_at=self.now,
                retired_at=None,
            )
        )  # fmt: skip

    def _once(self, entity: type[Entity], of: Mapping[str, Any], /, **values: Any) -> Entity:
        """Return the row that these columns name, added where it is missing."""
        wanted = select(entity).where(*(getattr(entity, name).is_not_distinct_from(value) for name, value in of.items()))
        row = self.session.scalar(wanted)
        if row is None:
            identity: dict[str, uuid.UUID] = {"id": ids.new_id()} if hasattr(entity, "id") else {}
            row = entity(**identity, **{**values, **of})
            self.session.add(row)
        return row


def _dates(row: Mapping[str, str]) -> dict[str, Any]:
    return {"valid_from": a_date(row["valid_from"]), "valid_to": date_or_none(row["valid_to"])}
