"""What the guide and the reference of registers show is what the hub says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from payhub.cli import imports
from payhub.imports.describing import reference
from payhub.imports.tables import REGISTERS

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "how-to" / "keep-registers.md").read_text(encoding="utf-8")
WRONG = (
    "code,kind,name_vi,name_en,budget_line,procedure,rule,amount,minimum,maximum,basis_points,round_to,rounding,tiering,measure,late_money,source,valid_from,valid_to\n"
    "LP-CUTRU,le_phi,Lệ phí đăng ký cư trú,Residence registration fee,2767,,fixed,15000,,,,,,,,apply,example,2020-01-01,\n"
    "LP-HOTICH2,le_phi,=1+1,Civil status fee,2771,,fixed,50.000,,,,,,,,apply,example,2027-01-01,\n"
    "LP-LLTP,le_phi,Lệ phí lý lịch tư pháp,Criminal record certificate fee,2764,,fixed,250000,,,,,,,,apply,example,2027-01-01,\n"
)


@pytest.fixture
def fees(hub):
    """Run `payhub fees`; return what it writes."""
    group = next(command for command in imports.COMMANDS if command.name == "fees")

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(group, arguments, obj=lambda: hub, env={"COLUMNS": "132"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return "\n".join(line.rstrip() for line in result.output.strip().splitlines())

    return run


def shown(command: str) -> str:
    """The output that the guide shows for a command."""
    return re.search(rf"```\n\$ payhub {re.escape(command)}\n(.*?)\n```", GUIDE, re.DOTALL)[1]


def test_the_dry_run_of_the_guide_is_what_is_written(fees, tmp_path) -> None:
    rows = re.search(r"```\n(LP-CUTRU.*?)```", GUIDE, re.DOTALL)[1]
    kept = [line for line in fees("export").splitlines() if not line.startswith("LP-CUTRU,")]
    (tmp_path / "fees.csv").write_text("\n".join([*kept, rows]), encoding="utf-8")
    assert fees("import", str(tmp_path / "fees.csv"), "--dry-run") == shown("fees import fees.csv --dry-run")


def test_the_refusal_of_the_guide_is_what_is_written(fees, tmp_path) -> None:
    (tmp_path / "wrong.csv").write_text(WRONG, encoding="utf-8")
    assert fees("import", str(tmp_path / "wrong.csv"), "--dry-run") == shown("fees import wrong.csv --dry-run")


def test_the_guide_names_every_registers_command() -> None:
    for register in REGISTERS.values():
        assert f"`payhub {register.command}`" in GUIDE


def test_the_reference_is_written_from_what_reads_the_files() -> None:
    assert (DOCS / "reference" / "registers.md").read_text(encoding="utf-8") == reference()
