"""Settlements and statements by command: from a file or standard input, and the list of what was handed in."""

from __future__ import annotations

from datetime import date

from click.testing import CliRunner

from reconciliation.handing_in import settlements
from reconciliation.trying import settlements as trying


def test_a_settlement_comes_by_command_or_standard_input_and_is_listed(desk, hub, tmp_path) -> None:
    def payhub(*arguments: str, **more):
        return CliRunner().invoke(settlements, arguments, obj=lambda: hub, env={"COLUMNS": "200"}, **more)

    saturday = desk.row("B", 2_000, date(2026, 11, 21))
    (tmp_path / "a.csv").write_bytes(desk.write([desk.row("A", 1_000), saturday, desk.row("C", "?")], total=3_000))
    taken = payhub("import", "vnpay-main", "2026-11-20", str(tmp_path / "a.csv"), "--until", "2026-11-21")
    assert taken.exit_code == 0, taken.output
    assert "a.csv: 2 lines, 1 rows set aside" in taken.output
    assert "row 4, column SoTien" in taken.output
    assert hub.redis.llen("rq:queue:payhub") == 1, "its run is asked for"
    other = desk.write([desk.row("D", 5_000, date(2026, 11, 22))])
    assert "1 lines" in payhub("import", "vnpay-main", "2026-11-22", "-", input=other).output
    assert "known already" in payhub("import", "vnpay-main", "2026-11-22", "-", input=other).output
    listed = payhub("list").output
    assert "2026-11-20 to 2026-11-21" in listed
    assert "5.000" in listed
    assert "2026-11-22" not in payhub("list", "--date", "2026-11-20").output
    assert "a.csv" not in payhub("list", "--account", "momo-main").output
    assert settlements is trying, "one group, that which only looks among it"
    desk.carry_out()
