"""ProgressSocket: the SUB socket on its own thread.

ZeroMQ sockets are not thread-safe. All use of this one, from its creation to its close, is on the
single thread of an executor; jobs there run in order, so that a close cannot overtake a receive.
"""

from __future__ import annotations

import logging
import selectors
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from socket import socketpair
from typing import TYPE_CHECKING, Final

import zmq

from actors.progress_listener.pace import Pace
from actors.runtime import OneThread
from actors.zmq_sockets import Bound, Connections, bind, has_message
from messages import is_marked_as_event

if TYPE_CHECKING:
    from socket import socket as SystemSocket

    from actors.settings import ReporterSettings
    from actors.zmq_sockets import PeerWatch
    from messages import Mailbox, PeersFound

log = logging.getLogger(__name__)

Context = zmq.Context[zmq.Socket[bytes]]

RECEIVE_HIGH_WATER: Final = 100_000
"""Messages that may wait in the socket: a burst that a busy event loop takes up later. ZeroMQ's
default of 1,000 loses them after 2 ms of a trainer that sends as fast as it can."""

DRAIN_LIMIT: Final = 128
DRAIN_BYTES: Final = 256 * 1024
"""Messages, and characters, that one drain takes: about a millisecond of work, here and then on the
event loop."""

PATIENCE: Final = 2.0
"""Poll intervals that the thread waits for the report behind another: a batch of a training takes
less."""

LAST_DRAIN: Final = 0.2
"""Seconds that receiving may go on before the socket is closed, while a trainer still sends."""

LAST_SILENCE: Final = 2
"""Milliseconds without a message after which nothing more counts as being on its way: of a drain
that ended early, the rest came within one."""

_EXCERPT: Final = 60


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A message that is not one non-empty UTF-8 text, or that a client would take for another's."""

    what: str


@dataclass(frozen=True, slots=True)
class Drained:
    """What one drain has come to.

    ``count`` messages were received, ``more`` says that the drain ended at its limit, ``connected``
    that a trainer was connected and ``at`` when it began, in ``time.monotonic`` seconds.
    """

    count: int
    more: bool
    connected: bool
    at: float


