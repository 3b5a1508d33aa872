"""Every golden sample is read as what is written down beside it, and in both ways where there are two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SAMPLES = sorted(path for path in (Path(__file__).parent / "samples").iterdir() if path.suffix not in {".json", ""})


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_is_read_as_written_beside_it(sample, read) -> None:
    expected = json.loads(sample.with_name(f"{sample.name}.json").read_text(encoding="utf-8"))
    assert read(sample.read_bytes(), expected["how"]) == expected
    if "lines" in expected:
        assert read(sample.read_bytes(), expected["how"], by_columns=False) == expected


class Trickle:
    """A source that cannot be sought in and gives a few bytes at a time, as a pipe does."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body, self._size, self._at = body, size, 0

    def read(self, size: int = -1) -> bytes:
        piece = self._body[self._at : self._at + min(self._size, size)]
        self._at += len(piece)
        return piece


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_how_a_source_is_cut_into_pieces_changes_nothing(sample, size, read) -> None:
    expected = json.loads(sample.with_name(f"{sample.name}.json").read_text(encoding="utf-8"))
    assert read(Trickle(sample.read_bytes(), size), expected["how"]) == expected


def test_no_word_of_a_person_stands_in_a_verdict(samples, read) -> None:
    for sample in SAMPLES:
        expected = json.loads(sample.with_name(f"{sample.name}.json").read_text(encoding="utf-8"))
        verdict = expected if "refused" in expected else expected["tally"]
        assert "NGUYEN" not in json.dumps(read(sample.read_bytes(), expected["how"]) if "refused" in expected else verdict), (
            sample.name
        )
