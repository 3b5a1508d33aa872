"""Text for people, through gettext. Vietnamese is what the templates say; `locale/` holds it and its translations.

The `.po` files themselves are read at start-up: nothing is compiled, so nothing compiled can be missing or stale.
"""

from __future__ import annotations

import io
from functools import cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, g, has_app_context

LANGUAGES = ("vi", "en")
"""Those the pages speak, the first where nobody asks for another."""
FOLDER = Path(__file__).parent / "locale"


@cache
def catalogue(language: str) -> GNUTranslations:
    """Return a language's texts; raise where its file cannot be read."""
    with (FOLDER / language / "LC_MESSAGES" / "payhub.po").open("rb") as file:
        read = read_po(file, locale=language, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return GNUTranslations(compiled)


def speak(language: str) -> None:
    """Let the rest of this request be in a language; one that is not spoken is Vietnamese."""
    g.language = language if language in LANGUAGES else LANGUAGES[0]


def spoken() -> str:
    """Return the language of this request."""
    return str(g.get("language", LANGUAGES[0])) if has_app_context() else LANGUAGES[0]


def named(row: Any) -> str:
    """Return the name a register row has in the language of this request."""
    return str(row.name_en if spoken() == "en" else row.name_vi)


def grounded(row: Any) -> str:
    """Return the ground in law of a relief in the language of this request."""
    return str(row.ground_en if spoken() == "en" else row.ground_vi)


def gettext(message: str) -> str:
    """Say a text in the language of this request."""
    return catalogue(spoken()).gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """Say a text that depends on a number in the language of this request."""
    return catalogue(spoken()).ngettext(singular, plural, number)


def install(app: Flask) -> None:
    """Give the templates `_`, `{% trans %}`, `spoken()`, the filters `named` and `grounded`; read every catalogue now."""
    for language in LANGUAGES:
        catalogue(language)
    environment: Any = app.jinja_env
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)
    environment.globals["spoken"] = spoken
    environment.filters["named"] = named
    environment.filters["grounded"] = grounded
