"""The published contract against the application: whatever is sent, no answer is our fault and none is left undocumented."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
from schemathesis import openapi
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from sqlalchemy import select

from gateways.simulator.bank import Entry, Statement
from gateways.simulator.camt import camt053, camt054
from gateways.simulator.config import GMT7
from payhub.ids import public_id
from payhub.portals.service import portal_named
from reconciliation import runs
from reconciliation.dayfiles import making
from reconciliation.receiving import arriving
from reconciliation.receiving.arriving import Seen
from reconciliation.receiving.places import Expected, places
from webhooks import endpoints, relay
from webhooks.models import Delivery

# What the registers of the tests know: without it no generated payment would ever be made, and no answer hold a row.
KNOWN = {
    ("NewLine", "fee"): {"enum": ["LP-LLTP"]},
    ("NewLine", "agency"): {"enum": ["000.00.00.G15", "000.00.00.H29", "000.00.00.G01"]},
    ("NewLine", "amount"): {"enum": [200_000]},
    ("NewPayment", "lines"): {"maxItems": 3},
    ("NewPayment", "additional"): {"enum": [True]},
    ("NewPayment", "return_url"): {"enum": ["https://dichvucong.moj.example/xong?a=1"]},
    ("NewPayment", "expires_at"): {"enum": ["2026-11-21T16:00:00+07:00"]},
    ("NewRefund", "lines"): {"minItems": 1, "maxItems": 1},
    ("RefundedLine", "number"): {"enum": [1]},
    ("RefundedLine", "amount"): {"enum": [1_000]},
    ("NewEndpoint", "url"): {"enum": ["http://127.0.0.1:9/told"]},
    ("NewEndpoint", "event_types"): {"enum": [["payment.created"], ["payment.paid", "payment.expired"]]},
    ("NewEndpoint", "version"): {"enum": [1]},
}
# Only a gateway makes a refund fail, and only one that failed is sent again: tests/refunds does both.
BEYOND = {"POST /v1/refunds/{refund_id}/retry"}
# Nothing is asked of them, so nothing can be asked wrongly.
OPEN = {"GET /v1/signing-keys", "GET /v1/webhooks/endpoints"}
IN_PATHS = {"account": ["vnpay-main", "none"], "code": ["000.00.00.G15", "none"], "day": ["2026-11-20", "2026-11-19"]}
IN_PATHS |= {"bank_account": ["thu-ho", "none"]}
FILE = (
    "STT,MaGiaoDich,MaThamChieu,LoaiGiaoDich,ThoiGian,SoTien,Phi,NganHang,TrangThai,MaThanhToan\n"
    "1,T1,PHSTRANGER0001,THANH_TOAN,20/11/2026 09:30:00,200000,0,NCB,THANH_CONG,\nTONG,1,200000,,,,,,,\n"
)
MORNING = datetime(2026, 11, 23, 9, tzinfo=GMT7)
SHEET = Statement(
    {"account": "1000000001", "name": "PAYHUB", "bic": "SIMUVNVX"}, MORNING.date(), 0,
    (Entry("FT1", MORNING, MORNING.date(), 1_000, "NOP PHI PH0000000000"),),
)  # fmt: skip
STATEMENTS = [camt053(SHEET).decode(), camt054(SHEET, MORNING).decode(), "<Document/>", ""]
SETTINGS = {
    "seed": 20261120,
    "continue-on-failure": True,
    "suppress-health-check": ["all"],
    "generation": {"mode": "all", "deterministic": True, "database": "none", "max-examples": 60, "no-shrink": True},
    "checks": {
        # Which fees, agencies, origins and cursors are good is known to registers and rows: a contract cannot say it.
        "positive_data_acceptance": {"enabled": False},
        # It sends again in a way that an application in this process does not take.
        "ignored_auth": {"enabled": False},
    },
}


@pytest.fixture
def made(paid, ask, order, client, keys, hub) -> dict[str, list[str]]:
    """One of everything that can be looked at: payments paid and open, a refund, a settlement without them, a run, discrepancies, a file."""
    unpaid = ask({**order, "portal_reference": "unpaid", "dossier": "unpaid"}).json["id"]
    asked = {"lines": [{"number": 1, "amount": 1_000}], "reason": "requested_by_citizen"}
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": "refund"}
    refund = client.post(f"/v1/payments/{paid.payment['id']}/refunds", json=asked, headers=headers).json["id"]
    headers = {"Authorization": f"Bearer {keys['kbnn']}", "Content-Type": "text/csv"}
    taken = client.put("/v1/settlements/vnpay-main/2026-11-20", data=FILE, headers=headers)
    assert taken.status_code == 202, taken.text
    with hub.db.session() as session:
        waiting = runs.to_start(session, hub.clock.now())
    for run_id in waiting:
        runs.execute(hub, run_id)
    with hub.db.session() as session:
        seen = Seen(next(places(hub)), "folder", "vnpay.csv", "1-1-1")
        file_id = arriving.note(hub, session, seen, Expected("settlement", None, None, None))
    with hub.db.session() as session:
        portal = portal_named(session, "dvc-bo-tu-phap").id
        endpoint = endpoints.add(hub, session, portal, "http://127.0.0.1:9/told", ("payment.created",))[0].id
    assert ask({**order, "portal_reference": "told", "dossier": "told"}).status_code == 201
    relay.run(hub.db, hub.clock.now())
    with hub.db.session() as session:
        delivery = session.scalars(select(Delivery.id).limit(1)).one()
    making.make(hub, portal, date(2026, 11, 19))
    return {
        "delivery_id": [public_id("msg", delivery, "test"), "msg_test_0"],
        "endpoint_id": [public_id("whe", endpoint, "test"), "whe_test_0"],
        "file_id": [public_id("fil", file_id, "test"), "fil_test_0"],
        "payment_id": [paid.payment["id"], unpaid, "pay_test_0"],
        "refund_id": [refund, "ref_test_0"],
        "run_id": [taken.json["run"], "run_test_0"],
    }


@pytest.fixture
def contract(app, keys, made, hub) -> Any:
    """The published document, narrowed to what is known here; each operation is asked by somebody who may."""
    document = app.test_client().get("/openapi.json").json
    for (schema, field), known in KNOWN.items():
        document["components"]["schemas"][schema]["properties"][field].update(known)
    # Only some fees have one of these.
    for name in ("quantity", "declared_value", "relief", "full_amount", "reason"):
        del document["components"]["schemas"]["NewLine"]["properties"][name]
    # Only money that nobody could apply has a receipt.
    for name in ("unapplied", "amount"):
        del document["components"]["schemas"]["NewRefund"]["properties"][name]
    document["components"]["schemas"]["NewRefund"]["required"] = ["lines", "reason"]
    # What is for the staff needs a person with a one-time code, whom nobody can generate: the tests of each feature ask that.
    for operations in document["paths"].values():
        for method in [method for method, operation in operations.items() if "`staff:" in operation["description"]]:
            del operations[method]
    may: dict[str, str] = {}
    for key in keys.values():
        for scope in hub.registers.keys[key.split("_")[2]].scopes:
            may.setdefault(scope, key)
    asked = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation["parameters"]:
                if known := {**IN_PATHS, **made}.get(parameter["name"]):
                    parameter["schema"]["enum"] = known
            if "text/csv" in operation.get("requestBody", {}).get("content", {}):
                operation["requestBody"]["content"]["text/csv"]["schema"] = {"type": "string", "enum": [FILE, "STT", ""]}
            if "application/octet-stream" in operation.get("requestBody", {}).get("content", {}):
                operation["requestBody"]["content"]["application/octet-stream"]["schema"] = {"type": "string", "enum": STATEMENTS}
            scopes = re.findall("`([a-z:-]+)`", operation["description"])
            headers = {"Authorization": f"Bearer {may[scopes[0]]}"} if scopes else {}
            asked.append({"include-name": f"{method.upper()} {path}", "headers": headers})
    schema = openapi.from_dict(document, config=SchemathesisConfig.from_dict({**SETTINGS, "operations": asked}))
    schema.app = app
    return schema


def violations(schema: Any, answered: Counter[tuple[str, int]]) -> Iterator[str]:
    """Go through every phase; count the answers, and tell each violation with a request that shows it."""
    for event in from_schema(schema).execute():
        match event:
            case events.NonFatalError():
                yield f"{event.label}: {event.value}"
            case events.FatalError():
                yield f"{event.exception}"
            case events.ScenarioFinished(recorder=recorder):
                for case_id, call in recorder.interactions.items():
                    case = recorder.cases[case_id].value
                    answered[f"{case.method} {case.operation.path}", call.response.status_code] += 1
                for check in (check for checks in recorder.checks.values() for check in checks):
                    if check.failure_info is not None:
                        failure = check.failure_info.failure
                        yield f"{recorder.label}: {failure.title}: {failure.message[:500]}\n{check.failure_info.code_sample[:1000]}"


@pytest.mark.heavy
def test_no_answer_is_our_fault_or_undocumented(contract) -> None:
    answered: Counter[tuple[str, int]] = Counter()
    found = sorted(set(violations(contract, answered)))
    print(*sorted(answered.items()), sep="\n")
    assert not found, "\n\n".join(found[:20])
    # It was no idle exercise: everything was both done and refused.
    for operation in (operation.ok() for operation in contract.get_all_operations()):
        statuses = {status for asked, status in answered if asked == operation.label}
        assert statuses & {200, 201, 202} or operation.label in BEYOND, (operation.label, statuses)
        assert statuses & {400, 404, 422} or operation.label in OPEN, (operation.label, statuses)
