r"""The supervisor: owns the ZeroMQ context, the phase and the lives of the other actors.

It runs on a thread of its own, so that it can close everything also when the event loop is stuck.

    IDLE -> BINDING -> CONNECTING -> REPORTING -> STOPPING -> IDLE
                \-> (bind failed) -> STOPPING     gui=False: IDLE -> BYPASSED -> IDLE
    REPORTING -> SWITCHING -> REPORTING            a pipeline's next job, on the same sockets
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, assert_never, cast

import pykka

from actors.control_socket import GONE
from actors.progress_listener import ProgressLog
from actors.runtime import Adapter, ReporterActor, TypedRef, deliver
from actors.supervisor.children import CONTROL, LISTENER, ChildEvent, Children, FromChild
from actors.supervisor.clients import ClientRoster, FromClient
from actors.supervisor.delivery import Delivery
from actors.supervisor.inbox import (
    ContextTerminated,
    Inbox,
    ReopenDue,
    RestartAnswer,
    Restarted,
    Shutdown,
    Step,
    StepAnswer,
    StepTimedOut,
    SurveyAnswer,
    SurveyTimedOut,
)
from actors.supervisor.job import Job
from actors.supervisor.restarts import CRASHES, WINDOW, CrashBudget
from actors.supervisor.session import Sockets
from actors.supervisor.status import StatusSurveys
from actors.supervisor.steps import Steps
from messages import (
    AddToLog,
    AttachClient,
    AwaitNextTrainer,
    ChildDown,
    ClientGone,
    ControlRejected,
    ControlSocketClosed,
    ControlSocketFailed,
    ControlSocketOpened,
    DetachClient,
    GetStatus,
    JobEnded,
    JobOutcome,
    ListeningFailed,
    ListeningStarted,
    ListeningStopped,
    Mailbox,
    OwnerEvent,
    Phase,
    ProgressCounts,
    ProgressSocketMade,
    PublishControl,
    ReporterStatus,
    ReportingBypassed,
    ReportingDegraded,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    ReportsFlushed,
    SendControl,
    StartReporting,
    StopReporting,
    SwitchJob,
    TrainerConnected,
    TrainerDisconnected,
)

if TYPE_CHECKING:
    import asyncio
    from queue import Queue

    from pykka._envelope import Envelope

    from actors.runtime import Scheduler
    from actors.settings import ReporterSettings

log = logging.getLogger(__name__)

REOPENS: Final = 50
REOPEN_INTERVAL: Final = 0.1
"""Seconds between the attempts to bind a crashed child's address again."""

END_TIMEOUT: Final = 1.0
"""Seconds that the other actors may take to end; it takes milliseconds."""


