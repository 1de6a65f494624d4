"""The end of a ZeroMQ context, which waits for every socket of it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    import zmq

log = logging.getLogger(__name__)

WITHIN: Final = 1.0
"""Seconds that the termination may take. It takes 10 ms, and the control socket's linger of 0.1 s
at the most; longer means that a socket is still open."""


class ContextReaper:
    """Closes the progress socket, if that is still due, and terminates the context on a thread."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        close_socket: Callable[[], Future[None]] | None,
        done: Callable[[], None],
    ) -> None:
        self._context = context
        self._close_socket = close_socket
        self._done = done
        self._thread = threading.Thread(target=self._reap, name="zmq-term", daemon=True)
        self._thread.start()

    def join(self, within: float = WITHIN) -> None:
        """Wait for the end; an error in the log when it does not come ``within`` seconds."""
        self._thread.join(within)
        self.complain_if_alive(within)

    def complain_if_alive(self, within: float = WITHIN) -> None:
        """The error that belongs into the log when the context is still there."""
        if self._thread.is_alive():
            log.error("zmq context not terminated after %.1f s: a socket is still open", within)

    def _reap(self) -> None:
        if self._close_socket is not None:
            self._close_socket().exception()
        self._context.term()
        self._done()
