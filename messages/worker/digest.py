"""What the digest's actor takes and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from messages.worker.local_channel import TextsForwarded, TextsTaken

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
class BatchesTaken:
    """Some batches of a model: JSON of their losses, packed with gzip; None if it is not known."""

    packed: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBatches:
    """Of the model whose ``train_begin`` has this position, 0 where there was none.

    Those from ``first`` to ``last``, each the numbers of an epoch and of a batch in it. Answered
    with ``BatchesTaken``.
    """

    position: int
    first: tuple[int, int]
    last: tuple[int, int]
    reply_to: Mailbox[BatchesTaken]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesRead:
    """The next entries of an earlier run, each its time and its text.

    Answered with ``TextsTaken`` when they are taken in.
    """

    entries: tuple[tuple[float, str], ...]
    reply_to: Mailbox[TextsTaken]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRead:
    """All of an earlier run has been told."""


DigestMessage: TypeAlias = TextsForwarded | GetDigest | GetBatches | EntriesRead | RunRead
