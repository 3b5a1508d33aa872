"""Answers in the contract's words and in the partner's shape. An answer to a message that did not prove itself is not signed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from flask import Response

from payhub.errors import Text
from payhub.portals.national.codes import Said
from payhub.portals.national.hashing import SEPARATOR, digest
from payhub.portals.national.partners import Partner
from payhub.portals.national.standing import written


def answer(
    said: Said, values: Mapping[str, str], now: datetime, partner: Partner | None, *,
    detail: Text | None = None, more: Mapping[str, str] | None = None, code: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return the fields of an answer; ThoiGianGD is the message's own. `code` is the partner's word for what is said."""
    fields = {
        "MaLoi": code or said.code,
        "MoTaLoi": said.text(detail),
        "MaDoiTac": values.get("MaDoiTac", ""),
        "MaThamChieu": values.get("MaThamChieu", ""),
        "ThoiGianGD": values.get("ThoiGianGD") or written(now),
        **(more or {}),
    }
    hashed = [fields[name] for name in ("MaLoi", "MaDoiTac", "MaThamChieu", "ThoiGianGD")]
    return {**fields, "MaXacThuc": signed(hashed, partner)}


def signed(values: list[str], partner: Partner | None) -> str:
    """Return the MaXacThuc of an answer; empty for a stranger, and for what could be read in two ways."""
    if partner is None or any(SEPARATOR in value for value in values):
        return ""
    return digest(values, partner.secret)


def direct(fields: Mapping[str, Any]) -> Response:
    """Answer with the fields themselves. The status is 200 whatever they say: portals read no other answer."""
    return Response(orjson.dumps(fields), 200, {"Cache-Control": "no-store"}, mimetype="application/json")


def wrapped(fields: Mapping[str, Any]) -> Response:
    """Answer with the fields as JSON in a string, under `error_code` `0` where they say success."""
    code = "0" if fields["MaLoi"] == Said.OK.code else str(fields["MaLoi"])
    return direct({"error_code": code, "message": orjson.dumps(fields).decode()})


def shaped(fields: Mapping[str, Any], shape: str) -> Response:
    """Answer to INIT in a partner's shape."""
    return wrapped(fields) if shape == "wrapped" else direct(fields)


def no_bill_yet() -> Response:
    """Answer a partner who takes whatever comes for the PDF: with nothing."""
    return Response(b"", 200, {"Cache-Control": "no-store"}, content_type="application/pdf")
