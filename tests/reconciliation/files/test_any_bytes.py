"""Whatever bytes are handed in: rows or a refusal, and nothing else."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

SAMPLES = sorted(path for path in (Path(__file__).parent / "samples").iterdir() if path.suffix not in {".json", ""})
HOWS = {path: json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))["how"] for path in SAMPLES}
BYTES = [
    b"\0",
    b'"',
    b"\r",
    b"\n",
    b"\xff\xfe",
    b"|",
    b",",
    b"-1",
    b"1E9",
    b"<",
    b"&",
    b"]]>",
    b":61:",
    b":62F:",
    b"-}",
    b"PK\x05\x06",
    b"=",
    b"9" * 30,
]


@pytest.mark.parametrize("how", sorted(set(HOWS.values())))
@given(body=st.binary(max_size=300))
@settings(deadline=None, max_examples=50)
def test_any_bytes_give_rows_or_a_refusal(read, how, body) -> None:
    found = read(body, how)
    assert ("refused" in found) or found["how"] == how


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_a_sample_with_bytes_changed_gives_rows_or_a_refusal(read, sample, data) -> None:
    body = bytearray(sample.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        stop = min(len(body), start + data.draw(st.integers(0, 12)))
        body[start:stop] = data.draw(st.sampled_from(BYTES) | st.binary(max_size=4))
    found = read(bytes(body), HOWS[sample])
    assert ("refused" in found) or found["how"] == HOWS[sample]
    if "lines" in found or found.get("refused", "").startswith("settlement"):
        assert read(io.BytesIO(bytes(body)), HOWS[sample], by_columns=False) == found
