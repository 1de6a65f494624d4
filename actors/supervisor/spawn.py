"""``spawn_supervisor``: the front door of the reporter."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from actors.runtime import (
    Adapter,
    FutureMailbox,
    Scheduler,
    TypedRef,
    refuse_on_event_loop,
)
from actors.settings import ReporterSettings, seconds, settings_of, shown
from actors.supervisor.actor import Shutdown, SupervisorActor
from actors.supervisor.requests import REPORTER_ENDED, turn_away
from messages import (
    ChildDown,
    Mailbox,
    OwnerEvent,
    SupervisorMessage,
    TrainEndReceived,
)

if TYPE_CHECKING:
    import pykka

log = logging.getLogger(__name__)

TIMEOUT: Final = 5.0
"""Seconds that an end may take, unless its caller says otherwise."""

THREAD_END: Final = 0.01
"""Seconds that the event loop may be held up by a thread that has nothing left to do but to end;
it takes microseconds."""


class SupervisorRef(TypedRef[SupervisorMessage]):
    """The supervisor's mailbox."""

    __slots__ = ("_gone", "_owner")

    def __init__(
        self,
        ref: pykka.ActorRef[SupervisorActor],
        gone: FutureMailbox[threading.Thread],
        owner: Mailbox[OwnerEvent],
    ) -> None:
        super().__init__(ref)
        self._gone = gone.future
        self._owner = owner

    def tell(self, message: SupervisorMessage, /) -> None:
        """Tell ``message``; a request is answered in any case, also when the reporter has ended."""
        if not self.try_tell(message):
            log.info("a %s came too late", type(message).__name__)
            turn_away(message, REPORTER_ENDED, self._owner)

    def request_stop(self, *, timeout: float = TIMEOUT) -> None:
        """Have it deliver what is left, close everything and end.

        Delivering may take a quarter of ``timeout`` seconds; each step of closing has a bound of
        its own. Returns at once, from any thread. Raises TypeError or ValueError for what is no
        time.
        """
        timeout = seconds("timeout", timeout)
        TypedRef[Shutdown](self._ref).tell(Shutdown(timeout=timeout))

    def end(self, *, within: float = TIMEOUT) -> None:
        """``request_stop``, by its name before 0.2."""
        self.request_stop(timeout=within)

    def has_ended(self) -> bool:
        """Whether nothing is left of it."""
        return self._gone.done()

    def stop(self, *, timeout: float = TIMEOUT) -> bool:
        """Deliver what is left, close everything and end; True when nothing is left of it.

        Waits ``timeout`` seconds at most; a second call waits for the same end. Raises
        RuntimeError on a thread that runs an event loop: there, use ``stop_async``.
        """
        refuse_on_event_loop("stop")
        self.request_stop(timeout=timeout)
        try:
            thread = self._gone.result(timeout)
        except TimeoutError:
            return False
        thread.join(timeout)  # it has nothing left to do but to end
        return not thread.is_alive()

    async def stop_async(self, *, timeout: float = TIMEOUT, within: float | None = None) -> bool:  # noqa: ASYNC109 - it is the reporter's, not the caller's
        """The same as ``stop``, for code on an event loop.

        ``within`` is the name of ``timeout`` before 0.2.
        """
        timeout = timeout if within is None else within
        self.request_stop(timeout=timeout)
        gone = asyncio.wrap_future(self._gone)
        await asyncio.wait({gone}, timeout=timeout)
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
    train_ends: Mailbox[TrainEndReceived] | None = None,
) -> SupervisorRef:
    """Start a reporter; may be called from any thread, also on that of ``loop``.

    ``loop`` is the event loop that the clients' channels belong to; ``owner`` receives what happens
    to trainers and clients. ``scheduler`` is for tests that bring a clock of their own.
    ``train_ends`` is told when a trainer has sent its last message: for a host whose control socket
    belongs to another supervisor, which is to be told ``ForgetStop`` then. Raises RuntimeError when
    ``loop`` is closed, and TypeError for what is no event loop, mailbox or settings.
    """
    settings = settings_of(settings)
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise TypeError(f"loop must be an event loop of asyncio's, not {shown(loop)}")
    _check_method("owner", owner, "tell")
    if train_ends is not None:
        _check_method("train_ends", train_ends, "tell")
    if scheduler is not None:
        _check_method("scheduler", scheduler, "after")
    if loop.is_closed():
        raise RuntimeError("the event loop is closed: start the reporter while it runs")
    # The supervisor's last act is to say so, on its own thread.
    gone: FutureMailbox[threading.Thread] = FutureMailbox()
    ref = SupervisorActor.start(
        loop=loop,
        owner=owner,
        settings=settings,
        scheduler=scheduler,
        gone=Adapter[ChildDown, threading.Thread](gone, lambda _: threading.current_thread()),
        train_ends=train_ends,
    )
    return SupervisorRef(ref, gone, owner)


def _check_method(name: str, value: Any, method: str) -> None:
    if not callable(getattr(value, method, None)):
        raise TypeError(f"{name} must be an object with a method {method}(), not {shown(value)}")
