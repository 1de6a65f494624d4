"""SocketMonitor: reads a ZeroMQ socket's monitor on one blocking thread.

The thread owns the monitor's PAIR socket, only tells, and ends when the watched socket's monitor
is switched off.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import zmq

from actors.zmq_sockets.connections import ConnectionEvent, monitor_of, receive_event, switch_off

if TYPE_CHECKING:
    from messages import Mailbox

log = logging.getLogger(__name__)

JOIN_TIMEOUT: Final = 1.0
"""Seconds that the end of the thread is waited for; it takes microseconds."""


class SocketMonitor:
    """Tells ``ConnectionEvent``; used on the thread that owns ``socket``.

    It follows from its making on; what there is by ``start`` is told then.
    """

    def __init__(
        self, socket: zmq.Socket[bytes], events: Mailbox[ConnectionEvent], *, name: str
    ) -> None:
        self._socket = socket
        self._events = events
        self._pair = monitor_of(socket)
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)

    def so_far(self) -> list[ConnectionEvent]:
        """What there is before the start; that is not told any more."""
        events = []
        with suppress(zmq.Again):
            while True:
                events.append(receive_event(self._pair, zmq.NOBLOCK))
        return events

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self) -> None:
        """Switch the monitor off and wait for its thread. Idempotent."""
        if self._socket.closed:
            return
        switch_off(self._socket)
        if self._thread.ident is None:
            self._pair.close()
            return
        self._thread.join(JOIN_TIMEOUT)
        if self._thread.is_alive():
            log.error("%s has not ended after %.1f s", self._thread.name, JOIN_TIMEOUT)

    def _follow(self) -> None:
        with self._pair as pair:
            while True:
                try:
                    event = receive_event(pair)
                except zmq.ZMQError as error:
                    log.debug("%s ends: %r", self._thread.name, error)
                    return
                if event.event == zmq.EVENT_MONITOR_STOPPED:
                    return
                self._events.tell(event)
