"""A file says everything that is wrong with it at once, by row and column."""

from __future__ import annotations

import pytest

from payhub.imports import reading
from payhub.imports.problems import SAID, Problem
from payhub.imports.reading import read
from payhub.imports.tables import REGISTERS

GRANTS = REGISTERS["grants"]
HEADING = "portal,agency,fee,valid_from,valid_to\n"
ROW = "dvc-tay-ninh,000.00.00.G15,LP-LLTP,2027-01-01,\n"


def wrong(body: bytes | str, register=GRANTS) -> list[tuple[int, str, str]]:
    body = body.encode() if isinstance(body, str) else body
    return [(each.row, each.column, each.code) for each in read(register, body).problems]


@pytest.mark.parametrize("body", [HEADING + ROW, "\ufeff" + HEADING + ROW, (HEADING + ROW).replace("\n", "\r\n"), HEADING + "\n" + ROW + "\n\n"])
def test_a_byte_order_mark_either_line_end_and_empty_lines_are_read(body) -> None:
    found = read(GRANTS, body.encode())
    assert not found.problems
    assert [row.fee for _, row in found.rows] == ["LP-LLTP"]


def test_quoted_cells_are_read_and_columns_may_stand_in_any_order() -> None:
    body = 'valid_to,"fee",agency,portal,valid_from\n,"LP-LLTP","000.00.00.G15",dvc-tay-ninh,"2027-01-01"\n'
    [(number, row)] = read(GRANTS, body.encode()).rows
    assert (number, row.portal, row.agency, row.fee, row.valid_to) == (2, "dvc-tay-ninh", "000.00.00.G15", "LP-LLTP", None)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (HEADING.replace(",", ";") + ROW.replace(",", ";"), "semicolons"),
        (HEADING.replace(",", "\t") + ROW.replace(",", "\t"), "tabs"),
        (HEADING.replace(",", "|"), "vertical bars"),
    ],
)
def test_another_separator_is_told_by_its_name(body, said) -> None:
    [problem] = read(GRANTS, body.encode()).problems
    assert (problem.row, problem.code) == (1, "separator")
    assert said in problem.text.en


def test_every_wrong_column_is_named() -> None:
    body = "portal,agency,Agency,fee,valid_from,portal\n"
    assert wrong(body) == [(1, "Agency", "column_unknown"), (1, "portal", "column_repeated"), (1, "valid_to", "column_missing")]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", (0, "", "empty")),
        (b"\xef\xbb\xbf  \n ", (0, "", "empty")),
        ((HEADING + ROW).encode("utf-16"), (0, "", "utf16")),
        (HEADING.encode() + "Phí;".encode("cp1258") + b"\xff\n", (2, "", "not_utf8")),
        (HEADING + 'a,"b', (2, "", "not_csv")),
        (HEADING + ROW + 'a,"b"c,d\n', (3, "", "not_csv")),
        (HEADING + "a,b\n", (2, "", "cells")),
        (HEADING + ROW.replace("\n", ",\n"), (2, "", "cells")),
    ],
)
def test_what_cannot_be_read_is_said(body, problem) -> None:
    assert wrong(body) == [problem]


