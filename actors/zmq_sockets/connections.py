"""Connections: who is connected to a bound ZeroMQ socket, from its monitor's events.

A plain object. In libzmq's events ``LISTENING``, ``ACCEPTED`` and ``DISCONNECTED`` carry a
descriptor and ``HANDSHAKE_SUCCEEDED`` carries none; a peer that is not a ZeroMQ socket is accepted
and disconnected without a handshake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from actors.zmq_sockets import forks
from actors.zmq_sockets.peers import Ends, ends_of, has_spoken

_EVENTS: Final = (
    zmq.EVENT_LISTENING
    | zmq.EVENT_ACCEPTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_MONITOR_STOPPED
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionEvent:
    """What the monitor has told: ``event`` is one of ``zmq.Event``.

    ``ends`` are those of the connection, when it has been accepted and was still there.
    """

    event: int
    descriptor: int
    ends: Ends | None = None


class Connection:
    """One connection, from its acceptance to its end.

    A descriptor's number is used again, this is not.
    """

    def __init__(self, descriptor: int, ends: Ends | None = None) -> None:
        self.descriptor = descriptor
        self.ends = ends
        self.has_joined = False
        """Whether its handshake has succeeded."""
        self.is_open = True


def monitor_of(socket: zmq.Socket[bytes]) -> zmq.Socket[bytes]:
    """A socket on which the events of ``socket`` can be received, closed by whoever asked."""
    pair = socket.get_monitor_socket(_EVENTS)
    pair.linger = 0
    return pair


def switch_off(socket: zmq.Socket[bytes]) -> None:
    """Switch the monitor of ``socket`` off; one whose context is terminated is off already."""
    try:
        socket.disable_monitor()
    except zmq.ContextTerminated:
        pass


def receive_event(pair: zmq.Socket[bytes], flags: int = 0) -> ConnectionEvent:
    """The next event. Raises zmq.Again with NOBLOCK when there is none."""
    message = recv_monitor_message(pair, flags)
    event, descriptor = message["event"], message["value"]
    ends = ends_of(descriptor) if event == zmq.EVENT_ACCEPTED else None
    return ConnectionEvent(event=event, descriptor=descriptor, ends=ends)


class Connections:
    """The connections of one socket.

    A handshake's event does not say whose it is: it counts for all connections that have not joined
    and over which something has come.
    """

    def __init__(self) -> None:
        self._open: dict[int, Connection] = {}
        self._listening: set[int] = set()

    @property
    def any(self) -> bool:
        """Whether anything is connected, with a handshake or before it."""
        return bool(self._open)

    def take(self, event: ConnectionEvent) -> list[Connection]:
        """Follow ``event``; the connections that join by it, or leave after they had joined."""
        descriptor = event.descriptor
        match event.event:
            case zmq.EVENT_LISTENING:
                self._listening.add(descriptor)
                forks.note(descriptor)
            case zmq.EVENT_ACCEPTED:
                former = self._end(descriptor)
                self._open[descriptor] = Connection(descriptor, event.ends)
                forks.note(descriptor)
                return former
            case zmq.EVENT_HANDSHAKE_SUCCEEDED:
                return self._join()
            case zmq.EVENT_DISCONNECTED:
                forks.forget(descriptor)
                return self._end(descriptor)
            case _:
                pass
        return []

    def close(self) -> None:
        """The socket is closed, and all of its connections."""
        for descriptor in self._open.keys() | self._listening:
            forks.forget(descriptor)
        for descriptor in list(self._open):
            self._end(descriptor)
        self._listening = set()

    def _join(self) -> list[Connection]:
        waiting = [found for found in self._open.values() if not found.has_joined]
        spoken = [found for found in waiting if has_spoken(found.descriptor)]
        for connection in spoken or waiting:
            connection.has_joined = True
        return spoken or waiting

    def _end(self, descriptor: int) -> list[Connection]:
        connection = self._open.pop(descriptor, None)
        if connection is None:
            return []
        connection.is_open = False
        return [connection] if connection.has_joined else []
