"""ProgressSocket: the SUB socket on its own thread.

ZeroMQ sockets are not thread-safe. All use of this one, from its creation to its close, is on the
single thread of an executor; jobs there run in order, so that a close cannot overtake a receive.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import zmq

from actors.addresses import Bound, bind
from actors.connections import Connections, monitor, receive_event, switch_off
from messages import is_marked_as_event

log = logging.getLogger(__name__)

Context = zmq.Context[zmq.Socket[bytes]]

RECEIVE_HIGH_WATER: Final = 100_000
"""Messages that may wait in the socket: a burst that a busy event loop takes up later. ZeroMQ's
default of 1,000 loses them after 2 ms of a trainer that sends as fast as it can."""

DRAIN_LIMIT: Final = 128
DRAIN_BYTES: Final = 256 * 1024
"""Messages, or characters, that one drain takes: about a millisecond of work, here and then on the
event loop."""

_EXCERPT: Final = 60


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A message that is not one non-empty UTF-8 text, or that a client would take for another's."""

    what: str


@dataclass(frozen=True, slots=True)
class Drained:
    """What one drain has found.

    ``more`` says that the drain ended at its limit, ``connected`` that a trainer was connected
    when it began; ``at`` is when it ended, in ``time.monotonic`` seconds.
    """

    messages: tuple[str | Undecodable, ...]
    more: bool
    connected: bool
    at: float


class ProgressSocket:
    """Opened once, closed once; ``close`` may be called from any thread and more than once."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="progress-socket")
        """The executor on whose thread ``open``, ``receive`` and ``drain`` are to be called."""
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._connections = Connections()
        self._closing = threading.Lock()
        self._closed: Future[None] | None = None

    def open(
        self, context: Context, address: str, free_port_if_in_use: bool = False
    ) -> tuple[Bound, int]:
        """Bind to ``address``; where it is bound and the descriptor that signals arrivals.

        Raises NotBoundError, or zmq.ZMQError when there can be no socket; ``close`` is due all the
        same.
        """
        self._socket = socket = context.socket(zmq.SUB)
        socket.linger = 0
        socket.rcvhwm = RECEIVE_HIGH_WATER
        socket.subscribe("")
        self._monitor = monitor(socket)
        bound = bind(
            "the progress socket", socket, address, free_port_if_in_use=free_port_if_in_use
        )
        return bound, int(socket.get(zmq.FD))

    def receive(self) -> str | Undecodable | None:
        """The next message, or None when there is none."""
        assert self._socket is not None
        try:
            message: str | Undecodable = self._socket.recv_string(zmq.NOBLOCK)
        except zmq.Again:
            return None
        except UnicodeDecodeError as error:
            data = error.object
            message = Undecodable(f"{len(data)} bytes that are not UTF-8: {data[:_EXCERPT]!r}")
        if self._socket.get(zmq.RCVMORE):
            frames = 1
            while self._socket.get(zmq.RCVMORE):
                self._socket.recv(zmq.NOBLOCK)
                frames += 1
            first = message.what if isinstance(message, Undecodable) else repr(message[:_EXCERPT])
            return Undecodable(f"a message of {frames} frames, the first is {first}")
        if isinstance(message, str) and is_marked_as_event(message):
            return Undecodable(f"it says that it is the worker's own: {message[:_EXCERPT]!r}")
        return message or Undecodable("an empty message")

    def drain(self) -> Drained:
        """All that has arrived, ``DRAIN_LIMIT`` messages at the most."""
        # First the connections: when none is left, all that they brought is there to be received.
        self._follow_connections()
        connected = self._connections.any
        messages: list[str | Undecodable] = []
        size, more = 0, True
        while len(messages) < DRAIN_LIMIT and size < DRAIN_BYTES:
            message = self.receive()
            if message is None:
                more = False
                break
            messages.append(message)
            size += len(message) if isinstance(message, str) else 0
        return Drained(
            tuple(messages),
            more=more,
            connected=connected,
            at=time.monotonic(),
        )

    def close(self) -> Future[None]:
        """Close the socket on its thread, behind what runs there; done when it is closed."""
        with self._closing:
            if self._closed is None:
                self._closed = self.thread.submit(self._close)
                self.thread.shutdown(wait=False)
            return self._closed

    def _follow_connections(self) -> None:
        assert self._monitor is not None
        while int(self._monitor.get(zmq.EVENTS)) & zmq.POLLIN:
            self._connections.take(receive_event(self._monitor, zmq.NOBLOCK))

    def _close(self) -> None:
        if self._socket is not None:
            if self._monitor is not None:
                switch_off(self._socket)
                self._monitor.close()
            self._socket.close()
