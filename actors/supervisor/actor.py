r"""The supervisor: owns the phase, the report that is under way, and the lives of the other actors.

It runs on a thread of its own, so that it can close everything also when the event loop is stuck.

    IDLE -> BINDING -> CONNECTING -> REPORTING -> STOPPING -> IDLE
                \-> (bind failed) -> STOPPING     gui=False: IDLE -> BYPASSED -> IDLE
    CONNECTING -> STOPPING (-> BINDING)            a stranger reports there: at free ports, or not
    REPORTING -> SWITCHING -> REPORTING            a pipeline's next job, on the same sockets
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from actors.control_socket import GONE
from actors.runtime import LOOP_CLOSED, Adapter, ThreadActor, TypedRef, reply
from actors.supervisor.children import CONTROL, LISTENER, ChildEvent, Children
from actors.supervisor.clients import Clients, Gather
from actors.supervisor.requests import REPORTER_ENDED, NotAcceptedError, checked, turn_away
from actors.supervisor.restarts import CRASHES, WINDOW, RestartIntensity
from actors.supervisor.script import Answered, Script, Steps, Wait
from actors.supervisor.session import Job, Session
from messages import (
    AddToLog,
    AttachClient,
    ChildDown,
    CountProgress,
    CountReports,
    DetachClient,
    ForgetStop,
    GetStatus,
    JobOutcome,
    KnowTrainer,
    ListeningFailed,
    Mailbox,
    OwnerEvent,
    Phase,
    ProgressCounts,
    ProgressSocketMade,
    PublishControl,
    ReporterStatus,
    ReportingDegraded,
    SendControl,
    StartReporting,
    StopReporting,
    StrangerConnected,
    SupervisorMessage,
    SwitchJob,
    TrainEndReceived,
    TrainerConnected,
    TrainerDisconnected,
)

if TYPE_CHECKING:
    import asyncio

    from actors.runtime import Scheduler
    from actors.settings import ReporterSettings

log = logging.getLogger(__name__)

DRAIN_SHARE: Final = 0.25
"""Of a shutdown's timeout: how much of it delivering may take. The rest is for closing."""

END_TIMEOUT: Final = 1.0
"""Seconds that the other actors may take to end; it takes milliseconds."""

STATUS_TIMEOUT: Final = 0.8
"""Seconds that those who know a part of the status are waited for."""

STRANGERS: Final = 100
"""The owner is told of so many of a job: a program that restarts in a loop is many."""

