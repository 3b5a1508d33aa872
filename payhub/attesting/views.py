"""The public halves of the hub's signing keys, for everybody."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from payhub.http import api_blueprint, json_response, returns, the_hub

bp = api_blueprint("signing_keys", __name__)


class SigningKeyView(Schema):
    """One Ed25519 key (RFC 8037)."""

    kty = fields.Constant("OKP")
    crv = fields.Constant("Ed25519")
    kid = fields.String(metadata={"description": "Its thumbprint (RFC 7638)"})
    x = fields.String(metadata={"description": "The 32 bytes of the public key, base64url"})
    use = fields.Constant("sig")
    alg = fields.Constant("EdDSA")


class SigningKeys(Schema):
    """A JSON Web Key Set (RFC 7517): the key that signs now first, then others that signed or will."""

    keys = fields.List(fields.Nested(SigningKeyView))


@bp.get("/signing-keys")
@returns(SigningKeys)
def signing_keys() -> Response:
    """Publish the keys that what the hub signs is verified with; no API key is needed."""
    published: dict[str, Any] = the_hub().attester.jwks()
    answer = json_response(published)
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer
