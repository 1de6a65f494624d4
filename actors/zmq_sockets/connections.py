"""Connections: who is connected to a bound ZeroMQ socket, from its monitor's events.

A plain object. In libzmq's events ``ACCEPTED`` and ``DISCONNECTED`` carry the connection's
descriptor and ``HANDSHAKE_SUCCEEDED`` carries none; a peer that is no ZeroMQ socket is accepted and
disconnected without a handshake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import zmq
from zmq.utils.monitor import recv_monitor_message

_EVENTS: Final = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_MONITOR_STOPPED
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionEvent:
    """What the monitor has told: ``event`` is one of ``zmq.Event``."""

    event: int
    descriptor: int


def monitor(socket: zmq.Socket[bytes]) -> zmq.Socket[bytes]:
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
        self._former: set[int] = set()
        self._joined = False

    @property
    def any(self) -> bool:
        """Whether anything is connected, with a handshake or before it."""
        return bool(self._open)

    @property
    def joined(self) -> bool:
        """Whether a peer that counts has completed its handshake and is connected."""
        return self._joined

    def take(self, event: ConnectionEvent, *, former: bool = False) -> None:
        """Follow ``event``; a ``former`` peer that connects does not count."""
        match event.event:
            case zmq.EVENT_ACCEPTED:
                self._open.add(event.descriptor)
                self._former.discard(event.descriptor)
                if former:
                    self._former.add(event.descriptor)
            case zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._joined = self._open > self._former
            case zmq.EVENT_DISCONNECTED:
                self._open.discard(event.descriptor)
                self._former.discard(event.descriptor)
                self._joined = self._joined and self._open > self._former
            case _:
                pass

    def forget(self) -> None:
        """Whoever is connected does not count from here on."""
        self._former = set(self._open)
        self._joined = False
