"""What the supervisor is told besides its public messages, by itself and its helper objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answered:
    """An ``answer``, to be handed to ``take`` on the supervisor's thread.

    Who has asked for it may have gone on without it.
    """

    take: Callable[[Any], None]
    answer: Any


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Stop what is reported, end all children, then end.

    Delivering may take a share of ``timeout`` seconds; each step of closing has its own bound.
    """

    timeout: float
