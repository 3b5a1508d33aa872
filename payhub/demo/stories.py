"""What happens on the demo's day, as data: what portals ask for, and what becomes of it. Everything follows from one seed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import cycle
from pathlib import Path
from typing import Any

from payhub.demo.tables import Row, rows

Basket = tuple[tuple[str, ...], ...]

BASKETS: Mapping[str, Sequence[Basket]] = {
    # portal: fee, agency and perhaps relief of each line. G04 and G05 were abolished in 2025: their successors get the money.
    "dvc-bo-tu-phap": (
        (("LP-LLTP", "000.00.00.G15"),),
        (("LP-LLTP", "000.00.00.G15"), ("P-DLDC", "000.00.00.G01")),
        (("P-CONGCHUNG", "000.00.00.G15"), ("P-GDBD", "000.00.00.G15")),
        (("LP-CANCUOC", "000.00.00.G01"), ("LP-LLTP", "000.00.00.G15"), ("P-LANHSU", "000.00.00.G08")),
        (("P-THITHUC", "000.00.00.G08"),),
        (("P-CONGCHUNG-HD", "000.00.00.G15"), ("P-GDBD", "000.00.00.G15")),
    ),
    "dvc-tay-ninh": (
        (("LP-HOTICH", "000.00.00.H53"),),
        (("LP-CUTRU", "000.00.00.G01"), ("P-CHUNGTHUC", "000.00.00.H53")),
        (("P-DUONGBO", "000.00.00.G04"), ("LP-BIENSO", "000.00.00.G01")),
        (("LP-GPXD", "000.00.00.H53"), ("LP-DIACHINH", "000.00.00.H53")),
        (("LP-GPLD", "000.00.00.G09"),),
        (("LP-TBXEMAY", "G12.18"), ("LP-BIENSO", "000.00.00.G01")),
        (("P-PCCC", "000.00.00.G01"),),
        (("LP-NUOICON", "000.00.00.H53"),),
        (("LP-TBXETAI", "G12.18"), ("LP-BIENSO", "000.00.00.G01")),
        (("LP-GPXD", "000.00.00.H53", "TRUC-TUYEN"), ("P-BANSAO", "000.00.00.H53")),
        (("LP-CUTRU", "000.00.00.G01", "HO-NGHEO"), ("P-CHUNGTHUC", "000.00.00.H53")),
    ),
    "mot-cua-hcm": (
        (("LP-DKKD", "000.00.00.G05"), ("P-TTDN", "000.00.00.G12")),
        (("P-CHUNGTHUC", "000.00.00.H29"), ("LP-HOTICH", "000.00.00.H29")),
        (("P-CO", "000.00.00.G02"),),
        (("P-TENMIEN", "000.00.00.G06"),),
        (("LP-TBNHADAT", "G12.18"), ("LP-DIACHINH", "000.00.00.H29")),
        (("LP-HOTICH", "000.00.00.H48"), ("P-CHUNGTHUC", "000.00.00.H48")),
        (("LP-TBOTO", "G12.18"), ("P-DUONGBO", "000.00.00.G17")),
        (("P-SHTT", "000.00.00.G06"),),
        (("P-CGCN", "000.00.00.G06"), ("P-MSMV", "000.00.00.G06")),
    ),
}
NATIONAL: Mapping[str, Sequence[Basket]] = {
    # The same of portals that speak the national contract: one agency each, and fines.
    "dvc-lao-cai": (
        (("LP-HOTICH", "000.00.00.H38"), ("P-CHUNGTHUC", "000.00.00.H38")),
        (("LP-HOTICH", "000.00.00.H38"),),
        (("XP-GIAOTHONG", "000.00.00.G01"),),
    ),
}
WAYS: Mapping[str, Sequence[str]] = {
    "vnpay": ("vnpay-main",),
    "momo": ("momo-main/captureWallet", "momo-main/payWithATM"),
    "zalopay": ("zalopay-main",),
}
"""The ways to pay by gateway, as the sample register of gateway accounts has them."""
_SOON = ("vnpay", "momo")
"""Where an order without money ends on the demo's day: at ZaloPay it lives five minutes at least, and a refusal is no end of it."""
_WORDED = ("vnpay", "momo")
"""Who have words for a failed try before the money, an older state and a reversal; ZaloPay calls back of money only."""
_HELD: tuple[str, Basket] = ("mot-cua-hcm", (("P-SHTT", "000.00.00.G06"),))
_EXEMPT: tuple[str, Basket] = ("dvc-bo-tu-phap", (("LP-LLTP", "000.00.00.G15", "TRE-EM"),))
_APPLIED: tuple[str, Basket] = ("dvc-tay-ninh", (("LP-GPLD", "000.00.00.G09"),))


