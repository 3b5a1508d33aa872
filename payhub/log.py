"""Logs: an event with fields, never a story with secrets."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

import orjson
import structlog

from payhub.settings import Log

REDACTED = "[redacted]"
_SECRET = ("secret", "password", "token", "authorization", "signature", "hash", "api_key", "payer", "body", "query", "cookie")


# What a secret looks like wherever it stands: API keys and personal tokens, webhook secrets, what an authenticator reads, keys of
# the ring, the password in an address.
_SHAPES = re.compile(
    r"ph[ks]_(?:live|test)_\w+|whsec_[\w+/=]+|otpauth://\S+|\b\d{1,3}:[A-Za-z0-9+/]{43}="
    r"|(?<=://)[^\s/@:]*:[^\s/@]*(?=@)"
)


def redact(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank every field whose name says that it holds a secret or a person's data, and whatever looks like a secret in others."""
    for name, value in fields.items():
        fields[name] = _shown(name, value)
    return fields


@lru_cache(maxsize=1024)
def _names_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET)


def _shown(name: str, value: Any) -> Any:
    if _names_secret(name) or isinstance(value, bytes):
        return REDACTED
    if isinstance(value, str):
        return _SHAPES.sub(REDACTED, value) if "_" in value or ":" in value else value
    if isinstance(value, Mapping):
        return {key: _shown(str(key), inner) for key, inner in value.items()}
    return type(value)([_shown("", inner) for inner in value]) if type(value) in {list, tuple} else value


def only_frames(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its kind and the lines of code it passed; its text and the values around it may be a person's."""
    given = fields.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        fields["exception"] = type(error).__name__
        fields["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return fields


def configure(settings: Log) -> None:
    """Send every log line of this process, the libraries' too, to standard error in one form."""
    level = logging.getLevelNamesMapping().get(settings.level.upper(), logging.INFO)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value, default=str).decode())
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, only_frames, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, only_frames, renderer],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def get(name: str) -> Any:
    """Return a logger: `log.info("payment.paid", payment=reference, took_ms=ms)`."""
    return structlog.get_logger(name)
