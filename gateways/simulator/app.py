"""The simulator as an application, as a server, and as a process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from gateways.simulator import control, vnpay_pay, vnpay_query
from gateways.simulator.config import SimulatorConfig
from gateways.simulator.simulation import Simulation

log = logging.getLogger(__name__)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
        """Keep signed URLs out of the log."""


def create_app(config: SimulatorConfig) -> Flask:
    """Build the application and start its courier. Raises SimulatorRefused unless config.mode is "test".

    `app.extensions["simulation"].close()` stops the courier and closes the books.
    """
    app = Flask(__name__)
    app.extensions["simulation"] = Simulation(config)
    for blueprint in (vnpay_pay.bp, vnpay_query.bp, control.bp):
        app.register_blueprint(blueprint)
    return app


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
