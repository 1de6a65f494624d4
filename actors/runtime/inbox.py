"""Inbox: the messages that wait for an actor, of either kind; closed atomically at its end."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._envelope import Envelope


class TurnOverError(Exception):
    """The actor's turn has no message left."""


class Inbox:
    """What Pykka calls an ``ActorInbox``: any thread puts, the actor gets.

    ``get`` waits for a message. In an actor that runs in turns of an event loop it raises
    TurnOverError instead, and ``wake`` is called for each message that is put.
    """

    def __init__(self) -> None:
        self._envelopes: deque[Envelope[Any]] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._closed = False
        self._left: int | None = None
        self.wake: Callable[[], None] = lambda: None

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add ``envelope``.

        When the inbox is closed, a tell raises ActorDeadError and an ask's future gets it.
        """
        with self._changed:
            closed = self._closed
            if not closed:
                self._envelopes.append(envelope)
                self._changed.notify()
        if not closed:
            self.wake()
            return
        dead = pykka.ActorDeadError("the actor has ended")
        if envelope.reply_to is None:
            raise dead
        envelope.reply_to.set_exception((type(dead), dead, None))

    def begin_turn(self, limit: int) -> None:
        """Let ``get`` hand out ``limit`` envelopes, and never wait."""
        self._left = limit

    def get(self) -> Envelope[Any]:
        """The next envelope."""
        with self._changed:
            if self._left is None:
                self._changed.wait_for(lambda: self._envelopes)
            elif not self._left or not self._envelopes:
                raise TurnOverError
            else:
                self._left -= 1
            return self._envelopes.popleft()

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._envelopes

    def qsize(self) -> int:
        """How many messages wait, as of Pykka's own inboxes: for a metric."""
        return len(self._envelopes)

    def close(self) -> list[Any] | None:
        """Take no more; the messages that were told and are left, None if it was closed before.

        Requests made by Pykka's ``ask`` and ``stop`` stay: Pykka answers them itself.
        """
        with self._changed:
            if self._closed:
                return None
            self._closed = True
            left = [envelope.message for envelope in self._envelopes if envelope.reply_to is None]
            asked = [envelope for envelope in self._envelopes if envelope.reply_to is not None]
            self._envelopes = deque(asked)
            return left
