"""``spawn_supervisor``: the front door of the reporter."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Final

from actors.runtime import (
    Adapter,
    Answer,
    Scheduler,
    ThreadScheduler,
    TypedRef,
    refuse_on_event_loop,
)
from actors.settings import ReporterSettings
from actors.supervisor.actor import SupervisorActor
from actors.supervisor.inbox import Shutdown
from messages import ChildDown, Mailbox, OwnerEvent, SupervisorMessage

if TYPE_CHECKING:
    import pykka

THREAD_END: Final = 0.01
"""Seconds that the event loop may be held up by a thread that has nothing left to do but to end;
it takes microseconds."""


class SupervisorRef(TypedRef[SupervisorMessage]):
    """The supervisor's mailbox."""

    __slots__ = ("_gone",)

    def __init__(
        self, ref: pykka.ActorRef[SupervisorActor], gone: Answer[threading.Thread]
    ) -> None:
        super().__init__(ref)
        self._gone = gone.future

    def end(self, *, within: float = 5.0) -> None:
        """Have it deliver what is left, close everything and end ``within`` seconds.

        Returns at once, for everybody.
        """
        TypedRef[Shutdown](self._ref).tell(Shutdown(within=within))

    def has_ended(self) -> bool:
        """Whether nothing is left of it."""
        return self._gone.done()

    def stop(self, *, timeout: float = 5.0) -> bool:
        """Deliver what is left, close everything and end; True when nothing is left of it.

        Waits ``timeout`` seconds at the most; a second call waits for the same end. Raises
        RuntimeError on a thread that runs an event loop: there, use ``stop_async``.
        """
        refuse_on_event_loop("stop")
        deadline = time.monotonic() + timeout
        self.end(within=timeout)
        try:
            thread = self._gone.result(timeout)
        except TimeoutError:
            return False
        thread.join(max(0.0, deadline - time.monotonic()))
        return not thread.is_alive()

    async def stop_async(self, *, within: float = 5.0) -> bool:
        """The same as ``stop``, for code on an event loop."""
        self.end(within=within)
        gone = asyncio.wrap_future(self._gone)
        await asyncio.wait({gone}, timeout=within)
        if not gone.done():
            return False
        gone.result().join(THREAD_END)
        return not gone.result().is_alive()


def spawn_supervisor(
    *,
    loop: asyncio.AbstractEventLoop,
    owner: Mailbox[OwnerEvent],
    settings: ReporterSettings | None = None,
    scheduler: Scheduler | None = None,
) -> SupervisorRef:
    """Start a reporter; may be called from any thread, also on that of ``loop``.

    ``loop`` is the event loop that the clients' channels belong to; ``owner`` hears of trainers
    and clients. ``scheduler`` is for tests that bring a clock of their own. Raises RuntimeError
    when ``loop`` is closed.
    """
    if loop.is_closed():
        raise RuntimeError("the event loop is closed: start the reporter while it runs")
    # The supervisor's last act is to say so, on its own thread.
    gone: Answer[threading.Thread] = Answer()
    ref = SupervisorActor.start(
        loop=loop,
        owner=owner,
        settings=settings or ReporterSettings(),
        scheduler=scheduler or ThreadScheduler(),
        gone=Adapter[ChildDown, threading.Thread](gone, lambda _: threading.current_thread()),
    )
    return SupervisorRef(ref, gone)
