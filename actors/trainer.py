"""The trainer's actor: owns the training's process and its process group.

It runs on a thread of its own; one thread reads the process's output and one waits for its end,
and both only tell.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, TypeAlias, assert_never

import pykka

from actors.base import ReporterActor
from actors.output_lines import OutputLines
from actors.typed_ref import TypedRef, deliver
from messages import (
    ChildDown,
    Mailbox,
    StartTrainer,
    TerminateTrainer,
    TrainerEvent,
    TrainerExited,
    TrainerMessage,
    TrainerNotStarted,
    TrainerOutput,
    TrainerStarted,
)

if TYPE_CHECKING:
    from actors.scheduler import Cancellable, Scheduler

log = logging.getLogger(__name__)

GRACE: Final = 5.0
"""Seconds from TERM to KILL."""

OUTPUT_TIMEOUT: Final = 1.0
"""Seconds after the process's end that the rest of its output is waited for: a process that left
its group can hold the pipe open for ever."""

_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProcessEnded:
    process: int
    returncode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _OutputEnded:
    """The process's output has been told to its end, or is waited for no longer."""

    process: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _GraceOver:
    """TERM has not been enough."""

    process: int


_Inbox: TypeAlias = TrainerMessage | _ProcessEnded | _OutputEnded | _GraceOver


def spawn(*, parent: Mailbox[ChildDown], scheduler: Scheduler) -> TypedRef[TrainerMessage]:
    """Start the actor on a thread of its own."""
    return TypedRef(TrainerActor.start(parent=parent, scheduler=scheduler))


class TrainerActor(ReporterActor, pykka.ThreadingActor):
    """Takes ``TrainerMessage``; runs one process at a time, and kills it when it ends itself."""

    name = "trainer"
    use_daemon_thread = True

    def __init__(self, *, parent: Mailbox[ChildDown], scheduler: Scheduler) -> None:
        super().__init__()
        self.parent = parent
        self._scheduler = scheduler
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._process: subprocess.Popen[bytes] | None = None
        self._number = 0
        self._reply_to: Mailbox[TrainerEvent] | None = None
        self._returncode: int | None = None
        self._output_ended = False
        self._timers: list[Cancellable] = []
        self._terminated = False

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case StartTrainer():
                self._start(message)
            case TerminateTrainer():
                self._terminate()
            case _ProcessEnded() | _OutputEnded() | _GraceOver():
                if message.process == self._number:  # not of the one before
                    self._process_changed(message)
            case _:
                assert_never(message)

    def release(self) -> None:
        """Kill what still runs."""
        self._cancel_timers()
        self._signal(signal.SIGKILL)

    def _process_changed(self, message: _ProcessEnded | _OutputEnded | _GraceOver) -> None:
        match message:
            case _ProcessEnded():
                self._process_ended(message.returncode)
            case _OutputEnded():
                self._output_ended = True
                self._finish_when_ended()
            case _GraceOver():
                log.warning("the trainer has not ended %.1f s after TERM: KILL", GRACE)
                self._signal(signal.SIGKILL)
            case _:
                assert_never(message)

    def _start(self, message: StartTrainer) -> None:
        if self._process is not None:
            reason = "a trainer runs already"
            deliver(message.reply_to, TrainerNotStarted(reason=reason))
            return
        try:
            self._process = process = subprocess.Popen(
                message.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if message.capture else None,
                stderr=subprocess.STDOUT if message.capture else None,
                # A process group of its own: a Ctrl-C in the terminal is the worker's to handle.
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = f"{message.command[0]} cannot be started: {error}"
            deliver(message.reply_to, TrainerNotStarted(reason=reason))
            return
        log.info("trainer %d started: %s", process.pid, message.command)
        self._number = number = self._number + 1
        self._reply_to = message.reply_to
        self._returncode = None
        self._terminated = False
        self._output_ended = process.stdout is None
        deliver(message.reply_to, TrainerStarted(pid=process.pid))
        if process.stdout is not None:
            threading.Thread(
                target=self._read,
                args=(process.stdout, number, message.reply_to),
                name="trainer-output",
                daemon=True,
            ).start()
        threading.Thread(
            target=lambda: self._me.tell(_ProcessEnded(process=number, returncode=process.wait())),
            name="trainer-wait",
            daemon=True,
        ).start()

    def _read(self, output: IO[bytes], number: int, reply_to: Mailbox[TrainerEvent]) -> None:
        """Read to the end, whatever becomes of the lines: a full pipe would stall the training."""
        lines = OutputLines()
        with output:
            while data := os.read(output.fileno(), _CHUNK):
                self._tell_lines(lines.feed(data), reply_to)
        self._tell_lines(lines.end(), reply_to)
        self._me.tell(_OutputEnded(process=number))

    def _tell_lines(self, lines: tuple[str, ...], reply_to: Mailbox[TrainerEvent]) -> None:
        if lines:
            deliver(reply_to, TrainerOutput(lines=lines))

    def _terminate(self) -> None:
        if self._process is None:
            return
        if self._terminated:
            self._signal(signal.SIGKILL)
            return
        self._terminated = True
        self._signal(signal.SIGTERM)
        self._after(GRACE, _GraceOver(process=self._number))

    def _process_ended(self, returncode: int) -> None:
        log.info("trainer ended with %d", returncode)
        self._signal(signal.SIGKILL)  # what it has started and left behind
        self._returncode = returncode
        self._cancel_timers()
        self._after(OUTPUT_TIMEOUT, _OutputEnded(process=self._number))
        self._finish_when_ended()

    def _finish_when_ended(self) -> None:
        if self._returncode is None or not self._output_ended or self._reply_to is None:
            return
        self._cancel_timers()
        reply_to, self._reply_to, self._process = self._reply_to, None, None
        deliver(reply_to, TrainerExited(returncode=self._returncode))

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                pass  # the group is empty

    def _after(self, delay: float, message: _OutputEnded | _GraceOver) -> None:
        self._timers.append(self._scheduler.after(delay, lambda: self._me.tell(message)))

    def _cancel_timers(self) -> None:
        while self._timers:
            self._timers.pop().cancel()