@pytest.mark.parametrize("formula", ["=1+1", "+84", "-5", "@SUM(A1)", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20A", '=HYPERLINK("https://x")'])
def test_what_a_spreadsheet_would_run_is_refused_by_row_and_column(formula) -> None:
    quoted = '"' + formula.replace('"', '""') + '"'
    body = f"calendar,on,kind,name,source\nkbnn,2027-01-01,off,Tết,\nkbnn,2027-01-02,off,{quoted},\nkbnn,2027-01-03,off,Tết,{quoted}\n"
    assert wrong(body, REGISTERS["days_off"]) == [(3, "name", "formula"), (4, "source", "formula")]


@pytest.mark.parametrize(
    ("cell", "code"),
    [(" Tết", "spaces"), ("Tết ", "spaces"), ("T\u200bết", "hidden"), ("T\x00", "hidden"), ('"a\nb"', "hidden"), ("x" * 201, "too_long"), ("", "missing")],
)  # fmt: skip
def test_texts_are_plain(cell, code) -> None:
    body = f"calendar,on,kind,name,source\nkbnn,2027-01-01,off,{cell},\n"
    assert wrong(body, REGISTERS["days_off"]) == [(2, "name", code)]


def test_accents_written_as_two_characters_are_the_same_text() -> None:
    body = "calendar,on,kind,name,source\nkbnn,2027-01-01,off,Te\u0302\u0301t,\n"
    [(_, row)] = read(REGISTERS["days_off"], body.encode()).rows
    assert row.name == "Tết"


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("valid_from", "01/01/2027", "not_a_day"), ("valid_from", "2027-02-30", "not_a_day"), ("valid_from", "20270101", "not_a_day"),
        ("valid_from", "0001-01-01", "out_of_range"), ("amount", "1.000", "not_a_number"), ("amount", "1,000", "not_a_number"),
        ("amount", "1e3", "not_a_number"), ("amount", "٣", "not_a_number"), ("amount", "0", "out_of_range"),
        ("amount", "9999999999999999", "out_of_range"), ("kind", "PHI", "not_one_of"), ("budget_line", "276", "form"),
        ("code", "lp-moi", "form"), ("code", "LP MOI", "form"), ("valid_to", "2026-12-31", "ends_before_begin"),
        ("minimum", "5", "not_used"), ("rounding", "up", "not_used"), ("amount", "", "needed"), ("source", "", "missing"),
    ],
)  # fmt: skip
def test_cells_are_read_strictly(file, new_fee, column, cell, code) -> None:
    assert (2, column, code) in wrong(file("fees", {**new_fee, column: cell}), REGISTERS["fees"])


@pytest.mark.parametrize("origins", ["http://portal.example", "https://Portal.example", "https://a.example/", "https://a.example,https://b.example", "https://u@a.example", "javascript:alert(1)", "https://a.example https://a.example", "*"])
def test_only_origins_are_origins(file, origins) -> None:
    row = {"code": "moi", "name_vi": "Mới", "name_en": "New", "return_origins": origins, "valid_from": "2027-01-01"}
    assert wrong(file("portals", row), REGISTERS["portals"]) == [(2, "return_origins", "not_an_origin")]


@pytest.mark.parametrize(("number", "good"), [("3511.0.0000001", True), ("0011004098765", True), ("12345", False), ("3511..1", False), ("VN12", False), ("3511.0.", False)])
def test_accounts_have_one_of_two_forms(file, number, good) -> None:
    row = {"agency": "000.00.00.G15", "purpose": "phi", "bank_bin": "970436", "number": number, "holder": "Bộ Tư pháp", "valid_from": "2027-01-01"}
    assert wrong(file("collecting_accounts", row), REGISTERS["collecting_accounts"]) == ([] if good else [(2, "number", "form")])


def test_a_key_is_there_once() -> None:
    assert wrong(HEADING + ROW + ROW) == [(3, "portal", "row_repeated")]


def test_a_file_has_a_greatest_length(monkeypatch) -> None:
    # The real ones are 200,000 rows and 32 MiB: too much for every run of the tests.
    monkeypatch.setattr(reading, "MAX_ROWS", 2)
    rows = "".join(ROW.replace("LP-LLTP", f"LP-{number}") for number in range(3))
    assert wrong(HEADING + rows) == [(0, "", "too_many_rows")]
    monkeypatch.setattr(reading, "MAX_BYTES", 40)
    assert wrong(HEADING + rows) == [(0, "", "too_large")]


@pytest.mark.parametrize("code", SAID)
def test_every_problem_has_a_sentence_in_both_languages(code) -> None:
    said = Problem(2, "x", code, ("a", "b", "c")).text
    assert said.vi
    assert said.en
    assert said.vi != said.en