@dataclass(frozen=True, slots=True)
class Story:
    """What becomes of a payment: how many of a hundred, what the citizen decides each time, and what the gateway then does."""

    name: str
    share: float
    tries: tuple[tuple[str, str], ...] = (("pay", "paid"),)
    """None where there is nothing to pay."""
    tabs: int = 1
    """On how many pages of the payment Pay is pressed before anything is decided."""
    clicks: int = 1
    """How often Pay is pressed on each."""
    repeats: int = 1
    """How often the portal sends its request."""
    comes_back: bool = True
    """Whether the citizen's browser comes back from the bank, which has the hub ask the gateway at once."""
    expires_s: int | None = None
    basket: tuple[str, Basket] | None = None
    gateways: tuple[str, ...] = tuple(WAYS)
    """Where it can happen."""


# Those that wait for the gateway's expiry come first: the day is then as long as they take.
STORIES = (
    Story("paid late", 2, (("pay", "late"),), comes_back=False, expires_s=8, basket=_APPLIED, gateways=_SOON),
    Story("paid late, held", 1, (("pay", "late"),), expires_s=8, basket=_HELD, gateways=_SOON),
    Story("abandoned", 4, (("pay", "abandoned"),), expires_s=8, gateways=_SOON),
    Story("wrong amount", 1, (("pay", "wrong_amount"),), comes_back=False),
    Story("reversed", 2, (("pay", "reversed"),), gateways=_WORDED),
    Story("found by query", 4, (("pay", "lost"),), comes_back=False),
    Story("found on return", 2, (("pay", "lost"),)),
    Story("called back late", 3, (("pay", "slow"),), comes_back=False),
    Story("called back twice", 5, (("pay", "twice"),)),
    Story("called back out of order", 3, (("pay", "out_of_order"),), comes_back=False, gateways=_WORDED),
    Story("called back stale", 2, (("pay", "stale"),), gateways=_WORDED),
    Story("called back early", 4, (("pay", "early"),)),
    Story("forged callback", 3, (("pay", "forged"),)),
    Story("paid twice", 1, (("pay", "paid"), ("pay", "paid")), tabs=2),
    Story("refused", 3, (("pay", "refused"),), gateways=_SOON),
    Story("refused, then paid", 3, (("fail", "paid"), ("pay", "paid")), gateways=_SOON),
    Story("cancelled", 3, (("cancel", "paid"),)),
    Story("cancelled, then paid", 2, (("cancel", "paid"), ("pay", "paid"))),
    Story("double click", 2, clicks=2),
    Story("asked twice", 2, repeats=2),
    Story("exempt", 2, (), basket=_EXEMPT),
    Story("browser closed", 8, comes_back=False),
    Story("paid", 40),
)


USUAL = {"paid", "browser closed", "asked twice", "double click"}
"""The stories in which the gateway does as it should."""


@dataclass(frozen=True, slots=True)
class Case:
    """One dossier of the day: its portal, what it is asked to pay, and its story."""

    number: int
    portal: str
    story: Story
    request: Mapping[str, Any]
    way: str
    """The one the citizen chooses, where the page offers it for the amount."""


