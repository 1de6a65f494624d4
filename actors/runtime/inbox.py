"""Inbox: the messages that wait for an actor, of either kind; closed atomically at its end."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

import pykka
from pykka._envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable


class Cancellable(Protocol):
    """A timer that can be called off."""

    def cancel(self) -> None:
        """Do not fire. Idempotent, also after it fired."""
        ...


class Scheduler(Protocol):
    """Calls back after a delay: an actor's own inbox, or a test's clock."""

    def after(self, delay: float, fire: Callable[[], None], /) -> Cancellable:
        """Call ``fire`` once, ``delay`` seconds from here, on any thread."""
        ...


class TurnOverError(Exception):
    """The actor's turn has no message left."""


class Timer:
    """When it is due it is handed out as a message is."""

    def __init__(self, fire: Callable[[], None]) -> None:
        self.fire: Callable[[], None] | None = fire

    def cancel(self) -> None:
        """See ``Cancellable``."""
        self.fire = None


class Inbox:
    """What Pykka calls an ``ActorInbox``: any thread puts, the actor gets.

    ``get`` waits for a message. In an actor that runs in turns of an event loop it raises
    TurnOverError instead, and ``wake`` is called for each message that is put. It is the
    ``Scheduler`` of an actor that has a thread: ``get`` hands out its timers that are due.
    """

    def __init__(self) -> None:
        self._envelopes: deque[Envelope[Any]] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()  # timers that are due at once fire in their order
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

    def after(self, delay: float, fire: Callable[[], None], /) -> Timer:
        """Have the actor call ``fire`` once, ``delay`` seconds from here, on its thread."""
        timer = Timer(fire)
        with self._changed:
            heapq.heappush(self._timers, (time.monotonic() + delay, next(self._numbers), timer))
            self._changed.notify()
        return timer

    def begin_turn(self, limit: int) -> None:
        """Let ``get`` hand out ``limit`` envelopes, and never wait."""
        self._left = limit

    def get(self) -> Envelope[Any]:
        """The next envelope."""
        with self._changed:
            while True:
                timer = self._due()
                if timer is not None:
                    return Envelope(timer)
                if self._envelopes and self._left != 0:
                    self._left = None if self._left is None else self._left - 1
                    return self._envelopes.popleft()
                if self._left is not None:
                    raise TurnOverError
                due = self._timers[0][0] if self._timers else inf
                self._changed.wait(min(due - time.monotonic(), threading.TIMEOUT_MAX))

    def _due(self) -> Timer | None:
        """The next timer that is due."""
        while self._timers and (
            self._timers[0][2].fire is None or self._timers[0][0] <= time.monotonic()
        ):
            timer = heapq.heappop(self._timers)[2]
            if timer.fire is not None:
                return timer
        return None

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
            self._timers.clear()
            left = [envelope.message for envelope in self._envelopes if envelope.reply_to is None]
            asked = [envelope for envelope in self._envelopes if envelope.reply_to is not None]
            self._envelopes = deque(asked)
            return left
