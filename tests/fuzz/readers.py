"""Damaged files thrown at every reader: rows or a refusal, and nothing else. `make fuzz` runs each for a while.

python tests/fuzz/readers.py SECONDS [READER ...]    every reader, or these, one process each
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["reconciliation.files"]):
    from reconciliation.files import mappings, reading

from reconciliation.errors import SettlementRefused, StatementRefused

TESTS = Path(__file__).parents[1]
SAMPLES = TESTS / "reconciliation" / "files" / "samples"
FOLDERS = dict.fromkeys(("pipe", "fixed", "signed", "bank-csv"), SAMPLES / "mappings")
EXAMPLES = TESTS.parent / "config" / "mappings"
READERS = {
    "vnpay-example": "comma*.csv", "pipe": "pipe*.txt", "fixed": "fixed*.txt", "tttt-example": "*.b64", "signed": "signed*.csv",
    "bank-csv": "*.tsv", "bank-statement-example": "*.xlsx", "camt053": "camt053*.xml", "camt054": "camt054*.xml", "mt940": "*.sta",
}  # fmt: skip


def read(how: str, body: bytes) -> None:
    """Read a file to its end; both ways of reading a settlement must say the same."""
    if how in mappings.STANDARDS:
        drain(reading.statements(io.BytesIO(body), how))
        return
    mapping = mappings.load(FOLDERS.get(how, EXAMPLES), how)
    if mapping.kind == "statement":
        drain(reading.statements(io.BytesIO(body), mapping))
        return
    one, other = (drain(reading.settlement(io.BytesIO(body), mapping, by_columns=way)) for way in (True, False))
    assert one == other, "columns and rows disagree"


def drain(found) -> object:
    try:
        rows = [row for batch in found for row in (batch.lines if hasattr(batch, "lines") else batch.entries)]
    except (SettlementRefused, StatementRefused) as refused:
        return refused.code, refused.facts
    return rows, found.tally


def main() -> int:
    seconds, *readers = sys.argv[1:]
    if seconds == "one":
        how, corpus, *options = readers
        atheris.Setup([sys.argv[0], corpus, *options], lambda body: read(how, body))
        atheris.Fuzz()
        return 0
    for how in readers or READERS:
        corpus = TESTS.parent / "build" / "fuzz" / how
        corpus.mkdir(parents=True, exist_ok=True)
        for sample in SAMPLES.glob(READERS[how]):
            (corpus / sample.name).write_bytes(sample.read_bytes())
        options = [
            f"-max_total_time={seconds}",
            "-timeout=20",
            "-rss_limit_mb=1024",
            "-verbosity=0",
            f"-artifact_prefix={corpus.parent}/",
        ]
        print(f"{how}: {seconds} s", flush=True)
        if done := subprocess.run([sys.executable, __file__, "one", how, str(corpus), *options], check=False).returncode:
            return done
    return 0


if __name__ == "__main__":
    sys.exit(main())
