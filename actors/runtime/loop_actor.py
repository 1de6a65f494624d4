"""LoopActor: a Pykka actor that runs on an asyncio event loop instead of a thread of its own.

What belongs to the loop (a client's channel, the listener's task) is owned by such an actor, so
that no message has to cross threads. Pykka's own actor loop does the work: the inbox schedules a
turn on the event loop when something is put into it, and ends the turn by raising when it is dry.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final, TypeVar

import pykka

from actors.runtime.base import ReporterActor
from actors.runtime.inbox import TurnOverError
from actors.runtime.typed_ref import running_loop

M_contra = TypeVar("M_contra", contravariant=True)

TURN_LIMIT: Final = 32
"""Messages that one turn handles before the loop may do something else."""

LOOP_CLOSED: Final = "the event loop is closed"
"""The reason of whatever a closed event loop ends."""


class LoopActor(ReporterActor[M_contra]):
    """Base of an actor whose hooks and handlers all run on the thread of ``loop``.

    A handler must never block. When the loop is found closed, the actor fails on the thread that
    found out.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._started = self._scheduled = False
        self._interrupt: BaseException | None = None
        self.actor_inbox.wake = self._want_turn

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self._want_turn()

    def _want_turn(self) -> None:
        # Two threads may both schedule a turn: one of the turns then finds nothing. A turn that a
        # loop had before it was closed never comes.
        if self._scheduled and not self._loop.is_closed():
            return
        self._scheduled = True
        try:
            if running_loop() is self._loop:
                self._loop.call_soon(self._turn)
            else:
                self._loop.call_soon_threadsafe(self._turn)
        except RuntimeError as error:
            if not self.actor_stopped.is_set():
                self._handle_failure(type(error), error, error.__traceback__)
            if self._end(LOOP_CLOSED):
                self._clear_inbox()

    def _turn(self) -> None:
        self._scheduled = False
        self.actor_inbox.begin_turn(TURN_LIMIT)
        if not self._started:
            self._started = True
            self._actor_loop_setup()
        try:
            self._actor_loop_running()
        except TurnOverError:
            if not self.actor_inbox.empty():
                self._want_turn()
        else:
            self._clear_inbox()
        if self._interrupt is not None:
            interrupt, self._interrupt = self._interrupt, None
            raise interrupt

    def _clear_inbox(self) -> None:
        """Have Pykka answer the asks that are left."""
        self.actor_inbox.begin_turn(sys.maxsize)
        self._actor_loop_teardown()

    def interrupted(self, interrupt: BaseException) -> None:
        """The loop's caller gets the interrupt, after the turn."""
        self._interrupt = interrupt
