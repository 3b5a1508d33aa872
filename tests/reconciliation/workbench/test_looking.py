"""What there is: lists, sums, the terminal."""

from __future__ import annotations

import uuid

from click.testing import CliRunner

from payhub.ids import public_id
from reconciliation import commands


def test_a_list_is_filtered_and_paged_by_what_is_due_first(desk, bench, twice, citizen, minh, clock) -> None:
    desk.settle([*(desk.row(f"X{number}", 1_000 * number) for number in range(1, 5))])
    first = bench.list("?limit=3")
    second = bench.list(f"?limit=3&cursor={first['next']}")
    every = [*first["data"], *second["data"]]
    third = bench.list(f"?limit=3&cursor={second['next']}")
    every += third["data"]
    assert (len(every), third["next"], len({each["id"] for each in every})) == (7, None, 7)
    assert [each["due_at"] for each in every] == sorted(each["due_at"] for each in every)
    bench.done(twice, "assign", {"owner": "minh"})
    clock.pass_(days=1, hours=1)
    for query, count in (
        ("state=assigned", 1), ("state=open", 6), ("kind=missing_at_hub", 4), ("owner=minh", 1), ("owner=nobody", 0), ("owned=no", 6),
        ("account=vnpay-main", 7), ("account=momo-main", 0), ("account=none", 0), (f"payment={citizen.payment['id']}", 3),
        ("payment=pay_test_1", 0), ("agency=000.00.00.G15", 3), ("agency=000.00.00.H29", 0), ("overdue=yes", 5), ("overdue=no", 2),
        ("amount_from=2000&amount_to=3000", 2), ("date=2026-11-20", 7), ("date=2026-11-19", 0),
    ):  # fmt: skip
        assert len(bench.list(f"?{query}")["data"]) == count, query
        assert bench.list(f"/summary?{query}")["count"] == count, query
    for query in ("state=shut", "kind=none", "overdue=1", "amount_from=-1", "cursor=pay_1", "page=2"):
        assert bench.clerk.get(bench.client, f"{bench.cases}?{query}").status_code == 422, query


def test_the_summary_counts_per_kind_and_says_what_is_overdue(bench, twice, clock, lan) -> None:
    bench.done(twice, "assign")
    clock.pass_(days=2)
    [row] = bench.list("/summary")["data"]
    assert row == {
        "kind": "paid_twice", "title": "Đã nộp hai lần", "urgent": True, "days": 1, "currency": "VND", "count": 1, "amount": 200_000,
        "open": 0, "assigned": 1, "proposed": 0, "overdue": 1, "unowned": 0, "due_at": "2026-11-21T03:00:00+00:00",
    }  # fmt: skip
    assert bench.look(twice)["age_days"] == 2


def test_terminal_and_metrics_say_what_is_overdue_and_whose(bench, twice, stranger, hub, clock) -> None:
    bench.done(twice, "assign", {"owner": "minh"})

    def printed(*arguments: str) -> list[list[str]]:
        done = CliRunner().invoke(commands.show_discrepancies, arguments, obj=lambda: hub)
        assert done.exit_code == 0, done.output
        return [line.split() for line in done.output.splitlines()]

    assert printed("--owner", "minh")[1:] == [["paid_twice", "1", "200.000", "VND", "0"]]
    assert printed("--overdue") == [["no", "open", "discrepancies"]]
    clock.pass_(days=1, seconds=1)
    assert ["missing_at_hub", "1", "5.000", "VND", "1"] in printed("--overdue")
    told = bench.client.get("/metrics").text
    assert 'payhub_discrepancies{kind="paid_twice",standing="overdue"} 1.0' in told
    assert 'payhub_discrepancies{kind="late",standing="open"} 0.0' in told


def test_what_is_not_there_is_not_found(bench) -> None:
    for case in (f"dsc_test_{uuid.uuid4().hex}", "dsc_test_1", f"pay_test_{uuid.uuid4().hex}", f"dsc_{uuid.uuid4().hex}"):
        assert bench.clerk.get(bench.client, f"{bench.cases}/{case}").status_code == 404
        assert bench.refused(case, "assign") == "not_found"


def test_a_public_id_is_what_the_rows_have(bench, stranger, rows) -> None:
    assert [public_id("dsc", found, "test") for (found,) in rows("SELECT id FROM discrepancy")] == [stranger]
