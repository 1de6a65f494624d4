r"""The supervisor: owns the ZeroMQ context, the phase and the lives of the other actors.

It runs on a thread of its own, so that it can close everything also when the event loop is stuck.

    IDLE -> BINDING -> CONNECTING -> REPORTING -> STOPPING -> IDLE
                \-> (bind failed) -> STOPPING     gui=False: IDLE -> BYPASSED -> IDLE
    REPORTING -> SWITCHING -> REPORTING            a pipeline's next job, on the same sockets
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, assert_never

import pykka
import zmq

from actors.base import ReporterActor
from actors.children import CONTROL, LISTENER, Children
from actors.client_roster import ClientRoster, FromClient
from actors.crash_budget import CRASHES, WINDOW, CrashBudget
from actors.job import Job
from actors.progress_log import ProgressLog
from actors.status_survey import StatusSurveys
from actors.supervisor_inbox import (
    ConnectWaitOver,
    ContextTerminated,
    Inbox,
    RestartAnswer,
    Restarted,
    Shutdown,
    Step,
    StepAnswer,
    StepTimedOut,
    SurveyAnswer,
    SurveyTimedOut,
)
from actors.teardown import WITHIN as TERMINATED_WITHIN
from actors.teardown import ContextReaper
from actors.typed_ref import Adapter, TypedRef, deliver
from messages import (
    Addresses,
    AttachClient,
    AwaitNextTrainer,
    ChildDown,
    ClientStatus,
    CloseControlSocket,
    ControlSocketClosed,
    ControlSocketFailed,
    ControlSocketOpened,
    DetachClient,
    EndJob,
    GetStatus,
    JobEnded,
    JobOutcome,
    ListeningFailed,
    ListeningStarted,
    ListeningStopped,
    Mailbox,
    OpenControlSocket,
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
    StartListening,
    StartReporting,
    StopListening,
    StopReporting,
    SwitchJob,
    TrainerConnected,
    TrainerDisconnected,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from concurrent.futures import Future

    from actors.scheduler import Cancellable, Scheduler
    from actors.settings import ReporterSettings

log = logging.getLogger(__name__)

OPEN_TIMEOUT: Final = 5.0
"""Seconds that binding a socket may take; it takes milliseconds unless the event loop is stuck."""

CLOSE_TIMEOUT: Final = 1.0
"""Seconds beyond its own bound that an actor is waited for at the end; it takes milliseconds."""

FLUSH_LEAST: Final = 0.25
"""Seconds that the clients get at a stop even if receiving has used up the drain timeout."""


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
        self._loop = loop
        self._owner = owner
        self._settings = settings
        self._scheduler = scheduler
        self._me: TypedRef[Inbox] = TypedRef(self.actor_ref)
        self._roster = ClientRoster(loop=loop, me=self._me, owner=owner, settings=settings)
        self._log = ProgressLog(limit=settings.log_limit, max_bytes=settings.log_bytes)
        self._budget = CrashBudget()
        self._surveys = StatusSurveys(me=self._me, scheduler=scheduler)
        self._phase = Phase.IDLE
        self._epoch = 0
        self._timer: Cancellable | None = None
        self._then: Callable[[], None] = lambda: None
        self._awaited = ""
        self._job: Job | None = None
        self._job_start = 0
        self._last_stopped: ReportingStopped | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._close_progress_socket: Callable[[], Future[None]] | None = None
        self._reaper: ContextReaper | None = None
        self._control_address: str | None = None
        self._progress_address: str | None = None
        self._drain_until = 0.0
        self._unflushed: set[str] = set()
        self._trainer_connected = False
        self._left: set[str] = set()
        self._shutdown: Shutdown | None = None

    def on_start(self) -> None:
        """Start the children."""
        self._children = Children(
            loop=self._loop,
            me=self._me,
            progress_log=self._log,
            scheduler=self._scheduler,
            settings=self._settings,
        )
        self._roster.follow(self._children.run())

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
                self._roster.attach(message, after=self._first_for_new_client())
            case DetachClient():
                self._roster.detach(message.client_id)
            case SendControl():
                self._send_control(message)
            case GetStatus():
                self._report_status(message)
            case TrainerConnected() | TrainerDisconnected():
                self._trainer_connected = isinstance(message, TrainerConnected)
                deliver(self._owner, message)
            case ChildDown():
                self._child_down(message)
            case FromClient():
                self._from_client(message)
            case ProgressSocketMade():
                self._close_progress_socket = message.close
            case Step():
                if message.epoch == self._epoch:
                    self._answered(message.answer)
            case Restarted():
                self._restarted(message.answer)
            case ConnectWaitOver():
                if message.epoch == self._epoch:
                    self._ready()
            case StepTimedOut():
                if message.epoch == self._epoch:
                    self._then()
            case ContextTerminated():
                if message.epoch == self._epoch:
                    self._finish()
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
        self._cancel_timer()
        self._roster.close_all()
        self._children.end()
        if self._context is not None:
            if self._reaper is None:
                self._reaper = ContextReaper(
                    self._context, self._close_progress_socket, lambda: None
                )
            self._reaper.join()
        if self._job is not None:
            self._job.failure = self._job.failure or "the reporter has been ended"
            self._job.answer(self._stopped(self._job))
            self._job = None

    # Phases and steps

    def _become(self, phase: Phase) -> None:
        log.info("reporting: %s -> %s", self._phase.name, phase.name)
        self._phase = phase
        self._next_epoch()

    def _next_epoch(self) -> None:
        """From here on, timers and answers of what went before are late, and dropped."""
        self._cancel_timer()
        self._epoch += 1

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(
        self, within: float, then: Callable[[], None], *, awaited: str = ""
    ) -> Mailbox[StepAnswer]:
        """Begin a step; its ``reply_to``.

        ``then`` is done when no answer comes ``within`` seconds, or the ``awaited`` child crashes.
        """
        self._next_epoch()
        self._then, self._awaited = then, awaited
        epoch = self._epoch
        self._timer = self._scheduler.after(within, lambda: self._me.tell(StepTimedOut(epoch)))
        return Adapter(self._me, lambda answer: Step(epoch, answer))

    def _answered(self, answer: StepAnswer) -> None:
        match answer:
            case ControlSocketOpened():
                self._start_listening(answer.address)
            case ListeningStarted():
                self._connect(answer.address)
            case ControlSocketFailed() | ListeningFailed():
                self._give_up(answer.reason)
            case JobEnded():
                self._job_ended(answer.counts)
            case ListeningStopped():
                self._listening_stopped(answer)
            case ReportsFlushed():
                self._client_flushed(answer.status)
            case ControlSocketClosed():
                self._terminate_context()
            case _:
                assert_never(answer)

    # Starting

    def _start(self, message: StartReporting) -> None:
        if self._shutdown is not None or self._job is not None:
            reason = (
                "the reporter is being ended"
                if self._job is None
                else f"job {self._job.job_id} is being reported ({self._phase.name}): stop it "
                "first, or use a supervisor of its own with other addresses"
            )
            deliver(message.reply_to, ReportingFailed(job_id=message.job_id, reason=reason))
            return
        self._job = Job(message.job_id)
        if not message.gui:
            self._become(Phase.BYPASSED)
            deliver(message.reply_to, ReportingBypassed(job_id=message.job_id))
            return
        self._job.start = message
        self._job_start = self._log.last
        self._budget.renew()
        self._roster.begin_job()
        self._become(Phase.BINDING)
        self._context = zmq.Context()
        reply_to = self._wait(OPEN_TIMEOUT, lambda: self._give_up("the control socket is stuck"))
        self._children.control.tell(
            OpenControlSocket(
                context=self._context, address=self._settings.control_address, reply_to=reply_to
            )
        )

    def _start_listening(self, control_address: str) -> None:
        assert self._context is not None
        self._control_address = control_address
        reply_to = self._wait(OPEN_TIMEOUT, lambda: self._give_up("the event loop is stuck"))
        self._children.listener.tell(
            StartListening(
                context=self._context, address=self._settings.progress_address, reply_to=reply_to
            )
        )

    def _connect(self, progress_address: str) -> None:
        self._progress_address = progress_address
        self._become(Phase.CONNECTING)
        epoch = self._epoch
        self._timer = self._scheduler.after(
            self._settings.connect_wait, lambda: self._me.tell(ConnectWaitOver(epoch))
        )

    def _ready(self) -> None:
        assert self._job is not None
        assert self._job.start is not None
        reply_to, self._job.start = self._job.start.reply_to, None
        self._become(Phase.REPORTING)
        deliver(reply_to, self._ready_answer(self._job))

    def _ready_answer(self, job: Job) -> ReportingReady:
        assert self._control_address is not None
        assert self._progress_address is not None
        return ReportingReady(
            job_id=job.job_id,
            control_address=self._control_address,
            progress_address=self._progress_address,
        )

    # Stopping

    def _stop_job(self, message: StopReporting) -> None:
        job = self._job
        if job is None or not job.knows(message.job_id):
            self._refuse_stop(message, job)
            return
        job.stops.append(message)
        job.outcome = job.outcome or message.outcome
        if self._phase is Phase.BYPASSED:
            self._finish()
        elif self._phase is not Phase.STOPPING:
            self._begin_stopping()

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
        log.error("reporting of job %s ends: %s", self._job.job_id, reason)
        self._job.failure = reason
        self._job.outcome = self._job.outcome or JobOutcome.FAILED
        self._begin_stopping()

    def _begin_stopping(self) -> None:
        self._become(Phase.STOPPING)
        drain = self._settings.drain_timeout
        if self._shutdown is not None:
            drain = min(drain, self._shutdown.within / 2)
        self._drain_until = time.monotonic() + drain
        reply_to = self._wait(drain + CLOSE_TIMEOUT, self._listener_stuck, awaited=LISTENER)
        self._children.listener.tell(StopListening(reply_to=reply_to))

    def _listener_stuck(self) -> None:
        log.error("the progress listener has not answered: what it had to receive may be lost")
        self._flush()

    def _listening_stopped(self, answer: ListeningStopped) -> None:
        assert self._job is not None
        if self._job.counts is None:
            self._job.counts = ProgressCounts(
                received=answer.received, undecodable=answer.undecodable, last=answer.last
            )
        self._flush()

    def _flush(self) -> None:
        """Have the clients given what is left."""
        within = max(FLUSH_LEAST, self._drain_until - time.monotonic())
        reply_to = self._wait(within + CLOSE_TIMEOUT, self._clients_stuck)
        assert self._job is not None
        last = self._log.last if self._job.counts is None else self._job.counts.last
        self._unflushed = self._roster.flush(last, within, reply_to)
        self._go_on_when_flushed()

    def _client_flushed(self, status: ClientStatus) -> None:
        self._roster.count(status)
        self._unflushed.discard(status.client_id)
        self._go_on_when_flushed()

    def _clients_stuck(self) -> None:
        log.error("clients have not taken their reports: %s", ", ".join(sorted(self._unflushed)))
        self._unflushed.clear()
        self._go_on_when_flushed()

    def _go_on_when_flushed(self) -> None:
        if self._unflushed:
            return
        if self._phase is Phase.SWITCHING:
            self._begin_next_job()
        else:
            self._close_control()

    def _close_control(self) -> None:
        reply_to = self._wait(CLOSE_TIMEOUT, self._terminate_context, awaited=CONTROL)
        self._children.control.tell(CloseControlSocket(reply_to=reply_to))

    def _terminate_context(self) -> None:
        if self._context is None:
            self._finish()
            return
        self._wait(TERMINATED_WITHIN, self._context_stuck)
        epoch = self._epoch
        self._reaper = ContextReaper(
            self._context,
            self._close_progress_socket,
            lambda: self._me.tell(ContextTerminated(epoch)),
        )

    def _context_stuck(self) -> None:
        if self._reaper is not None:
            self._reaper.complain_if_alive()
        self._finish()

    def _finish(self) -> None:
        """Everything is closed: answer all who wait for that."""
        assert self._job is not None
        job, self._job = self._job, None
        self._context = self._reaper = self._close_progress_socket = None
        self._control_address = self._progress_address = None
        self._last_stopped = stopped = self._stopped(job)
        never_ready = job.start is not None
        self._become(Phase.IDLE)
        job.answer(stopped)
        if job.failure is not None and not never_ready:
            deliver(self._owner, ReportingFailed(job_id=job.job_id, reason=job.failure))
        if self._shutdown is not None:
            self._end_children()

    def _stopped(self, job: Job) -> ReportingStopped:
        forwarded, failed = self._roster.job_counts()
        if self._phase is Phase.BYPASSED:
            return job.stopped(ProgressCounts(), 0, 0)
        return job.stopped(job.counts or self._log.counts, forwarded, failed)

    # Switching to the next job of a pipeline

    def _switch(self, message: SwitchJob) -> None:
        job = self._job
        if job is None or job.job_id != message.job_id or self._phase is not Phase.REPORTING:
            reason = (
                f"job {message.job_id} cannot be followed by {message.next_job_id}: "
                f"it is not being reported ({self._phase.name})"
            )
            deliver(message.reply_to, ReportingFailed(job_id=message.job_id, reason=reason))
            return
        job.switch = message
        job.outcome = message.outcome
        self._become(Phase.SWITCHING)
        self._drain_until = time.monotonic() + self._settings.drain_timeout
        reply_to = self._wait(self._settings.drain_timeout + CLOSE_TIMEOUT, self._listener_stuck)
        self._children.listener.tell(EndJob(reply_to=reply_to))
        self._children.control.tell(AwaitNextTrainer())

    def _job_ended(self, counts: ProgressCounts) -> None:
        assert self._job is not None
        self._job.counts = counts
        self._flush()

    def _begin_next_job(self) -> None:
        assert self._job is not None
        assert self._job.switch is not None
        stopped, switch = self._stopped(self._job), self._job.switch
        self._last_stopped = stopped
        self._job_start = self._log.last if self._job.counts is None else self._job.counts.last
        self._job = Job(switch.next_job_id)
        self._roster.begin_job()
        self._become(Phase.REPORTING)
        deliver(switch.reply_to, stopped)
        deliver(switch.reply_to, self._ready_answer(self._job))

    # Clients, control and status

    def _first_for_new_client(self) -> int:
        """The position after which a client without a place begins: with the job's first report."""
        return self._log.last if self._job is None else self._job_start

    def _from_client(self, message: FromClient) -> None:
        crash = self._roster.handle(message)
        if crash is not None and crash.reason is not None:
            self._lost(crash.child, crash.reason)
        self._leave_when_alone()
        if self._unflushed:
            self._unflushed &= self._roster.client_ids()
            self._go_on_when_flushed()

    def _send_control(self, message: SendControl) -> None:
        self._children.control.tell(
            PublishControl(command=message.command, reply_to=message.reply_to)
        )

    def _report_status(self, message: GetStatus) -> None:
        addresses = (
            None
            if self._control_address is None or self._progress_address is None
            else Addresses(control=self._control_address, progress=self._progress_address)
        )
        status = ReporterStatus(
            phase=self._phase,
            job_id=None if self._job is None else self._job.job_id,
            addresses=addresses,
            trainer_connected=self._trainer_connected,
            received=0,
            clients=(),
        )
        self._surveys.begin(message.reply_to, status, self._children.listener, self._roster)

    # Children that end

    def _child_down(self, down: ChildDown) -> None:
        if self._shutdown is not None and self._job is None:
            self._left.discard(down.child)
            self._leave_when_alone()
        elif down.reason is not None:
            self._roster.follow(self._children.replace(down.child))
            self._lost(down.child, down.reason)

    def _lost(self, child: str, reason: str) -> None:
        """A part of the reporter has failed: go on without it, replace it, or give up."""
        log.error("%s failed: %s", child, reason)
        deliver(self._owner, ReportingDegraded(reason=f"{child} failed and is replaced: {reason}"))
        bearable = self._budget.spend()
        if self._phase in (Phase.IDLE, Phase.BYPASSED):
            return
        if self._phase is Phase.STOPPING:
            if self._awaited == child:
                self._then()
        elif self._phase is Phase.BINDING:
            self._give_up(f"{child} failed: {reason}")
        elif not bearable:
            self._give_up(f"{child} failed {CRASHES + 1} times in {WINDOW:.0f} s: {reason}")
        elif child == CONTROL:
            self._reopen_control()
        elif child == LISTENER:
            self._reopen_listener()

    def _reopen_control(self) -> None:
        assert self._context is not None
        assert self._control_address is not None
        self._children.control.tell(
            OpenControlSocket(
                context=self._context,
                address=self._control_address,
                reply_to=Adapter(self._me, Restarted),
            )
        )

    def _reopen_listener(self) -> None:
        assert self._job is not None
        assert self._context is not None
        assert self._progress_address is not None
        switching = self._phase is Phase.SWITCHING and self._job.counts is None
        if switching:
            self._job.counts = self._log.counts
        self._children.listener.tell(
            StartListening(
                context=self._context,
                address=self._progress_address,
                reply_to=Adapter(self._me, Restarted),
                new_job=switching,
            )
        )
        if switching:
            self._then()

    def _restarted(self, answer: RestartAnswer) -> None:
        if self._phase in (Phase.IDLE, Phase.STOPPING):
            return
        match answer:
            case ControlSocketOpened() | ListeningStarted():
                log.info("%s is open again", answer.address)
            case ControlSocketFailed():
                self._lost(CONTROL, answer.reason)
            case ListeningFailed():
                self._lost(LISTENER, answer.reason)
            case _:
                assert_never(answer)

    # The supervisor's own end

    def _shut_down(self, message: Shutdown) -> None:
        self._shutdown = message
        if self._job is None:
            self._end_children()
        elif self._phase is Phase.BYPASSED:
            self._finish()
        elif self._phase is not Phase.STOPPING:
            self._job.outcome = self._job.outcome or JobOutcome.CANCELLED
            self._begin_stopping()

    def _end_children(self) -> None:
        self._wait(CLOSE_TIMEOUT, self._leave)
        self._left = {CONTROL, LISTENER}
        self._roster.close_all()
        self._children.end()

    def _leave_when_alone(self) -> None:
        if self._shutdown is None or self._job is not None or self._left or len(self._roster):
            return
        self._next_epoch()
        self.stop()

    def _leave(self) -> None:
        log.error("not all actors have ended: the event loop is stuck or closed")
        self.stop()
