"""A hundred thousand rows: every bad one named, in bounded time and memory, and nothing half applied."""

from __future__ import annotations

import csv
import io
import time
import tracemalloc

import pytest

from payhub.imports.errors import FileRefused
from payhub.imports.reading import MAX_ROWS, read
from payhub.imports.tables import FEES, GRANTS

pytestmark = pytest.mark.heavy

ROWS = 100_000


def many(count: int, *, bad: bool) -> bytes:
    """A file of fees, every second one with a wrong amount and a wrong day."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in FEES.columns])
    for number in range(count):
        wrong = bad and number % 2
        amount, begins = ("1.000" if wrong else str(1000 + number)), ("01/01/2099" if wrong else "2099-01-01")
        writer.writerow([f"LP-{number:06}", "le_phi", f"Lệ phí số {number}", f"Fee {number}", "2771", "", "fixed", amount, *[""] * 7, "apply", "example", begins, ""])
    return text.getvalue().encode()


@pytest.fixture(scope="module")
def half() -> bytes:
    return many(ROWS, bad=True)


def test_every_bad_row_of_a_hundred_thousand_is_named_in_bounded_time_and_memory(half) -> None:
    began = time.perf_counter()
    found = read(FEES, half)
    took = time.perf_counter() - began
    assert found.lines == ROWS
    assert len(found.rows) == ROWS // 2
    assert {problem.row for problem in found.problems} == set(range(3, ROWS + 2, 2))
    assert {(problem.column, problem.code) for problem in found.problems} == {("amount", "not_a_number"), ("valid_from", "not_a_day")}
    assert took < 30
    tracemalloc.start()
    read(FEES, half)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{took:.1f} s, {peak / 2**20:.0f} MiB above the file's own {len(half) / 2**20:.0f} MiB")
    assert peak < 400 * 2**20


def test_nothing_of_it_is_proposed_or_applied(propose, half, rows) -> None:
    with pytest.raises(FileRefused) as refused:
        propose("fees", half)
    assert len(refused.value.found) == ROWS
    assert len(refused.value.problems) == 100
    assert rows("SELECT (SELECT count(*) FROM proposal), (SELECT count(*) FROM fee WHERE code LIKE 'LP-0%')") == [(0, 0)]


def test_what_is_good_is_applied_whole(propose, minh, rows) -> None:
    made = propose("fees", many(20_000, bad=False))
    assert minh.approve(made.proposal_id).state == "executed"
    assert rows("SELECT count(*), sum(amount) FROM fee WHERE code LIKE 'LP-0%'") == [(20_000, sum(range(1000, 21_000)))]
    assert rows("SELECT count(*) FROM register_change") == [(20_000,)]


def test_a_list_without_end_is_not_read_to_its_end() -> None:
    body = b"portal,agency,fee,valid_from,valid_to\n" + b"kbnn,*,LP-A,2099-01-01,\n" * (MAX_ROWS + 10)
    found = read(GRANTS, body)
    assert found.lines == MAX_ROWS + 1
    assert found.problems[-1].code == "too_many_rows"
