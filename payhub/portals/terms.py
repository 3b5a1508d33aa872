"""What a key may do, from where and how fast, and what of it cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network

from payhub.errors import FieldProblem, Text
from payhub.portals.limits import Limit
from payhub.portals.scopes import SCOPES

LONGEST = timedelta(days=3660)
_MOST_NETWORKS = 50
_RATES, _BURSTS = range(100_001), range(1, 1_000_001)


@dataclass(frozen=True, slots=True)
class Terms:
    """A key's scopes, its networks (none: from anywhere) and its limit (None: as the settings say)."""

    scopes: Sequence[str]
    networks: Sequence[str] = ()
    limit: Limit | None = None

    def problems(self) -> Iterator[FieldProblem]:
        """Say what cannot be used."""
        known = ", ".join(SCOPES)
        if not self.scopes or not SCOPES.keys() >= set(self.scopes):
            yield FieldProblem("/scopes", "unknown", Text(f"Chọn trong: {known}", f"Must be some of: {known}"))
        if len(self.networks) > _MOST_NETWORKS:
            many = Text(f"Nhiều nhất {_MOST_NETWORKS} dải", f"Must be {_MOST_NETWORKS} networks at most")
            yield FieldProblem("/networks", "too_many", many)
        for network in self.networks:
            if not _is_network(network):
                yield FieldProblem("/networks", "not_a_network", _wanted(network[:50]))
        if self.limit and not (self.limit.rate in _RATES and self.limit.burst in _BURSTS):
            wanted = Text(
                "rate từ 0 (không giới hạn) đến 100000, burst từ 1 đến 1000000",
                "The rate must be 0, which is no limit, to 100000, the burst 1 to 1000000",
            )
            yield FieldProblem("/limit", "out_of_range", wanted)


def duration_problems(pointer: str, duration: timedelta, least: timedelta) -> Iterator[FieldProblem]:
    """Say what is wrong with how long something lasts."""
    if not least <= duration <= LONGEST:
        yield FieldProblem(pointer, "out_of_range", Text(f"Phải từ {least} đến mười năm", f"Must be {least} to ten years"))


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _wanted(network: str) -> Text:
    return Text(
        f"{network}: phải là dải địa chỉ như 203.0.113.0/24, không có bit nào sau độ dài",
        f"{network}: must be a network such as 203.0.113.0/24, with no bit set after its length",
    )
