"""Mappings say what is wrong with them: every fault, by the name of its setting, at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciliation.errors import MappingUnusable
from reconciliation.files import mappings

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "config" / "mappings"
SAMPLES = Path(__file__).parent / "samples" / "mappings"
FAULTS = {
    'zone = "+07:00"|zone = "Hanoi"': "happened is no way to write a time: zone must be written like +07:00",
    'encoding = "utf-8"|encoding = "vietnamese"': "encoding vietnamese is not one Python knows",
    'encoding = "utf-8"|encoding = "zip"': "encoding zip is not one Python knows",
    'encoding = "utf-8"|': "encoding is missing",
    'delimiter = ","|delimiter = "||"': "delimiter must be one character",
    'amount = "SoTien"|amount = "Tien"': "columns.amount must be a word of the header",
    'amount = "SoTien"|amount = 11': "columns.amount must be a word of the header",
    'amount = "SoTien"|': "columns.amount is missing",
    'amount = "SoTien"|amount = "SoTien"\ndebit = "Phi"': "columns.amount is missing, or debit and credit are",
    'type = "LoaiGiaoDich"|': "types need the column type",
    'happened = "ThoiGian"|date = "ThoiGian"': "columns.happened is missing, or date and time are",
    'happened = "ThoiGian"|date = "ThoiGian"\ntime = "Phi"\nfoo = 1': "columns.foo is not a setting",
    '"payment"|"tip"': "types.THANH_TOAN must be one of payment, refund",
    "count = 2|count = 12": "trailer.count must be a word of the header",
    "count = 2|count = 1": "trailer.count and sum and checksum must be columns of their own",
    "count = 2|count = 3": "trailer.count and sum and checksum must be columns of their own",
    'marker = "TONG"|': None,
    "[trailer]|[tail]": "tail is not a setting",
    "dd/MM/yyyy HH|dd/MM HH": "happened is no way to write a time",
    "dd/MM/yyyy HH:mm:ss|dd/MM/yyyy mm:ss": "must have HH before mm",
    "title = |title ": "at line 3, column 7",
    '"MaThamChieu", "LoaiGiaoDich"|"MaThamChieu", "MaThamChieu"': "header has a word twice",
    'thousands = ""|thousands = "."\ndecimal = "."': "thousands and decimal must be one character each",
    'thousands = ""|scale = 0': "scale must be a whole number of at least 1",
    'thousands = ""|signed = "yes"': "signed must be true or false",
    'currency = "VND"|currency = "dong"': "currency must be a code such as VND",
    '[trailer]|[trailer.checksum]\ncolumn = 4\nalgorithm = "md4"\n[trailer]': "trailer.checksum.algorithm must be one of sha256",
    '[types]|[signs]\nin = ["C"]\n[types]': "signs and the column sign need each other",
    'status = "TrangThai"|': "statuses need the column status",
    'reference = "MaThamChieu"\ntransaction = "MaGiaoDich"|': "columns.reference is missing, or transaction is",
}


def load(tmp_path: Path, text: str) -> mappings.Mapping:
    (tmp_path / "broken.toml").write_text(text, encoding="utf-8")
    return mappings.load(tmp_path, "broken")


@pytest.mark.parametrize(("change", "said"), FAULTS.items())
def test_a_fault_is_told_by_its_name(tmp_path, change, said) -> None:
    old, new = change.split("|", 1)
    told = (EXAMPLES / "vnpay-example.toml").read_text(encoding="utf-8")
    assert old in told
    if said is None:
        assert load(tmp_path, told.replace(old, new, 1)).trailer.marker == ""
        return
    with pytest.raises(MappingUnusable) as refused:
        load(tmp_path, told.replace(old, new, 1))
    assert said in str(refused.value)


def test_every_fault_is_told_at_once(tmp_path) -> None:
    told = (EXAMPLES / "vnpay-example.toml").read_text(encoding="utf-8")
    for change in ('zone = "+07:00"|zone = "Hanoi"', 'encoding = "utf-8"|', "[trailer]|[tail]", '"payment"|"tip"'):
        told = told.replace(*change.split("|", 1), 1)
    with pytest.raises(MappingUnusable) as refused:
        load(tmp_path, told)
    assert [fault.split(" ")[0] for fault in refused.value.facts["faults"]] == ["encoding", "happened", "tail", "types.THANH_TOAN"]


@pytest.mark.parametrize("path", sorted([*EXAMPLES.glob("*.toml"), *SAMPLES.glob("*.toml")]), ids=lambda path: path.stem)
def test_every_mapping_that_is_shipped_can_be_used(path) -> None:
    assert mappings.load(path.parent, path.stem).title
    if path.parent == EXAMPLES:
        assert path.read_text(encoding="utf-8").startswith("# An example. "), "what is not public says so"


@pytest.mark.parametrize("name", ["missing", "../secrets", "", "camt053", "mt940"])
def test_a_mapping_that_is_not_there_says_so(name) -> None:
    with pytest.raises(MappingUnusable):
        mappings.load(EXAMPLES, name)
