"""SocketMonitor: follows a ZeroMQ socket's connections on one blocking thread, which only tells."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

import zmq

from actors.zmq_sockets.connections import Connections

if TYPE_CHECKING:
    from actors.zmq_sockets.connections import ConnectionChanged
    from messages import Mailbox

log = logging.getLogger(__name__)

JOIN_TIMEOUT: Final = 1.0
"""Seconds that the end of the thread is waited for; it takes microseconds."""


class SocketMonitor:
    """Tells ``ConnectionChanged``; used on the thread that owns ``socket``.

    It follows from its making on, and tells from ``start`` on.
    """

    def __init__(
        self, socket: zmq.Socket[bytes], changed: Mailbox[ConnectionChanged], *, name: str
    ) -> None:
        self._changed = changed
        self._connections = Connections(socket)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Tell what there is, and from then on what comes."""
        self._follow()
        self._thread.start()

    def stop(self) -> None:
        """Switch the monitor off and wait for its thread."""
        self._connections.switch_off()
        if self._thread.ident is None:
            self._connections.close()
            return
        self._thread.join(JOIN_TIMEOUT)
        if self._thread.is_alive():
            log.error("%s has not ended after %.1f s", self._thread.name, JOIN_TIMEOUT)

    def _run(self) -> None:
        try:
            while not self._connections.is_over:
                self._connections.wait()
                self._follow()
        except zmq.ZMQError as error:
            log.debug("%s ends: %r", self._thread.name, error)
        finally:
            self._connections.close()

    def _follow(self) -> None:
        for change in self._connections.follow():
            self._changed.tell(change)
