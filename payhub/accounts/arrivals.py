"""What the deployment says of files that come by themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Files:
    """Files that come by themselves, docs/how-to/get-files-in.md. Times are in seconds."""

    folder: str = ""
    """The folder that is watched, of this machine and of every other that runs a worker; empty: none is."""
    look_s: int = 60
    """How often it is looked into."""
    quiet_s: int = 30
    """A file that changed less long ago may still be written."""
    poll_s: int = 600
    """How often servers and gateways are asked."""
    retry_s: tuple[int, ...] = (60, 300, 900, 3600)
    """When one that could not be reached is tried again, after each failure in a row; the last step repeats."""
    timeout_s: float = 30.0
    """How long a server may be silent."""
    most_bytes: int = 2 * 1024**3
    """The largest file that is taken."""
