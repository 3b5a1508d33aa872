"""The other side of files by day: POST /napas/files and /napas/file, for merchants' accounts that may fetch theirs."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from flask import Blueprint, Response, jsonify, request

from gateways.simulator.collected import Collected
from gateways.simulator.config import GMT7
from gateways.simulator.pages import simulation
from gateways.simulator.payouts import reference_of
from gateways.simulator.protocols import protocol_of_terminal
from gateways.simulator.settlement import written

bp = Blueprint("napas_files", __name__, url_prefix="/napas")


@bp.post("/files")
def files() -> tuple[Response, int]:
    """Name the files of a day: one, where the account has lines of it and the day is over."""
    terminal, told = _admitted()
    if terminal is None or told.get("ServiceCode") != "ECOM":
        return jsonify({"Message": "not admitted"}), 401
    try:
        day = datetime.strptime(str(told.get("CreatedDate")), "%d/%m/%Y").replace(tzinfo=GMT7).date()
    except ValueError:
        return jsonify({"Message": "CreatedDate is DD/MM/YYYY"}), 400
    gateway = simulation()
    over = day < gateway.moment().date()
    names = [f"{terminal}_{day:%Y%m%d}.csv"] if over and Collected(gateway, terminal).on(day) else []
    return jsonify({"FileNames": names}), 200


@bp.post("/file")
def file() -> tuple[Response, int]:
    """Give one of the account's own files, in Base64."""
    terminal, told = _admitted()
    if terminal is None:
        return jsonify({"Message": "not admitted"}), 401
    gateway, protocol = simulation(), protocol_of_terminal(simulation().config, terminal)
    owner, _, rest = str(told.get("FileName")).rpartition("_")
    if protocol is None or owner != terminal or not rest.removesuffix(".csv").isdecimal():
        return jsonify({"Message": "no such file"}), 404
    day = datetime.strptime(rest.removesuffix(".csv"), "%Y%m%d").replace(tzinfo=GMT7).date()
    text = written(Collected(gateway, terminal).on(day), reference_of(gateway.config.seed, terminal, day), protocol.layout)
    return jsonify({"Content": base64.b64encode(text.encode()).decode()}), 200


def _admitted() -> tuple[str | None, dict[str, Any]]:
    """Return whose token this is and what it asks, if the account's key signed it."""
    told = request.get_json(silent=True) or {}
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    for terminal, (known, key) in simulation().config.file_keys.items():
        if token == known and _signed(key, told):
            return terminal, told
    return None, {}


def _signed(key: str, told: dict[str, Any]) -> bool:
    public = serialization.load_pem_public_key(key.encode())
    values = [str(told[name]) for name in sorted(told) if name != "Signature"]
    try:
        given = base64.urlsafe_b64decode(str(told.get("Signature", "")))
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(given, "".join(values).encode(), padding.PKCS1v15(), hashes.SHA256())
            return True
    except (InvalidSignature, binascii.Error):
        pass
    return False
