"""``spawn_supervisor``: the front door of the reporter."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from actors.scheduler import Scheduler, ThreadScheduler
from actors.settings import ReporterSettings
from actors.supervisor import SupervisorActor
from actors.supervisor_inbox import Shutdown
from actors.typed_ref import TypedRef, refuse_on_event_loop
from messages import ChildDown, Mailbox, OwnerEvent, SupervisorMessage

if TYPE_CHECKING:
    import asyncio

    import pykka


class _Gone:
    """Hears the supervisor's own word that nothing of it is left."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._thread: threading.Thread | None = None

    def tell(self, message: ChildDown, /) -> None:
        """The supervisor's last act, on its own thread."""
        del message
        self._thread = threading.current_thread()
        self._told.set()

    def wait(self, timeout: float) -> bool:
        """Wait for the word, and for the thread that gave it to end."""
        deadline = time.monotonic() + timeout
        if not self._told.wait(timeout) or self._thread is None:
            return False
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()


class SupervisorRef(TypedRef[SupervisorMessage]):
    """The supervisor's mailbox."""

    __slots__ = ("_gone",)

    def __init__(self, ref: pykka.ActorRef[SupervisorActor], gone: _Gone) -> None:
        super().__init__(ref)
        self._gone = gone

    def stop(self, *, timeout: float = 5.0) -> bool:
        """Deliver what is left, close everything and end; True when nothing is left of it.

        Waits ``timeout`` seconds at the most; a second call waits for the same end. Raises
        RuntimeError on a thread that runs an event loop: there, use ``asyncio.to_thread``.
        """
        refuse_on_event_loop("stop")
        TypedRef[Shutdown](self._ref).tell(Shutdown(within=timeout))
        return self._gone.wait(timeout)


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
    gone = _Gone()
    ref = SupervisorActor.start(
        loop=loop,
        owner=owner,
        settings=settings or ReporterSettings(),
        scheduler=scheduler or ThreadScheduler(),
        gone=gone,
    )
    return SupervisorRef(ref, gone)
