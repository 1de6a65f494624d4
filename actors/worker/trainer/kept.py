"""KeptTraining: a training that a keeper runs, as a worker sees it."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final, Self

from actors.worker.keeper import (
    KEEPER,
    PROGRAM,
    Attach,
    Ended,
    Listener,
    Missed,
    NotStarted,
    NotUnderstoodError,
    OutputLog,
    Refused,
    Signalled,
    Started,
    Terminate,
    Wrote,
    end_of,
    every_process,
    fields_of,
    identity,
    knock,
    reap,
    said,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from actors.worker.keeper import Event, Order, Start

log = logging.getLogger(__name__)

LOOK: Final = 512 * 1024
"""Bytes of output that one look takes."""

START_TIMEOUT: Final = 30.0
"""Seconds that a keeper may take to read its order."""

REAPING: Final = 2.0
"""Seconds between two looks for processes that have ended and that nobody waits for."""

ANSWER: Final = 15.0
"""Seconds that a keeper may take to answer an order; its thread waits for nothing."""

NOTICE: Final = 30.0
"""Seconds after which a keeper has told of its training's end, beside the grace of a cancel."""

LIFE: Final = 1.0
"""Seconds between two looks whether the training still lives, and into what its keeper writes."""

WRITING: Final = 10.0
"""Seconds after the training's end in which a keeper has written it."""

_CHUNK: Final = 64 * 1024


