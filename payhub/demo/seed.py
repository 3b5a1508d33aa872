"""Filling the registers with the sample data. What is there stays: seeding again adds only what is missing, and fresh API keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.accounts.models import GatewayAccount, GatewaySecret
from payhub.demo.stories import NATIONAL
from payhub.demo.tables import read_rows, rows
from payhub.hub import Hub
from payhub.imports.applying import fill, on_day
from payhub.imports.standing import Names
from payhub.imports.tables import REGISTERS
from payhub.portals import keys
from payhub.portals.models import ApiKey, Portal, PortalSecret
from payhub.secrets import sealing
from payhub.secrets.states import SecretState
from webhooks import endpoints
from webhooks.models import WebhookEndpoint

SANDBOXES: Mapping[str, Mapping[str, str]] = {
    "vnpay": {
        "pay": "https://sandbox.vnpayment.vn/paymentv2/vpcpay.html",
        "api": "https://sandbox.vnpayment.vn/merchant_webapi/api/transaction",
    },
    "momo": {"api": "https://test-payment.momo.vn"},
    "zalopay": {"api": "https://sb-openapi.zalopay.vn"},
}
"""Where each gateway lets merchants try things out, by the names of `Gateway.endpoints`."""
DEVELOPMENT_SECRET = "PAYHUB-DEVELOPMENT-SECRET-NOT-LIVE"  # noqa: S105 - shared with the simulator, which takes no money
DEVELOPMENT_SECRETS: Mapping[str, Mapping[str, str]] = {
    "vnpay": {"secret": DEVELOPMENT_SECRET},
    "momo": {"access_key": f"{DEVELOPMENT_SECRET}-MOMO-ACCESS", "secret_key": f"{DEVELOPMENT_SECRET}-MOMO-SIGN"},
    "zalopay": {"key1": f"{DEVELOPMENT_SECRET}-ZALOPAY-1", "key2": f"{DEVELOPMENT_SECRET}-ZALOPAY-2"},
}
"""The simulator's, by gateway and by the names of `Gateway.secret_names`."""
def partner_secret(portal: str) -> str:
    """Return the secret of a sample portal that speaks the national contract."""
    return f"{DEVELOPMENT_SECRET}-{portal}"


TOLD = (
    *("payment.paid", "payment.expired", "payment.reversed"),
    *("payment.reported", "payment.unreported", "payment.banked", "payment.unbanked"),
)
"""What the sample portals are told of."""

_SEEDED = {"owner", "methods", "bank_account", "endpoints"}
"""Columns of gateway accounts that are written otherwise than they stand in the file."""
_BEFORE_ALL = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Seeded:
    """What is shown only once: API keys and webhook secrets, by portal code."""

    keys: Mapping[str, str] = field(repr=False)
    webhook_secrets: Mapping[str, str] = field(repr=False)


def seed(
    hub: Hub,
    folder: Path,
    *,
    endpoints_of: Mapping[str, Mapping[str, str]] = SANDBOXES,
    secrets_of: Mapping[str, Mapping[str, str]] = DEVELOPMENT_SECRETS,
    origins: Mapping[str, Sequence[str]] | None = None,
    webhook_urls: Mapping[str, str] | None = None,
    confirm_urls: Mapping[str, str] | None = None,
) -> Seeded:
    """Fill the registers from the CSV files of a folder, in one transaction.

    `endpoints_of` and `secrets_of` are by gateway; by portal code, `origins` are more return origins, `webhook_urls` who is told,
    `confirm_urls` who is told by the national contract.
    """
    with hub.db.session() as session:
        seeding = _Seeding(hub, session, folder, hub.clock.now(), endpoints_of, secrets_of)
        seeding.registers()
        portals = seeding.portals(origins or {})
        session.flush()
        made = seeding.api_keys(portals)
        seeding.partners(portals)
        told = {code: _tell(hub, session, portals[code], url) for code, url in (webhook_urls or {}).items()}
        for code, url in (confirm_urls or {}).items():
            endpoints.add(hub, session, portals[code].id, url, endpoints.CONFIRMED, protocol="payment_platform")
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
    endpoints_of: Mapping[str, Mapping[str, str]]
    secrets_of: Mapping[str, Mapping[str, str]]

    def registers(self) -> None:
        """Add every row of every register that is kept by files and is missing."""
        # A register that is being filled has no history yet; where money is real the database goes by its own day, and refuses.
        on_day(self.session, _BEFORE_ALL)
        for name in REGISTERS:
            if name == "gateway_accounts":
                self.gateway_accounts()
                continue
            register, rows = read_rows(self.folder, name)
            fill(self.session, register, rows)

    def portals(self, origins: Mapping[str, Sequence[str]]) -> dict[str, Portal]:
        """Register more origins that citizens may return to; return every portal by its code."""
        found = {}
        for portal in self.session.scalars(select(Portal).order_by(Portal.valid_from.desc())):
            portal.return_origins = list(dict.fromkeys([*portal.return_origins, *origins.get(portal.code, ())]))
            found[portal.code] = portal
        return found

    def gateway_accounts(self) -> None:
        """Add gateway accounts with their secrets; where they are reached is brought up to date."""
        names = Names(self.session)
        agencies, banks = names.ids("agencies"), names.ids("bank_accounts")
        for row in rows(self.folder, "gateway_accounts"):
            known = self.session.scalar(select(GatewayAccount).where(GatewayAccount.code == row["code"]))
            account = known or GatewayAccount(
                id=ids.new_id(), owner_agency_id=agencies[row["owner"]] if row["owner"] else None,
                bank_account_id=banks[row["bank_account"]] if row["bank_account"] else None, methods=list(row["methods"]),
                **{name: value for name, value in row.items() if name not in _SEEDED},
            )  # fmt: skip
            account.endpoints = dict(self.endpoints_of[account.gateway])
            self.session.add(account)
            self.session.flush()
            for name, secret in self.secrets_of[account.gateway].items():
                self._share_secret(account, name, secret)

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

    def partners(self, portals: Mapping[str, Portal]) -> None:
        """Share a secret with every portal that speaks the national contract alone and has none."""
        for code in NATIONAL:
            live = select(PortalSecret.id).where(PortalSecret.portal_id == portals[code].id, PortalSecret.state == SecretState.LIVE)
            if self.session.scalar(live.limit(1)) is None:
                held = sealing.seal(self.hub.keyring, "portal_secret", ids.new_id(), partner_secret(code))
                self.session.add(PortalSecret(**held, portal_id=portals[code].id, direction="inbound", **self._live()))

    def _live(self) -> dict[str, Any]:
        """Return what a secret has that is shared with the other side from the beginning."""
        since = {"created_at": self.now, "live_at": self.now}
        return {"state": SecretState.LIVE, "origin": "given", "created_by": None, **since, "ended_at": None}

    def _share_secret(self, account: GatewayAccount, name: str, secret: str) -> None:
        mine = (GatewaySecret.gateway_account_id == account.id, GatewaySecret.name == name)
        live = select(GatewaySecret).where(*mine, GatewaySecret.state == SecretState.LIVE)
        if any(sealing.open_(self.hub.keyring, known) == secret for known in self.session.scalars(live)):
            return
        held = sealing.seal(self.hub.keyring, "gateway_secret", ids.new_id(), secret)
        self.session.add(GatewaySecret(**held, gateway_account_id=account.id, name=name, **self._live()))
