"""The standalone worker's actor: the reporter's owner, which runs one training from start to end.

It runs on a thread of its own, owns nothing but the run's state, and only tells. What there is to
say of the run goes into its log, from which every client has it: the terminal, the journal, pages.
"""

from __future__ import annotations

import enum
import logging
import math
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from actors.runtime import ThreadActor, TypedRef, reply, starter
from actors.worker.account import Account
from actors.worker.causes import Failure
from actors.worker.events import RunEvents
from actors.worker.order_budget import OrderBudget
from actors.worker.orders import INSTEAD, STOP_COMMAND, ControlAnswered, Orders, warning_of
from actors.worker.outcome import end_in_words, report_of_interrupted, report_of_no_training
from actors.worker.signals import EXIT_INTERRUPTED
from actors.worker.silence import CONNECT_TIMEOUT, Silence
from actors.worker.trainer import has_placeholders, with_ports
from actors.zmq_sockets import port_of
from messages import (
    TERMINAL,
    AdoptTrainer,
    AttemptBegan,
    CancelText,
    CancelTraining,
    ChildDown,
    ClientGone,
    ClientMessageReceived,
    ControlStep,
    ControlText,
    EarlierPart,
    JobOutcome,
    KnowTrainer,
    Mailbox,
    OtherText,
    OutputStore,
    OwnerEvent,
    ReportingBypassed,
    ReportingDegraded,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    ReportsNotKnown,
    ResourcesUsed,
    RunState,
    RunTraining,
    SignalReceived,
    StartReporting,
    StartTrainer,
    StopReporting,
    StopText,
    StopTraining,
    StopWatching,
    StrangerConnected,
    TrainerConnected,
    TrainerDisconnected,
    TrainerEvent,
    TrainerExited,
    TrainerLogged,
    TrainerNotStarted,
    TrainerOutput,
    TrainerRefused,
    TrainerSignalled,
    TrainerStarted,
    TrainingEnded,
    TrainingOver,
    WatchProcess,
    WorkerMessage,
    parse_order,
)

if TYPE_CHECKING:
    from actors.runtime import Scheduler

log = logging.getLogger(__name__)

EXIT_NOT_STARTED: Final = 2
"""The worker's exit code when the training could not be started; argparse's for wrong options."""

ADOPTED_GONE: Final = 15.0
"""Seconds after which a trainer that was not started by the worker counts as ended: the next model
of a pipeline needs 5 to 11 to connect."""

SIGNAL_INTERVAL: Final = 60.0
"""Seconds between two notes of the same signal: some come every second."""

NOT_KNOWN: Final = (
    "the trainer's reports have no known `event`, so there is no curve: docs/reference.md says "
    "what a trainer sends"
)

DELIVERY: Final = 1.0
"""Seconds that handing over the last reports may take before it is said; it takes milliseconds
unless a viewer has vanished."""

TOO_MANY: Final = "too many orders at once: those that follow are passed over for some seconds"

