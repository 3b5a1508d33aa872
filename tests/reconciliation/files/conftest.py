"""Files as gateways and banks give them, and what they are read as, in a form that can be written down."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciliation.errors import SettlementRefused, StatementRefused
from reconciliation.files import mappings, reading
from reconciliation.files.lines import Tally
from reconciliation.files.mapping import Mapping
from reconciliation.files.mappings import STANDARDS

SAMPLES = Path(__file__).parent / "samples"
EXAMPLES = Path(__file__).parents[3] / "config" / "mappings"


def mapping_of(name: str) -> Mapping:
    folder = SAMPLES / "mappings" if (SAMPLES / "mappings" / f"{name}.toml").exists() else EXAMPLES
    return mappings.load(folder, name)


def told(row: Any) -> dict[str, Any]:
    return {name: value if isinstance(value, int | None) else str(value) for name, value in row._asdict().items()}


def counted(tally: Tally) -> dict[str, Any]:
    found = {name: getattr(tally, name) for name in ("declared_count", "declared_sum", "lines", "sum", "ignored", "rejected")}
    return found | {"rejects": [list(reject) for reject in tally.rejects]}


def read_all(source: Any, how: str, *, by_columns: bool = True) -> dict[str, Any]:
    """Read a file to its end: its rows, or the refusal."""
    source = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        if how not in STANDARDS and mapping_of(how).kind == "settlement":
            read = reading.settlement(source, mapping_of(how), by_columns=by_columns)
            rows = [told(line) for batch in read for line in batch.lines]
            return {"how": how, "lines": rows, "tally": counted(read.tally)}
        statements = reading.statements(source, how if how in STANDARDS else mapping_of(how))
        found: dict[int, dict[str, Any]] = {}
        for batch in statements:
            at = found.setdefault(batch.statement, {"entries": []})
            at["entries"] += [told(entry) for entry in batch.entries]
            if batch.ends:
                head = {name: getattr(batch.head, name) for name in batch.head.__slots__}
                at["head"] = {name: value if isinstance(value, int | None) else str(value) for name, value in head.items()}
        return {"how": how, "statements": list(found.values()), "tally": counted(statements.tally)}
    except (SettlementRefused, StatementRefused) as refused:
        return {"how": how, "refused": refused.code, **refused.facts, "detail": refused.detail.en}


@pytest.fixture(scope="session")
def read() -> Callable[..., dict[str, Any]]:
    return read_all


@pytest.fixture(scope="session")
def samples() -> Path:
    return SAMPLES


@pytest.fixture(scope="session")
def mapping() -> Callable[[str], Mapping]:
    return mapping_of
