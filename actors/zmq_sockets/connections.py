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

_EVENTS: Final = (
    zmq.EVENT_LISTENING
    | zmq.EVENT_ACCEPTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_MONITOR_STOPPED
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionEvent:
    """What the monitor has told: ``event`` is one of ``zmq.Event``."""

    event: int
    descriptor: int


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
    return ConnectionEvent(event=message["event"], descriptor=message["value"])


class Connections:
    """Several connections are one peer as long as any of them is left."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._listening: set[int] = set()
        self._joined = False

    @property
    def any(self) -> bool:
        """Whether anything is connected, with a handshake or before it."""
        return bool(self._open)

    @property
    def joined(self) -> bool:
        """Whether a peer has completed its handshake and is connected."""
        return self._joined

    def take(self, event: ConnectionEvent) -> None:
        """Follow ``event``."""
        match event.event:
            case zmq.EVENT_LISTENING:
                self._listening.add(event.descriptor)
                forks.note(event.descriptor)
            case zmq.EVENT_ACCEPTED:
                self._open.add(event.descriptor)
                forks.note(event.descriptor)
            case zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._joined = bool(self._open)
            case zmq.EVENT_DISCONNECTED:
                self._open.discard(event.descriptor)
                self._joined = self._joined and bool(self._open)
                forks.forget(event.descriptor)
            case _:
                pass

    def await_next(self) -> None:
        """A handshake is wanted anew: who is connected may be leaving."""
        self._joined = False

    def close(self) -> None:
        """The socket is closed, and all of its connections."""
        for descriptor in self._open | self._listening:
            forks.forget(descriptor)
        self._open, self._listening, self._joined = set(), set(), False
