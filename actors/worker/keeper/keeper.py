"""Keeper: the process between a worker and its training, which outlives the worker.

It starts the training, waits for it and signals it, takes its output, and writes output and end
into the run's folder. One thread does all of it and waits for nothing but news; a second one
writes the files.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from actors.worker.keeper.files import NAMESPACE, RunFiles
from actors.worker.keeper.link import Link
from actors.worker.keeper.output import Output
from actors.worker.keeper.processes import identity, namespace
from actors.worker.keeper.talk import (
    Attach,
    Ended,
    Listener,
    NotStarted,
    Start,
    Started,
    Terminate,
)
from actors.worker.keeper.training import Training

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.worker.keeper.talk import Event

TICK: Final = 5.0
"""Seconds after which it looks around without any news."""

SOON: Final = 0.005
"""The same while the training's end is being written."""

WAIT_TICK: Final = 0.2
"""The same where the system does not tell of a process's end by itself."""

FAREWELL: Final = 60.0
"""Seconds that a worker may take at the end to receive what is left."""

WRITING: Final = 30.0
"""Seconds that the files may take at the end to be written."""

END_WRITING: Final = 2.0
"""Seconds for which the training's end is told only when it has been written."""

_CHUNK: Final = 64 * 1024
_PIPE: Final = 1024 * 1024
"""Bytes of output that the system holds, where it lets one choose."""


