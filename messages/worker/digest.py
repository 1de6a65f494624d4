"""What the digest's actor takes and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from messages.worker.local_channel import TextsForwarded

if TYPE_CHECKING:
    from messages.mailbox import Mailbox


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestTaken:
    """The run so far: ``packed`` is the JSON of it, packed with gzip, ``size`` that of the JSON.

    A viewer that has taken it in goes on after ``position``.
    """

    packed: bytes
    size: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDigest:
    """Answered with ``DigestTaken``."""

    reply_to: Mailbox[DigestTaken]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRead:
    """All of an earlier run has been read, up to the position ``last``."""

    last: int


DigestMessage: TypeAlias = TextsForwarded | GetDigest | RunRead
