"""SessionContext: the ZeroMQ context of a report, and its end.

A plain object on the supervisor's thread. Terminating the context waits for each socket of it, so
that is done on a thread of its own.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import zmq

from actors.runtime import threads_given

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from messages import Peer

log = logging.getLogger(__name__)

CLOSE_TIMEOUT: Final = 1.0
"""Seconds that closing the control socket may take, and terminating the context. They take 10 ms,
and the control socket's linger of 0.1 s at most; longer means that a socket is still open."""

THREADS: Final = 2
"""Those that libzmq starts for a context with its first socket: one reaps, one is for the network
(ZMQ_IO_THREADS)."""

DESCRIPTORS: Final = 16
"""More than the context and the sockets of a start open: with 13 free none was refused."""

LEFT: Final[list[zmq.Context[Any]]] = []
"""Those that could not be terminated: forgotten, one would wait for its sockets."""


class NotOpenedError(Exception):
    """A socket cannot be opened, or ``strangers`` report to it; the message says why."""

    def __init__(self, reason: str, strangers: tuple[Peer, ...] = ()) -> None:
        super().__init__(reason)
        self.strangers = strangers


class SessionContext(zmq.Context["zmq.Socket[bytes]"]):
    """Makes no socket once its end has begun, whoever comes late with an open.

    pyzmq would let one be made of what another thread frees at that moment.
    """

    _making = threading.Lock()
    _is_ending = False

    def socket(self, socket_type: int, *args: Any, **kwargs: Any) -> zmq.Socket[bytes]:
        """As pyzmq's."""
        with self._making:
            if self._is_ending:
                raise zmq.ContextTerminated
            return super().socket(socket_type, *args, **kwargs)

    def end(self, close_progress_socket: Callable[[], Future[None]] | None) -> None:
        """Terminate it and wait for that; where the system gives no thread it is left as it is.

        The progress socket is closed before, on its own thread: that is done already unless the
        event loop is stuck.
        """
        with self._making:
            self._is_ending = True

        def reap() -> None:
            if close_progress_socket is not None:
                close_progress_socket().exception()
            self.term()

        reaper = threading.Thread(target=reap, name="zmq-term", daemon=True)
        try:
            reaper.start()
        except RuntimeError as error:
            log.error("zmq context not terminated: %s", error)
            LEFT.append(self)
            return
        reaper.join(CLOSE_TIMEOUT)
        if reaper.is_alive():
            log.error("zmq context not terminated: a socket is open")


def session_context() -> SessionContext:
    """A context. Raises NotOpenedError where the system gives too little: libzmq would abort."""
    given = threads_given(THREADS)
    if given < THREADS:
        raise NotOpenedError(
            f"ZeroMQ needs {THREADS} more threads, and the system gives {given}: raise the limit "
            "of processes (ulimit -u) or of memory (ulimit -v), or those of the job"
        )
    with ExitStack() as opened:
        try:
            for _ in range(DESCRIPTORS):
                opened.enter_context(Path(os.devnull).open("rb"))
        except OSError as error:
            raise NotOpenedError(
                f"ZeroMQ needs {DESCRIPTORS} more file descriptors: {error.strerror}. Raise their "
                "limit (ulimit -n)"
            ) from error
    return SessionContext()
