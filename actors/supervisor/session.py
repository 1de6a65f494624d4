"""Sockets: the life of the ZeroMQ context and of the two sockets in it.

A plain object on the supervisor's thread; each socket itself belongs to one of its children.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

import zmq

from actors.settings import PortConflict
from actors.supervisor.children import CONTROL, LISTENER
from actors.supervisor.inbox import ContextTerminated, RestartAnswer
from messages import (
    Addresses,
    CloseControlSocket,
    ControlSocketOpened,
    ListeningStarted,
    OpenControlSocket,
    StartListening,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from actors.settings import ReporterSettings
    from actors.supervisor.children import Children
    from actors.supervisor.steps import Steps
    from messages import Mailbox

log = logging.getLogger(__name__)

OPEN_TIMEOUT: Final = 5.0
"""Seconds that binding a socket may take; it takes milliseconds unless the event loop is stuck."""

CLOSE_TIMEOUT: Final = 1.0
"""Seconds that closing the control socket may take, and terminating the context. They take 10 ms,
and the control socket's linger of 0.1 s at the most; longer means that a socket is still open."""


class Sockets:
    """Opened in order, closed in reverse; every wait is bounded, and loud when it runs out.

    A socket without an address in the settings is not made. ``opened``, ``failed`` (with a reason)
    and ``closed`` are called when it has come to that.
    """

    def __init__(
        self,
        *,
        steps: Steps,
        children: Children,
        settings: ReporterSettings,
        opened: Callable[[], None],
        failed: Callable[[str], None],
        closed: Callable[[], None],
    ) -> None:
        self._steps = steps
        self._children = children
        self._settings = settings
        self._opened = opened
        self._failed = failed
        self._closed = closed
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._free_port_if_in_use = settings.on_port_conflict is PortConflict.FREE
        self._control = ControlSocketOpened(address="")
        self._reaper: threading.Thread | None = None
        self.addresses: Addresses | None = None
        """Where both are bound; None unless they are."""
        self.conflicts: tuple[str, ...] = ()
        """Why they are bound elsewhere than at the addresses of the settings."""
        self.opening = 0
        """How often they have been opened."""
        self.listening = False
        """Whether the listener has been told to listen."""
        self.close_progress_socket: Callable[[], Future[None]] | None = None

    # Opening

    def open(self) -> None:
        """Make the context and bind the control socket, then the progress socket."""
        self.opening += 1
        self._context = zmq.Context()
        address = self._settings.control_address
        if address is None:
            self.control_opened(ControlSocketOpened(address=""))
            return
        reply_to = self._steps.begin(
            OPEN_TIMEOUT, lambda: self._failed("the control socket's actor does not answer")
        )
        self._children.control.tell(
            OpenControlSocket(
                context=self._context,
                address=address,
                reply_to=reply_to,
                free_port_if_in_use=self._free_port_if_in_use,
            )
        )

    def control_opened(self, control: ControlSocketOpened) -> None:
        """The control socket is bound."""
        assert self._context is not None
        self._control = control
        address = self._settings.progress_address
        if address is None:
            self.progress_opened(ListeningStarted(address=""))
            return
        reply_to = self._steps.begin(
            OPEN_TIMEOUT, lambda: self._failed("the event loop does not run")
        )
        self.listening = True
        self._children.listener.tell(
            StartListening(
                context=self._context,
                address=address,
                reply_to=reply_to,
                free_port_if_in_use=self._free_port_if_in_use,
            )
        )

    def progress_opened(self, progress: ListeningStarted) -> None:
        """The progress socket is bound too."""
        self.addresses = Addresses(control=self._control.address, progress=progress.address)
        conflicts = self._control.conflict, progress.conflict
        self.conflicts = tuple(conflict for conflict in conflicts if conflict is not None)
        self._opened()

    # After a crash

    def reopen(
        self, child: str, reply_to: Mailbox[RestartAnswer], *, former_trainer_lives: bool
    ) -> None:
        """Have the new actor of ``child`` bind its socket where it was."""
        context, addresses = self._context, self.addresses
        if context is None or addresses is None:
            return
        if child == CONTROL and addresses.control:
            self._children.control.tell(
                OpenControlSocket(
                    context=context,
                    address=addresses.control,
                    reply_to=reply_to,
                    former_trainer_lives=former_trainer_lives,
                )
            )
        elif child == LISTENER and addresses.progress:
            self._children.listener.tell(
                StartListening(context=context, address=addresses.progress, reply_to=reply_to)
            )

    # Closing

    def close(self) -> None:
        """Close the control socket and terminate the context; the listener has stopped before."""
        reply_to = self._steps.begin(
            CLOSE_TIMEOUT, self.control_closed, awaited=CONTROL, without=self.control_closed
        )
        self._children.control.tell(CloseControlSocket(reply_to=reply_to))

    def control_closed(self) -> None:
        """The control socket is closed."""
        reply_to = self._steps.begin(CLOSE_TIMEOUT, self.context_terminated)
        self._reap(lambda: reply_to.tell(ContextTerminated()))

    def context_terminated(self) -> None:
        """The context is terminated, or waited for no longer."""
        self._join(CLOSE_TIMEOUT / 10)  # the thread that has told this may not be over yet
        self._context = self.addresses = self.close_progress_socket = None
        self.listening = False
        self._closed()

    def close_at_once(self) -> None:
        """Terminate what is open and wait for that, without a message."""
        if self._context is not None:
            if self._reaper is None:
                self._reap(lambda: None)
            self._join(CLOSE_TIMEOUT)

    def _reap(self, done: Callable[[], None]) -> None:
        """Terminate the context, which waits for each socket of it, on a thread of its own.

        The progress socket is closed before, on its own thread: that is done already unless the
        event loop is stuck.
        """
        context, close_progress_socket = self._context, self.close_progress_socket

        def reap() -> None:
            if close_progress_socket is not None:
                close_progress_socket().exception()
            if context is not None:
                context.term()
            done()

        self._reaper = threading.Thread(target=reap, name="zmq-term", daemon=True)
        self._reaper.start()

    def _join(self, within: float) -> None:
        if self._reaper is not None:
            self._reaper.join(within)
            if self._reaper.is_alive():
                log.error("zmq context not terminated after %.1f s: a socket is open", within)
            self._reaper = None
