"""Source: where a trainer's actor has its training from, which it looks at again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.worker.keeper import Event


class Source(Protocol):
    """A training. Nothing in it waits; it is used on one thread."""

    def news(self) -> Iterator[Event]:
        """What has happened since the last look, or a part of it that is soon dealt with."""
        ...

    def terminate(self, grace: float) -> None:
        """End it: TERM, and KILL after ``grace`` seconds; again, and it is KILL at once."""
        ...

    def release(self) -> None:
        """Close what is open; the training itself is left alone."""
        ...