class KeptTraining:
    """See ``Source``. ``position`` is where its output goes on; None makes it tell none."""

    def __init__(self, *, folder: Path | None, position: int = 0) -> None:
        self._folder = folder
        self._position = position
        self._link: socket.socket | None = None
        self._keeper: subprocess.Popen[bytes] | None = None  # if it is this worker's child
        self._pid, self._trainer, self._keeper_pid = 0, "", 0
        self._pipe: int | None = None  # the output's, for when the keeper is gone
        self._lost = ""  # what has become of the keeper
        self._writer = ""  # the keeper, if it writes on and cannot be reached
        self._refused: list[Event] = []
        self._answer_by = self._end_by = math.inf
        self._grace: float | None = None  # that of a cancel
        self._look_at = 0.0
        self._reap_at = 0.0
        self._heard: Iterator[Event | None] = self._silence()

    @classmethod
    def start(
        cls,
        start: Start,
        *,
        variables: dict[str, str],
        folder: Path | None = None,
        door: socket.socket | None = None,
    ) -> Self:
        """Have a keeper ``start`` it, and let other workers in at ``door``. Raises OSError.

        ``variables`` are the training's environment.
        """
        kept = cls(folder=folder, position=start.position)
        kept._answer_by = time.monotonic() + START_TIMEOUT
        kept._link, theirs = socket.socketpair()
        try:
            with theirs:
                kept._pipe, writing = os.pipe()
                places = [theirs.fileno(), kept._pipe, writing]
                try:
                    kept._keeper = _spawned(
                        places if door is None else [*places, door.fileno()], variables
                    )
                finally:
                    os.close(writing)
            kept._link.settimeout(START_TIMEOUT)
            kept._link.sendall(said(start))
            kept._link.setblocking(False)
        except OSError:
            kept.release()
            raise
        kept._heard = kept._hear()
        return kept

    @classmethod
    def adopt(cls, folder: Path, *, position: int) -> Self:
        """The training of the run in ``folder``, which another worker has started."""
        kept = cls(folder=folder, position=position)
        kept._link = knock(folder)
        if kept._link is not None:
            kept._link.setblocking(False)
            kept._say(Attach(position))
            kept._answer_by = time.monotonic() + ANSWER
            kept._heard = kept._hear()
        else:
            kept._heard = kept._without_keeper(folder)
        return kept

    def news(self) -> Iterator[Event]:
        """What has happened."""
        self._reap_orphans()
        refused, self._refused = self._refused, []
        yield from refused
        size = 0
        for event in self._heard:
            if event is None:
                return
            yield event
            size += len(event.data) if isinstance(event, Wrote) else 0
            if size > LOOK:
                return

    def terminate(self, grace: float) -> None:
        """Have the keeper end it."""
        if self._say(Terminate(grace)):
            self._grace = grace
            self._answer_by = time.monotonic() + ANSWER
        else:
            self._refused.append(Refused(self._alone))

    def release(self) -> None:
        """Close the link; the keeper goes on with the training."""
        self._unlink()
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _unlink(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._keeper is not None and self._keeper.poll() is None:
            self._keeper.returncode = 0  # it goes on, and is waited for no longer

    def _reap_orphans(self) -> None:
        """Process 1 gets every process that is left behind in its container."""
        if os.getpid() == 1 and time.monotonic() >= self._reap_at:
            self._reap_at = time.monotonic() + REAPING
            reap(
                every_process().values(), but={self._keeper.pid} if self._keeper is not None else ()
            )

    # What the keeper tells

    def _say(self, order: Order) -> bool:
        if self._link is None:
            return False
        try:
            self._link.sendall(said(order))
        except OSError:
            return False
        return True

    def _hear(self) -> Iterator[Event | None]:
        """All that comes; None where nothing more has come for the moment."""
        listener = Listener()
        ended: Ended | None = None
        while (data := self._received()) != b"":
            if data is None:
                if self._is_overdue(time.monotonic()):
                    self._lost = "does not answer"
                    break
                yield None
                continue
            try:
                messages = listener.hear(data)
            except NotUnderstoodError:
                break
            for message in messages:
                if isinstance(message, Ended):
                    ended = message
                else:
                    yield from self._taken(message)
            if ended is not None and self._position >= ended.until:
                yield ended
                yield from self._silence()
        yield from self._after_keeper(ended)

    def _is_overdue(self, now: float) -> bool:
        """Whether the keeper, which may be stopped, has not answered or not told of the end."""
        if now >= self._look_at and self._pid:
            self._look_at = now + LIFE
            if self._end_by == math.inf and not self._lives():
                self._end_by = now + NOTICE + (self._grace or 0.0)
        return now >= min(self._answer_by, self._end_by)

    def _received(self) -> bytes | None:
        if self._link is None:
            return b""
        try:
            return self._link.recv(_CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _taken(self, message: Event) -> Iterator[Event | None]:
        match message:
            case Missed():
                yield from self._read_log(message.until)
                return
            case Started():
                self._pid, self._trainer = message.pid, identity(message.pid)
                self._keeper_pid = message.keeper
                if self._grace is None:  # else it is to answer a cancel, too
                    self._answer_by = math.inf
            case Wrote():
                self._position = message.until
            case Signalled() | Refused():
                self._answer_by = math.inf
            case _:
                pass
        yield message

    def _read_log(self, until: int | None = None) -> Iterator[Event | None]:
        """What the keeper does not have any more, from the log as far as that has it."""
        if self._folder is not None:
            try:
                for data, position in OutputLog(self._folder).read(self._position, until):
                    yield from self._passed_over(position - len(data))
                    self._position = position
                    yield Wrote(data, position)
            except OSError:
                pass  # what it does not give is missed
        if until is not None:
            yield from self._passed_over(until)

    def _passed_over(self, until: int) -> Iterator[Event]:
        if self._position < until:
            yield Missed(self._position, until)
            self._position = until

    # Without a keeper

    def _after_keeper(self, ended: Ended | None) -> Iterator[Event | None]:
        """It has ended before it has told all, which only KILL makes it do, or it stands still."""
        self._unlink()
        if ended is None and self._folder is not None:
            ended = end_of(self._folder)
        if ended is not None:
            yield from self._read_log(ended.until)
            yield ended
        elif self._pid:
            log.warning("the training goes on, but %s", self._alone)
            if self._answer_by < math.inf:
                yield Refused(self._alone)
            yield from self._watched()
        elif self._keeper is None and self._folder is not None:  # another worker's
            log.warning("of this training is known what its files say: %s", self._alone)
            yield from self._without_keeper(self._folder)
        else:
            yield NotStarted("the keeper of the training has not started")
        yield from self._silence()

    def _without_keeper(self, folder: Path) -> Iterator[Event | None]:
        """A training whose keeper is gone: its files are there, and itself perhaps."""
        ended = end_of(folder)
        fields = fields_of(folder / KEEPER)
        try:
            self._pid, self._trainer = max(0, int(fields["trainer_pid"])), str(fields["trainer"])
            if not self._lost and identity(int(fields["keeper_pid"])) == fields["keeper"]:
                self._keeper_pid, self._writer = int(fields["keeper_pid"]), str(fields["keeper"])
                self._lost = "cannot be reached"
        except (KeyError, ValueError, TypeError, OverflowError):
            pass  # nobody knows who it was
        yield Started(self._pid, keeper=0, position=self._position)
        yield from self._read_log()
        if ended is not None:
            yield ended
        elif self._writer:
            yield from self._followed(folder)
        else:
            yield from self._watched()
        yield from self._silence()

    def _followed(self, folder: Path) -> Iterator[Event | None]:
        """Its keeper lives, on a file system that has no sockets: it writes all that it knows."""
        until, ended, look_at = math.inf, None, 0.0
        while ended is None and (now := time.monotonic()) < until:
            if now < look_at:
                yield None
                continue
            look_at = now + LIFE
            if not self._lives():
                is_written = identity(self._keeper_pid) != self._writer
                until = min(until, now if is_written else now + WRITING)
            ended = end_of(folder)
            yield from self._read_log(None if ended is None else ended.until)
        yield ended or self._unknown_end

    def _watched(self) -> Iterator[Event | None]:
        """Nobody will ever know how it ends; what it writes is taken, or it could not write on."""
        if self._pipe is not None:
            os.set_blocking(self._pipe, False)
        lives = True
        while lives:
            lives = self._lives()
            while data := self._drained():
                self._position += len(data)
                yield Wrote(data, self._position)
            if lives:
                yield None
        yield self._unknown_end

    @property
    def _unknown_end(self) -> Ended:
        return Ended(None, cancelled=False, left=[], time=time.time(), until=self._position)

    def _lives(self) -> bool:
        return self._trainer != "" and identity(self._pid) == self._trainer

    def _drained(self) -> bytes:
        try:
            return b"" if self._pipe is None else os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return b""

    @property
    def _alone(self) -> str:
        """What is said of a training without a keeper."""
        who = f", process {self._keeper_pid}," if self._keeper_pid else ""
        if self._writer:
            return f"its keeper{who} {self._lost}: this worker cannot have it signal the training"
        return (
            f"its keeper{who} {self._lost or 'is gone'}: nobody waits for it any more, and nobody "
            "signals it"
        )

    def _silence(self) -> Iterator[None]:
        while True:
            yield None


def _spawned(places: list[int], variables: dict[str, str]) -> subprocess.Popen[bytes]:
    """A keeper with the descriptors ``places``; it blocks every signal from the first moment on."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        return subprocess.Popen(
            (sys.executable, "-I", "-S", PROGRAM, *map(str, places)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=variables,
            pass_fds=places,
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
