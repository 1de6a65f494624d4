"""What the supervisor is told besides its public messages, by itself and its helper objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Asker(Protocol):
    """Who has asked for an answer, and may have gone on without it."""

    def answered(self, answer: Any, /) -> None:
        """Take ``answer``, on the supervisor's thread."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer for ``asker``."""

    asker: Asker
    answer: Any


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Stop what is reported, end all children, then end.

    Delivering may take a share of ``timeout`` seconds; each step of closing has its own bound.
    """

    timeout: float
