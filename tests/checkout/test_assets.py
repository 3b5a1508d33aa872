"""The style: kept for ever by browsers, and readable by people."""

from __future__ import annotations

import re

import pytest

from payhub.checkout.assets import FOLDER

STYLE = (FOLDER / "checkout.css").read_text()
READ_ON = [
    ("ink", "ground"), ("ink", "sheet"), ("soft", "ground"), ("soft", "sheet"), ("link", "sheet"), ("link", "ground"), ("on-main", "main"),
    ("on-main", "main-deep"), ("done", "done-ground"), ("wait", "wait-ground"), ("over", "over-ground"), ("ink", "over-ground"),
]  # fmt: skip


def _colours(scheme: str) -> dict[str, str]:
    light, dark = STYLE.split("@media (prefers-color-scheme: dark)")[:2]
    of = {"light": light, "dark": dark.split("* { box-sizing")[0]}[scheme]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", of))


def _brightness(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("over", "under"), READ_ON)
def test_text_stands_out_at_least_four_and_a_half_to_one(scheme, over, under) -> None:
    colours = _colours(scheme)
    dim, bright = sorted((_brightness(colours[over]), _brightness(colours[under])))
    assert (bright + 0.05) / (dim + 0.05) >= 4.5


def test_the_focus_is_never_hidden() -> None:
    assert ":focus-visible { outline: 3px solid" in STYLE
    assert not re.search(r"outline:\s*(none|0)", STYLE)


def test_the_style_comes_from_here_alone() -> None:
    assert not re.search(r"@import|url\(|https?:", STYLE)


def test_what_a_page_links_is_kept_for_ever(asked, see, client) -> None:
    addresses = [given["href"] for tag, given in see(asked()).elements if tag == "link"]
    assert len(addresses) == 2
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.mimetype in {"text/css", "image/svg+xml"}


def test_under_the_digest_of_another_release_nothing_is_kept(client) -> None:
    answer = client.get("/static/000000000000/checkout.css")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["nothing.css", "../text.py", "..%2ftext.py", "checkout.css/x"])
def test_nothing_else_is_served(client, name) -> None:
    assert client.get(f"/static/000000000000/{name}").status_code == 404