class Keeper:
    """Keeps one training, for the worker at ``worker`` and for those that come to ``door``.

    ``output`` are both ends of the pipe that the training is to write into. The worker has the
    reading one too: without a keeper nobody would read, and the training could not write.
    """

    def __init__(
        self, worker: socket.socket, output: tuple[int, int], door: socket.socket | None
    ) -> None:
        self._worker = worker
        self._ends = output
        self._door = door
        self._selector = selectors.DefaultSelector()
        self._training = Training(alone=True)
        self._output = Output()
        self._pipe: int | None = None
        self._files: RunFiles | None = None
        self._links: list[Link] = []
        self._started: Started | None = None
        self._ended: Ended | None = None
        self._ended_at = float("inf")
        self._end_is_told = False
        self._tick = TICK

    def run(self) -> None:
        """From the worker's order to the end of the training and of its output."""
        listener = Listener()
        orders = self._orders(listener)
        if not orders or not self._start(orders.pop(0), listener):
            return
        try:
            self._obey(self._links[0], orders)
            self._step()
            while not self._is_done():
                for key, _ in self._selector.select(self._wait()):
                    key.data()
                self._step()
        finally:
            self._drain()
        if self._files is not None:
            self._files.close(WRITING)
        self._training.reap()

    # The start

    def _orders(self, listener: Listener) -> list[Any]:
        """The worker's first orders, of which the first starts; none when it is gone."""
        while data := self._worker.recv(_CHUNK):
            orders = listener.hear(data)
            if orders:
                return orders
        return []

    def _start(self, start: Start, listener: Listener) -> bool:
        reading, writing = self._ends
        try:
            pid = self._training.start(
                tuple(start.command),
                output=writing,
                ignored=tuple(start.ignored),
                blocked=tuple(start.blocked),
            )
        except (OSError, ValueError) as error:
            link = Link(self._worker, position=0)
            link.tell(NotStarted(str(error), getattr(error, "errno", 0) or 0))
            link.flush(self._output)
            return False
        finally:
            os.close(writing)
        os.chdir("/")  # no folder is held
        self._started = Started(pid, os.getpid(), start.position)
        self._output = Output(start.position)
        self._add_link(Link(self._worker, position=start.position, listener=listener))
        self._take_from(reading)
        self._watch(pid)
        if start.folder is not None:
            self._open(start, start.folder)
        return True

    def _take_from(self, pipe: int) -> None:
        os.set_blocking(pipe, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            try:
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
            except OSError:
                pass  # somebody's pipes take a lot already
        self._pipe = pipe
        self._selector.register(pipe, selectors.EVENT_READ, self._read)

    def _watch(self, pid: int) -> None:
        try:
            handle = os.pidfd_open(pid)
        except (AttributeError, OSError):
            self._tick = WAIT_TICK
            return

        def ended() -> None:
            self._selector.unregister(handle)
            os.close(handle)

        self._selector.register(handle, selectors.EVENT_READ, ended)

    def _open(self, start: Start, folder: str) -> None:
        fields = {
            "keeper": identity(os.getpid()),
            "trainer": identity(self._training.pid),
            "keeper_pid": os.getpid(),
            "trainer_pid": self._training.pid,
            "host": os.uname().nodename,
            NAMESPACE: namespace(),
        }
        try:
            self._files = RunFiles(start, folder, fields)
        except RuntimeError:
            return  # the system gives no thread: the run is not written
        if self._door is not None:
            self._door.setblocking(False)
            self._selector.register(self._door, selectors.EVENT_READ, self._let_in)

    # What comes

    def _read(self) -> None:
        """Take the output; all of it, whatever becomes of it."""
        assert self._pipe is not None
        try:
            data = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(self._pipe)
            os.close(self._pipe)
            self._pipe = None
            return
        if self._files is not None:
            self._files.write(data, self._output.last)
        self._output.append(data)
        self._let_go()

    def _let_go(self) -> None:
        """Keep of the output what somebody still needs."""
        needed = [link.position for link in self._links if link.position is not None]
        if self._files is not None:
            needed.append(self._files.position)
        self._output.release(min(needed, default=self._output.last))

    def _let_in(self) -> None:
        assert self._door is not None
        try:
            visitor = self._door.accept()[0]
        except OSError:
            return  # it has left already, or there are too many
        self._add_link(Link(visitor))

    def _add_link(self, link: Link) -> None:
        self._links.append(link)
        self._selector.register(
            link.socket, selectors.EVENT_READ, self._guarded(link, partial(self._hear, link))
        )
        if link.position is not None:
            self._welcome(link)

    def _guarded(self, link: Link, act: Callable[[], None]) -> Callable[[], None]:
        """``act``; whatever goes wrong with one worker costs that one alone."""

        def guarded() -> None:
            try:
                act()
            except Exception:
                link.is_open = False

        return guarded

    def _hear(self, link: Link) -> None:
        self._obey(link, link.orders())

    def _obey(self, link: Link, orders: list[Any]) -> None:
        for order in orders:
            match order:
                case Attach():
                    link.position = min(max(0, order.after), self._output.last)
                    self._welcome(link)
                case Terminate():
                    self._tell(*self._training.cancel(order.grace, time.monotonic()))
                case _:
                    pass  # what only another version knows

    def _welcome(self, link: Link) -> None:
        assert self._started is not None
        link.tell(self._started)
        if self._ended is not None and self._end_is_told:
            link.tell(self._ended)

    def _tell(self, *events: Event) -> None:
        for event in events:
            for link in self._links:
                link.tell(event)

    # What becomes of it

    def _step(self) -> None:
        now = time.monotonic()
        self._tell(*self._training.step(now))
        is_silent = self._pipe is None
        if self._ended is None and self._training.is_over(now, silent=is_silent):
            self._end(now)
        self._tell_end(now)
        for link in self._links:
            self._guarded(link, partial(link.flush, self._output))()
        self._forget_closed()
        self._let_go()

    def _end(self, now: float) -> None:
        for _ in range(_PIPE // _CHUNK + 1):
            if self._pipe is not None:
                self._read()  # what it has written before its end
        self._ended = Ended(
            returncode=self._training.returncode,
            cancelled=self._training.cancelled,
            left=self._training.left(now),
            time=time.time(),
            until=self._output.last,
        )
        self._ended_at = now
        if self._files is not None:
            self._files.end_with(_exit_fields(self._ended))

    def _tell_end(self, now: float) -> None:
        if self._ended is None or self._end_is_told:
            return
        if self._files is None or self._files.has_end or now - self._ended_at > END_WRITING:
            self._end_is_told = True
            self._tell(self._ended)

    def _forget_closed(self) -> None:
        for link in self._links:
            if not link.is_open:
                self._selector.unregister(link.socket)
                link.socket.close()
        self._links = [link for link in self._links if link.is_open]
        for link in self._links:
            events = selectors.EVENT_READ | (link.is_waited_for and selectors.EVENT_WRITE)
            key = self._selector.get_key(link.socket)
            if key.events != events:
                self._selector.modify(link.socket, events, key.data)

    def _wait(self) -> float:
        if self._ended is not None and not self._end_is_told:
            return SOON
        due = self._training.next_step(time.monotonic())
        return self._tick if due is None else min(due, self._tick)

    def _is_done(self) -> bool:
        if not self._end_is_told or self._pipe is not None:
            return False
        return time.monotonic() - self._ended_at > FAREWELL or all(
            link.has_all(self._output) for link in self._links
        )

    def _drain(self) -> None:
        """Whatever has failed here, the training can write on."""
        if self._pipe is not None:
            os.set_blocking(self._pipe, True)
            while os.read(self._pipe, _CHUNK):
                pass


def _exit_fields(ended: Ended) -> dict[str, Any]:
    code = ended.returncode
    return {
        "code": code if code is not None and code >= 0 else None,
        "signal": -code if code is not None and code < 0 else None,
        "time": ended.time,
        "cancelled": ended.cancelled,
        "left": ended.left,
        "until": ended.until,
    }


def keep(worker: int, reading: int, writing: int, door: int | None = None) -> None:
    """Be a keeper, with the sockets and the pipe of these descriptors."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # one that is ignored cannot be waited for
    visitors = None if door is None else socket.socket(fileno=door)
    Keeper(socket.socket(fileno=worker), (reading, writing), visitors).run()
