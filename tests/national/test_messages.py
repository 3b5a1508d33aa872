"""Reading and proving messages: liberal in types, and not one hashed character may differ."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payhub.portals.national import messages
from payhub.portals.national.hashing import digest, proven_by
from payhub.portals.national.messages import ASK, CONFIRM, INIT, Unreadable, read
from payhub.portals.national.paygov import checksum

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
ORDERS = {"INIT": INIT, "CONFIRM": CONFIRM, "QUERY": ASK, "GET_BILL": ASK}
SECRETS = ("bi-mat-moi", "bi-mat-cu")
plain = st.text(st.characters(exclude_characters="|", exclude_categories=["Cs", "Cc"]), max_size=20)
values = st.fixed_dictionaries(dict.fromkeys(INIT, plain | st.integers(0, 10**9) | st.none()))


def body_of(fields: dict, secret: str = SECRETS[0], **more) -> bytes:
    texts = ["" if fields[name] is None else str(fields[name]) for name in INIT]
    code = hashlib.sha256("|".join([*texts, secret]).encode()).hexdigest()
    return json.dumps({**fields, "MaXacThuc": code, **more}, ensure_ascii=False).encode()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["message"])
def test_computed_vectors(vector) -> None:
    texts = {name: str(value) for name, value in vector["fields"].items()}
    if vector["message"] == "redirect_checksum":
        assert checksum(texts, vector["secret"]) == vector["expected"]
    else:
        assert digest([texts[name] for name in ORDERS[vector["message"]]], vector["secret"]) == vector["expected"]


@given(fields=values, secret=st.sampled_from(SECRETS), receipt=st.dictionaries(st.just("TKThuHuong"), plain))
def test_what_a_portal_hashed_is_proven_by_any_live_secret_whatever_stands_in_the_unsigned_block(fields, secret, receipt) -> None:
    message = read(body_of(fields, secret, ThongTinBienLai=receipt))
    assert proven_by(message.hashed(INIT), SECRETS, message.given) == secret


@given(fields=values, name=st.sampled_from(INIT), other=plain | st.integers(0, 10**9))
def test_any_change_of_any_hashed_value_is_refused(fields, name, other) -> None:
    before = read(body_of(fields))
    changed = read(json.dumps({**fields, name: other, "MaXacThuc": before.given}).encode())
    same = changed.get(name) == before.get(name)
    assert (proven_by(changed.hashed(INIT), SECRETS, changed.given) is not None) == same


@given(fields=values, name=st.sampled_from(INIT[:-1]))
def test_a_separator_within_a_value_is_refused_though_the_hash_is_right(fields, name) -> None:
    """Two messages with one hash: `a|b` and `` mean the same to it as `a` and `b`."""
    message = read(body_of({**fields, name: "a|b"}))
    assert proven_by(message.hashed(INIT), SECRETS, message.given) is None


def test_a_hash_in_capitals_is_the_same_hash_and_none_is_none() -> None:
    fields = dict.fromkeys(INIT, "x")
    message = read(body_of(fields))
    assert proven_by(message.hashed(INIT), SECRETS, message.given.upper()) == SECRETS[0]
    assert proven_by(message.hashed(INIT), SECRETS, "") is None
    assert proven_by(message.hashed(INIT), (), message.given) is None
    assert proven_by(message.hashed(INIT), SECRETS, "ấ" * 64) is None


@given(st.binary(max_size=200) | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*INIT, "ThongTinBienLai", "PhiLePhi", "DSKhoanNop", "SoTien"]), inner)).map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_read_or_said_to_be_unreadable(body) -> None:
    try:
        message = read(body)
    except Unreadable:
        return
    assert all(isinstance(value, str) for value in message.values.values())


@pytest.mark.parametrize("amount", ["150000", 150000, " 150000 "])
def test_amounts_come_as_numbers_and_as_text(amount) -> None:
    block = {"PhiLePhi": [{"LoaiPhiLePhi": 2, "SoTien": amount}, {"LoaiPhiLePhi": "1", "SoTien": 0}, {"LoaiPhiLePhi": "Phi"}]}
    message = read(json.dumps({"SoTien": amount, "ThongTinBienLai": block}).encode())
    assert message.amount == 150_000
    assert [line.amount for line in message.receipt.lines] == [150_000, 0, 0]
    assert [line.type for line in message.receipt.lines] == ["le_phi", "phi", "phi"]


@pytest.mark.parametrize("amount", ['"150.000"', '"150,000"', "150000.0", "1.5e5", '"-1"', "-1", '"+1"', '"0"', "0", '""', "null", '"٣"', "1e400", '"10000000000000000"'])  # fmt: skip
def test_no_other_writing_of_an_amount_is_guessed_at(amount) -> None:
    message = read(b'{"SoTien": ' + amount.encode() + b"}")
    with pytest.raises(Unreadable):
        _ = message.amount


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'{"a": NaN}', b'{"SoTien": "1", "SoTien": "2"}', b'{"Ip": true}', b'{"Ip": "\\ud800"}', b"\xff\xfe{}", b"[" * 100_000,
     b'{"ThongTinBienLai": {"PhiLePhi": [1]}}', b'{"ThongTinBienLai": {"PhiLePhi": "x"}}', b'{"ThongTinBienLai": {"PhiLePhi": [{"SoTien": "1.000"}]}}'],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_not_read(body) -> None:
    with pytest.raises(Unreadable):
        read(body)


def test_types_that_vary_are_read_alike() -> None:
    line = {"LoaiPhiLePhi": "Phi", "MaPhiLePhi": 2, "TenPhiLePhi": None, "SoTien": "5"}
    alone = {"MaDichVu": 2, "PhiLePhi": line, "DSKhoanNop": None, "MaHoSo": "H\u00001"}
    for block in (alone, json.dumps(alone), {**alone, "PhiLePhi": [line]}):
        receipt = read(json.dumps({"ThongTinBienLai": block}).encode()).receipt
        assert (receipt.lines[0].code, receipt.lines[0].amount, receipt.get("MaDichVu"), receipt.fine) == ("2", 5, "2", False)
        assert receipt.get("MaHoSo") == "H 1"
    assert read(b'\xef\xbb\xbf{"Ip": "1"}').get("Ip") == "1"
    assert read(b'{"ThongTinBienLai": null}').receipt == messages.Receipt()
