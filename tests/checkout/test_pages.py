"""What a citizen sees of a payment, in every state and both languages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import event, text

from gateways.base import Outcome
from payhub.checkout.assets import FOLDER
from payhub.checkout.pages import refresh_s

HEADINGS = {
    "open": ("Thanh toán phí, lệ phí", "Pay public fees"),
    "processing": ("Đang chờ ngân hàng xác nhận", "Waiting for the bank's word"),
    "paid": ("Đã thanh toán", "Paid"),
    "expired": ("Đã hết hạn thanh toán", "The time to pay is over"),
    "cancelled": ("Khoản thanh toán đã bị hủy", "The payment was cancelled"),
    "reversed": ("Ngân hàng đã thu hồi khoản thanh toán", "The bank took the payment back"),
}
BACK = "https://dichvucong.moj.example/ho-so?ma=H53&khoa=a%20b#ket-qua"
every_state = pytest.mark.parametrize("state", HEADINGS)


@every_state
def test_every_state_has_its_page_in_both_languages(came, see, state) -> None:
    path = came(state)
    for language, heading in zip(("vi", "en"), HEADINGS[state], strict=True):
        page = see(f"{path}?lang={language}")
        assert page.status == 200
        assert page.language == language
        assert f"<h1>{heading}</h1>" in page.html.replace("&#39;", "'")
        assert page.faults == []


@every_state
def test_every_page_says_what_is_owed_to_whom(came, see, state) -> None:
    path = came(state, dossier="H53.12-261120-0001")
    vietnamese, english = see(path).words, see(f"{path}?lang=en").words
    for shown in (
        "Lệ phí cấp phiếu lý lịch tư pháp",
        "Bộ Tư pháp",
        "Cổng dịch vụ công Bộ Tư pháp",
        "200.000 đồng",
        "Hai trăm nghìn đồng",
    ):
        assert shown in vietnamese
    for shown in ("Criminal record certificate fee", "Ministry of Justice", "200.000 VND", "Two hundred thousand dong"):
        assert shown in english
    assert "H53.12-261120-0001" in vietnamese


@every_state
def test_no_page_shows_who_pays_or_a_secret(came, see, state, hub, keys) -> None:
    lines = [{"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000, "description": "Trần Thị Riêng"}]
    path = came(state, lines=lines, metadata={"note": "Trần Thị Riêng"})
    secrets = [secret for account in hub.registers.protocol_accounts.values() for secret in account.secrets]
    html = see(path).html + see(f"{path}?again=1&lang=en").html
    for hidden in ("Riêng", "079301000777", "0909000777", "rieng@", "Ngõ Kín", *secrets, *keys.values(), hub.settings.secrets.keys):
        assert hidden not in html


@every_state
def test_every_page_keeps_itself_private(came, see, state) -> None:
    headers = see(came(state)).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' https:")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in headers


@every_state
def test_a_page_with_its_style_is_below_15_kilobytes(came, see, state) -> None:
    page = see(came(state))
    assert len(page.html.encode()) + sum(file.stat().st_size for file in FOLDER.iterdir()) < 15_000


@every_state
def test_a_page_costs_two_queries(came, see, state, hub) -> None:
    path, asked = came(state), []

    @event.listens_for(hub.db.resting, "before_cursor_execute")
    def note(_connection, _cursor, statement, *_) -> None:
        if "register_version" not in statement:
            asked.append(statement)

    see(path)
    assert len(asked) == 2
    assert not any("payer" in statement for statement in asked)


def test_a_page_speaks_the_language_the_portal_asked_for(asked, see) -> None:
    assert see(asked(language="en")).language == "en"
    assert see(asked(), headers={"Accept-Language": "en"}).language == "vi"


def test_only_an_open_page_has_a_form_that_starts_something_new(came, see) -> None:
    assert see(came("open")).forms[0].fields["way"] == "vnpay-main"
    for state in ("paid", "reversed"):
        assert see(came(state)).forms == []


@pytest.fixture
def spared(hub, minh, client) -> Callable[[str, str], None]:
    """Let an account be held back, or fail."""

    def let(account: str, why: str) -> None:
        if why == "held":
            assert minh.post(client, f"/v1/staff/gateways/{account}/hold", {"reason": "maintenance"}).status_code == 200
        else:
            for _ in range(10):
                hub.health.heard(hub.registers.gateway_accounts[account].id, good=False)

    return let


SPARED = {
    "held": ("Tạm ngừng. Vui lòng chọn cách khác.", "Suspended. Please choose another way."),
    "failing": ("Đang gián đoạn. Vui lòng chọn cách khác hoặc thử lại sau ít phút.", "Not working just now. Please choose another way, or try again in a few minutes."),
}


@pytest.mark.parametrize("why", SPARED)
def test_a_way_that_is_spared_is_shown_says_why_and_cannot_be_chosen(asked, see, spared, why) -> None:
    spared("vnpay-main", why)
    path = asked()
    for language, said in zip(("vi", "en"), SPARED[why], strict=True):
        page = see(f"{path}?lang={language}")
        ways = {given["value"]: "disabled" in given for tag, given in page.elements if given.get("name") == "way"}
        assert [way for way, disabled in ways.items() if disabled] == ["vnpay-main"]
        assert page.words.count(said) == 1
        assert page.forms[0].fields["way"] != "vnpay-main"
        assert page.faults == []


def test_where_every_way_is_held_the_page_says_so_of_each(asked, see, spared, hub) -> None:
    path = asked()
    for account in hub.registers.gateway_accounts:
        spared(account, "held")
    page = see(path)
    assert page.forms == []
    assert page.words.count(SPARED["held"][0]) == 4
    assert page.faults == []


def test_an_open_page_says_until_when_in_local_time(asked, see) -> None:
    page = see(asked(expires_at="2026-11-21T16:30:00+07:00"))
    assert "16:30 ngày 21/11/2026" in page.words


def test_a_payment_whose_time_is_over_is_shown_so_before_any_job_ran(asked, see, clock) -> None:
    path = asked()
    clock.pass_(days=1)
    page = see(path)
    assert "Đã hết hạn thanh toán" in page.words
    assert page.forms == []


def test_a_waiting_page_looks_again_by_itself_and_ever_less_often(started, see, clock) -> None:
    path = started()
    assert '<meta http-equiv="refresh" content="5">' in see(path).html
    clock.pass_(minutes=2)
    assert '<meta http-equiv="refresh" content="15">' in see(path).html
    intervals = [refresh_s(timedelta(minutes=minutes)) for minutes in (0, 2, 10, 100)]
    assert intervals == sorted(intervals)
    assert refresh_s(timedelta(days=1)) is None


def test_paying_again_while_waiting_is_possible_and_warns(started, see) -> None:
    path = started()
    waiting = see(path)
    again = next(link for link in waiting.links() if "again" in link)
    page = see(again)
    assert "Chỉ thanh toán lại nếu bạn chắc chắn chưa bị trừ tiền" in page.words
    assert "http-equiv" not in page.html
    assert page.forms[0].fields["form_token"] != waiting.forms[0].fields["form_token"]


def test_a_waiting_page_offers_no_new_try_when_the_payment_takes_none(started, see, clock) -> None:
    path = started(expires_at="2026-11-20T10:05:00+07:00")
    clock.pass_(minutes=6)
    page = see(f"{path}?again=1")
    assert "Đang chờ ngân hàng xác nhận" in page.words
    assert page.forms == []
    assert not any("again" in link for link in page.links() if not link.startswith("?"))


@pytest.mark.parametrize(
    ("outcome", "code", "said"), [(Outcome.CANCELLED, "24/02", "đã hủy"), (Outcome.FAILED, "51/02", "không thành công")]
)
def test_after_a_try_without_money_the_page_says_so_and_offers_another(started, see, tell, outcome, code, said) -> None:
    path = started()
    tell(outcome, code)
    page = see(path)
    assert said in page.words
    assert "chưa được thanh toán" in page.words
    assert len(page.forms) == 1


def test_a_paid_page_says_how_and_when(came, see) -> None:
    words = see(came("paid")).words
    assert "10:00 ngày 20/11/2026" in words
    assert "Thanh toán qua VNPAY" in words


def test_money_that_came_twice_is_admitted(started, see, press, tell, attempts) -> None:
    path = started()
    press(see(f"{path}?again=1").forms[0])
    for attempt in attempts():
        tell(Outcome.SUCCEEDED, attempt=attempt)
    page = see(path)
    assert "Đã thanh toán" in page.words
    assert "Tiền được giữ riêng để cán bộ xử lý" in page.words


def test_money_that_does_not_fit_is_admitted(started, see, tell) -> None:
    path = started()
    tell(Outcome.SUCCEEDED, amount=150_000)
    assert "Tiền được giữ riêng để cán bộ xử lý" in see(path).words


def test_the_way_back_keeps_the_portals_address_and_adds_what_became_of_it(came, see) -> None:
    back = next(link for link in see(came("paid", return_url=BACK)).links() if "moj.example" in link)
    url = urlsplit(back)
    assert back.startswith("https://dichvucong.moj.example/ho-so?ma=H53&khoa=a%20b&")
    assert url.fragment == "ket-qua"
    told = parse_qs(url.query)
    assert told["state"] == ["paid"]
    assert told["payment"][0].startswith("pay_test_")


def test_without_a_return_address_there_is_no_way_back(came, see) -> None:
    assert all(link.startswith(("?", "/pay/")) for link in see(came("paid")).links())


def test_what_a_portal_wrote_is_text_and_never_markup(asked, see) -> None:
    page = see(asked(dossier="<script>alert('x')</script>", return_url="https://dichvucong.moj.example/\"'><script>"))
    assert "<script" not in page.html
    assert page.faults == []


def test_a_way_that_does_not_take_the_amount_is_shown_with_the_reason(hub, asked, see) -> None:
    with hub.db.session() as session:
        copy = (
            "INSERT INTO gateway_account SELECT gen_random_uuid(), :code, gateway, :code, :code, :code, endpoints, owner_agency_id, settlement, "
            "currency, :least, maximum, 0, mapping, opened_at, cast(:closed AS timestamptz), methods FROM gateway_account WHERE code = 'vnpay-main'"
        )
        session.execute(text(copy), {"code": "large-only", "least": 1_000_000, "closed": None})
        session.execute(text(copy), {"code": "closed", "least": 1, "closed": "2026-01-01"})
    page = see(asked())
    assert "large-only Thẻ, tài khoản ngân hàng hoặc VNPAY-QR Chỉ nhận từ 1.000.000 đồng đến 500.000.000 đồng." in page.words
    assert "closed" not in page.html
    radios = [given for tag, given in page.elements if tag == "input" and given["type"] == "radio"]
    chosen = ["vnpay-main", "momo-main/captureWallet", "momo-main/payWithATM", "zalopay-main"]
    assert [(given["value"], "disabled" in given) for given in radios] == [*((way, False) for way in chosen), ("large-only", True)]
    assert page.faults == []


def test_where_no_way_takes_the_amount_the_page_says_so(hub, asked, see) -> None:
    path = asked()
    with hub.db.session() as session:
        session.execute(text("UPDATE gateway_account SET maximum = 199999"))
    page = see(path)
    assert "Hiện không có cách thanh toán trực tuyến nào nhận số tiền này" in page.words
    assert page.forms == []


def test_a_link_that_opens_nothing_is_answered_with_a_page(asked, see, client) -> None:
    path = asked()
    other = path[:-8] + ("A" if path[-8] != "A" else "B") + path[-7:]
    for wrong in (other, path[:-1], path + "x", "/pay/abc", "/pay/", "/pay", "/pay/%C4%91", f"{path}/more/of/it", "/return/nobody"):
        page = see(wrong)
        assert page.status == 404, wrong
        assert page.headers["Content-Type"].startswith("text/html")
        assert "Không tìm thấy khoản thanh toán" in page.words
        assert page.faults == []
        assert page.headers["X-Frame-Options"] == "DENY"
    for answer in (client.put(path), client.delete(path), client.post("/pay/abc/start"), client.post("/return/vnpay-main")):
        assert answer.status_code in {404, 405}
        assert answer.mimetype == "text/html"


def test_a_link_for_another_payment_cannot_be_made_by_swapping_halves(asked, see) -> None:
    one, two = asked().removeprefix("/pay/"), asked().removeprefix("/pay/")
    assert see(f"/pay/{one[:21]}{two[21:]}").status == 404


EXEMPT = {"fee": "LP-LLTP", "agency": "000.00.00.G15", "relief": "TRE-EM"}


def test_a_page_of_nothing_to_pay_says_so_and_by_which_ground(asked, see) -> None:
    path = asked(lines=[EXEMPT], return_url=BACK)
    vietnamese, english = see(path), see(f"{path}?lang=en")
    for page, said in (
        (vietnamese, ("Không phải nộp tiền", "Các khoản được miễn", "Miễn 200.000 đồng: Trẻ em (Luật Phí và lệ phí 97/2015/QH13")),
        (english, ("Nothing to pay", "What you are exempt from", "Exempt from 200.000 VND: Children (Law on Fees")),
    ):
        for words in said:
            assert words in page.words
        assert page.forms == []
        assert page.faults == []
        assert "confirmed the whole amount" not in page.words
    assert "Đơn vị thanh toán đã xác nhận" not in vietnamese.words
    back = next(link for link in vietnamese.links() if "moj.example" in link)
    assert "state=paid" in back


def test_a_page_shows_what_is_taken_off_beside_what_is_left(asked, see) -> None:
    lines = [EXEMPT, {"fee": "P-DLDC", "agency": "000.00.00.G01", "quantity": 7}]
    page = see(asked(lines=lines))
    assert "Miễn 200.000 đồng: Trẻ em" in page.words
    assert "Bảy nghìn đồng" in page.words
    assert len(page.forms) == 1
