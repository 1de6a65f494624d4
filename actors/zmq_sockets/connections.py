"""Connections: who is connected to a bound ZeroMQ socket, from its monitor's events.

In libzmq's events ``LISTENING``, ``ACCEPTED`` and ``DISCONNECTED`` carry a descriptor and
``HANDSHAKE_SUCCEEDED`` carries none; a peer that is not a ZeroMQ socket is accepted and
disconnected without a handshake.
"""

from __future__ import annotations

import socket as socketlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from actors.zmq_sockets import forks
from actors.zmq_sockets.processes import Ends, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVENTS: Final = (
    zmq.EVENT_LISTENING
    | zmq.EVENT_ACCEPTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_MONITOR_STOPPED
)

_RECEIVED: Final = slice(128, 136)
"""``tcpi_bytes_received`` in Linux's ``struct tcp_info``."""

_POLLIN: Final = int(zmq.POLLIN)  # an enum's member makes a new one at each look


class Connection:
    """One connection, from its acceptance to its end.

    A descriptor's number is used again, this is not.
    """

    def __init__(self, descriptor: int, ends: Ends | None = None) -> None:
        self.descriptor = descriptor
        self.ends = ends
        """None when it was gone before it could be looked at, or is not one of TCP."""
        self.has_joined = False
        """Whether its handshake has succeeded."""
        self.is_open = True


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """``connection`` has joined, or, if it ``has_left``, was one that had."""

    connection: Connection
    has_left: bool


class Connections:
    """The connections of ``socket``, followed from here on.

    Made, and switched off, on the thread of ``socket``; all else is one thread's at a time. A
    handshake's event does not say whose it is: it counts for all connections that have not joined
    and over which something has come.
    """

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._monitor = socket.get_monitor_socket(_EVENTS)
        self._monitor.linger = 0
        self._open: dict[int, Connection] = {}
        self._listening: set[int] = set()
        self.is_over = False
        """Whether the monitor has told that it is switched off."""

    @property
    def any(self) -> bool:
        """Whether anything is connected, with a handshake or before it."""
        return bool(self._open)

    def wait(self) -> None:
        """Wait until there is something to follow. Raises zmq.ZMQError."""
        self._monitor.poll()

    def follow(self) -> list[ConnectionChanged]:
        """Take what has been told by now; what has changed by it. Raises zmq.ZMQError."""
        changed = []
        while has_message(self._monitor):
            told = recv_monitor_message(self._monitor, zmq.NOBLOCK)
            changed += self.take(told["event"], told["value"])
        return changed

    def switch_off(self) -> None:
        """Have nothing more told; the monitor of a terminated context is off already."""
        try:
            self._socket.disable_monitor()
        except zmq.ContextTerminated:
            pass

    def close(self) -> None:
        """All connections are closed, or will be: it has been switched off."""
        self._monitor.close()
        for descriptor in self._open.keys() | self._listening:
            forks.forget(descriptor)
        for descriptor in list(self._open):
            self._end(descriptor)

    def take(self, event: int, descriptor: int) -> list[ConnectionChanged]:
        """Follow one ``zmq.Event``."""
        match event:
            case zmq.EVENT_LISTENING:
                self._listening.add(descriptor)
                forks.note(descriptor)
            case zmq.EVENT_ACCEPTED:
                former = self._end(descriptor)
                self._open[descriptor] = Connection(descriptor, ends_of(descriptor))
                forks.note(descriptor)
                return former
            case zmq.EVENT_HANDSHAKE_SUCCEEDED:
                return self._join()
            case zmq.EVENT_DISCONNECTED:
                forks.forget(descriptor)
                return self._end(descriptor)
            case zmq.EVENT_MONITOR_STOPPED:
                self.is_over = True
        return []

    def _join(self) -> list[ConnectionChanged]:
        waiting = [found for found in self._open.values() if not found.has_joined]
        joining = [found for found in waiting if has_spoken(found.descriptor)] or waiting
        for connection in joining:
            connection.has_joined = True
        return [ConnectionChanged(connection, has_left=False) for connection in joining]

    def _end(self, descriptor: int) -> list[ConnectionChanged]:
        connection = self._open.pop(descriptor, None)
        if connection is None:
            return []
        connection.is_open = False
        return [ConnectionChanged(connection, has_left=True)] if connection.has_joined else []


def has_message(socket: zmq.Socket[bytes]) -> bool:
    """Whether ``socket`` has something to be received; on its own thread. Raises zmq.ZMQError."""
    return bool(int(socket.get(zmq.EVENTS)) & _POLLIN)


def ends_of(descriptor: int) -> Ends | None:
    """Both ends of an accepted connection; None when it is gone, or not a TCP connection."""
    try:
        with _looked_at(descriptor) as accepted:
            if accepted.family not in (socketlib.AF_INET, socketlib.AF_INET6):
                return None
            peer, own = accepted.getpeername(), accepted.getsockname()
    except OSError:
        return None
    return Ends(peer=(plain(peer[0]), peer[1]), own=(plain(own[0]), own[1]))


def has_spoken(descriptor: int) -> bool:
    """Whether anything has come over the connection; True where the system does not tell."""
    try:
        with _looked_at(descriptor) as accepted:
            info = accepted.getsockopt(socketlib.IPPROTO_TCP, socketlib.TCP_INFO, _RECEIVED.stop)
    except (OSError, AttributeError):
        return True
    return info[_RECEIVED] != bytes(8)


@contextmanager
def _looked_at(descriptor: int) -> Iterator[socketlib.socket]:
    """A descriptor of libzmq's as a socket, which is left as it is. Raises OSError."""
    looked_at = socketlib.socket(fileno=descriptor)
    try:
        yield looked_at
    finally:
        looked_at.detach()
