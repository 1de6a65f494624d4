"""What the archive's actor takes, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from messages.mailbox import Mailbox


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsTaken:
    """The runs that are kept, the newest first, as JSON."""

    json: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochsTaken:
    """The epochs of a run: JSON of a digest without batches, packed with gzip.

    None if there is no such run, or it cannot be read.
    """

    packed: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRuns:
    """Answered with ``RunsTaken``."""

    reply_to: Mailbox[RunsTaken]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetEpochs:
    """Asks for the epochs of the run ``name``; answered with ``EpochsTaken``."""

    name: str
    reply_to: Mailbox[EpochsTaken]


ArchiveMessage: TypeAlias = GetRuns | GetEpochs
