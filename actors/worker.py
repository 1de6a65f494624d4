"""The standalone worker's actor: the reporter's owner, which runs one training from start to end.

It runs on a thread of its own, owns nothing but the run's state, and only tells. What there is to
say of the run goes into its log, from which every client has it: the terminal, the journal, pages.
"""

from __future__ import annotations

import enum
import logging
import signal
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import pykka

from actors.addresses import port_of
from actors.base import ReporterActor
from actors.trainer_command import has_placeholders, with_ports
from actors.training_end import (
    exit_code_of,
    report_of,
    report_of_adopted,
    report_of_no_training,
)
from actors.typed_ref import Adapter, TypedRef, deliver
from messages import (
    TERMINAL,
    AddToLog,
    CancelText,
    CancelTraining,
    ChildDown,
    ClientGone,
    ClientMessageReceived,
    ControlHeld,
    ControlPublished,
    ControlRejected,
    ControlReply,
    ControlStep,
    ControlTaken,
    ControlText,
    JobOutcome,
    LogEntry,
    Mailbox,
    OtherText,
    OutputWritten,
    OwnerEvent,
    ReportingBypassed,
    ReportingDegraded,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    ResourcesUsed,
    RunState,
    RunTraining,
    SendControl,
    StartReporting,
    StartTrainer,
    StateChanged,
    StopReporting,
    StopText,
    StopTraining,
    StopWatching,
    TerminateTrainer,
    TrainerConnected,
    TrainerDisconnected,
    TrainerEvent,
    TrainerExited,
    TrainerNotStarted,
    TrainerOutput,
    TrainerSignalled,
    TrainerStarted,
    TrainingEnded,
    TrainingReport,
    ViewerAdmitted,
    WarningGiven,
    WatchProcess,
    WorkerEvent,
    WorkerMessage,
    encode_event,
    parse_order,
)

if TYPE_CHECKING:
    from actors.scheduler import Cancellable, Scheduler

log = logging.getLogger(__name__)

STOP_COMMAND: Final = '{"command": "stop"}'
"""What every SLEAP trainer understands."""

EXIT_NOT_STARTED: Final = 2
"""The worker's exit code when the training could not be started; argparse's for wrong options."""

EXIT_LEFT: Final = 1
"""The worker's exit code when a trainer that it has not started left before its end."""

EXIT_INTERRUPTED: Final = 128 + signal.SIGINT

ADOPTED_GONE: Final = 15.0
"""Seconds after which a trainer that was not started by the worker counts as ended: the next model
of a pipeline needs 5 to 11 to connect."""

NOTE_BYTES: Final = 16 * 1024
"""Characters of output in one note: a client takes a message of that in any encoding."""

LINES_KEPT: Final = 200
"""Last lines of the output, in which the cause of a failure is looked for."""

