"""The hot steps, one statement each, built once.

A step reads a payment and all under it in one snapshot (`seen`), checks there everything it needs, and then moves the payment with
an update guarded by the `event_seq` it saw. Every change of a payment moves that number, so the guard proves that nothing read has
changed since; where it has, no row moves, nothing is written, and the caller takes the slow path under a lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    CHAR,
    CTE,
    BigInteger,
    Date,
    DateTime,
    SmallInteger,
    Text,
    Uuid,
    bindparam,
    column,
    exists,
    false,
    func,
    insert,
    null,
    or_,
    select,
    true,
    update,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB

from payhub import idempotency
from payhub.db import word
from payhub.events import Event
from payhub.ledger import statements as ledger
from payhub.payments.models import Attempt, Payment, PaymentLine
from payhub.payments.states import AttemptState, PaymentState
from payhub.people.models import Payer, PayerIndex
from payhub.registers import RegisterVersion

_INSTANT = DateTime(timezone=True)


def given(name: str, type_: Any) -> Any:
    """Return a bind parameter, prefixed: SQLAlchemy's UPDATE would set a column that has the parameter's own name."""
    return bindparam(f"in_{name}", type_=type_)


def parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values under the names that `given` gave them."""
    return {f"in_{name}": value for name, value in values.items()}


def bound(model: type[Any], *same: str, **renamed: str) -> dict[str, Any]:
    """Return a bind parameter for each column of a row, typed as the column is; `renamed` maps column to parameter."""
    names = {**{column: column for column in same}, **renamed}
    return {column: given(name, model.__table__.c[column].type) for column, name in names.items()}


def _event(type_: str, source: Any, seq: Any, data: Any, prefix: str = "event") -> CTE:
    columns = ["id", "payment_id", "seq", "type", "data", "occurred_at"]
    row = select(given(f"{prefix}_id", Uuid), source.c.id, seq, word(type_), data, given("now", _INSTANT)).select_from(source)
    return insert(Event).from_select(columns, row).cte(prefix)


_PAYMENT = (
    "id", "portal_id", "portal_reference", "reference", "dossier", "state", "currency", "total", "language",
    "words_key", "words", "basis_key", "basis", "replaces_id", "created_at", "expires_at", "destroy_after", "event_seq",
)  # fmt: skip
_LINE = {
    "id": Uuid, "number": SmallInteger, "fee_id": Uuid, "kind": Text, "budget_line": Text, "agency_id": Uuid,
    "asked_agency_id": Uuid, "collecting_account_id": Uuid, "description": Text, "quantity": BigInteger,
    "declared_value": BigInteger, "full_amount": BigInteger, "relief_id": Uuid, "relief_kind": Text, "ground": Text,
    "amount": BigInteger, "retention_bp": SmallInteger, "retained": BigInteger, "dossier_claim": Uuid,
}  # fmt: skip


def _create(*, payer: bool) -> Any:
    """Write a payment, its lines, its first event and the answer to its key, if the registers are still those it was priced by.

    Who pays and by what they are found is written by the same statement, where it is told.
    """
    unchanged = exists().where(RegisterVersion.version == given("register_version", BigInteger))
    lock, claimed = idempotency.claim(unchanged)
    payment = (
        insert(Payment)
        .from_select(list(_PAYMENT), select(*bound(Payment, *_PAYMENT).values()).select_from(claimed))
        .returning(Payment.id)
        .cte("payment_row")
    )
    asked = (
        func.jsonb_to_recordset(given("lines", JSONB))
        .table_valued(*[column(name, kind()) for name, kind in _LINE.items()], name="asked")
        .render_derived(with_types=True)
    )
    rows = select(payment.c.id, *[asked.c[name] for name in _LINE]).join_from(payment, asked, true())
    lines = insert(PaymentLine).from_select(["payment_id", *_LINE], rows).cte("lines")
    event = _event("payment.created", payment, word(1), given("event_data", JSONB))
    known = _payer(payment) if payer else ()
    return select(lock.c.got, exists(select(payment.c.id)).label("written")).add_cte(lines, event, *known)


def _payer(payment: CTE) -> tuple[CTE, CTE]:
    groups = bound(Payer, "record_key", "record", "contact_key", "contact")
    row = insert(Payer).from_select(["payment_id", *groups], select(payment.c.id, *groups.values()))
    found_by = (
        func.jsonb_to_recordset(given("payer_index", JSONB))
        .table_valued(column("field", Text()), column("version", SmallInteger()), column("digest", Text()), name="found_by")
        .render_derived(with_types=True)
    )
    digest = func.decode(found_by.c.digest, word("hex"))
    rows = select(payment.c.id, found_by.c.field, found_by.c.version, digest).join_from(payment, found_by, true())
    index = insert(PayerIndex).from_select(["payment_id", "field", "version", "digest"], rows)
    return row.cte("payer_row"), index.cte("payer_index_rows")


