"""VNPAY under the contract of all gateways."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus

from gateways.base import Account, Bank, Incoming, Order, RefundOrder, Response, Verdict
from gateways.conformance import Contract
from gateways.signing import mac
from gateways.vnpay import Vnpay
from gateways.vnpay_fields import GMT7

AT = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
ENDPOINTS = {"pay": "https://vnpay.example/pay", "api": "https://vnpay.example/api"}
QUERIED = (
    "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo TransactionType TransactionStatus "
    "OrderInfo PromotionCode PromotionAmount"
)
REFUNDED = QUERIED.removesuffix(" PromotionCode PromotionAmount")


class TestContract(Contract):
    gateway = Vnpay()
    account = Account("PAYHUB01", ("today's secret", "yesterday's secret"), ENDPOINTS)
    other_account = Account("PAYHUB02", ("their secret", "their older secret"), ENDPOINTS)
    order = Order(
        "PH1", 150_000, "VND", "Lệ phí hồ sơ", AT, AT + timedelta(minutes=15), "https://hub.example/return", "vi", "203.0.113.9"
    )
    refund_order = RefundOrder(
        "R1", "PH1", "14900001", AT, 50_000, 150_000, "VND", "ketoan01", AT + timedelta(hours=1), "203.0.113.9"
    )
    answers = {
        Verdict.RECORDED: (200, {"RspCode": "00", "Message": "Confirm Success"}),
        Verdict.REPEATED: (200, {"RspCode": "02", "Message": "Order already confirmed"}),
        Verdict.UNKNOWN_REFERENCE: (200, {"RspCode": "01", "Message": "Order not found"}),
        Verdict.WRONG_AMOUNT: (200, {"RspCode": "04", "Message": "Invalid amount"}),
        Verdict.FORGED: (200, {"RspCode": "97", "Message": "Invalid Checksum"}),
        Verdict.MALFORMED: (200, {"RspCode": "99", "Message": "Unknown error"}),
        Verdict.OUR_FAULT: (200, {"RspCode": "99", "Message": "Unknown error"}),
    }
    tomorrow = {"read_callback": ("88", "88")}
    tells = {
        "start": {"description", "client_ip"}, "query": {"client_ip"}, "refund": {"client_ip", "asked_by"},
        "query_refund": {"client_ip"},
    }  # fmt: skip

    listed = (
        Bank("VNPAYQR", "Ứng dụng ngân hàng (VNPAY-QR)", "VNPAYQR"),
        Bank("NCB", "Ngân hàng Quốc Dân (NCB)", "VNBANK"),
        Bank("VIETCOMBANK", "Ngân hàng Ngoại thương & <Vietcombank>", "VNBANK"),
        Bank("JCB", "Thẻ quốc tế JCB", ""),
    )

    def write_banks(self, banks):
        types = {"VNBANK": 1, "VNPAYQR": 5, "": 3}
        told = [
            {"bank_code": bank.code, "bank_name": bank.name, "logo_link": "~/images/bank/x.png", "bank_type": types[bank.method],
             "display_order": place}
            for place, bank in enumerate(banks)
        ]  # fmt: skip
        return Response(200, {}, json.dumps(told).encode())

    def write_callback(self, account, said):
        response, status = said.codes
        fields = {
            "vnp_Amount": f"{said.amount}00", "vnp_BankCode": "NCB", "vnp_OrderInfo": "Le phi (a) * ~ 1",
            "vnp_PayDate": written(said.at), "vnp_ResponseCode": response, "vnp_TmnCode": account.terminal,
            "vnp_TransactionNo": said.transaction, "vnp_TransactionStatus": status, "vnp_TxnRef": said.reference,
        }  # fmt: skip
        if said.currency != "VND":
            fields["vnp_CurrCode"] = said.currency
        signed = "&".join(f"{name}={quote_plus(fields[name])}" for name in sorted(fields) if fields[name])
        return Incoming("GET", f"{signed}&vnp_SecureHash={mac('sha512', account.secrets[0], signed.encode())}".encode(), {}, b"")

    def write_queried(self, account, said):
        return answer(account, said, QUERIED, "querydr", said.reference, "01")

    def write_refunded(self, account, said):
        return answer(account, said, REFUNDED, "refund", "PH1", "03")

    def write_refund_queried(self, account, said):
        return answer(account, said, QUERIED, "querydr", "PH1", "03")


def written(at):
    return at.astimezone(GMT7).strftime("%Y%m%d%H%M%S")


def answer(account, said, names, command, reference, kind):
    response, status = said.codes
    told = {
        "ResponseId": "S1", "Command": command, "ResponseCode": response, "Message": "xong", "TmnCode": account.terminal,
        "TxnRef": reference, "Amount": f"{said.amount}00", "BankCode": "NCB", "PayDate": written(said.at),
        "TransactionNo": said.transaction, "TransactionType": kind, "TransactionStatus": status, "OrderInfo": "Le phi",
    }  # fmt: skip
    line = "|".join(told.get(name, "") for name in names.split())
    fields = {f"vnp_{name}": value for name, value in told.items()}
    return Response(200, {}, json.dumps(fields | {"vnp_SecureHash": mac("sha512", account.secrets[0], line.encode())}).encode())
