"""The simulator as an application, as a server, and as a process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from flask import Flask, Response, g, request
from werkzeug.serving import WSGIRequestHandler, make_server

# The modules of a gateway's API, and of the bank's, add their calls to its blueprint.
from gateways.simulator import (
    bank_control,
    control,
    momo_door,
    momo_query,
    momo_refund,
    napas_files,
    vnpay_banks,
    vnpay_query,
    zalopay_door,
    zalopay_query,
)
from gateways.simulator.config import SimulatorConfig
from gateways.simulator.fallen import fallen
from gateways.simulator.pages import page_closed, simulation
from gateways.simulator.simulation import Simulation
from gateways.simulator.troubles import Trouble, hung_up

log = logging.getLogger(__name__)

_BLUEPRINTS = (
    control.bp, bank_control.bp, vnpay_query.bp, vnpay_banks.bp, momo_query.bp, momo_refund.bp, zalopay_query.bp, napas_files.bp,
)  # fmt: skip
_CLOSED: Mapping[str, Callable[[], Response]] = {
    "vnpay": vnpay_query.closed,
    "momo": momo_door.closed,
    "zalopay": zalopay_door.closed,
}


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Keep signed URLs out of the log."""


def create_app(config: SimulatorConfig) -> Flask:
    """Build the application and start its courier. Raises SimulatorRefused unless config.mode is "test".

    `app.extensions["simulation"].close()` stops the courier and closes the books.
    """
    app = Flask(__name__)
    app.extensions["simulation"] = Simulation(config)
    for blueprint in dict.fromkeys(_BLUEPRINTS):
        app.register_blueprint(blueprint)
    app.before_request(_trouble)
    app.after_request(_deafen)
    return app


def _trouble() -> Response | None:
    """Let a call meet what is wrong with its gateway; the endpoints of a gateway's blueprint are named like the calls."""
    name, _, call = (request.endpoint or "").partition(".")
    met = simulation().troubles.met(name, call) if name in _CLOSED else None
    if met is None:
        return None
    trouble, by_s = met
    g.deaf = trouble is Trouble.DEAF
    return fallen(simulation(), trouble, by_s, page_closed if call == "page" else _CLOSED[name])


def _deafen(response: Response) -> Response:
    return hung_up() if g.pop("deaf", False) else response


@contextmanager
def serving(config: SimulatorConfig) -> Iterator[str]:
    """Serve from a thread of this process; gives the base URL, so port 0 is any free one."""
    app = create_app(config)
    try:
        server = make_server(config.host, config.port, app, threaded=True, request_handler=_Quiet)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="simulator", daemon=True)
        thread.start()
        try:
            yield f"http://{config.host}:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
    finally:
        app.extensions["simulation"].close()


def run(config: SimulatorConfig) -> None:
    """Serve until interrupted. Raises SimulatorRefused unless config.mode is "test"."""
    with serving(config) as url:
        log.info("the simulator takes no money at %s", url)
        threading.Event().wait()
