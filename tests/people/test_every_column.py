"""Every column that can hold text from outside is spoken of in docs/reference/personal-data.md, once, and truly."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from sqlalchemy import JSON, LargeBinary, String
from sqlalchemy.dialects.postgresql import ARRAY

from payhub.app import registry
from payhub.db import Base
from payhub.sealed import SEALED, SealedBytes, WrappedKey

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "personal-data.md"
CLASSES = {"sealed", "swept", "code", "identifier", "business", "register", "staff"}


def told() -> list[tuple[str, str]]:
    """Each column the page names in the first cell of a row, with the class in the second."""
    rows = (row.strip("|").split("|") for row in PAGE.read_text().splitlines() if row.startswith("| `"))
    return [(name, cells[1].strip()) for cells in rows for name in re.findall(r"`(\w+\.\w+)`", cells[0])]


def columns() -> dict[str, object]:
    registry()
    kinds = (String, LargeBinary, JSON, ARRAY)
    tables = Base.metadata.tables.values()
    return {f"{table.name}.{each.name}": each.type for table in tables for each in table.columns if isinstance(each.type, kinds)}


def test_every_column_that_holds_text_is_classified_once(rows) -> None:
    named = [name for name, _ in told()]
    assert {name: count for name, count in Counter(named).items() if count > 1} == {}
    held = {
        f"{table}.{column}"
        for table, column in rows(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version' "
            "AND data_type IN ('text', 'character', 'character varying', 'json', 'jsonb', 'xml', 'bytea', 'ARRAY', 'inet', 'cidr', 'tsvector')"
        )
    }
    assert sorted(held - set(named)) == [], "say in docs/reference/personal-data.md what may stand in these"
    assert sorted(set(named) - held) == []


def test_the_classes_are_those_the_page_explains() -> None:
    assert {kind for _, kind in told()} <= CLASSES
    assert all(f"| {kind} |" in PAGE.read_text() for kind in CLASSES)


def test_what_is_said_to_be_sealed_is() -> None:
    sealed = {name for name, kind in told() if kind == "sealed"} - {"payer_index.digest"}
    assert sealed == {name for name, kind in columns().items() if isinstance(kind, (WrappedKey, SealedBytes))}
    assert sealed == {f"{each.table}.{column}" for each in SEALED for column in (each.key, each.data)}


def test_nothing_about_a_payer_is_plain() -> None:
    free = {"words", "basis", "record", "contact", "note", "reason", "raw", "body"}
    about = {"payment", "payer", "refund", "callback", "settlement"}
    kinds = columns()
    for table in about:
        for name, kind in kinds.items():
            if name.split(".")[0] == table and name.split(".")[1] in free and name != "refund.reason":
                assert isinstance(kind, SealedBytes), name