def _start() -> Any:
    """Write an attempt if the payment still takes one and this form has not been sent before."""
    sent_before = exists().where(Attempt.payment_id == Payment.id, Attempt.form_token == given("form_token", Uuid))
    seen = (
        select(Payment.id, Payment.event_seq)
        .where(
            Payment.id == given("payment_id", Uuid),
            Payment.state == word(PaymentState.OPEN.value),
            Payment.closing_at.is_(None),
            Payment.expires_at > given("now", _INSTANT),
            Payment.total.between(given("minimum", BigInteger), given("maximum", BigInteger)),
            Payment.currency == given("account_currency", CHAR(3)),
            ~sent_before,
        )
        .cte("seen")
    )
    moved = (
        update(Payment)
        .where(Payment.id == seen.c.id, Payment.event_seq == seen.c.event_seq)
        .values(event_seq=Payment.event_seq + word(1))
        .returning(Payment.id, Payment.event_seq, Payment.total, Payment.currency, Payment.reference, Payment.language)
        .cte("moved")
    )
    told = ("gateway_account_id", "code", "reference", "form_token", "client_ip", "method", "order_expires_at", "next_check_at")
    row = {
        "payment_id": moved.c.id,
        "amount": moved.c.total,
        "currency": moved.c.currency,
        "state": word(AttemptState.CREATED.value),
        "applied": false(),
        "checks": word(0),
        **bound(Attempt, *told, id="attempt_id", ordered_at="now"),
    }
    attempt = insert(Attempt).from_select(list(row), select(*row.values()).select_from(moved)).cte("attempt_row")
    event = _event("attempt.created", moved, moved.c.event_seq, given("event_data", JSONB))
    return select(moved.c.total, moved.c.currency, moved.c.reference, moved.c.language).add_cte(attempt, event)


def _payable_attempt() -> CTE:
    """Find the attempt of an open payment, of which nothing else was heard, that the gateway confirmed whole and in time."""
    return (
        select(Payment.id, Payment.event_seq, Attempt.id.label("attempt_id"))
        .join(Attempt, Attempt.payment_id == Payment.id)
        .where(
            Attempt.gateway_account_id == given("gateway_account_id", Uuid),
            Attempt.reference == given("reference", Text),
            Attempt.state.in_([word(AttemptState.CREATED.value), word(AttemptState.STARTED.value)]),
            Attempt.amount == given("confirmed", BigInteger),
            Attempt.currency == given("currency", CHAR(3)),
            Payment.state == word(PaymentState.OPEN.value),
            Payment.closing_at.is_(None),
            Payment.total == Attempt.amount,
            # Money after the end of both is late, and what becomes of late money is a rule for the slow path.
            or_(Payment.expires_at > given("now", _INSTANT), Attempt.order_expires_at > given("now", _INSTANT)),
        )
        .cte("seen")
    )


def succeed() -> tuple[CTE, list[CTE]]:
    """Pay an open payment by the one attempt a gateway has confirmed whole: (moved, the rest).

    `moved` has one row, the attempt's id, where it was done. The caller adds what it keeps of the message and executes.
    """
    now = given("now", _INSTANT)
    seen = _payable_attempt()
    moved = (
        update(Payment)
        .where(Payment.id == seen.c.id, Payment.event_seq == seen.c.event_seq)
        .values(event_seq=Payment.event_seq + word(1), state=word(PaymentState.PAID.value), paid_at=now)
        .returning(Payment.id, Payment.event_seq, Payment.total, Payment.currency, seen.c.attempt_id)
        .cte("moved")
    )
    told = ("raw_code", "gateway_transaction", "method", "confirmed", "paid_at", "paid_at_text", "gateway_on", "cohort_on")
    attempt = (
        update(Attempt)
        .where(Attempt.id == moved.c.attempt_id)
        .values(bound(Attempt, *told, ended_at="now"))
        .values(state=word(AttemptState.SUCCEEDED.value), applied=true(), next_check_at=null(), client_ip=null(), pay_url=null())
        .cte("attempt_row")
    )
    data = func.jsonb_build_object(word("attempt"), moved.c.attempt_id, type_=JSONB).concat(given("event_data", JSONB))
    event = _event("payment.paid", moved, moved.c.event_seq, data)
    fact = select(
        given("journal_id", Uuid).label("journal_id"),
        moved.c.id.label("payment_id"),
        moved.c.attempt_id,
        given("gateway_account_id", Uuid).label("gateway_account_id"),
        given("cohort_on", Date).label("cohort_on"),
        given("business_on", Date).label("business_on"),
        now.label("recorded_at"),
        moved.c.total.label("amount"),
        moved.c.currency,
    ).cte("fact")
    return moved, [attempt, event, *ledger.applied(fact)]


CREATE, CREATE_WITH_PAYER, START = _create(payer=False), _create(payer=True), _start()
