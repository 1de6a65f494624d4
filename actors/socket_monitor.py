"""SocketMonitor: who is connected to a bound ZeroMQ socket, read on one blocking thread.

The thread owns the monitor's PAIR socket, only tells, and ends when the watched socket's monitor
is switched off.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import zmq
from zmq.utils.monitor import recv_monitor_message

if TYPE_CHECKING:
    from messages import Mailbox

log = logging.getLogger(__name__)

JOIN_TIMEOUT: Final = 1.0
"""Seconds that the end of the thread is waited for; it takes microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerJoined:
    """A peer's handshake has succeeded; ``connection`` identifies it until ``PeerLeft``."""

    connection: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLeft:
    """The connection is gone."""

    connection: int


class SocketMonitor:
    """Tells ``PeerJoined`` and ``PeerLeft``; made and stopped on the ``socket``'s thread."""

    def __init__(
        self, socket: zmq.Socket[bytes], events: Mailbox[PeerJoined | PeerLeft], *, name: str
    ) -> None:
        self._socket = socket
        self._events = events
        pair = socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_MONITOR_STOPPED
        )
        pair.linger = 0
        self._thread = threading.Thread(target=self._follow, args=(pair,), name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Switch the monitor off and wait for its thread; twice does no harm."""
        if self._socket.closed:
            return
        self._socket.disable_monitor()
        self._thread.join(JOIN_TIMEOUT)
        if self._thread.is_alive():
            log.error("%s has not ended after %.1f s", self._thread.name, JOIN_TIMEOUT)

    def _follow(self, pair: zmq.Socket[bytes]) -> None:
        with pair:
            while True:
                try:
                    event = recv_monitor_message(pair)
                except zmq.ZMQError as error:
                    log.debug("%s ends: %r", self._thread.name, error)
                    return
                match event["event"]:
                    case zmq.EVENT_HANDSHAKE_SUCCEEDED:
                        self._events.tell(PeerJoined(connection=event["value"]))
                    case zmq.EVENT_DISCONNECTED:
                        self._events.tell(PeerLeft(connection=event["value"]))
                    case _:
                        return
