"""Gather: the answers of several actors, of which some may end meanwhile.

A plain object on the supervisor's thread.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from actors.runtime import Adapter
from actors.supervisor.script import Answered, Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from messages import Mailbox


class Gather:
    """``wait`` is over when all that were asked have answered or are gone.

    Each client is asked with the message that ``make`` makes with its ``reply_to``.
    """

    def __init__(self, me: Mailbox[Answered], make: Callable[..., Any], *, timeout: float) -> None:
        self._me = me
        self.make = make
        self.wait = Wait(me, timeout=timeout)
        self.answers: dict[str | None, Any] = {}
        """By the client's id; None is the listener."""
        self.waits_for: set[str | None] = set()

    def reply_to(
        self, name: str | None, take: Callable[[Any], None] = lambda _: None
    ) -> Mailbox[Any]:
        """The mailbox for the answer of ``name``, which ``take`` is given too."""
        self.waits_for.add(name)
        return Adapter(self._me, partial(Answered, partial(self._answered, name, take)))

    def go_on_without(self, name: str | None) -> None:
        """Wait for ``name`` no longer."""
        self.waits_for.discard(name)
        if not self.waits_for:
            self.wait.tell(None)

    def _answered(self, name: str | None, take: Callable[[Any], None], answer: Any) -> None:
        take(answer)
        self.answers[name] = answer
        self.go_on_without(name)
