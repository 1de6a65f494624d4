"""Sockets: a report's two sockets, which belong to the supervisor's children, and their context.

A plain object on the supervisor's thread; its methods are parts of the session's script.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from actors.settings import PortConflict
from actors.supervisor.children import CONTROL, LISTENER
from actors.supervisor.context import CLOSE_TIMEOUT, NoRoomError, SessionContext
from actors.supervisor.script import Missing
from messages import (
    AcceptReports,
    Addresses,
    CloseControlSocket,
    ControlSocketFailed,
    ControlSocketOpened,
    FindPeers,
    ListeningFailed,
    ListeningStarted,
    OpenControlSocket,
    Peer,
    PeersFound,
    StartListening,
)

if TYPE_CHECKING:
    import asyncio

    from actors.settings import ReporterSettings
    from actors.supervisor.children import Children
    from actors.supervisor.known_trainers import KnownTrainers
    from actors.supervisor.script import Steps, Wait, Waits

log = logging.getLogger(__name__)

OPEN_TIMEOUT: Final = 5.0
"""Seconds that binding a socket may take; it takes milliseconds unless the event loop is busy."""

PEERS_TIMEOUT: Final = 1.0
"""Seconds that finding out who has joined may take; it takes milliseconds."""

REOPENS: Final = 50
REOPEN_INTERVAL: Final = 0.1
"""How often binding a crashed child's address again is tried, and the seconds between."""

CLOSED: Final = "the event loop given as `loop` is closed"
NOT_RUNNING: Final = (
    "the event loop given as `loop` does not run: start the reporter with the loop that runs, and "
    "keep it running"
)


class NotOpenedError(Exception):
    """A socket could not be opened, or ``strangers`` report to it; the message says why."""

    def __init__(self, reason: str, strangers: tuple[Peer, ...] = ()) -> None:
        super().__init__(reason)
        self.strangers = strangers


class Sockets:
    """Opens and closes them in order, and opens one again after a crash."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        waits: Waits,
        settings: ReporterSettings,
        children: Children,
        known: KnownTrainers,
    ) -> None:
        self._loop = loop
        self._waits = waits
        self._children = children
        self._known = known
        self._free_port_if_in_use = settings.on_port_conflict is PortConflict.FREE
        self._may_hold = settings.connect_wait > 0
        self.holds = False
        """Whether who has joined, and what it has reported, may be a stranger's."""
        self.context: SessionContext | None = None
        """That of the open sockets."""
        self.listens = False
        """Whether the listener has been told to listen."""
        self.addresses: Addresses | None = None
        """Where both sockets are bound; None unless they are."""
        self.conflicts: tuple[str, ...] = ()

    def open(self, control_address: str | None, progress_address: str | None) -> Steps[None]:
        """Make a context and bind the control socket, then the progress socket.

        What comes in the connect wait is held: it may be a stranger's. Raises NotOpenedError.
        """
        if self._loop.is_closed():
            raise NotOpenedError(CLOSED)
        try:
            self.context = SessionContext()
        except NoRoomError as error:
            raise NotOpenedError(str(error)) from error
        self.holds = self._may_hold and not self._known.may_be_anybody
        control, progress = ControlSocketOpened(address=""), ListeningStarted(address="")
        if control_address is not None:
            wait = self._waits.wait(OPEN_TIMEOUT, CONTROL)
            self._open_control(control_address, wait)
            control = _opened((yield wait), "the control socket's actor does not answer")
        if progress_address is not None:
            wait = self._waits.wait(None, LISTENER)
            self.listens = True
            self._open_progress(progress_address, wait)
            answer = yield from self._waits.on_loop(wait, OPEN_TIMEOUT)
            stuck = "the event loop does not answer" if self._loop.is_running() else NOT_RUNNING
            progress = _opened(answer, stuck)
        self.addresses = Addresses(control=control.address, progress=progress.address)
        conflicts = control.conflict, progress.conflict
        self.conflicts += tuple(conflict for conflict in conflicts if conflict is not None)

    def find_peers(self) -> Steps[tuple[Peer, ...]]:
        """Who has joined the progress socket by now."""
        if not self.listens:
            return ()
        wait = self._waits.wait(PEERS_TIMEOUT, LISTENER)
        self._children.listener.tell(FindPeers(reply_to=wait))
        found = yield wait
        if isinstance(found, PeersFound):
            return found.peers
        log.warning("who reports to the progress socket is not known: it is taken for the trainer")
        return ()

    def accept_reports(self) -> None:
        """What has been held is the job's, and what comes."""
        self.holds = False
        self._children.listener.tell(AcceptReports())

    def _open_control(self, address: str, reply_to: Wait) -> None:
        assert self.context is not None
        self._children.control.tell(
            OpenControlSocket(
                context=self.context.zmq,
                address=address,
                reply_to=reply_to,
                free_port_if_in_use=self._free_port_if_in_use and self.addresses is None,
                goes_on=self.addresses is not None,
                trainers=self._known.pids,
            )
        )

    def _open_progress(self, address: str, reply_to: Wait) -> None:
        assert self.context is not None
        self._children.listener.tell(
            StartListening(
                context=self.context.zmq,
                address=address,
                reply_to=reply_to,
                free_port_if_in_use=self._free_port_if_in_use and self.addresses is None,
                goes_on=self.addresses is not None,
                hold=self.holds,
                trainers=self._known.pids,
            )
        )

    def close(self) -> Steps[None]:
        """Close the control socket and terminate the context; the listener has stopped before."""
        wait = self._waits.wait(CLOSE_TIMEOUT, CONTROL)
        self._children.control.tell(CloseControlSocket(reply_to=wait))
        if (yield wait) is Missing.TIMED_OUT:
            log.error("the control socket is not closed after %.1f s", CLOSE_TIMEOUT)
        self.terminate_context()
        self.addresses = None

    def terminate_context(self) -> None:
        """Terminate the context, if there is one."""
        if self.context is not None:
            self.context.terminate()
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
        open_ = self._open_control if child == CONTROL else self._open_progress
        address, reason = self.address_of(child), ""
        for _ in range(REOPENS):
            wait = self._waits.wait(None)
            open_(address, wait)
            match (yield wait):
                case ControlSocketOpened() | ListeningStarted():
                    log.info("%s is open again", address)
                    return ""
                case ControlSocketFailed(reason=reason) | ListeningFailed(reason=reason):
                    yield self._waits.wait(REOPEN_INTERVAL)
        return reason


def _opened(answer: Any, no_answer: str) -> Any:
    match answer:
        case ControlSocketOpened() | ListeningStarted():
            return answer
        case ControlSocketFailed() | ListeningFailed():
            raise NotOpenedError(answer.reason)
        case _:
            raise NotOpenedError(no_answer)
