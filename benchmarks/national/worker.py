"""One worker of the national run: takes the next file, imports it, runs it; prints what it needed.

`python -m benchmarks.national.worker PLACE WORKERS` reads the files' list as JSON from its standard input.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import uuid
from datetime import date
from pathlib import Path

from payhub import hub as hubs
from payhub import settings
from payhub.app import registry
from payhub.clock import SystemClock
from reconciliation import runs
from reconciliation.banking.statements import import_statement
from reconciliation.models import Run
from reconciliation.running import OPEN
from reconciliation.settlements import import_settlement

_PAUSE_S = 0.005
"""Between two looks at a run that another worker holds up."""


def main() -> None:
    """Take every so-many-th file, from the place on."""
    place, workers = int(sys.argv[1]), int(sys.argv[2])
    files = json.load(sys.stdin)
    registry()
    from gateways.registry import GATEWAYS  # noqa: PLC0415 - read with the settings

    hub = hubs.build(settings.load(dict(os.environ)), GATEWAYS, SystemClock())
    import_s = run_s = 0.0
    for file in files[place::workers]:
        began = time.perf_counter()
        if "statement" in file:
            with Path(file["statement"]).open("rb") as source:
                import_statement(hub, file["bank"], "statement", "", source)
            continue
        run_id = file.get("run")
        if run_id is None:
            with Path(file["path"]).open("rb") as source:
                imported = import_settlement(
                    hub, file["account"], date.fromisoformat(file["first_on"]), "", source, date.fromisoformat(file["last_on"])
                )
            run_id = imported.run_id
        between = time.perf_counter()
        while _open(hub, run_id):
            # Where another worker is at work on the account, nothing is done yet.
            runs.execute(hub, run_id)
            time.sleep(_PAUSE_S)  # nothing tells a worker that another is done
        import_s, run_s = import_s + between - began, run_s + time.perf_counter() - between
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"import_s": import_s, "run_s": run_s, "peak_mib": peak_mib, "cpu_s": used.ru_utime + used.ru_stime}))


def _open(hub: hubs.Hub, run_id: uuid.UUID) -> bool:
    with hub.db.session() as session:
        return session.get_one(Run, run_id).state in OPEN


if __name__ == "__main__":
    main()
