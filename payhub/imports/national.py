"""Partners that speak PaymentPlatform or PayGov's form, and what they call fees, as registers."""

from __future__ import annotations

from collections.abc import Iterator

from payhub.errors import Text
from payhub.imports.kinds import FEE, NAME, PARTNER, code, one_of
from payhub.imports.schedule import BEGINS, ENDS
from payhub.imports.specs import Column, Register, Row, Slip
from payhub.portals.national.models import AMOUNTS, ANSWERS, BILLS, CONTRACTS, TYPES, NationalFee, NationalPartner


def _slips(row: Row) -> Iterator[Slip]:
    if row.contract == "paygov" and row.amounts == "as_sent":
        # Its checksum leaves open where one value ends and the next begins.
        yield "amounts", "not_used", row.contract


NATIONAL_PARTNERS = Register(
    name="national_partners",
    says=Text("đối tác nền tảng thanh toán quốc gia", "national partners"),
    holds="a partner code under which a portal speaks PaymentPlatform 1.0.6, or PayGov's form, during one stretch of time",
    model=NationalPartner,
    columns=(
        Column("code", PARTNER, "MaDoiTac, or PayGov's partnerCode"),
        Column("portal", NAME, "the portal", of="portals", attribute="portal_id"),
        Column("contract", one_of(*CONTRACTS), "what it speaks"),
        Column("answer", one_of(*ANSWERS), "the shape of the answer to INIT", required=False, empty="direct"),
        Column("bill", one_of(*BILLS), "what it takes the answer to GET_BILL for", required=False, empty="json"),
        Column(
            "amounts", one_of(*AMOUNTS), "whether an amount that the schedule does not say is refused",
            required=False, empty="strict",
        ),
        Column(
            "unissued", code("[0-9A-Za-z]{1,10}", "12", "MaLoi"), "what GET_BILL answers without a receipt; empty: 12",
            required=False, empty="12",
        ),
        Column(
            "confirm_type", code("[0-9A-Z_]{1,50}", "CONFIRM", "LoaiBanTin"), "what CONFIRM calls itself; empty: CONFIRM",
            required=False, empty="CONFIRM",
        ),
        Column(
            "confirm_secret", one_of("inbound", "outbound"), "the portal's secret that CONFIRM is proven with; empty: inbound",
            required=False, empty="inbound",
        ),
        Column(
            "return_url", code("https://[!-~]{1,500}", "https://portal.example/xong", "address"),
            "where a citizen goes back to; it counts on a registered origin", required=False,
        ),
        BEGINS,
        ENDS,
    ),
    key=("code", "valid_from"),
    slips=_slips,
)  # fmt: skip

NATIONAL_FEES = Register(
    name="national_fees",
    says=Text("mã khoản thu của đối tác", "national fees"),
    holds="which fee of the schedule a portal means by a code of its own",
    model=NationalFee,
    columns=(
        Column("portal", NAME, "the portal", of="portals", attribute="portal_id"),
        Column(
            "code", code(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,99}", "1.001612.01"),
            "MaPhiLePhi, MaDVC, MaTTHC or MaLoaiHinhThuPhat as the portal writes it; PayGov's serviceCode",
        ),
        Column("type", one_of(*TYPES), "the LoaiPhiLePhi it stands with"),
        Column("fee", FEE, "the fee", of="fees", attribute="fee_code"),
        BEGINS,
        ENDS,
    ),
    key=("portal", "code", "type", "valid_from"),
)  # fmt: skip
