"""Sockets: a report's two sockets, which belong to the supervisor's children, and their context.

A plain object on the supervisor's thread; its methods are parts of the session's script.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from actors.settings import PortConflict
from actors.supervisor.children import CONTROL, LISTENER
from actors.supervisor.context import CLOSE_TIMEOUT, NotOpenedError, SessionContext, session_context
from actors.supervisor.script import Missing, Wait
from messages import (
    Addresses,
    CloseControlSocket,
    ControlSocketFailed,
    ControlSocketOpened,
    ListeningFailed,
    ListeningStarted,
    OpenControlSocket,
    StartListening,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from concurrent.futures import Future

    from actors.settings import ReporterSettings
    from actors.supervisor.children import Children
    from actors.supervisor.script import Answered, Steps
    from messages import Mailbox

log = logging.getLogger(__name__)

SOCKET_TIMEOUT: Final = 5.0
"""Seconds that binding a socket may take; it takes milliseconds unless the event loop is busy."""

LOOP_TIMEOUT: Final = 2.0
"""Seconds after which an event loop that does not run is waited for no longer."""

REOPENS: Final = 50
REOPEN_INTERVAL: Final = 0.1
"""How often binding a crashed child's address again is tried, and the seconds between."""

CLOSED: Final = "the event loop given as `loop` is closed"
NOT_RUNNING: Final = (
    "the event loop given as `loop` does not run: start the reporter with the loop that runs, and "
    "keep it running"
)
SILENT: Final = {
    CONTROL: "the control socket's actor does not answer",
    LISTENER: "the event loop does not answer",
}


@dataclass(eq=False, slots=True, kw_only=True)
class Sockets:
    """Opens and closes them in order, and opens one again after a crash."""

    loop: asyncio.AbstractEventLoop
    me: Mailbox[Answered]
    settings: ReporterSettings
    children: Children
    holds: bool = False
    """Whether who has joined, and what it has reported, may be a stranger's."""
    context: SessionContext | None = None
    """That of the open sockets."""
    close_progress_socket: Callable[[], Future[None]] | None = None
    """Has the listener's socket closed, if it has made one."""
    listens: bool = False
    """Whether the listener has been told to listen."""
    loop_answers: bool = True
    """Whether the event loop, which the listener runs on, has answered when it was asked."""
    addresses: Addresses | None = None
    """Where both sockets are bound; None unless they are."""
    conflicts: tuple[str, ...] = ()

    def ask(self, child: str, make: Callable[..., Any], timeout: float) -> Steps[Any]:
        """What ``child`` answers to the message that ``make`` makes with its ``reply_to``.

        An event loop that does not run is given ``LOOP_TIMEOUT``; one that has not answered is told
        and not waited for.
        """
        wait = Wait(self.me, timeout=timeout, child=child)
        self.children.tell(child, make(reply_to=wait))
        if child == CONTROL:
            return (yield wait)
        if not self.loop_answers or self.loop.is_closed():
            return Missing.TIMED_OUT
        wait.timeout = min(timeout, LOOP_TIMEOUT)
        answer = yield wait
        if answer is Missing.TIMED_OUT and timeout > LOOP_TIMEOUT and self.loop.is_running():
            wait.timeout = timeout - LOOP_TIMEOUT
            answer = yield wait
        self.loop_answers = answer is not Missing.TIMED_OUT
        return answer

    def open(self, control: str | None, progress: str | None) -> Steps[None]:
        """Make a context and bind the control socket, then the progress socket.

        What comes in the connect wait is held: it may be a stranger's. Raises NotOpenedError.
        """
        if self.loop.is_closed():
            raise NotOpenedError(CLOSED)
        self.context = session_context()
        self.holds = self.settings.connect_wait > 0 and None not in self.children.trainers
        bound = {CONTROL: "", LISTENER: ""}
        for child, address in ((CONTROL, control), (LISTENER, progress)):
            if address is None:
                continue
            self.listens = child == LISTENER
            answer = yield from self.ask(child, self._opening(child, address), SOCKET_TIMEOUT)
            match answer:
                case ControlSocketOpened() | ListeningStarted():
                    bound[child] = answer.address
                    self.conflicts += (answer.conflict,) if answer.conflict else ()
                case ControlSocketFailed() | ListeningFailed():
                    raise NotOpenedError(answer.reason)
                case _:
                    raise NotOpenedError(SILENT[child] if self.loop.is_running() else NOT_RUNNING)
        self.addresses = Addresses(control=bound[CONTROL], progress=bound[LISTENER])

    def _opening(self, child: str, address: str) -> Callable[..., Any]:
        """Makes the message that has the socket of ``child`` opened at ``address``."""
        assert self.context is not None
        goes_on = self.addresses is not None
        may_leave = self.settings.on_port_conflict is PortConflict.FREE
        listen = partial(StartListening, hold=self.holds)
        return partial(
            OpenControlSocket if child == CONTROL else listen,
            context=self.context,
            address=address,
            free_port_if_in_use=may_leave and not goes_on,
            goes_on=goes_on,
            trainers=self.children.trainers,
        )

    def close(self) -> Steps[None]:
        """Close the control socket and terminate the context; the listener has stopped before."""
        closed = yield from self.ask(CONTROL, CloseControlSocket, CLOSE_TIMEOUT)
        if closed is Missing.TIMED_OUT:
            log.error("the control socket is not closed after %.1f s", CLOSE_TIMEOUT)
        self.terminate_context()
        self.addresses, self.holds = None, False

    def terminate_context(self) -> None:
        """Terminate the context, if there is one."""
        if self.context is not None:
            self.context.end(self.close_progress_socket)
            self.context = None

    def address_of(self, child: str) -> str:
        """Where the socket of ``child`` is or was bound; empty if it has none."""
        if self.addresses is None:
            return ""
        return self.addresses.control if child == CONTROL else self.addresses.progress

    def reopen(self, child: str) -> Steps[str]:
        """Have the successor of ``child`` bind its socket where it was; the reason why it cannot.

        The system may take a moment to release the address. An answer is waited for without a
        bound: the actor answers or crashes, and a stop closes the script.
        """
        address, reason = self.address_of(child), ""
        for _ in range(REOPENS):
            wait = Wait(self.me)
            self.children.tell(child, self._opening(child, address)(reply_to=wait))
            match (yield wait):
                case ControlSocketOpened() | ListeningStarted():
                    log.info("%s is open again", address)
                    return ""
                case ControlSocketFailed(reason=reason) | ListeningFailed(reason=reason):
                    yield Wait(self.me, timeout=REOPEN_INTERVAL)
        return reason
