"""Style and pictures: held in memory, each under an address with the digest of its bytes, so that browsers may keep it for ever."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

from flask import Blueprint, Response, url_for

from payhub.errors import NotFound

FOLDER = Path(__file__).parent.parent / "static"
_FILES = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.is_file()}
_DIGESTS = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in _FILES.items()}
_FOR_EVER = "public, max-age=31536000, immutable"

bp = Blueprint("assets", __name__)


@bp.get("/static/<digest>/<name>")
def asset(digest: str, name: str) -> Response:
    """Serve one file; under a digest of another release what there is now, and nobody keeps it."""
    content = _FILES.get(name)
    if content is None:
        raise NotFound
    response = Response(content, mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream")
    response.headers["Cache-Control"] = _FOR_EVER if digest == _DIGESTS[name] else "no-store"
    return response


@bp.app_template_global()
def asset_url(name: str) -> str:
    """Return the address of a file as it is now."""
    return url_for("assets.asset", digest=_DIGESTS[name], name=name)
