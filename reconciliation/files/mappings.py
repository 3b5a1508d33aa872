"""The mappings there are: each a TOML file of a folder, known by its name."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from payhub.errors import Text
from reconciliation.errors import MappingUnusable
from reconciliation.files.declaring import declared
from reconciliation.files.mapping import Mapping

STANDARDS = ("camt053", "camt054", "mt940")
"""What statements are written in that need no mapping; no mapping has one of these names."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def load(folder: Path, name: str) -> Mapping:
    """Read a mapping by name; raise `MappingUnusable` naming everything that is wrong with it."""
    if not _NAME.fullmatch(name) or name in STANDARDS:
        raise unusable(name, ["a name is made of a-z, 0-9, - and _, and is no standard's"])
    try:
        told = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    except OSError as error:
        raise unusable(name, [error.strerror or "it cannot be read"]) from None
    except ValueError as error:
        raise unusable(name, [str(error)]) from None
    faults: list[str] = []
    mapping = declared(name, told, faults)
    if mapping is None or faults:
        raise unusable(name, sorted(set(faults)))
    return mapping


def unusable(name: str, faults: list[str]) -> MappingUnusable:
    """Return the refusal of a mapping."""
    why = "; ".join(faults)
    return MappingUnusable(Text(f"Mapping {name}: {why}", f"Mapping {name}: {why}"), mapping=name, faults=faults)
