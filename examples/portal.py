"""What a portal needs to hear of its payments: Standard Webhooks at /told, CONFIRM of PaymentPlatform 1.0.6 at /confirm.

    WEBHOOK_SECRET=whsec_… PARTNER_SECRET=… python examples/portal.py 8090 heard.jsonl

Everything that proves itself is written to the file, a line each; everything else is refused. It needs `standardwebhooks` alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

HASHED = (
    "LoaiBanTin", "MaLoi", "MaDoiTac", "MaThamChieu", "SoTien", "MaTienTe", "MaGiaoDich", "MaNganHang", "ThoiGianGD",
    "ThongTinGiaoDich",
)  # fmt: skip


class Portal(BaseHTTPRequestHandler):
    """Takes messages of the hub."""

    heard: Path

    def do_POST(self) -> None:
        """Answer only after the message is written down: what was answered is not sent again."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/confirm":
            self._confirmed(json.loads(body))
        else:
            self._told(body)

    def _told(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            Webhook(os.environ["WEBHOOK_SECRET"]).verify(body, headers)
        except WebhookVerificationError:
            self._answer(HTTPStatus.UNAUTHORIZED)
            return
        # The same message may come twice; `webhook-id` says so.
        self._keep({"id": headers["webhook-id"], **json.loads(body)})
        self._answer(HTTPStatus.NO_CONTENT)

    def _confirmed(self, told: dict[str, object]) -> None:
        values = [*(str(told[name]) for name in HASHED), os.environ["PARTNER_SECRET"]]
        proven = hmac.compare_digest(hashlib.sha256("|".join(values).encode()).hexdigest(), str(told["MaXacThuc"]))
        if proven:
            self._keep(told)
        said = {"MaLoi": "00" if proven else "99", "MaDoiTac": told["MaDoiTac"], "MaThamChieu": told["MaThamChieu"]}
        self._answer(HTTPStatus.OK, json.dumps(said).encode())

    def _keep(self, told: dict[str, object]) -> None:
        with self.heard.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told, ensure_ascii=False) + "\n")

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    Portal.heard = Path(sys.argv[2])
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Portal).serve_forever()
