"""Whole conversations, as portals of each kind hold them: written from the contract's field tables."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from payhub.payments.models import Payment
from payhub.payments.words import opened
from payhub.people.models import Payer
from payhub.people.sealing import opened as who_pays

CONVERSATIONS = Path(__file__).parent / "conversations"
INIT = "LoaiBanTin PhienBan MaDoiTac MaThamChieu SoTien LoaiHinhThanhToan MaKenhThanhToan MaThietBi NgonNgu MaTienTe MaNganHang ThongTinGiaoDich ThoiGianGD Ip"
ASK = "LoaiBanTin PhienBan MaDoiTac MaThamChieu ThoiGianGD"


@pytest.mark.parametrize("name", ["opencps", "td", "fine"])
def test_a_conversation(name, portal, td, rows) -> None:
    held = json.loads((CONVERSATIONS / f"{name}.json").read_text())
    urls: list[str] = []
    for step in held["steps"]:
        names = INIT if step["message"]["LoaiBanTin"] == "INIT" else ASK
        answer = portal.say(step["message"], names, step["to"], **held.get("headers", {}))
        assert answer.status_code == 200
        if step.get("nothing"):
            assert answer.data == b""
            continue
        said = answer.json
        if step.get("wrapped"):
            assert said["error_code"] == ("0" if step["answer"]["MaLoi"] == "00" else step["answer"]["MaLoi"])
            said = json.loads(said["message"])
        for field, expected in step["answer"].items():
            if expected == "http…":
                urls.append(said[field])
                assert re.fullmatch(r"http://127\.0\.0\.1:8000/pay/[\w-]{38}", said[field])
            else:
                assert said[field] == (urls[0] if expected == "the first" else expected), (field, said)
        assert said["MaXacThuc"]
        assert portal.client.get(urls[0].removeprefix("http://127.0.0.1:8000")).status_code == 200
    asked = rows("SELECT f.code, l.amount, l.quantity FROM payment_line l JOIN fee f ON f.id = l.fee_id ORDER BY l.number")
    assert [list(line) for line in asked] == held["lines"]


def test_a_fine_is_asked_for_by_its_decision_which_is_the_basis_of_its_amount(portal, hub, rows) -> None:
    held = json.loads((CONVERSATIONS / "fine.json").read_text())
    assert portal.init(held["steps"][0]["message"])["MaLoi"] == "00"
    assert rows("SELECT dossier, kind FROM payment JOIN payment_line ON payment_id = payment.id") == [
        ("0457/QĐ-XPHC 20261105 000.00.00.G01", "fine")
    ]
    with hub.db.session() as session:
        payment = session.query(Payment).one()
        words, payer = opened(hub.keyring, payment), who_pays(hub.keyring, session.query(Payer).one())
    assert words.reasons == {"1": "QĐ 0457/QĐ-XPHC 20261105 Phòng CSGT Công an tỉnh Tây Ninh"}
    assert words.return_url == "https://dichvucong.tayninh.example/ho-so"
    assert words.descriptions == {"1": "Vượt quá tốc độ"}
    assert payer == {"name": "Phạm Văn Cường", "id_number": "072088004321", "address": "3 Cách Mạng"}


def test_an_unknown_number_of_identity_is_none_and_a_language_is_taken_over(td, hub, rows) -> None:
    held = json.loads((CONVERSATIONS / "td.json").read_text())
    td.init({**held["steps"][0]["message"], "NgonNgu": "en-US"})
    with hub.db.session() as session:
        assert who_pays(hub.keyring, session.query(Payer).one()) == {"name": "Lê Thị Bưởi"}
    assert rows("SELECT language FROM payment") == [("en",)]