_ReportingAnswer: TypeAlias = (
    ReportingReady | ReportingBypassed | ReportingFailed | ReportingStopped
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _AdoptedGone:
    """No trainer has connected since one left, if this is what is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConnectTimeOver:
    """What is to connect would have connected by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _DeliveryIsLong:
    """The trainer has ended a while ago, and the clients have not been given all."""


_Inbox: TypeAlias = (
    WorkerMessage
    | OwnerEvent
    | TrainerEvent
    | ResourcesUsed
    | _ReportingAnswer
    | ControlAnswered
    | _AdoptedGone
    | _ConnectTimeOver
    | _DeliveryIsLong
)


class _State(enum.Enum):
    IDLE = enum.auto()
    STARTING = enum.auto()
    """The reporter binds its sockets."""
    RUNNING = enum.auto()
    """The trainer runs, as far as the worker knows."""
    DELIVERING = enum.auto()
    """The trainer has ended; the clients are given what is left."""
    ENDED = enum.auto()


class WorkerActor(ThreadActor[WorkerMessage | OwnerEvent]):
    """Takes ``WorkerMessage`` and what the supervisor and the trainer tell; ends when stopped."""

    name = "worker"

    def __init__(self, *, parent: Mailbox[ChildDown], scheduler: Scheduler | None = None) -> None:
        super().__init__()
        self.parent = parent
        self._scheduler = scheduler or self.actor_inbox
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._state = _State.IDLE
        self._run: RunTraining | None = None
        self._events = RunEvents()
        self._orders: Orders
        self._account: Account
        self._budget = OrderBudget()
        self._signals: dict[str, float] = {}  # when each was noted
        self._begun = False  # the training, as far as it is known
        self._gone: _AdoptedGone | None = None
        self._silence = Silence()

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case RunTraining():
                self._start(message)
            case StopTraining():
                self._stop_training(message.by, STOP_COMMAND)
            case CancelTraining():
                self._cancel_training(message.by)
            case SignalReceived():
                self._note_signal(message.name)
            case ReportsNotKnown():
                self._events.warning(NOT_KNOWN)
            case ClientMessageReceived():
                self._order(message)
            case ReportingReady():
                self._start_trainer(message)
            case ReportingBypassed():
                self._start_trainer(None)
            case ReportingFailed():
                self._reporting_failed(message)
            case ReportingStopped():
                self._finish(message.summary)
            case ClientGone():
                log.info("client %s is gone: %s", message.client_id, message.reason)
            case ReportingDegraded():
                self._events.warning(message.reason)
            case StrangerConnected():
                self._events.warning(warning_of(message))
            case ResourcesUsed():
                self._events.add(message)
            case ControlAnswered():
                self._orders.answered(message)
            case _DeliveryIsLong():
                self._say_who_is_waited_for()
            case _:
                self._trainer_changed(message)

    def _trainer_changed(
        self,
        message: TrainerEvent
        | TrainerConnected
        | TrainerDisconnected
        | _AdoptedGone
        | _ConnectTimeOver,
    ) -> None:
        match message:
            case TrainerStarted():
                self._trainer_started(message)
            case TrainerNotStarted():
                failure = Failure(message.cause, message.advice)
                self._not_started(message.reason, failure=failure)
            case TrainerOutput():
                self._account.take_lines(message.lines)
                self._events.output(message)
            case TrainerSignalled():
                self._orders.signalled(message.name)
            case TrainerLogged():
                for epoch in message.epochs:
                    if self._account.take_epoch(epoch.epoch):
                        self._events.add(epoch)
            case TrainerRefused():
                self._orders.refused(message.reason)
            case TrainerExited():
                self._trainer_exited(message)
            case TrainerConnected():
                self._begun = self._begun or self._is_foreign
                self._silence.connected()
                self._gone = None
                if self._state is _State.RUNNING:
                    self._orders.trainer_connected()
            case TrainerDisconnected():
                self._trainer_disconnected()
            case _ConnectTimeOver():
                self._warn_of_silence()
            case _AdoptedGone():
                if message is self._gone and self._state is _State.RUNNING:
                    self._end_reporting(JobOutcome.COMPLETED)
            case _:
                assert_never(message)

    # Starting

    def _start(self, message: RunTraining) -> None:
        if self._run is not None:
            log.error("job %s was not run: the worker runs one training", message.job_id)
            return
        self._run = message
        self._events = RunEvents(
            message.supervisor,
            title=message.title,
            epochs=message.epochs,
            models=message.models,
        )
        self._orders = Orders(run=message, events=self._events, me=self._me)
        self._account = Account(message, self._orders)
        if self._state is _State.ENDED:  # stopped before it was told to run
            reply(message.over, TrainingOver(begun=False))
            reply(message.reply_to, TrainingEnded(exit_code=EXIT_INTERRUPTED, summary=None))
            return
        self._state = _State.STARTING
        if message.gui:  # a trainer that runs already may be anybody's
            message.supervisor.tell(KnowTrainer(pid=os.getpid() if message.command else None))
        if message.refusal is None:
            message.supervisor.tell(
                StartReporting(job_id=message.job_id, gui=message.gui, reply_to=self._me)
            )
        if message.attempt > 1:
            text = f"attempt {message.attempt}: the training is started again"
            self._events.add(AttemptBegan(number=message.attempt, text=text))
        self._events.state(RunState.STARTING, "starting")
        for name in tuple(self._signals):
            self._note_signal(name)
        if message.refusal is not None:
            self._refused(*message.refusal)

    def _start_trainer(self, ready: ReportingReady | None) -> None:
        run = self._run
        if run is None or self._state is not _State.STARTING:
            return  # stopped meanwhile; StopReporting is under way
        command = run.command
        if ready is not None:
            for conflict in ready.conflicts:
                self._events.warning(f"{conflict}; a free port is used instead")
            where = f"listening on {ready.progress_address}, control on {ready.control_address}"
            reply(run.ready, ready)
            if run.adopted is not None and run.store is not None:
                self._adopt(run, run.store, run.adopted, _progress_port(ready))
                return
            if not command:
                self._state = _State.RUNNING
                text = f"{where}; waiting for a trainer that runs already"
                self._events.state(RunState.WAITING, text, runs_already=True)
                return
            try:
                control, progress = map(port_of, (ready.control_address, ready.progress_address))
                self._silence = Silence(command, (control, progress))
                command = with_ports(command, control_port=control, progress_port=progress)
            except ValueError as error:
                self._not_started(str(error))
                return
            self._events.state(RunState.STARTING, where)
        elif has_placeholders(command):
            self._not_started("without reporting there are no ports to fill into the command")
            return
        self._state = _State.RUNNING
        run.trainer.tell(
            StartTrainer(
                command=command,
                capture=ready is not None,
                reply_to=self._me,
                checkpoint_folders=run.checkpoint_folders,
                progress_port=_progress_port(ready),
                store=run.store,
            )
        )

    def _adopt(
        self, run: RunTraining, store: OutputStore, earlier: EarlierPart, port: int | None
    ) -> None:
        self._state = _State.RUNNING
        self._events.state(RunState.WAITING, f"going on with the run {store.folder.name}")
        run.trainer.tell(
            AdoptTrainer(
                store=store,
                after=earlier.until,
                since=earlier.since,
                reply_to=self._me,
                checkpoint_folders=run.checkpoint_folders,
                progress_port=port,
            )
        )

    @property
    def _is_foreign(self) -> bool:
        """Whether the trainer runs without this worker's doing, and without a keeper."""
        run = self._run
        return run is not None and not run.command and run.adopted is None

    def _trainer_started(self, message: TrainerStarted) -> None:
        run, pid = self._run, message.pid
        assert run is not None
        self._begun = True
        if run.adopted is not None and run.adopted.has_ended:
            self._orders.trainer_started("this run has ended:")
            return  # its number may be another process's
        what = "training started" if run.adopted is None else "going on with the training"
        self._orders.trainer_started(f"{what} (process {pid})" if pid else what)
        if run.gui and pid:
            # What the training has left behind is the keeper's child.
            run.supervisor.tell(KnowTrainer(pid=message.keeper or pid))
        if run.resources is not None and pid:
            run.resources.tell(WatchProcess(pid=pid, reply_to=self._me))
        if self._silence.is_possible:
            self._scheduler.after(CONNECT_TIMEOUT, lambda: self._me.tell(_ConnectTimeOver()))

    def _warn_of_silence(self) -> None:
        warning = self._silence.take_warning()
        if warning is not None:
            self._events.warning(warning)

    def _not_started(
        self, reason: str, *, cancelled: bool = False, failure: Failure | None = None
    ) -> None:
        self._account.settle(
            EXIT_INTERRUPTED if cancelled else EXIT_NOT_STARTED,
            report_of_no_training(reason, cancelled=cancelled, failure=failure),
        )
        self._end_reporting(JobOutcome.CANCELLED if cancelled else JobOutcome.FAILED)

    def _reporting_failed(self, failed: ReportingFailed) -> None:
        reason = failed.reason
        if self._state is _State.STARTING:
            self._refused(reason, INSTEAD if failed.strangers else None)
        elif self._state is _State.DELIVERING:
            self._finish(None)
        else:
            self._events.warning(f"the training goes on without reports: {reason}")

    def _refused(self, reason: str, advice: str | None) -> None:
        """Nothing is reported, and so nothing is started."""
        failure = None if advice is None else Failure(advice=advice)
        self._account.settle(EXIT_NOT_STARTED, report_of_no_training(reason, failure=failure))
        if self._run is not None:
            reply(self._run.over, TrainingOver(begun=False))
        self._finish(None)

    # Orders

    def _order(self, message: ClientMessageReceived) -> None:
        order, by = parse_order(message.text), message.client_id
        if isinstance(order, OtherText):
            log.info("client %s: %.200s", by, message.text)
            return
        left = self._budget.spend(by, now=time.monotonic())
        if left <= 1:
            if left == 1:
                self._events.taken("order", by, ControlStep.REFUSED, TOO_MANY)
            return
        match order:
            case StopText():
                self._stop_training(by, order.command or STOP_COMMAND)
            case CancelText():
                self._cancel_training(by)
            case ControlText():
                if self._state is _State.RUNNING:
                    self._orders.send(by, order.command)
                else:
                    self._refuse(order.command[:100], by)
            case _:
                assert_never(order)

    def _stop_training(self, by: str, command: str) -> None:
        match self._state:
            case _State.IDLE | _State.STARTING:
                self._cancel_training(by)
            case _State.RUNNING:
                self._orders.stop(by, command)
            case _State.DELIVERING | _State.ENDED:
                self._refuse("stop", by)
            case _:
                assert_never(self._state)

    def _cancel_training(self, by: str) -> None:
        match self._state:
            case _State.IDLE:
                self._state = _State.ENDED
            case _State.STARTING:
                self._not_started("it was stopped before", cancelled=True)
            case _State.RUNNING if self._is_foreign:
                self._cancel_adopted(by)
            case _State.RUNNING:
                self._orders.cancel(by)
            case _State.DELIVERING | _State.ENDED:
                self._refuse("cancel", by)
            case _:
                assert_never(self._state)

    def _cancel_adopted(self, by: str) -> None:
        text = "this worker has not started the trainer and does not end it"
        self._events.taken("cancel", by, ControlStep.REFUSED, text)
        if by == TERMINAL:
            self._account.settle(EXIT_INTERRUPTED, report_of_interrupted())
            self._end_reporting(JobOutcome.CANCELLED)

    def _note_signal(self, name: str) -> None:
        now, noted = time.monotonic(), self._signals.get(name, -math.inf)
        if self._run is None:  # it is noted when one begins
            self._signals[name] = -math.inf
            return
        if now - noted < SIGNAL_INTERVAL:
            return
        self._signals[name] = now
        text = f"{name} has come: this worker does not end the training for it"
        if name == signal.SIGHUP.name:
            text = "the terminal is gone, the training goes on: stop it on its page, or with"
            text += f" SIGTERM to {os.getpid()}"
        self._events.warning(text)

    def _refuse(self, command: str, by: str) -> None:
        ended = self._state in (_State.DELIVERING, _State.ENDED)
        why = "the training has ended" if ended else "no training runs yet"
        self._events.taken(command, by, ControlStep.REFUSED, why)

    # The end

    def _trainer_disconnected(self) -> None:
        if self._state is _State.RUNNING:
            self._orders.trainer_disconnected()
        if self._is_foreign and self._state is _State.RUNNING:
            self._gone = gone = _AdoptedGone()
            self._scheduler.after(ADOPTED_GONE, lambda: self._me.tell(gone))
            self._events.state(RunState.WAITING, "the trainer has left; waiting for another one")

    def _trainer_exited(self, message: TrainerExited) -> None:
        self._warn_of_silence()
        self._account.exited = message
        self._end_reporting(self._account.outcome)

    def _end_reporting(self, outcome: JobOutcome) -> None:
        assert self._run is not None
        self._state = _State.DELIVERING
        if self._run.resources is not None:
            self._run.resources.tell(StopWatching())
        reply(self._run.over, TrainingOver(begun=self._begun))
        self._run.supervisor.tell(
            StopReporting(job_id=self._run.job_id, outcome=outcome, reply_to=self._me)
        )
        if self._begun:
            self._scheduler.after(DELIVERY, lambda: self._me.tell(_DeliveryIsLong()))

    def _say_who_is_waited_for(self) -> None:
        if self._state is _State.DELIVERING and self._run is not None:
            exited = self._account.exited
            end = "the trainer has left" if exited is None else end_in_words(exited.returncode)
            text = f"{end}; a viewer has not taken the last reports: it is waited for, "
            text += f"{self._run.drain_timeout:.0f} s at most"
            self._events.state(RunState.DELIVERING, text)

    def _finish(self, summary: ReportingSummary | None) -> None:
        run = self._run
        if run is None or self._state is _State.ENDED:
            return
        self._state = _State.ENDED
        exit_code, report = self._account.end(summary)
        self._events.add(report)
        self._events.state(RunState.ENDED, report.text)
        reply(
            run.reply_to,
            TrainingEnded(exit_code=exit_code, summary=summary if run.gui else None, report=report),
        )


def _progress_port(ready: ReportingReady | None) -> int | None:
    try:
        return None if ready is None else port_of(ready.progress_address)
    except ValueError:
        return None  # the trainer is told none either


spawn = starter(WorkerActor)