class SupervisorActor(ReporterActor, pykka.ThreadingActor):
    """Takes ``SupervisorMessage``; each request is answered at its ``reply_to``.

    Reports one job at a time. Whatever fails, the owner hears of it and the training goes on.
    Ends by ``SupervisorRef.stop``; stopped by Pykka itself it closes everything without delivering
    what is left.
    """

    name = "supervisor"
    use_daemon_thread = True  # a host that forgets to stop it can exit all the same

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        owner: Mailbox[OwnerEvent],
        settings: ReporterSettings,
        scheduler: Scheduler,
        gone: Mailbox[ChildDown],
    ) -> None:
        super().__init__()
        self.parent = gone
        self._owner = owner
        self._settings = settings
        self._me: TypedRef[Inbox] = TypedRef(self.actor_ref)
        self._phase = Phase.IDLE
        self._job: Job | None = None
        self._job_start = 0
        self._last_stopped: ReportingStopped | None = None
        self._trainer_connected = False
        self._former_trainer = False
        """Whether the trainer that was there at the last switch may live on."""
        self._shutdown: Shutdown | None = None
        self._alive = {CONTROL, LISTENER}
        self._log = ProgressLog(limit=settings.log_limit, max_bytes=settings.log_bytes)
        self._budget = CrashBudget()
        self._reopens = 0
        self._scheduler = scheduler
        self._steps = Steps(me=self._me, scheduler=scheduler)
        self._surveys = StatusSurveys(me=self._me, scheduler=scheduler)
        self._roster = ClientRoster(loop=loop, me=self._me, owner=owner, settings=settings)
        self._children = Children(
            loop=loop, me=self._me, progress_log=self._log, scheduler=scheduler, settings=settings
        )
        self._delivery = Delivery(
            steps=self._steps,
            children=self._children,
            roster=self._roster,
            progress_log=self._log,
            delivered=self._delivered,
        )
        self._sockets = Sockets(
            steps=self._steps,
            children=self._children,
            settings=settings,
            opened=self._opened,
            failed=self._give_up,
            closed=self._closed,
        )

    def on_start(self) -> None:
        """Start the children."""
        try:
            self._roster.follow(self._children.start())
        except Exception as error:  # Pykka calls neither on_stop nor on_failure for it
            self.parent.tell(ChildDown(child=self.name, reason=repr(error)))
            raise

    def on_receive(self, message: Inbox) -> None:
        """Handle one message."""
        match message:
            case StartReporting():
                self._start(message)
            case StopReporting():
                self._stop_job(message)
            case SwitchJob():
                self._switch(message)
            case AttachClient():
                self._attach(message)
            case DetachClient():
                self._roster.detach(message.client_id)
            case SendControl():
                self._send_control(message)
            case AddToLog():
                self._children.listener.tell(message)
            case GetStatus():
                self._report_status(message)
            case FromChild():
                if self._children.current(message):
                    self._from_child(message.event)
            case FromClient():
                self._from_client(message)
            case Step():
                if self._steps.is_current(message):
                    self._answered(message.answer)
            case StepTimedOut():
                self._steps.timed_out(message)
            case Restarted():
                self._restarted(message.answer)
            case ReopenDue():
                if message == self._reopen_due(message.child):
                    self._reopen(message.child)
            case SurveyAnswer():
                self._surveys.answered(message)
            case SurveyTimedOut():
                self._surveys.end(message.number)
            case Shutdown():
                self._shut_down(message)
            case _:
                assert_never(message)

    def release(self) -> None:
        """End the children and terminate the context, without delivering what is left."""
        self._refuse_all()
        self._steps.end()
        self._surveys.end_all()
        self._roster.close_all()
        self._children.end()
        self._sockets.close_at_once()
        if self._job is not None:
            job, self._job = self._job, None
            reason = job.failure = job.failure or "the reporter has been ended"
            never_ready = job.start is not None
            job.answer(self._stopped(job, self._log.counts))
            if not never_ready:
                deliver(self._owner, ReportingFailed(job_id=job.job_id, reason=reason))

    def _refuse_all(self) -> None:
        """Answer who waits in the inbox."""
        inbox = cast("Queue[Envelope[Inbox]]", self.actor_inbox)
        for envelope in list(inbox.queue):
            message = envelope.message
            if isinstance(message, SendControl):
                deliver(message.reply_to, ControlRejected(reason=GONE))
            elif isinstance(message, StartReporting | StopReporting | SwitchJob):
                reason = "the reporter has ended"
                deliver(message.reply_to, ReportingFailed(job_id=message.job_id, reason=reason))

    def _become(self, phase: Phase, *, keep_step: bool = False) -> None:
        log.info("reporting: %s -> %s", self._phase.name, phase.name)
        self._phase = phase
        if not keep_step:
            self._steps.end()

    def _answered(self, answer: StepAnswer) -> None:
        match answer:
            case ControlSocketOpened():
                self._sockets.control_opened(answer)
            case ListeningStarted():
                self._sockets.progress_opened(answer)
            case ControlSocketFailed() | ListeningFailed():
                self._give_up(answer.reason)
            case JobEnded() | ListeningStopped():
                self._delivery.listened(answer)
            case ReportsFlushed():
                self._delivery.flushed(answer.status)
            case ControlSocketClosed():
                self._sockets.control_closed()
            case ContextTerminated():
                self._sockets.context_terminated()
            case _:
                assert_never(answer)

    # Starting

    def _start(self, message: StartReporting) -> None:
        if self._job is not None or self._shutdown is not None:
            reason = (
                "the reporter is being ended"
                if self._job is None
                else f"job {self._job.job_id} is being reported ({self._phase.name}): stop it "
                "first, or use a supervisor of its own with other addresses"
            )
            deliver(message.reply_to, ReportingFailed(job_id=message.job_id, reason=reason))
            return
        self._job = Job(message.job_id)
        self._log.begin_job()  # nobody listens, so the log is nobody else's
        if not message.gui:
            self._become(Phase.BYPASSED)
            deliver(message.reply_to, ReportingBypassed(job_id=message.job_id))
            return
        self._job.start = message
        self._job_start = self._log.last
        self._former_trainer = False
        self._budget.renew()
        self._roster.begin_job()
        self._become(Phase.BINDING)
        self._sockets.open()

    def _opened(self) -> None:
        self._become(Phase.CONNECTING)
        self._steps.begin(self._settings.connect_wait, self._ready)

    def _ready(self) -> None:
        assert self._job is not None
        assert self._job.start is not None
        reply_to, self._job.start = self._job.start.reply_to, None
        self._become(Phase.REPORTING)
        deliver(reply_to, self._ready_answer(self._job))

    def _ready_answer(self, job: Job) -> ReportingReady:
        addresses = self._sockets.addresses
        assert addresses is not None
        return ReportingReady(
            job_id=job.job_id,
            control_address=addresses.control,
            progress_address=addresses.progress,
            conflicts=self._sockets.conflicts,
        )

    # Stopping

    def _stop_job(self, message: StopReporting) -> None:
        job = self._job
        if job is None or not job.knows(message.job_id):
            self._refuse_stop(message, job)
            return
        job.stops.append(message)
        job.outcome = job.outcome or message.outcome
        self._end_job()

    def _refuse_stop(self, message: StopReporting, job: Job | None) -> None:
        last = self._last_stopped
        if last is not None and last.job_id == message.job_id:
            deliver(message.reply_to, last)
            return
        reported = "no job is" if job is None else f"job {job.job_id} is"
        reason = f"job {message.job_id} is not being reported: {reported}"
        deliver(message.reply_to, ReportingFailed(job_id=message.job_id, reason=reason))

    def _give_up(self, reason: str) -> None:
        """End the job's reporting because of ``reason``."""
        assert self._job is not None
        # Who waits for the start is told the reason; later nobody may be listening.
        level = logging.ERROR if self._job.start is None else logging.INFO
        log.log(level, "reporting of job %s ends: %s", self._job.job_id, reason)
        self._job.failure = reason
        self._job.outcome = self._job.outcome or JobOutcome.FAILED
        self._end_job()

    def _end_job(self) -> None:
        """Deliver what is left, then close everything."""
        match self._phase:
            case Phase.BYPASSED:
                self._closed()
            case Phase.SWITCHING:
                self._become(Phase.STOPPING, keep_step=not self._delivery.received)
                self._delivery.stop_instead(self._drain_timeout())
            case Phase.BINDING | Phase.CONNECTING | Phase.REPORTING:
                self._become(Phase.STOPPING)
                if self._sockets.listening:
                    self._delivery.begin(self._drain_timeout(), stop_listening=True)
                else:
                    self._delivered(self._log.counts)
            case Phase.STOPPING | Phase.IDLE:
                pass
            case _:
                assert_never(self._phase)

    def _drain_timeout(self) -> float:
        drain = self._settings.drain_timeout
        return drain if self._shutdown is None else min(drain, self._shutdown.within / 4)

    def _delivered(self, counts: ProgressCounts) -> None:
        if self._job is None:
            self._end_children()
            return
        self._job.counts = counts
        if self._phase is Phase.SWITCHING:
            self._begin_next_job(self._job, counts)
        else:
            self._sockets.close()

    def _closed(self) -> None:
        """Nothing is open: answer all who wait for that."""
        assert self._job is not None
        job, self._job = self._job, None
        self._last_stopped = stopped = self._stopped(job, job.counts)
        never_ready = job.start is not None
        self._become(Phase.IDLE)
        job.answer(stopped)
        if job.failure is not None and not never_ready:
            deliver(self._owner, ReportingFailed(job_id=job.job_id, reason=job.failure))
        if self._shutdown is not None:
            self._end_children()

    def _stopped(self, job: Job, counts: ProgressCounts | None) -> ReportingStopped:
        if counts is None:  # bypassed: nothing was counted
            return job.stopped(ProgressCounts(), 0, 0)
        return job.stopped(counts, *self._roster.job_counts())

    # Switching to the next job of a pipeline

    def _switch(self, message: SwitchJob) -> None:
        job = self._job
        known = job is not None and job.job_id == message.job_id
        if job is not None and known and self._phase is Phase.BYPASSED:
            job.outcome = message.outcome
            self._job = Job(message.next_job_id)
            self._last_stopped = self._stopped(job, None)
            deliver(message.reply_to, self._last_stopped)
            deliver(message.reply_to, ReportingBypassed(job_id=message.next_job_id))
            return
        if job is None or not known or self._phase is not Phase.REPORTING:
            reason = (
                f"job {message.job_id} cannot be followed by {message.next_job_id}: "
                f"it is not being reported ({self._phase.name})"
            )
            deliver(message.reply_to, ReportingFailed(job_id=message.job_id, reason=reason))
            return
        job.switch = message
        job.outcome = message.outcome
        self._become(Phase.SWITCHING)
        drain = message.drain_timeout
        self._delivery.begin(
            self._settings.drain_timeout if drain is None else drain, stop_listening=False
        )
        self._former_trainer = self._former_trainer or self._trainer_connected
        self._children.control.tell(AwaitNextTrainer())

    def _begin_next_job(self, job: Job, counts: ProgressCounts) -> None:
        assert job.switch is not None
        self._last_stopped = stopped = self._stopped(job, counts)
        self._job_start = counts.last
        self._job = Job(job.switch.next_job_id)
        self._roster.begin_job()
        self._become(Phase.REPORTING)
        deliver(job.switch.reply_to, stopped)
        deliver(job.switch.reply_to, self._ready_answer(self._job))

    # Clients and status

    def _send_control(self, message: SendControl) -> None:
        publish = PublishControl(command=message.command, reply_to=message.reply_to)
        if not self._children.control.reaches(publish):
            deliver(message.reply_to, ControlRejected(reason=GONE))

    def _attach(self, message: AttachClient) -> None:
        if self._shutdown is not None:
            reason = "the reporter is being ended"
            deliver(self._owner, ClientGone(client_id=message.client_id, reason=reason))
            return
        after = message.after
        if after is None:  # with the first report of the job that is reported
            after = self._log.last if self._job is None else self._job_start
        self._roster.attach(message, after=after)

    def _from_client(self, message: FromClient) -> None:
        crash = self._roster.handle(message)
        if crash is not None:
            self._tell_degraded(crash)
        self._delivery.clients_changed()
        self._leave_when_alone()

    def _report_status(self, message: GetStatus) -> None:
        status = ReporterStatus(
            phase=self._phase,
            job_id=None if self._job is None else self._job.job_id,
            addresses=self._sockets.addresses,
            trainer_connected=self._trainer_connected,
            received=0,
            clients=(),
        )
        self._surveys.begin(message.reply_to, status, self._children.listener, self._roster)

    # What the children tell

    def _from_child(self, event: ChildEvent) -> None:
        match event:
            case TrainerConnected() | TrainerDisconnected():
                self._trainer_connected = isinstance(event, TrainerConnected)
                self._former_trainer = self._former_trainer and not self._trainer_connected
                deliver(self._owner, event)
            case ProgressSocketMade():
                self._sockets.close_progress_socket = event.close
            case ListeningFailed():
                if self._job is not None:
                    self._give_up(event.reason)
            case ChildDown():
                self._child_down(event)
            case _:
                assert_never(event)

    def _child_down(self, down: ChildDown) -> None:
        if self._shutdown is not None and self._job is None:
            self._alive.discard(down.child)
            self._leave_when_alone()
            return
        self._roster.follow(self._children.replace(down.child))
        self._tell_degraded(down)
        bearable = self._budget.spend()
        match self._phase:
            case Phase.IDLE | Phase.BYPASSED:
                pass
            case Phase.BINDING:
                self._give_up(f"{down.child} failed: {down.reason}")
            case Phase.STOPPING:
                self._steps.crashed(down.child)
            case Phase.CONNECTING | Phase.REPORTING | Phase.SWITCHING:
                if bearable:
                    self._go_on_without(down.child)
                else:
                    times = f"{CRASHES + 1} times in {WINDOW:.0f} s"
                    self._give_up(f"{down.child} failed {times}: {down.reason}")
                    self._steps.crashed(down.child)
            case _:
                assert_never(self._phase)

    def _tell_degraded(self, down: ChildDown) -> None:
        log.error("%s failed: %s", down.child, down.reason)
        reason = f"{down.child} failed and is replaced: {down.reason}"
        deliver(self._owner, ReportingDegraded(reason=reason))

    def _go_on_without(self, child: str) -> None:
        self._reopens = 0
        if child == LISTENER and self._phase is Phase.SWITCHING and not self._delivery.received:
            self._delivery.without_listener()
            self._log.begin_job()  # its listener is dead, so the log is nobody else's
        self._reopen(child)

    def _reopen(self, child: str) -> None:
        if self._phase is not Phase.STOPPING:
            self._sockets.reopen(
                child, Adapter(self._me, Restarted), former_trainer_lives=self._former_trainer
            )

    def _restarted(self, answer: RestartAnswer) -> None:
        match answer:
            case ControlSocketOpened() | ListeningStarted():
                log.info("%s is open again", answer.address)
            case ControlSocketFailed():
                self._reopen_later(CONTROL, answer.reason)
            case ListeningFailed():
                self._reopen_later(LISTENER, answer.reason)
            case _:
                assert_never(answer)

    def _reopen_later(self, child: str, reason: str) -> None:
        if self._job is None or self._phase is Phase.STOPPING:
            return
        # The system may take a moment to let go of the crashed child's address.
        self._reopens += 1
        if self._reopens > REOPENS:
            self._give_up(reason)
        else:
            due = self._reopen_due(child)
            self._scheduler.after(REOPEN_INTERVAL, lambda: self._me.tell(due))

    def _reopen_due(self, child: str) -> ReopenDue:
        return ReopenDue(child, self._children.serial_of(child), self._sockets.opening)

    # The supervisor's own end

    def _shut_down(self, message: Shutdown) -> None:
        self._shutdown = message
        if self._job is None:
            if self._phase is Phase.IDLE:
                self._become(Phase.STOPPING)
                if len(self._roster):  # they are given what has been noted since the last job
                    self._delivery.begin(self._drain_timeout(), stop_listening=True)
                else:
                    self._end_children()
        else:
            self._job.outcome = self._job.outcome or JobOutcome.CANCELLED
            self._end_job()

    def _end_children(self) -> None:
        self._phase = Phase.STOPPING
        self._steps.begin(END_TIMEOUT, self._leave)
        self._roster.close_all()
        self._children.end()

    def _leave_when_alone(self) -> None:
        if self._shutdown is None or self._job is not None or self._alive or len(self._roster):
            return
        self._steps.end()
        self.stop()

    def _leave(self) -> None:
        log.error("not all actors have ended: the event loop is stuck or closed")
        self.stop()
