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
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from actors.runtime import ThreadActor, TypedRef, reply, starter
from actors.worker.trainer.files import checkpoints_since
from actors.worker.trainer.memory import OutOfMemoryKills
from actors.worker.trainer.output import OutputLines, Written
from actors.worker.trainer.relay import OutputRelay
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
    from actors.runtime import Cancellable, Scheduler

log = logging.getLogger(__name__)

CHANGING_INTERVAL: Final = 0.2
"""Seconds between two states of a progress bar that are told; of several bars, for each of them."""

OUTPUT_TIMEOUT: Final = 1.0
"""Seconds after the process's end that the rest of its output is waited for: a process that left
its group can hold the pipe open for ever."""

GROUP_LOOK: Final = 0.1
"""Seconds between two looks whether the group of a process that has ended is empty."""

_CHUNK: Final = 64 * 1024
_NO_SIGNAL: Final = 0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _LookAtGroup:
    """The process has ended; those that it has started may go on."""

    process: int


_Inbox: TypeAlias = TrainerMessage | _ProcessEnded | _OutputEnded | _LookAtGroup | _GraceOver


class TrainerActor(ThreadActor[TrainerMessage]):
    """Takes ``TrainerMessage``; runs one process at a time, and kills it when it ends itself."""

    name = "trainer"

    def __init__(self, *, parent: Mailbox[ChildDown], scheduler: Scheduler | None = None) -> None:
        super().__init__()
        self.parent = parent
        self._scheduler = scheduler or self.actor_inbox
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._process: subprocess.Popen[bytes] | None = None
        self._number = 0
        self._reply_to: Mailbox[TrainerEvent] | None = None
        self._returncode: int | None = None
        self._output_ended = False
        self._timers: list[Cancellable] = []
        self._terminated = self._killed = self._group_ended = False
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
            case _ProcessEnded() | _OutputEnded() | _LookAtGroup() | _GraceOver():
                if message.process == self._number:  # not of the one before
                    self._process_changed(message)
            case _:
                assert_never(message)

    def release(self) -> None:
        """Kill what still runs."""
        self._cancel_timers()
        self._signal(signal.SIGKILL)

    def _process_changed(
        self, message: _ProcessEnded | _OutputEnded | _LookAtGroup | _GraceOver
    ) -> None:
        match message:
            case _ProcessEnded():
                self._process_ended(message.returncode)
            case _OutputEnded():
                self._output_ended = True
                self._finish_when_ended()
            case _LookAtGroup():
                self._look_at_group()
            case _GraceOver():
                log.warning("the trainer has not ended after TERM: KILL")
                self._kill()
            case _:
                assert_never(message)

    def _start(self, message: StartTrainer) -> None:
        if self._process is not None:
            reason = "a trainer runs already"
            reply(message.reply_to, TrainerNotStarted(reason=reason))
            return
        relay = None
        try:
            relay = OutputRelay.start() if message.capture else None
            process = self._process = _started(message.command, relay)
        except (OSError, ValueError) as error:
            if relay is not None:
                relay.end()
            reason = f"{message.command[0]} cannot be started: {error}"
            reply(message.reply_to, TrainerNotStarted(reason=reason))
            return
        log.info("trainer %d started: %s", process.pid, message.command)
        self._number = number = self._number + 1
        self._reply_to = message.reply_to
        self._folders, self._began = message.checkpoint_folders, time.time()
        self._memory = OutOfMemoryKills(process.pid)
        self._returncode = None
        self._terminated = self._killed = self._group_ended = False
        self._output_ended = relay is None
        reply(message.reply_to, TrainerStarted(pid=process.pid))
        if relay is not None:
            threading.Thread(
                target=self._read,
                args=(relay, number, message.reply_to),
                name="trainer-output",
                daemon=True,
            ).start()
        threading.Thread(
            target=lambda: self._me.tell(_ProcessEnded(process=number, returncode=process.wait())),
            name="trainer-wait",
            daemon=True,
        ).start()

    def _read(self, relay: OutputRelay, number: int, reply_to: Mailbox[TrainerEvent]) -> None:
        """Read to the end, in any case: a full pipe would stall the training."""
        teller = _OutputTeller(reply_to)
        lines = OutputLines()
        poll = select.poll()
        poll.register(relay.outlet, select.POLLIN)
        while True:
            if teller.waits and not poll.poll(CHANGING_INTERVAL * 1000):
                teller.tell_changing()
                continue
            data = os.read(relay.outlet.fileno(), _CHUNK)
            if not data:
                break
            teller.take(lines.feed(data))
        relay.end()
        teller.take(lines.end())
        self._me.tell(_OutputEnded(process=number))

    def _terminate(self, grace: float) -> None:
        if self._process is None:
            return
        if self._terminated:
            self._kill()
            return
        self._terminated = True
        self._signal_and_tell(signal.SIGTERM)
        self._after(grace, _GraceOver(process=self._number))

    def _kill(self) -> None:
        self._killed = True
        self._signal_and_tell(signal.SIGKILL)

    def _process_ended(self, returncode: int) -> None:
        log.info("trainer ended with %d", returncode)
        self._returncode = returncode
        self._look_at_group()

    def _look_at_group(self) -> None:
        """After TERM, what the process has started has the grace too: it may be the trainer."""
        if self._terminated and not self._killed and self._signal(_NO_SIGNAL):
            self._after(GROUP_LOOK, _LookAtGroup(process=self._number))
            return
        self._signal(signal.SIGKILL)  # what it has left behind
        self._group_ended = True
        self._cancel_timers()
        self._after(OUTPUT_TIMEOUT, _OutputEnded(process=self._number))
        self._finish_when_ended()

    def _finish_when_ended(self) -> None:
        if not self._group_ended or not self._output_ended or self._reply_to is None:
            return
        assert self._returncode is not None
        self._cancel_timers()
        reply_to, self._reply_to, self._process = self._reply_to, None, None
        reply(
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
        if self._reply_to is not None and not self._group_ended:
            reply(self._reply_to, TrainerSignalled(name=number.name))

    def _signal(self, number: int) -> bool:
        """Signal the process group; whether there is anybody in it."""
        if self._process is None:
            return False
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        return True

    def _after(self, delay: float, message: _OutputEnded | _LookAtGroup | _GraceOver) -> None:
        self._timers.append(self._scheduler.after(delay, lambda: self._me.tell(message)))

    def _cancel_timers(self) -> None:
        while self._timers:
            self._timers.pop().cancel()


def _started(command: tuple[str, ...], relay: OutputRelay | None) -> subprocess.Popen[bytes]:
    """Start ``command``, with its output into ``relay``. Raises OSError or ValueError."""
    if relay is None:
        return _process(command)
    try:
        # Python would keep lines that go into a pipe to itself for a long time.
        return _process(command, relay.inlet, {"PYTHONUNBUFFERED": "1", **os.environ})
    finally:
        relay.close_inlet()


def _process(
    command: tuple[str, ...], output: int | None = None, variables: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        # A process group of its own: a Ctrl-C in the terminal is the worker's to handle.
        start_new_session=True,
        env=variables,
    )


class _OutputTeller:
    """Tells lines as they come, and what changes now and then; on the reading thread."""

    def __init__(self, reply_to: Mailbox[TrainerEvent]) -> None:
        self._reply_to = reply_to
        self._changing: str | None = None
        self._told: str | None = None
        self._told_at = float("-inf")

    @property
    def waits(self) -> bool:
        """Whether a state of what changes has not been told yet."""
        return self._changing != self._told

    def take(self, written: Written) -> None:
        """Tell what there is to be told."""
        self._changing = written.changing
        now = time.monotonic()
        interval = CHANGING_INTERVAL * (1 + (self._changing or "").count("\n"))
        if written.lines or (self.waits and now - self._told_at >= interval):
            self._tell(written.lines, now)

    def tell_changing(self) -> None:
        """Nothing more comes for the moment: tell the last state."""
        self._tell((), time.monotonic())

    def _tell(self, lines: tuple[str, ...], now: float) -> None:
        self._told, self._told_at = self._changing, now
        reply(self._reply_to, TrainerOutput(lines=lines, changing=self._changing))


spawn = starter(TrainerActor)
