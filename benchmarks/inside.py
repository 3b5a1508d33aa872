"""The application inside this process: the same code as the web process, driven request by request, so that it can be looked at."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr

from flask import Flask

from benchmarks.stage import Stage
from benchmarks.steps import Answer, Request, Script, Target
from payhub import settings
from payhub.app import create_app, make_hub
from payhub.hub import Hub

Send = Callable[[Request], Answer]


@dataclasses.dataclass(frozen=True, slots=True)
class Inside:
    """One application, its hub, and a way to send it a request."""

    app: Flask
    hub: Hub
    send: Send
    target: Target

    def play(self, script: Callable[[Target], Script]) -> None:
        """Play one script to its end."""
        playing = script(self.target)
        request = next(playing)
        while True:
            try:
                request = playing.send(self.send(request))
            except StopIteration:
                return


@contextmanager
def inside(stage: Stage, database_url: str | None = None) -> Iterator[Inside]:
    """Lend an application on the stage's database, or on that of another address.

    It reads the registers once: how often they are looked at again depends on the time, not on the requests.
    """
    environment = {**stage.surroundings.environment, "PAYHUB_API__REGISTER_S": "86400"}
    hub = make_hub(settings.load({**environment, "DATABASE_URL": database_url or stage.surroundings.database_url}))
    try:
        with redirect_stderr(stage.log):
            app = create_app(hub=hub)
        yield Inside(app, hub, _sender(app), stage.target)
    finally:
        hub.db.close()
        hub.redis.close()


def _sender(app: Flask) -> Send:
    client = app.test_client()

    def send(request: Request) -> Answer:
        answer = client.open(request.path, method=request.method, headers=list(request.headers), data=request.body)
        return Answer(answer.status_code, answer.headers.get("Location", ""), answer.get_data())

    return send
