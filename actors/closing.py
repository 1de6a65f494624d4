"""Closing: the control socket, then the ZeroMQ context, which waits for every socket of it.

A plain object on the supervisor's thread.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from actors.children import CONTROL
from actors.supervisor_inbox import ContextTerminated
from messages import CloseControlSocket

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    import zmq

    from actors.children import Children
    from actors.steps import Steps
    from messages import Mailbox

log = logging.getLogger(__name__)

WITHIN: Final = 1.0
"""Seconds that each of the two may take. They take 10 ms, and the control socket's linger of 0.1 s
at the most; longer means that a socket is still open."""


class Closing:
    """Both waits are bounded; one that runs out is an error in the log. Then ``closed`` is called.

    The context is terminated on a thread of its own, after the progress socket has been closed on
    its: that was done before unless the event loop is stuck.
    """

    def __init__(self, *, steps: Steps, children: Children, closed: Callable[[], None]) -> None:
        self._steps = steps
        self._children = children
        self._closed = closed
        self._reaper: threading.Thread | None = None
        self.context: zmq.Context[zmq.Socket[bytes]] | None = None
        self.close_progress_socket: Callable[[], Future[None]] | None = None

    def begin(self) -> None:
        """Close both."""
        reply_to = self._steps.begin(WITHIN, self.terminate_context, awaited=CONTROL)
        self._children.control.tell(CloseControlSocket(reply_to=reply_to))

    def terminate_context(self) -> None:
        """The control socket is closed."""
        self._reap(self._steps.begin(WITHIN, self.end))

    def end(self) -> None:
        """The context is terminated, or waited for no longer."""
        self._complain()
        self._reaper = self.context = self.close_progress_socket = None
        self._closed()

    def now(self) -> None:
        """Close what is open and wait for it, without any messages."""
        if self.context is not None:
            if self._reaper is None:
                self._reap(None)
            if self._reaper is not None:
                self._reaper.join(WITHIN)
            self._complain()

    def _reap(self, done: Mailbox[ContextTerminated] | None) -> None:
        context, close_progress_socket = self.context, self.close_progress_socket

        def reap() -> None:
            if close_progress_socket is not None:
                close_progress_socket().exception()  # waits for the socket's own thread
            if context is not None:
                context.term()
            if done is not None:
                done.tell(ContextTerminated())

        self._reaper = threading.Thread(target=reap, name="zmq-term", daemon=True)
        self._reaper.start()

    def _complain(self) -> None:
        # The thread may have told its end and not be over yet.
        if self._reaper is not None and self._reaper.is_alive():
            self._reaper.join(WITHIN / 10)
            if self._reaper.is_alive():
                log.error("zmq context not terminated after %.1f s: a socket is open", WITHIN)