def cases(
    count: int, seed: int, folder: Path, on: date, baskets_of: Mapping[str, Sequence[Basket]] = BASKETS
) -> list[Case]:
    """Make the day's cases: the same count, seed and date give the same dossiers and amounts."""
    chance, choosing = random.Random(seed), _choices(seed)
    fees = _fees(folder, on)
    portals = [(portal, basket) for portal, baskets in baskets_of.items() for basket in baskets]
    turns = iter(portals)
    made = []
    for number, story in enumerate(_stories(count), start=1):
        # Every basket has its turn before one is drawn.
        portal, basket = story.basket or next(turns, None) or chance.choice(portals)
        lines = [_line(fees[fee], agency, relief, chance) for fee, agency, *relief in basket]
        agency = basket[0][1]
        request = {
            "portal_reference": f"DEMO-{on:%y%m%d}-{number:05d}",
            "dossier": f"{agency}-{on:%y%m%d}-{number:04d}",
            "lines": lines,
            "payer": {"name": f"Nguyễn Văn {number}", "phone": f"0900{number:06d}"},
            "language": "en" if number % 10 == 0 else "vi",
        }
        made.append(Case(number, portal, story, request, choosing(story)))
    return made


def _choices(seed: int) -> Callable[[Story], str]:
    """Return who says by which way the next citizen of a story pays: gateways take turns, for a small day to have them all."""
    chance = random.Random(f"ways {seed}")
    turns: defaultdict[Story, Iterator[str]] = defaultdict(lambda: cycle(chance.sample(list(WAYS), len(WAYS))))

    def choose(story: Story) -> str:
        gateway = next(name for name in turns[story] if name in story.gateways)
        return chance.choice(WAYS[gateway])

    return choose


def _stories(count: int) -> list[Story]:
    """Share the cases out among the stories, one each if there are enough, in the order in which they begin."""
    whole = sum(story.share for story in STORIES)
    counts = [max(1, int(count * story.share / whole)) for story in STORIES]
    counts[-1] = max(0, count - sum(counts[:-1]))
    waiting: list[list[Story]] = []
    others: list[list[Story]] = []
    for story, many in zip(STORIES, counts, strict=True):
        (waiting if story.expires_s else others).append([story] * many)
    turns = sorted(((place + 0.5) / len(group), story.name, story) for group in others for place, story in enumerate(group))
    return [*(story for group in waiting for story in group), *(story for _, _, story in turns)][:count]


def _fees(folder: Path, on: date) -> dict[str, Row]:
    """Read the schedule in force."""
    return {
        row["code"]: row
        for row in rows(folder, "fees")
        if row["valid_from"] <= on and (row["valid_to"] is None or on < row["valid_to"])
    }


def _line(fee: Row, agency: str, relief: Sequence[str], chance: random.Random) -> dict[str, Any]:
    """Make one line. Where a value or a relief decides, the portal leaves it to the hub to work the amount out."""
    line: dict[str, Any] = {"fee": fee["code"], "agency": agency}
    if relief:
        line["relief"] = relief[0]
    quantity = {"quantity": chance.randint(3, 12)}
    match fee["rule"]:
        case "fixed":
            return line if relief else {**line, "amount": int(fee["amount"])}
        case "per_unit":
            return {**line, **quantity, "amount": quantity["quantity"] * int(fee["amount"])}
        case "tiered" if fee["measure"] == "quantity":
            return {**line, **quantity}
        case "ad_valorem" | "tiered":
            return {**line, "declared_value": chance.randrange(300_000_000, 1_500_000_000, 1_000_000)}
        case "free":
            return {
                **line,
                "amount": chance.randrange(1_000_000, 9_000_000, 1000),
                "reason": f"Thông báo số {chance.randint(1, 999)}/TB",
            }
        case _:
            least = int(fee["minimum"])
            most = min(int(fee["maximum"]), least * 20)
            return {**line, "amount": chance.randrange(least, most + 1, 1000)}
