"""LoopActor: a Pykka actor that runs on an asyncio event loop instead of a thread of its own.

What belongs to the loop (a client's channel, the listener's task) is owned by such an actor, so
that no message has to cross threads. Pykka's own actor loop does the work: the inbox schedules a
turn on the event loop when something is put into it, and ends the turn by raising when it is dry.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._envelope import Envelope

TURN_LIMIT: Final = 32
"""Messages that one turn handles before the loop may do something else."""


class _TurnOverError(Exception):
    """The inbox is dry, or the turn has handled its share."""


class LoopInbox:
    """An actor's inbox: ``put`` from any thread, ``get`` in the actor's turn."""

    def __init__(self) -> None:
        self._envelopes: deque[Envelope[Any]] = deque()
        self._lock = threading.Lock()
        self._scheduled = False
        self._left = 0
        self._schedule: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self, loop: asyncio.AbstractEventLoop, schedule: Callable[[], None]) -> None:
        """Call ``schedule`` when a turn on ``loop`` is wanted; from here on ``put`` works."""
        self._loop, self._schedule = loop, schedule

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add ``envelope``. Raises ActorDeadError when the event loop is closed."""
        with self._lock:
            self._envelopes.append(envelope)
        self.want_turn()

    def want_turn(self) -> None:
        """Have a turn scheduled unless one is."""
        with self._lock:
            # A turn that a loop had before it was closed never comes.
            if self._scheduled and self._loop is not None and not self._loop.is_closed():
                return
            self._scheduled = True
        self._schedule()

    def begin_turn(self, limit: int) -> None:
        """Let the turn that begins take ``limit`` envelopes."""
        with self._lock:
            self._scheduled = False
            self._left = limit

    def get(self) -> Envelope[Any]:
        """The next envelope of this turn."""
        with self._lock:
            if not self._left or not self._envelopes:
                raise _TurnOverError
            self._left -= 1
            return self._envelopes.popleft()

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._envelopes


class LoopActor(pykka.Actor):
    """Base of an actor whose hooks and handlers all run on the thread of ``loop``.

    A handler must never block. When the loop is found closed, the actor fails on the thread that
    found out: ``on_failure`` runs there, and the message raises ActorDeadError.
    """

    actor_inbox: LoopInbox

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._started = False
        self._interrupt: BaseException | None = None
        self.actor_inbox.bind(loop, self._schedule_turn)

    @staticmethod
    def _create_actor_inbox() -> LoopInbox:
        return LoopInbox()

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self.actor_inbox.want_turn()

    def _schedule_turn(self) -> None:
        try:
            if _running_loop() is self._loop:
                self._loop.call_soon(self._turn)
            else:
                self._loop.call_soon_threadsafe(self._turn)
        except RuntimeError as error:
            if not self.actor_stopped.is_set():
                self._handle_failure(type(error), error, error.__traceback__)
                self.on_failure(type(error), error, error.__traceback__)
            raise pykka.ActorDeadError(f"{self}: the event loop is closed") from error

    def _turn(self) -> None:
        self.actor_inbox.begin_turn(TURN_LIMIT)
        if not self._started:
            self._started = True
            self._actor_loop_setup()
        try:
            self._actor_loop_running()
        except _TurnOverError:
            if not self.actor_inbox.empty():
                self.actor_inbox.want_turn()
        else:
            self.actor_inbox.begin_turn(sys.maxsize)
            self._actor_loop_teardown()
        if self._interrupt is not None:
            interrupt, self._interrupt = self._interrupt, None
            raise interrupt

    def _handle_receive(self, message: Any) -> Any:
        try:
            return super()._handle_receive(message)
        except Exception:
            raise
        except BaseException as interrupt:
            # Pykka would stop every actor of the process, waiting for each on the loop's own
            # thread. The actor alone fails, and the loop's caller gets the interrupt.
            self._interrupt = interrupt
            raise RuntimeError(f"interrupted by {interrupt!r}") from interrupt


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
