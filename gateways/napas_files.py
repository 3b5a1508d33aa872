"""Settlement files by day, as NAPAS's partner API gives them to intermediaries: `/files` for the names of a day, `/file` for one.

A mix-in: a gateway whose contract has these calls inherits it beside its own protocol. What is public of them: requests are signed
with RSA over their values in the alphabetical order of the names, and a file comes in Base64. Where the signature stands and what
the answers' fields are called is not: each is an attribute, to be set from the contract. So is how a token is renewed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import date
from typing import ClassVar

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateways.base import Account, ListsFiles, Request, Response
from gateways.errors import Malformed
from gateways.http import answered, json_object, post_json

_NAME = re.compile("[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
_MOST_NAMES = 1000


class NapasFiles(ListsFiles):
    """The calls for files. An account has the address `files` and, beside its own secrets, `files_token` and `files_key`."""

    service_code: ClassVar[str] = "ECOM"
    names_field: ClassVar[str] = "FileNames"
    content_field: ClassVar[str] = "Content"
    signature_field: ClassVar[str] = "Signature"
    file_secrets: ClassVar[tuple[str, ...]] = ("files_token", "files_key")
    """The bearer token, and the RSA private key in PEM; to be added to `secret_names`."""

    def files_request(self, account: Account, day: date) -> Request:
        """Ask for the names of a day's files."""
        return self._signed(account, "files", {"ServiceCode": self.service_code, "CreatedDate": f"{day:%d/%m/%Y}"})

    def files(self, response: Response) -> tuple[str, ...]:
        """Read the names; one of another form than a plain file's is left out."""
        told = json_object(answered(response)).get(self.names_field)
        if not isinstance(told, list) or len(told) > _MOST_NAMES:
            raise Malformed(f"{self.names_field} is no list of names")
        return tuple(dict.fromkeys(name for name in told if isinstance(name, str) and _NAME.fullmatch(name)))

    def file_request(self, account: Account, name: str) -> Request:
        """Ask for one file."""
        if not _NAME.fullmatch(name):
            raise ValueError("the name of a file is not of its form")
        return self._signed(account, "file", {"FileName": name})

    def file(self, response: Response) -> bytes:
        """Read the file."""
        told = json_object(answered(response)).get(self.content_field)
        if not isinstance(told, str):
            raise Malformed(f"{self.content_field} is missing")
        try:
            return base64.b64decode(told, validate=True)
        except (binascii.Error, ValueError):
            raise Malformed(f"{self.content_field} is not Base64") from None

    def _signed(self, account: Account, call: str, fields: Mapping[str, str]) -> Request:
        token, key = (account.named_secrets.get(name, ("",))[0] for name in self.file_secrets)
        document = {**fields, self.signature_field: base64.urlsafe_b64encode(_sign(key, signing_text(fields))).decode()}
        request = post_json(f"{account.endpoints['files'].rstrip('/')}/{call}", document)
        headers = {**request.headers, "Authorization": f"Bearer {token}"}
        return Request(request.method, request.url, headers, request.body, timeout_s=60.0, repeatable=True)


def signing_text(fields: Mapping[str, str]) -> bytes:
    """Return what is signed: the values in the alphabetical order of their names, with nothing between."""
    return "".join(value for _, value in sorted(fields.items())).encode()


def _sign(key: str, text: bytes) -> bytes:
    private = serialization.load_pem_private_key(key.encode(), password=None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ValueError("files_key is no RSA key")  # noqa: TRY004 - a secret of a wrong form is a wrong value
    return private.sign(text, padding.PKCS1v15(), hashes.SHA256())