_ReportingAnswer: TypeAlias = (
    ReportingReady | ReportingBypassed | ReportingFailed | ReportingStopped
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ControlAnswered:
    """What has become of a ``command`` of ``by``."""

    command: str
    by: str
    reply: ControlReply


@dataclass(frozen=True, slots=True, kw_only=True)
class _AdoptedGone:
    """No trainer has connected again since it left for the time number ``left``."""

    left: int


_Inbox: TypeAlias = (
    WorkerMessage
    | OwnerEvent
    | TrainerEvent
    | ResourcesUsed
    | _ReportingAnswer
    | _ControlAnswered
    | _AdoptedGone
)


class _State(enum.Enum):
    IDLE = enum.auto()
    STARTING = enum.auto()
    TRAINING = enum.auto()
    STOPPING = enum.auto()
    """The trainer has been asked to stop, or will be."""
    CANCELLING = enum.auto()
    """The trainer's process group has been sent TERM."""
    DELIVERING = enum.auto()
    """The trainer has ended; the clients are given what is left."""
    ENDED = enum.auto()


def spawn(
    *, parent: Mailbox[ChildDown], scheduler: Scheduler
) -> TypedRef[WorkerMessage | OwnerEvent]:
    """Start the actor on a thread of its own."""
    return TypedRef(WorkerActor.start(parent=parent, scheduler=scheduler))


class WorkerActor(ReporterActor, pykka.ThreadingActor):
    """Takes ``WorkerMessage`` and what the supervisor and the trainer tell; ends when stopped."""

    name = "worker"
    use_daemon_thread = True

    def __init__(self, *, parent: Mailbox[ChildDown], scheduler: Scheduler) -> None:
        super().__init__()
        self.parent = parent
        self._scheduler = scheduler
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._state = _State.IDLE
        self._run: RunTraining | None = None
        self._watchers: set[str] = set()
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._exit_code = 0
        self._report: TrainingReport | None = None
        self._exited: TrainerExited | None = None
        self._cancelled_by = TERMINAL
        self._cancelled = False
        self._published = False
        self._left = 0
        self._gone: Cancellable | None = None

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case RunTraining():
                self._start(message)
            case StopTraining():
                self._stop_training(message.by, STOP_COMMAND)
            case CancelTraining():
                self._cancel_training(message.by)
            case ViewerAdmitted():
                self._admit(message)
            case ClientMessageReceived():
                self._order(message)
            case _ControlAnswered():
                self._control_answered(message)
            case ReportingReady():
                self._start_trainer(message)
            case ReportingBypassed():
                self._start_trainer(None)
            case ReportingFailed():
                self._reporting_failed(message.reason)
            case ReportingStopped():
                self._finish(message.summary)
            case TrainerStarted():
                self._trainer_started(message.pid)
            case TrainerNotStarted():
                self._not_started(message.reason)
            case TrainerOutput():
                self._output(message)
            case TrainerSignalled():
                self._signalled(message.name)
            case TrainerExited():
                self._trainer_exited(message)
            case TrainerConnected():
                self._trainer_connected()
            case TrainerDisconnected():
                self._trainer_disconnected()
            case _AdoptedGone():
                if message.left == self._left and self._is_running():
                    self._end_reporting(JobOutcome.COMPLETED)
            case ResourcesUsed():
                self._note(message)
            case ClientGone():
                log.info("client %s is gone: %s", message.client_id, message.reason)
            case ReportingDegraded():
                self._note(WarningGiven(text=message.reason))
            case _:
                assert_never(message)

    def release(self) -> None:
        """It owns a timer at the most."""
        if self._gone is not None:
            self._gone.cancel()

    def _note(self, *events: WorkerEvent) -> None:
        """Have it stand in the run's log, for every client to hear."""
        if self._run is not None:
            entries = tuple(LogEntry(text=encode_event(event), note=True) for event in events)
            self._run.supervisor.tell(AddToLog(entries=entries))

    def _now(self, state: RunState, text: str) -> None:
        if self._run is not None:
            self._note(
                StateChanged(state=state, text=text, title=self._run.title, epochs=self._run.epochs)
            )

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
        self._now(RunState.STARTING, "starting")

    def _start_trainer(self, ready: ReportingReady | None) -> None:
        run = self._run
        assert run is not None
        if self._state is not _State.STARTING:
            return  # stopped meanwhile; StopReporting is under way
        command = run.command
        if ready is not None:
            for conflict in ready.conflicts:
                self._note(WarningGiven(text=f"{conflict}; a free port is used instead"))
            where = f"listening on {ready.progress_address}, control on {ready.control_address}"
            if not command:
                self._state = _State.TRAINING
                self._now(RunState.WAITING, f"{where}; waiting for a trainer that runs already")
                return
            try:
                command = with_ports(
                    command,
                    control_port=port_of(ready.control_address),
                    progress_port=port_of(ready.progress_address),
                )
            except ValueError as error:
                self._not_started(str(error))
                return
            self._now(RunState.STARTING, where)
        elif has_placeholders(command):
            self._not_started("without reporting there are no ports to fill into the command")
            return
        self._state = _State.TRAINING
        run.trainer.tell(
            StartTrainer(
                command=command,
                capture=ready is not None,
                reply_to=self._me,
                checkpoint_folders=run.checkpoint_folders,
            )
        )

    def _trainer_started(self, pid: int) -> None:
        assert self._run is not None
        state = RunState.WAITING if self._run.gui else RunState.TRAINING
        self._now(state, f"training started (process {pid})")
        if self._run.resources is not None:
            self._run.resources.tell(WatchProcess(pid=pid, reply_to=self._me))

    def _not_started(self, reason: str, *, cancelled: bool = False) -> None:
        self._exit_code = EXIT_INTERRUPTED if cancelled else EXIT_NOT_STARTED
        self._report = report_of_no_training(reason, cancelled=cancelled)
        self._end_reporting(JobOutcome.CANCELLED if cancelled else JobOutcome.FAILED)

    def _reporting_failed(self, reason: str) -> None:
        if self._state is _State.STARTING:
            self._exit_code = EXIT_NOT_STARTED
            self._report = report_of_no_training(reason)
            self._finish(None)
        elif self._state is _State.DELIVERING:
            self._finish(None)
        else:
            self._note(WarningGiven(text=f"the training goes on without reports: {reason}"))

    # Orders

    def _admit(self, message: ViewerAdmitted) -> None:
        if message.may_control:
            self._watchers.discard(message.client_id)
        else:
            self._watchers.add(message.client_id)

    def _order(self, message: ClientMessageReceived) -> None:
        order = parse_order(message.text)
        if isinstance(order, OtherText):
            log.info("client %s: %.200s", message.client_id, message.text)
            return
        if message.client_id in self._watchers:
            self._taken(
                "order", message.client_id, ControlStep.REFUSED, "this link may watch, not control"
            )
            return
        match order:
            case StopText():
                self._stop_training(message.client_id, order.command or STOP_COMMAND)
            case CancelText():
                self._cancel_training(message.client_id)
            case ControlText():
                self._send(message.client_id, order.command)
            case _:
                assert_never(order)

    def _taken(self, command: str, by: str, step: ControlStep, text: str) -> None:
        self._note(ControlTaken(command=command, by=by, step=step, text=text))

    def _stop_training(self, by: str, command: str) -> None:
        match self._state:
            case _State.IDLE | _State.STARTING:
                self._cancel_training(by)
            case _State.TRAINING | _State.STOPPING:
                assert self._run is not None
                if not self._run.gui:
                    self._cancel_training(by)
                    return
                if self._state is _State.TRAINING:
                    self._state, self._published = _State.STOPPING, False
                    self._now(RunState.STOPPING, "the trainer is being asked to stop")
                self._send(by, command)
            case _State.CANCELLING | _State.DELIVERING | _State.ENDED:
                self._refuse("stop", by)
            case _:
                assert_never(self._state)

    def _send(self, by: str, command: str) -> None:
        if not self._is_running() or self._run is None:
            self._refuse(command, by)
            return
        answers: Mailbox[ControlReply] = Adapter(
            self._me, lambda reply: _ControlAnswered(command=command, by=by, reply=reply)
        )
        self._run.supervisor.tell(SendControl(command=command, reply_to=answers))

    def _control_answered(self, message: _ControlAnswered) -> None:
        is_stop = isinstance(parse_order(f"CONTROL_COMMAND::{message.command}"), StopText)
        name = "stop" if is_stop else message.command[:100]
        match message.reply:
            case ControlHeld():
                text = "the trainer is not ready yet: it will be told as soon as it is"
                self._taken(name, message.by, ControlStep.HELD, text)
            case ControlPublished():
                self._published = self._published or is_stop
                text = "the trainer has been asked to stop" if is_stop else "it has been told"
                self._taken(name, message.by, ControlStep.SENT, text)
            case ControlRejected():
                text = f"the trainer was not told: {message.reply.reason}"
                self._taken(name, message.by, ControlStep.REFUSED, text)
            case _:
                assert_never(message.reply)

    def _cancel_training(self, by: str) -> None:
        match self._state:
            case _State.IDLE:
                self._state = _State.ENDED
            case _State.STARTING:
                self._not_started("it was stopped before", cancelled=True)
            case _State.TRAINING | _State.STOPPING | _State.CANCELLING:
                self._cancel_trainer(by)
            case _State.DELIVERING | _State.ENDED:
                self._refuse("cancel", by)
            case _:
                assert_never(self._state)

    def _cancel_trainer(self, by: str) -> None:
        run = self._run
        assert run is not None
        if not run.command:
            text = "this worker has not started the trainer and does not end it"
            self._taken("cancel", by, ControlStep.REFUSED, text)
            if by == TERMINAL:
                self._exit_code = EXIT_INTERRUPTED
                self._report = TrainingReport(
                    outcome=JobOutcome.CANCELLED.value,
                    text="the worker has been interrupted: the training goes on without reports",
                )
                self._end_reporting(JobOutcome.CANCELLED)
            return
        if self._state is _State.CANCELLING and by != TERMINAL:
            text = "the trainer is being ended already"
            self._taken("cancel", by, ControlStep.TERMINATING, text)
            return
        if self._state is not _State.CANCELLING:
            self._state, self._cancelled_by = _State.CANCELLING, by
            self._now(RunState.CANCELLING, "ending the trainer")
        run.trainer.tell(TerminateTrainer(grace=run.grace))

    def _signalled(self, name: str) -> None:
        killed = name == signal.SIGKILL.name
        self._taken(
            "cancel",
            self._cancelled_by,
            ControlStep.KILLING if killed else ControlStep.TERMINATING,
            f"{name} has been sent to the trainer",
        )

    def _refuse(self, command: str, by: str) -> None:
        why = "is being ended already" if self._state is _State.CANCELLING else "has ended"
        self._taken(command, by, ControlStep.REFUSED, f"the training {why}")

    # The trainer

    def _is_running(self) -> bool:
        return self._state in (_State.TRAINING, _State.STOPPING, _State.CANCELLING)

    def _trainer_connected(self) -> None:
        self._left += 1
        if self._state is _State.STOPPING and self._published and self._left > 1:
            self._state = _State.TRAINING  # another trainer than the one that was asked to stop
        if self._state is _State.TRAINING:
            self._now(RunState.TRAINING, "the trainer has connected")

    def _trainer_disconnected(self) -> None:
        self._left += 1
        if self._run is not None and not self._run.command and self._is_running():
            gone = _AdoptedGone(left=self._left)
            self._gone = self._scheduler.after(ADOPTED_GONE, lambda: self._me.tell(gone))
            self._now(RunState.WAITING, "the trainer has left; waiting for another one")

    def _output(self, message: TrainerOutput) -> None:
        self._lines.extend(message.lines)
        lines: list[str] = []
        size = 0
        for line in message.lines:
            if lines and size + len(line) > NOTE_BYTES:
                self._note(OutputWritten(lines=tuple(lines)))
                lines, size = [], 0
            lines.append(line)
            size += len(line)
        self._note(OutputWritten(lines=tuple(lines), changing=message.changing))

    def _trainer_exited(self, message: TrainerExited) -> None:
        self._exited = message
        self._exit_code = exit_code_of(message.returncode)
        outcome = JobOutcome.COMPLETED if message.returncode == 0 else JobOutcome.FAILED
        self._end_reporting(JobOutcome.CANCELLED if self._state is _State.CANCELLING else outcome)

    # The end

    def _end_reporting(self, outcome: JobOutcome) -> None:
        assert self._run is not None
        self._cancelled = self._state is _State.CANCELLING
        self._state = _State.DELIVERING
        if self._run.resources is not None:
            self._run.resources.tell(StopWatching())
        self._run.supervisor.tell(
            StopReporting(job_id=self._run.job_id, outcome=outcome, reply_to=self._me)
        )

    def _finish(self, summary: ReportingSummary | None) -> None:
        run = self._run
        if run is None or self._state is _State.ENDED:
            return
        self._state = _State.ENDED
        report = self._report_of(summary)
        self._note(report)
        self._now(RunState.ENDED, report.text)
        deliver(
            run.reply_to,
            TrainingEnded(
                exit_code=self._exit_code, summary=summary if run.gui else None, report=report
            ),
        )

    def _report_of(self, summary: ReportingSummary | None) -> TrainingReport:
        train_end = summary is not None and summary.train_end
        if self._report is not None:
            return self._report
        if self._exited is None:
            self._exit_code = 0 if train_end else EXIT_LEFT
            return report_of_adopted(train_end=train_end)
        return report_of(
            self._exited,
            cancelled=self._cancelled,
            train_end=train_end,
            lines=tuple(self._lines),
        )
