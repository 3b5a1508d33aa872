"""The front door: wires the hub, its features and its rooms into one application."""

from __future__ import annotations

import gc
import time

from flask import Flask, Response, g, request
from sqlalchemy.exc import OperationalError
from werkzeug.middleware.proxy_fix import ProxyFix

import reconciliation
import webhooks
from gateways.registry import GATEWAYS
from payhub import checkout, http, log, openapi, settings
from payhub.accounts.holds import LAWS as HOLD_LAWS
from payhub.accounts.views import bp as gateways_bp
from payhub.agencies.views import bp as agencies_bp
from payhub.attesting.views import bp as signing_keys_bp
from payhub.clock import Clock, SystemClock
from payhub.discrepancies.laws import LAWS as DISCREPANCY_LAWS
from payhub.fees.laws import LAWS as FEE_LAWS
from payhub.fees.views import bp as fees_bp
from payhub.hub import Hub, build
from payhub.imports.laws import LAWS as IMPORT_LAWS
from payhub.imports.views import bp as registers_bp
from payhub.ledger import days, figures
from payhub.ledger.laws import LAWS
from payhub.metrics import bp as metrics_bp
from payhub.metrics import observe
from payhub.payments.disputes.laws import LAWS as DISPUTE_LAWS
from payhub.payments.disputes.views import bp as disputes_bp
from payhub.payments.receipts.laws import LAWS as RECEIPT_LAWS
from payhub.payments.receipts.views import bp as receipts_bp
from payhub.payments.refunds.laws import LAWS as REFUND_LAWS
from payhub.payments.refunds.views import bp as refunds_bp
from payhub.payments.views import bp as payments_bp
from payhub.people import rekeying
from payhub.people.laws import LAWS as PEOPLE_LAWS
from payhub.people.views import bp as people_bp
from payhub.portals.laws import LAWS as KEY_LAWS
from payhub.portals.national.laws import LAWS as NATIONAL_LAWS
from payhub.portals.national.views import bp as national_bp
from payhub.registry import Periodic, Registry
from payhub.ring import standing
from payhub.ring.laws import LAWS as RING_LAWS
from payhub.secrets.laws import LAWS as SECRET_LAWS
from payhub.secrets.views import bp as secrets_bp
from payhub.settings import Settings
from payhub.staff.laws import LAWS as STAFF_LAWS
from payhub.staff.views import bp as proposals_bp

_log = log.get(__name__)


def registry() -> Registry:
    """Collect what the hub and its rooms offer."""
    offers = Registry(
        blueprints=[
            payments_bp, fees_bp, agencies_bp, refunds_bp, disputes_bp, receipts_bp, proposals_bp, gateways_bp, registers_bp,
            secrets_bp, people_bp, national_bp, signing_keys_bp, openapi.bp, metrics_bp, *checkout.BLUEPRINTS,
        ],
        periodic=[
            Periodic("payhub.payments.jobs.check_due", lambda s: s.jobs.checks_s),
            Periodic("payhub.payments.jobs.refund_due", lambda s: s.jobs.refunds_s),
            Periodic("payhub.payments.jobs.probe_due", lambda s: s.jobs.probes_s),
            Periodic("payhub.payments.jobs.close_due", lambda s: s.jobs.expiry_s),
            Periodic("payhub.accounts.jobs.fetch_banks", lambda _: 60),
            Periodic("payhub.ledger.jobs.fold", lambda s: s.jobs.fold_s),
            Periodic("payhub.payments.jobs.sweep", lambda s: s.jobs.sweep_s),
            Periodic("payhub.people.jobs.destroy_due", lambda s: s.jobs.sweep_s),
        ],
        laws=[
            *LAWS, *FEE_LAWS, *REFUND_LAWS, *DISPUTE_LAWS, *RECEIPT_LAWS, *days.LAWS, *figures.LAWS, *STAFF_LAWS, *HOLD_LAWS,
            *IMPORT_LAWS, *SECRET_LAWS, *RING_LAWS, *PEOPLE_LAWS, *DISCREPANCY_LAWS, *KEY_LAWS, *NATIONAL_LAWS,
        ],
    )
    rekeying.offer()
    for room in (webhooks, reconciliation):
        room.init_app(offers)
    return offers


def make_hub(given: Settings | None = None, clock: Clock | None = None) -> Hub:
    """Build a hub from settings (the environment's without any) and the real gateways."""
    return build(given or settings.load(), GATEWAYS, clock or SystemClock())


def create_app(given: Settings | None = None, hub: Hub | None = None) -> Flask:
    """Return the WSGI application."""
    hub = hub or make_hub(given)
    log.configure(hub.settings.log)
    app = Flask("payhub", static_folder=None)
    app.extensions["payhub"] = hub
    app.config["MAX_CONTENT_LENGTH"] = hub.settings.api.max_body_bytes
    for blueprint in registry().blueprints:
        app.register_blueprint(blueprint)
    http.answer_errors(app)
    app.before_request(_begin)
    app.after_request(_finish)
    proxies = hub.settings.web.trusted_proxies
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    return app


def serving() -> Flask:
    """Return the application for a process that does nothing but serve it; raise `RingUnfit` where its ring is not the hub's."""
    hub = make_hub()
    app = create_app(hub=hub)
    _check_ring(hub)
    # What it is built of is there for good; looked through for garbage now and then, it would stop a request for 50 ms each time.
    gc.collect()
    gc.freeze()
    return app


def _check_ring(hub: Hub) -> None:
    """Refuse a ring that lacks a key in use: such a process seals what nobody opens. Without a database nothing can be said."""
    try:
        with hub.db.session() as session:
            standing.enter(hub, session)
    except OperationalError as error:
        _log.warning("ring.not_checked", kind=type(error).__name__)


def _begin() -> None:
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    took = time.perf_counter() - g.started
    route = request.url_rule.rule if request.url_rule else "none"
    observe(request.method, route, response.status_code, took)
    response.headers["X-Content-Type-Options"] = "nosniff"
    if (allowance := g.get("allowance")) is not None:
        response.headers.update(allowance.headers())
    if (caller := g.get("caller")) is not None:
        hub = http.the_hub()
        hub.uses.note(caller.key.id, hub.clock.now())
    return response
