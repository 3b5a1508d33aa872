"""Nothing is sealed, derived or proven that a rotation does not know of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, Uuid

from payhub.app import registry
from payhub.db import Base
from payhub.sealed import PROOFS, SEALED, SealedBytes, WrappedKey

ROOT = Path(__file__).parents[2]
PLAIN = {
    "api_key.digest", "staff_token.digest", "proposal.content_hash", "audit_entry.hash", "audit_entry.previous_hash",
    "callback.digest", "settlement.digest", "statement.digest", "received_file.digest", "bank_entry.identity", "idempotency.fingerprint", "idempotency.body", "key_version.check_value",
    "payer_index.digest", "national_reference.digest",
    "register_import.digest", "register_import.body",
}  # fmt: skip
"""Binary columns that hold nothing sealed by the ring: hashes, a blind index, and answers under a key of the request itself."""


@pytest.fixture(scope="module")
def binary() -> dict[str, object]:
    registry()
    return {
        f"{table.name}.{column.name}": column for table in Base.metadata.tables.values() for column in table.columns
        if isinstance(column.type, LargeBinary)
    }  # fmt: skip


def test_every_binary_column_is_marked_or_known_to_be_plain(binary) -> None:
    unmarked = {name for name, column in binary.items() if not isinstance(column.type, WrappedKey | SealedBytes)}
    assert unmarked - PLAIN == set(), "declare a sealed pair as WrappedKey and SealedBytes, and list it in payhub/sealed.py"


def test_every_sealed_pair_is_in_the_list_and_the_list_has_nothing_else(binary) -> None:
    marked = {
        kind: {name for name, column in binary.items() if isinstance(column.type, kind)} for kind in (WrappedKey, SealedBytes)
    }
    assert marked[WrappedKey] == {f"{value.table}.{value.key}" for value in SEALED}
    assert marked[SealedBytes] == {f"{value.table}.{value.data}" for value in SEALED}
    assert len({value.name for value in SEALED}) == len(SEALED)


def test_a_rotation_can_walk_every_table_in_the_order_of_its_ids() -> None:
    registry()
    for value in SEALED:
        table = Base.metadata.tables[value.table]
        assert [column.name for column in table.primary_key] == [value.id]
        assert isinstance(table.columns[value.id].type, Uuid)
        assert set(value.named) <= set(table.columns.keys())


def test_every_proof_made_with_the_ring_is_known() -> None:
    makers = {
        path.relative_to(ROOT).as_posix() for package in ("payhub", "webhooks", "reconciliation") for path in (ROOT / package).rglob("*.py")
        if re.search(r"(ring|keys)\.(mac|verify)\(", path.read_text())
    }  # fmt: skip
    derived = {"payhub/people/indexing.py"}
    assert makers - derived == {proof.module for proof in PROOFS}
    for proof in PROOFS:
        assert f'"{proof.purpose}"' in (ROOT / proof.module).read_text()
