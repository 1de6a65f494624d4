"""The standalone worker's actor: the reporter's owner, which runs one training from start to end.

It runs on a thread of its own, owns nothing but the run's state, and only tells.
"""

from __future__ import annotations

import enum
import logging
import signal
from typing import Final, TypeAlias, assert_never

import pykka

from actors.addresses import port_of
from actors.base import ReporterActor
from actors.trainer_command import has_placeholders, with_ports
from actors.typed_ref import TypedRef, deliver
from messages import (
    CancelTraining,
    ChildDown,
    ClientGone,
    ClientMessageReceived,
    ControlHeld,
    ControlPublished,
    ControlRejected,
    ControlReply,
    JobOutcome,
    Mailbox,
    OwnerEvent,
    ReportingBypassed,
    ReportingDegraded,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    RunTraining,
    SendControl,
    ShowOutput,
    ShowState,
    StartReporting,
    StartTrainer,
    StopReporting,
    StopTraining,
    TerminalMessage,
    TerminateTrainer,
    TrainerConnected,
    TrainerDisconnected,
    TrainerEvent,
    TrainerExited,
    TrainerNotStarted,
    TrainerOutput,
    TrainerStarted,
    TrainingEnded,
    WorkerMessage,
)

log = logging.getLogger(__name__)

STOP_COMMAND: Final = '{"command": "stop"}'
"""What every SLEAP trainer understands."""

EXIT_NOT_STARTED: Final = 2
"""The worker's exit code when the training could not be started; argparse's for wrong options."""

EXIT_INTERRUPTED: Final = 128 + signal.SIGINT

_ReportingAnswer: TypeAlias = (
    ReportingReady | ReportingBypassed | ReportingFailed | ReportingStopped
)
_Inbox: TypeAlias = WorkerMessage | OwnerEvent | TrainerEvent | ControlReply | _ReportingAnswer


class _State(enum.Enum):
    IDLE = enum.auto()
    STARTING = enum.auto()
    TRAINING = enum.auto()
    STOPPING = enum.auto()
    """The trainer has been asked to stop."""
    CANCELLING = enum.auto()
    """The trainer's process group has been sent TERM."""
    DELIVERING = enum.auto()
    """The trainer has ended; the clients are given what is left."""
    ENDED = enum.auto()


def spawn(
    *, parent: Mailbox[ChildDown], terminal: Mailbox[TerminalMessage]
) -> TypedRef[WorkerMessage | OwnerEvent]:
    """Start the actor on a thread of its own."""
    return TypedRef(WorkerActor.start(parent=parent, terminal=terminal))


