"""What an in-process client is told, and how it says that it has room for more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from messages.mailbox import Mailbox


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsTaken:
    """The texts that were told last are dealt with; ``failure`` says why no more can be.

    ``is_lost``: what was dealt with before is not to be found any more, either. ``moved_to`` is the
    file that all is in, where that has been moved; empty where the system does not tell.
    """

    failure: str | None = None
    is_lost: bool = False
    moved_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsForwarded:
    """What the client was sent, in order. No more is told before ``TextsTaken`` is answered."""

    texts: tuple[str, ...]
    reply_to: Mailbox[TextsTaken]
