"""The trainer's actor: owns the training's process and its process group.

It runs on a thread of its own; one thread reads the process's output and one waits for its end,
and both only tell.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeAlias, assert_never

import pykka

from actors.base import ReporterActor
from actors.memory_kills import OutOfMemoryKills
from actors.output_lines import LineBudget, OutputLines, Written
from actors.training_files import checkpoints_since
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
    TrainerSignalled,
    TrainerStarted,
)

if TYPE_CHECKING:
    from actors.scheduler import Cancellable, Scheduler

log = logging.getLogger(__name__)

CHANGING_INTERVAL: Final = 0.2
"""Seconds between two states of a progress bar that are told."""

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
        self._folders: tuple[Path, ...] = ()
        self._began = 0.0
        self._memory = OutOfMemoryKills()

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case StartTrainer():
                self._start(message)
            case TerminateTrainer():
                self._terminate(message.grace)
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
                log.warning("the trainer has not ended after TERM: KILL")
                self._signal_and_tell(signal.SIGKILL)
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
                # Python would keep lines that go into a pipe to itself for a long time.
                env={"PYTHONUNBUFFERED": "1", **os.environ} if message.capture else None,
            )
        except (OSError, ValueError) as error:
            reason = f"{message.command[0]} cannot be started: {error}"
            deliver(message.reply_to, TrainerNotStarted(reason=reason))
            return
        log.info("trainer %d started: %s", process.pid, message.command)
        self._number = number = self._number + 1
        self._reply_to = message.reply_to
        self._folders, self._began = message.checkpoint_folders, time.time()
        self._memory = OutOfMemoryKills(process.pid)
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
        teller = _OutputTeller(reply_to)
        lines = OutputLines()
        with output:
            poll = select.poll()
            poll.register(output, select.POLLIN)
            while True:
                if teller.waits and not poll.poll(CHANGING_INTERVAL * 1000):
                    teller.tell_changing()
                    continue
                data = os.read(output.fileno(), _CHUNK)
                if not data:
                    break
                teller.take(lines.feed(data))
        teller.take(lines.end())
        self._me.tell(_OutputEnded(process=number))

    def _terminate(self, grace: float) -> None:
        if self._process is None:
            return
        if self._terminated:
            self._signal_and_tell(signal.SIGKILL)
            return
        self._terminated = True
        self._signal_and_tell(signal.SIGTERM)
        self._after(grace, _GraceOver(process=self._number))

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
        deliver(
            reply_to,
            TrainerExited(
                returncode=self._returncode,
                checkpoints=checkpoints_since(self._folders, self._began)
                if self._folders
                else None,
                out_of_memory=not self._terminated and self._memory.happened(),
            ),
        )

    def _signal_and_tell(self, number: signal.Signals) -> None:
        self._signal(number)
        if self._reply_to is not None and self._returncode is None:
            deliver(self._reply_to, TrainerSignalled(name=number.name))

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


class _OutputTeller:
    """Tells lines as they come, and a changing line now and then; on the reading thread."""

    def __init__(self, reply_to: Mailbox[TrainerEvent]) -> None:
        self._reply_to = reply_to
        self._budget = LineBudget()
        self._changing: str | None = None
        self._told: str | None = None
        self._told_at = float("-inf")

    @property
    def waits(self) -> bool:
        """Whether a state of the changing line has not been told yet."""
        return self._changing != self._told

    def take(self, written: Written) -> None:
        """Tell what there is to be told."""
        self._changing = written.changing
        now = time.monotonic()
        lines = self._budget.pass_on(written.lines, now=now)
        if lines or (self.waits and now - self._told_at >= CHANGING_INTERVAL):
            self._tell(lines, now)

    def tell_changing(self) -> None:
        """Nothing more comes for the moment: tell the last state."""
        self._tell((), time.monotonic())

    def _tell(self, lines: tuple[str, ...], now: float) -> None:
        self._told, self._told_at = self._changing, now
        deliver(self._reply_to, TrainerOutput(lines=lines, changing=self._changing))
