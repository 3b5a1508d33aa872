"""Every sentence of the pages exists in every language, and no catalogue keeps one that no page says."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import payhub
from payhub import text

TEMPLATES = Path(payhub.__file__).parent / "templates"
_NAMED = re.compile(r"%\((\w+)\)s")


def _said() -> set[str]:
    found = set()
    for template in TEMPLATES.rglob("*.html"):
        with template.open("rb") as file:
            for _, _, message, _ in babel_extract(file, ["_", "gettext", "ngettext"], [], {"encoding": "utf-8", "silent": "false"}):
                found.add(message[0] if isinstance(message, tuple) else message)
    return found


def _catalogue(language: str) -> Catalog:
    with (text.FOLDER / language / "LC_MESSAGES" / "payhub.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_every_text_is_there_and_none_is_stale(language: str) -> None:
    kept = {message.id for message in _catalogue(language) if message.id}
    assert _said() - kept == set(), "add these"
    assert kept - _said() == set(), "no page says these any more"


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_every_text_is_translated_with_the_same_places(language: str) -> None:
    for message in _catalogue(language):
        if message.id:
            assert message.string, message.id
            assert not message.fuzzy, message.id
            assert sorted(_NAMED.findall(message.string)) == sorted(_NAMED.findall(message.id))
            assert unicodedata.is_normalized("NFC", message.id + message.string)


def test_a_text_nobody_translated_is_said_in_vietnamese(app) -> None:
    with app.app_context():
        text.speak("en")
        assert text.gettext("Chưa ai dịch câu này") == "Chưa ai dịch câu này"


def test_a_language_that_is_not_spoken_is_vietnamese(app) -> None:
    with app.app_context():
        text.speak("fr")
        assert text.spoken() == "vi"