class ProgressSocket:
    """Opened once, closed once; ``close`` may be called from any thread and is idempotent.

    ``watch`` is told who joins and leaves, and closed with the socket.
    """

    def __init__(self, settings: ReporterSettings, watch: PeerWatch | None = None) -> None:
        self._pace = Pace(settings.gather_interval)
        self._patience = PATIENCE * settings.poll_interval
        self._watch = watch
        self.received: deque[tuple[str | Undecodable, float]] = deque()
        """What has been received and not been taken yet, and when, in ``time.monotonic`` seconds.
        It outlives the drain that brought it."""
        self.thread = OneThread("progress-socket")
        """The executor on whose thread ``open``, ``receive`` and ``drain`` are called."""
        self._socket: zmq.Socket[bytes] | None = None
        self._connections: Connections | None = None
        self._descriptor = -1
        self._selector: selectors.BaseSelector | None = None
        self._wakes: tuple[SystemSocket, SystemSocket] | None = None
        """What is sent to the second ends the waits of a poll."""
        self._asked_for_peers: deque[Mailbox[PeersFound]] = deque()
        self.is_closing = False
        """Whether ``close`` has been called: no further poll can be had."""
        self._ending = threading.Lock()
        self._closed: Future[None] | None = None

    def open(self, context: Context, address: str, free_port_if_in_use: bool = False) -> Bound:
        """Bind to ``address``; where it is bound.

        Raises NotBoundError, or zmq.ZMQError or OSError when there can be no socket; ``close`` is
        due anyway.
        """
        self._wakes = socketpair()
        self._wakes[1].setblocking(False)
        self._socket = socket = context.socket(zmq.SUB)
        socket.linger = 0
        socket.rcvhwm = RECEIVE_HIGH_WATER
        socket.subscribe("")
        self._connections = Connections(socket)
        self._descriptor = int(socket.get(zmq.FD))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._descriptor, selectors.EVENT_READ)
        self._selector.register(self._wakes[0], selectors.EVENT_READ)
        bound = bind(
            "the progress socket", socket, address, free_port_if_in_use=free_port_if_in_use
        )
        self._follow_connections()  # from here on no fork keeps the address
        return bound

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

    def poll(self, receiver: Mailbox[Drained] | None = None) -> Future[Drained] | None:
        """Have the thread drain the socket; None when it is being closed. From any thread.

        With a ``receiver`` the poll goes on as long as reports come: each drain is told to it but
        the last, which is the poll's. That one has found nothing for ``PATIENCE``, has ended at its
        limit, came after ``wake``, or found that what had been told has not been taken yet. If it
        has found nothing, the thread waits for what comes before the next poll, and tells of that.
        """
        done: Future[Drained] = Future()
        with self._ending:
            if self.is_closing:
                return None
            if self.thread.run(partial(self._poll, done, receiver)):
                self._end_wait()
        return done

    def wake(self) -> None:
        """End the poll that goes on; from any thread."""
        with self._ending:
            if self._closed is None and self.thread.run(lambda: None):
                self._end_wait()

    def drain(self) -> Drained:
        """Receive all that has arrived, ``DRAIN_LIMIT`` messages at most; never waits."""
        at = time.monotonic()
        # First the connections: when none is left, all that they brought is there to be received.
        connected = self._follow_connections()
        count, size, more = 0, 0, True
        while count < DRAIN_LIMIT and size < DRAIN_BYTES:
            message = self.receive()
            if message is None:
                more = False
                break
            self.received.append((message, at))
            count += 1
            size += len(message) if isinstance(message, str) else 0
        if count:
            self._pace.note(count=count, at=at)
        return Drained(count, more=more, connected=connected, at=at)

    def close(self) -> Future[None]:
        """Close the socket on its thread, behind what runs there; done when it is closed.

        What has arrived by then is in ``received``.
        """
        with self._ending:
            if self._closed is None:
                self.is_closing = True
                self._closed = self.thread.submit(self._close)
                self.thread.shutdown(wait=False)
                self._end_wait()
            return self._closed

    def find_peers(self, reply_to: Mailbox[PeersFound]) -> None:
        """Have the next drain ask who has joined by then, for ``reply_to`` to be told."""
        self._asked_for_peers.append(reply_to)

    def _poll(self, done: Future[Drained], receiver: Mailbox[Drained] | None) -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            if receiver is None:
                done.set_result(self.drain())
                return
            drained, is_quiet = self._drain_on(receiver)
            done.set_result(drained)
            assert self._socket is not None
            while is_quiet and not self._is_woken_before_arrival(None):
                if has_message(self._socket):  # it is also signalled who joins
                    receiver.tell(self.drain())
                    return
        except BaseException as error:
            if done.done():
                log.debug("the next poll will find it, too: %r", error)
            else:
                done.set_exception(error)

    def _drain_on(self, receiver: Mailbox[Drained]) -> tuple[Drained, bool]:
        """Drain as long as reports come; the last drain, and whether it leaves nothing to do."""
        while True:
            is_untaken = bool(self.received)
            drained = self.drain()
            patience = self._pace.came + self._patience - drained.at
            if is_untaken or drained.more:
                return drained, False
            if patience <= 0:
                return drained, True
            if drained.count:
                receiver.tell(drained)
            if self._is_woken_in_pace(patience):
                return self.drain(), False

    def _is_woken_in_pace(self, patience: float) -> bool:
        """Wait for the next reports, and gather them; whether there is something else to do."""
        pace, is_wanted = self._pace, self.thread.is_wanted
        if pace.is_steady:
            return is_wanted(within=pace.gather) or self._is_woken_before_arrival(patience)
        return self._is_woken_before_arrival(patience) or (
            pace.is_followed and is_wanted(within=pace.gather)
        )

    def _is_woken_before_arrival(self, patience: float | None) -> bool:
        """Wait for something to come. The socket signals edges: a drain has left it dry."""
        assert self._selector is not None
        assert self._wakes is not None
        if not self.thread.is_wanted():
            ready = self._selector.select(patience)
            if any(key.fd != self._descriptor for key, _ in ready):
                self._wakes[0].recv(1024)
        return self.thread.is_wanted()

    def _end_wait(self) -> None:
        if self._wakes is not None:
            with suppress(BlockingIOError):  # it is full: no poll waits
                self._wakes[1].send(b"w")

    def _follow_connections(self) -> bool:
        """Whether anybody is connected."""
        assert self._connections is not None
        changes = self._connections.follow()
        if self._watch is not None:
            for change in changes:
                self._watch.changed(change)
            while self._asked_for_peers:
                self._watch.ask(self._asked_for_peers.popleft())
        return self._connections.any

    def _close(self) -> None:
        try:
            self._drain_last()
        finally:
            if self._watch is not None:
                self._watch.close()
            if self._socket is not None:
                if self._connections is not None:
                    self._connections.switch_off()
                    self._connections.close()
                self._socket.close()
            if self._selector is not None:
                self._selector.close()
            with self._ending:  # nobody is about to send to them
                for end in self._wakes or ():
                    end.close()

    def _drain_last(self) -> None:
        """Receive what there is, until nothing has come for ``LAST_SILENCE``."""
        if self._socket is None or self._connections is None:
            return
        until = time.monotonic() + LAST_DRAIN
        try:
            while (drained := self.drain()).count or (
                drained.connected and self._socket.poll(LAST_SILENCE)
            ):
                if time.monotonic() > until:
                    return
        except Exception as error:  # it is closed whatever is wrong with it
            log.debug("nothing more can be received: %r", error)
