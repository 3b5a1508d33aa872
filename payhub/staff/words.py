"""What people write about a proposal: sealed beside it, because it may name a person.

What two people agree on has a hash that the audit keeps for ever. It holds a digest of each text, made with the key ring: the text
can be destroyed, and while it is there it can be proven to be the one that was agreed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from payhub.crypto import Keyring, Sealed
from payhub.staff.models import Proposal

_PURPOSE = "proposal words"


@dataclass(frozen=True, slots=True)
class Said:
    """What a proposer writes freely, by name."""

    keyring: Keyring
    words: Mapping[str, str]

    def stand_ins(self) -> dict[str, str]:
        """Return what stands in the content for each text: the same for the same text, and nothing of it to be read."""
        return {name: f"hmac-sha256:{self.keyring.mac(_PURPOSE, text.encode()).hex()}" for name, text in self.words.items()}

    def write(self, proposal: Proposal) -> None:
        """Seal the texts into their proposal."""
        sealed = self.keyring.seal(orjson.dumps(dict(self.words)), f"proposal words {proposal.id}")
        proposal.words_key, proposal.words = sealed.key, sealed.data


def give_reason(keyring: Keyring, proposal: Proposal, reason: str) -> None:
    """Seal why somebody declined."""
    sealed = keyring.seal(reason.encode(), f"proposal reason {proposal.id}")
    proposal.reason_key, proposal.reason = sealed.key, sealed.data


def reason_of(keyring: Keyring, proposal: Proposal) -> str | None:
    """Return why it was declined, or None where nobody said so or it was destroyed."""
    if proposal.reason_key is None or proposal.reason is None:
        return None
    return keyring.open(Sealed(proposal.reason_key, proposal.reason), f"proposal reason {proposal.id}").decode()


def words_of(keyring: Keyring, proposal: Proposal) -> dict[str, str]:
    """Return what the proposer wrote, by name; nothing once it was destroyed."""
    if proposal.words_key is None or proposal.words is None:
        return {}
    words: dict[str, str] = orjson.loads(
        keyring.open(Sealed(proposal.words_key, proposal.words), f"proposal words {proposal.id}")
    )
    return words