BEING_ENDED: Final = "the reporter is being ended"


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Stop what is reported, end all children, then end.

    Delivering may take a share of ``timeout`` seconds; each step of closing has its own bound.
    """

    timeout: float


_Inbox: TypeAlias = SupervisorMessage | Answered | Shutdown


class SupervisorActor(ThreadActor[SupervisorMessage]):
    """Takes ``SupervisorMessage``; each request is answered at its ``reply_to``.

    Reports one job at a time. Whatever fails, the owner receives it and the training goes on.
    Ends by ``SupervisorRef.stop``; stopped by Pykka itself it closes everything without delivering
    what is left.
    """

    name = "supervisor"

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        owner: Mailbox[OwnerEvent],
        settings: ReporterSettings,
        scheduler: Scheduler | None,
        gone: Mailbox[ChildDown],
        train_ends: Mailbox[TrainEndReceived] | None = None,
    ) -> None:
        super().__init__()
        self.parent = gone
        self._loop = loop
        self._owner = owner
        self._scheduler = scheduler or self.actor_inbox
        self._train_ends = train_ends
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._phase = Phase.IDLE
        self._script = Script(self._life(), self._scheduler)
        self._reopening: dict[str, Script] = {}
        self._trainer_connected = False
        self._joined: TrainerConnected | None = None
        """What the owner is to be told when it is known that it is no stranger."""
        self._is_to_end = False
        self._leaving = False
        """Whether all other actors are to end, and then this one."""
        self._intensity = RestartIntensity()
        self._children = Children(
            loop=loop,
            parent=Adapter(self._me, partial(Answered, self._from_child)),
            scheduler=scheduler,
            settings=settings,
        )
        self._clients = Clients(
            loop=loop, me=self._me, owner=owner, settings=settings, children=self._children
        )
        self._session = Session(
            loop=loop,
            me=self._me,
            settings=settings,
            children=self._children,
            clients=self._clients,
            become=self._become,
            drain_timeout=settings.drain_timeout,
        )

    def set_up(self) -> None:
        """Start the children."""
        self._children.start(CONTROL)
        self._children.start(LISTENER)
        self._script.resume(None)

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message; one that nobody should have told is logged and passed over."""
        match message:
            case Answered():
                message.take(message.answer)
                if self._leaving and not (self._children.any_alive or self._clients.any_attached):
                    self.stop()
            case Shutdown():
                self._shut_down(message)
            case _:
                try:
                    self._requested(checked(message))
                except NotAcceptedError as error:
                    log.info("a %s is refused: %s", type(message).__name__, error)
                    turn_away(message, str(error), self._owner)

    def _requested(self, message: SupervisorMessage) -> None:
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
                self._clients.detach(message)
            case SendControl():
                self._send_control(message)
            case ForgetStop():
                self._children.forget_stop(message)
            case KnowTrainer():
                self._children.know_trainer(message)
            case AddToLog():
                self._children.add_to_log(message)
            case GetStatus():
                Script(self._tell_status(message), self._scheduler).resume(None)
            case _:
                assert_never(message)

    def release(self) -> None:
        """End the children and terminate the context, without delivering what is left."""
        self._close_reopening()
        self._script.close()
        self._clients.close_all()
        self._clients.answer_all()
        self._children.end()
        self._session.sockets.terminate_context()
        if self._job is not None:
            self._job.fail(REPORTER_ENDED)
            self._session.answer_all(self._owner)

    def turn_away(self, message: _Inbox) -> None:
        """Answer who has asked for something."""
        turn_away(message, REPORTER_ENDED, self._owner)

    def _become(self, phase: Phase) -> None:
        if phase is self._phase:
            return
        log.info("reporting: %s -> %s", self._phase.name, phase.name)
        self._phase = phase
        if phase is Phase.STOPPING:
            self._close_reopening()  # what is closed is not opened any more
        self._tell_of_trainer()

    # Starting and stopping

    @property
    def _job(self) -> Job | None:
        return None if self._phase is Phase.IDLE else self._session.job

    def _start(self, message: StartReporting) -> None:
        if self._is_to_end:
            raise NotAcceptedError(BEING_ENDED)
        if self._job is not None:
            raise NotAcceptedError(
                f"job {self._job.job_id} is being reported ({self._phase.name}): stop it first, or "
                "use a supervisor of its own with other addresses"
            )
        self._intensity = RestartIntensity()
        self._script.resume(message)

    def _life(self) -> Steps[None]:
        """Report one job after another, then end the other actors, and this one."""
        while not self._is_to_end:
            start: StartReporting | None = yield Wait(self._me)
            if start is not None:
                self._session.begin(Job(start.job_id, start=start))
                yield from self._session.report() if start.gui else self._session.bypass()
                self._children.trainers = frozenset()
                self._become(Phase.IDLE)
                self._session.answer_all(self._owner)
        self._session.begin(Job(""))
        yield from self._session.deliver_rest()
        self._leaving = True
        self._clients.close_all()
        self._children.end()
        yield Wait(self._me, timeout=END_TIMEOUT)
        log.error("not all actors have ended: the event loop is stuck or closed")
        self.stop()

    def _shut_down(self, message: Shutdown) -> None:
        if self._is_to_end:
            return
        self._is_to_end = True
        drain, job = DRAIN_SHARE * message.timeout, self._job
        self._session.drain_timeout = min(self._session.drain_timeout, drain)
        if job is None:
            self._script.resume(None)
        else:
            self._end_job(job, JobOutcome.CANCELLED)

    def _stop_job(self, message: StopReporting) -> None:
        job, last = self._job, self._session.last_stopped
        next_job_id = None if job is None or job.switch is None else job.switch.next_job_id
        if job is not None and message.job_id in (job.job_id, next_job_id):
            job.stops.append(message)
            self._end_job(job, message.outcome)
        elif last is not None and last.job_id == message.job_id:
            reply(message.reply_to, last)
        else:
            reported = "no job is" if job is None else f"job {job.job_id} is"
            raise NotAcceptedError(f"job {message.job_id} is not being reported: {reported}")

    def _give_up(self, reason: str) -> None:
        job = self._job
        if job is None:
            return
        log.error("reporting of job %s ends: %s", job.job_id, reason)
        job.fail(reason)
        self._end_job(job, JobOutcome.FAILED)

    def _end_job(self, job: Job, outcome: JobOutcome) -> None:
        """Deliver what is left, then close everything."""
        job.outcome, job.ending = job.outcome or outcome, True
        if self._phase is Phase.SWITCHING:
            self._become(Phase.STOPPING)  # when the switch has delivered its job
        elif self._phase is not Phase.STOPPING:
            self._script.end()

    def _close_reopening(self) -> None:
        while self._reopening:
            self._reopening.popitem()[1].close()

    def _switch(self, message: SwitchJob) -> None:
        is_reported = self._phase in (Phase.REPORTING, Phase.BYPASSED)
        if not is_reported or self._session.job.job_id != message.job_id:
            raise NotAcceptedError(
                f"job {message.job_id} cannot be followed by {message.next_job_id}: "
                f"it is not being reported ({self._phase.name})"
            )
        self._script.resume(message)

    # Clients and status

    def _send_control(self, message: SendControl) -> None:
        publish = PublishControl(command=message.command, reply_to=message.reply_to)
        if not self._children.control.try_tell(publish):
            raise NotAcceptedError(GONE)

    def _attach(self, message: AttachClient) -> None:
        if self._is_to_end:
            raise NotAcceptedError(BEING_ENDED)
        if self._loop.is_closed():
            raise NotAcceptedError(LOOP_CLOSED)
        self._clients.attach(message)

    def _tell_status(self, message: GetStatus) -> Steps[None]:
        """Ask all who know a part of it; what is missing after a while stays out."""
        gather = Gather(self._me, CountReports, timeout=STATUS_TIMEOUT)
        self._children.listener.tell(CountProgress(reply_to=gather.reply_to(None)))
        is_complete = yield from self._clients.ask_all(gather)
        counts = gather.answers.pop(None, ProgressCounts())
        rows = [
            # It has been given nothing of this job yet.
            row if row.job == counts.job else replace(row, forwarded=0, failed=0, missed=0)
            for row in sorted(gather.answers.values(), key=attrgetter("client_id"))
        ]
        status = ReporterStatus(
            phase=self._phase,
            job_id=None if self._job is None else self._job.job_id,
            addresses=self._session.sockets.addresses,
            trainer_connected=self._trainer_connected,
            received=counts.received,
            undecodable=counts.undecodable,
            clients=tuple(rows),
            is_complete=is_complete,
        )
        reply(message.reply_to, status)

    # What the children tell

    def _from_child(self, event: ChildEvent) -> None:
        match event:
            case TrainerConnected():
                self._joined = event
                self._tell_of_trainer()
            case TrainerDisconnected():
                self._joined = None
                if self._trainer_connected:
                    self._trainer_connected = False
                    reply(self._owner, event)
            case TrainEndReceived():
                self._children.forget_stop(ForgetStop())
                reply(self._train_ends, event)
            case ProgressSocketMade():
                self._session.sockets.close_progress_socket = event.close
            case ListeningFailed():
                self._give_up(event.reason)
            case StrangerConnected():
                self._stranger_came(event)
            case ChildDown():
                self._child_down(event)
            case _:
                assert_never(event)

    def _tell_of_trainer(self) -> None:
        if self._joined is None or self._session.sockets.holds:
            return
        joined, self._joined = self._joined, None
        self._trainer_connected = True
        reply(self._owner, joined)

    def _stranger_came(self, event: StrangerConnected) -> None:
        told = self._session.job.strangers
        if event.peer in told or len(told) >= STRANGERS:
            return
        told.add(event.peer)
        log.warning("%s has connected to %s: it is not the trainer", event.peer, event.address)
        reply(self._owner, event)

    def _child_down(self, down: ChildDown) -> None:
        self._children.forget(down.child)
        if self._leaving:
            return
        is_open = self._phase in (Phase.CONNECTING, Phase.REPORTING, Phase.SWITCHING)
        reopens = is_open and self._session.sockets.address_of(down.child) != ""
        if down.child == CONTROL or not self._loop.is_closed():
            self._children.start(down.child, reopens=reopens)
        self._clients.follow()
        log.error("%s failed: %s", down.child, down.reason)
        bearable = self._intensity.allows_another()
        times = "" if bearable else f" {CRASHES + 1} times in {WINDOW:.0f} s"
        reason = f"{down.child} failed{times}: {down.reason}"
        is_fatal = self._phase is Phase.BINDING or (
            is_open and (self._loop.is_closed() or not bearable)
        )
        if not is_fatal:
            reply(self._owner, ReportingDegraded(reason=reason))
        if not is_fatal or self._phase is Phase.SWITCHING:  # which delivers its job in any case
            self._script.crashed(down.child)
        if is_fatal:
            self._give_up(reason)
        elif reopens:
            self._reopen(down.child)

    def _reopen(self, child: str) -> None:
        former = self._reopening.pop(child, None)
        if former is not None:
            former.close()
        self._reopening[child] = script = Script(self._open_again(child), self._scheduler)
        script.resume(None)

    def _open_again(self, child: str) -> Steps[None]:
        reason = yield from self._session.sockets.reopen(child)
        del self._reopening[child]
        if reason:
            self._give_up(reason)
