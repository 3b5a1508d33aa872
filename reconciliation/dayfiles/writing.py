"""A day file's content: CSV as RFC 4180 says, UTF-8, the same bytes for the same rows."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

from sqlalchemy import RowMapping

from payhub import ids
from reconciliation.dayfiles.entries import Proofs

COLUMNS = (
    "type", "entry", "payment", "reference", "portal_reference", "dossier", "refund", "gateway", "gateway_account",
    "attempt_reference", "gateway_transaction", "amount", "currency", "paid_at", "recorded_at", "cohort_on", "reported_on",
    "banked_on",
)  # fmt: skip
_FLUSH = 64 * 1024


@dataclass(slots=True)
class Written:
    """What was written, counted on the way."""

    size: int = 0
    count: int = 0
    digest: str = ""
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By type and currency."""
    amounts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def sums(self) -> list[dict[str, Any]]:
        """Return what stands in the manifest."""
        return [
            {"type": kind, "currency": currency, "count": self.counts[kind, currency], "amount": self.amounts[kind, currency]}
            for kind, currency in sorted(self.counts)
        ]

    def add(self, kind: str, currency: str, amount: int) -> None:
        """Count one row."""
        self.count += 1
        self.counts[kind, currency] += 1
        self.amounts[kind, currency] += amount


def write(rows: Iterable[tuple[RowMapping, Proofs]], mode: str, body: IO[bytes]) -> Written:
    """Write rows; nothing of them stays in memory."""
    done, digest, out = Written(), hashlib.sha256(), io.StringIO()
    lines = csv.writer(out, lineterminator="\r\n")

    def flush() -> None:
        piece = out.getvalue().encode()
        out.seek(0)
        out.truncate()
        digest.update(piece)
        done.size += body.write(piece)

    lines.writerow(COLUMNS)
    for row, proofs in rows:
        lines.writerow(_cells(row, proofs, mode))
        done.add(row["type"], row["currency"], row["amount"])
        if out.tell() > _FLUSH:
            flush()
    flush()
    done.digest = digest.hexdigest()
    return done


def read(text: Iterable[str]) -> Written:
    """Count the rows of a content again; raise ValueError where it is none."""
    found = Written()
    lines = csv.reader(text, strict=True)
    if tuple(next(lines, ())) != COLUMNS:
        raise ValueError("the first line is another")
    for line in lines:
        row = dict(zip(COLUMNS, line, strict=True))
        found.add(row["type"], row["currency"], int(row["amount"]))
    return found


def _cells(row: RowMapping, proofs: Proofs, mode: str) -> tuple[Any, ...]:
    refund = ids.public_id("ref", row["refund_id"], mode) if row["refund_id"] else None
    return (
        row["type"], row["entry"].hex, ids.public_id("pay", row["payment_id"], mode), row["reference"], row["portal_reference"],
        row["dossier"], refund, row["gateway"], row["gateway_account"], row["attempt_reference"], row["transaction"],
        row["amount"], row["currency"], _instant(row["paid_at"]), _instant(row["recorded_at"]), row["cohort_on"], *proofs,
    )  # fmt: skip


def _instant(at: datetime | None) -> str | None:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else None