class WorkerActor(ReporterActor, pykka.ThreadingActor):
    """Takes ``WorkerMessage`` and what the supervisor and the trainer tell; ends when stopped."""

    name = "worker"
    use_daemon_thread = True

    def __init__(self, *, parent: Mailbox[ChildDown], terminal: Mailbox[TerminalMessage]) -> None:
        super().__init__()
        self.parent = parent
        self._terminal = terminal
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._state = _State.IDLE
        self._run: RunTraining | None = None
        self._exit_code = 0

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case RunTraining():
                self._start(message)
            case StopTraining():
                self._stop_training()
            case CancelTraining():
                self._cancel_training()
            case ReportingReady():
                self._start_trainer(message)
            case ReportingBypassed():
                self._start_trainer(None)
            case ReportingFailed():
                self._reporting_failed(message.reason)
            case ReportingStopped():
                self._finish(message.summary)
            case TrainerStarted():
                self._show(f"training started (process {message.pid})")
            case TrainerNotStarted():
                self._show(f"error: {message.reason}")
                self._trainer_ended(EXIT_NOT_STARTED, JobOutcome.FAILED)
            case TrainerOutput():
                self._terminal.tell(ShowOutput(lines=message.lines))
            case TrainerExited():
                self._trainer_exited(message.returncode)
            case ControlPublished():
                self._show("the trainer has been asked to stop; Ctrl-C again ends it at once")
            case ControlHeld():
                self._show(
                    "the trainer is not ready yet: it will be asked to stop as soon as it is"
                )
            case ControlRejected():
                self._show(f"the trainer was not asked to stop: {message.reason}")
            case TrainerConnected() | TrainerDisconnected():
                log.info("%s", type(message).__name__)
            case ClientMessageReceived():
                log.info("client %s: %s", message.client_id, message.text)
            case ClientGone():
                self._show(f"client {message.client_id} is gone: {message.reason}")
            case ReportingDegraded():
                self._show(f"warning: {message.reason}")
            case _:
                assert_never(message)

    def release(self) -> None:
        """It owns nothing."""

    def _show(self, text: str) -> None:
        self._terminal.tell(ShowState(text=text))

    # Starting

    def _start(self, message: RunTraining) -> None:
        if self._run is not None:
            log.error("job %s was not run: the worker runs one training", message.job_id)
            return
        self._run = message
        if self._state is _State.ENDED:  # stopped before it was told to run
            deliver(message.reply_to, TrainingEnded(exit_code=EXIT_INTERRUPTED, summary=None))
            return
        self._state = _State.STARTING
        message.supervisor.tell(
            StartReporting(job_id=message.job_id, gui=message.gui, reply_to=self._me)
        )

    def _start_trainer(self, ready: ReportingReady | None) -> None:
        assert self._run is not None
        if self._state is not _State.STARTING:
            return  # stopped meanwhile; StopReporting is under way
        command = self._run.command
        if ready is not None:
            for conflict in ready.conflicts:
                self._show(f"warning: {conflict}; a free port is used instead")
            try:
                command = with_ports(
                    command,
                    control_port=port_of(ready.control_address),
                    progress_port=port_of(ready.progress_address),
                )
            except ValueError as error:
                self._show(f"error: {error}")
                self._trainer_ended(EXIT_NOT_STARTED, JobOutcome.FAILED)
                return
            self._show(f"listening on {ready.progress_address}, control on {ready.control_address}")
        elif has_placeholders(command):
            self._show("error: without reporting there are no ports to fill into the command")
            self._trainer_ended(EXIT_NOT_STARTED, JobOutcome.FAILED)
            return
        self._state = _State.TRAINING
        self._run.trainer.tell(
            StartTrainer(command=command, capture=ready is not None, reply_to=self._me)
        )

    def _reporting_failed(self, reason: str) -> None:
        if self._state is _State.STARTING:
            self._show(f"error: the training was not started: {reason}")
            self._exit_code = EXIT_NOT_STARTED
            self._finish(None)
        elif self._state is _State.DELIVERING:
            self._finish(None)
        else:
            self._show(f"warning: the training goes on without reports: {reason}")

    # Stopping

    def _stop_training(self) -> None:
        if self._state is _State.TRAINING and self._run is not None and self._run.gui:
            self._state = _State.STOPPING
            self._run.supervisor.tell(SendControl(command=STOP_COMMAND, reply_to=self._me))
        else:
            self._cancel_training()

    def _cancel_training(self) -> None:
        match self._state:
            case _State.IDLE:
                self._state = _State.ENDED
            case _State.STARTING:
                self._trainer_ended(EXIT_INTERRUPTED, JobOutcome.CANCELLED)
            case _State.TRAINING | _State.STOPPING | _State.CANCELLING:
                assert self._run is not None
                self._show("ending the trainer")
                self._state = _State.CANCELLING
                self._run.trainer.tell(TerminateTrainer())
            case _State.DELIVERING | _State.ENDED:
                pass
            case _:
                assert_never(self._state)

    def _trainer_exited(self, returncode: int) -> None:
        if returncode < 0:
            self._show(f"the trainer was ended by {_signal_name(-returncode)}")
        else:
            self._show(f"the trainer has ended with exit code {returncode}")
        outcome = JobOutcome.COMPLETED if returncode == 0 else JobOutcome.FAILED
        if self._state is _State.CANCELLING:
            outcome = JobOutcome.CANCELLED
        self._trainer_ended(returncode if returncode >= 0 else 128 - returncode, outcome)

    def _trainer_ended(self, exit_code: int, outcome: JobOutcome) -> None:
        assert self._run is not None
        self._exit_code = exit_code
        self._state = _State.DELIVERING
        self._run.supervisor.tell(
            StopReporting(job_id=self._run.job_id, outcome=outcome, reply_to=self._me)
        )

    def _finish(self, summary: ReportingSummary | None) -> None:
        if self._run is None or self._state is _State.ENDED:
            return
        self._state = _State.ENDED
        deliver(
            self._run.reply_to,
            TrainingEnded(exit_code=self._exit_code, summary=summary if self._run.gui else None),
        )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
