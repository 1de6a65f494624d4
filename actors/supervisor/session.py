"""Session: the life of a report, in the order in which it happens.

Plain objects on the supervisor's thread.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from actors.runtime import reply
from actors.settings import PortConflict
from actors.supervisor.children import CONTROL, LISTENER
from actors.supervisor.context import NotOpenedError
from actors.supervisor.restarts import CRASHES
from actors.supervisor.script import MARGIN, Answered, Ended, Missing, Steps, Wait
from actors.supervisor.sockets import Sockets
from actors.zmq_sockets import at_free_port
from messages import (
    OCCUPIED,
    AcceptReports,
    AwaitNextTrainer,
    EndJob,
    FindPeers,
    JobOutcome,
    Peer,
    PeersFound,
    Phase,
    ProgressCounts,
    ReportingBypassed,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    StartAnswer,
    StartReporting,
    StopListening,
    StopReporting,
    SwitchJob,
    reporting_to,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from actors.settings import ReporterSettings
    from actors.supervisor.children import Children
    from actors.supervisor.clients import Clients
    from messages import Mailbox

log = logging.getLogger(__name__)

NOT_READY: Final = "reporting was stopped before it was ready"

ADOPTED: Final = "or tell KnowTrainer(pid=None) before the start to report it"

PEERS_TIMEOUT: Final = 1.0
"""Seconds that finding out who has joined may take; it takes milliseconds."""

FLUSH_LEAST: Final = 0.25
"""Seconds that the clients get even if receiving has used up the drain timeout."""


@dataclass(slots=True)
class Job:
    """The book of one job: who asked for what of it, and what the answers say."""

    job_id: str
    start: StartReporting | None = None
    """The start, until it is answered."""
    stops: list[StopReporting] = field(default_factory=list)
    switch: SwitchJob | None = None
    outcome: JobOutcome | None = None
    failure: ReportingFailed | None = None
    """Why reporting could not begin, or had to end."""
    counts: ProgressCounts | None = None
    """The job's counts, as soon as all of it has been received."""
    strangers: set[Peer] = field(default_factory=set)
    """Those that the owner has been told of."""
    ending: bool = False
    """Whether reporting is to end with it."""

    def fail(self, reason: str, strangers: tuple[Peer, ...] = ()) -> None:
        """Note why, unless a reason is noted."""
        self.outcome = self.outcome or JobOutcome.FAILED
        self.failure = self.failure or ReportingFailed(
            job_id=self.job_id, reason=reason, strangers=strangers
        )

    def answer_start(self, answer: StartAnswer) -> None:
        """Answer the start, once."""
        if self.start is not None:
            start, self.start = self.start, None
            reply(start.reply_to, answer)


@dataclass(eq=False, kw_only=True)
class Session:
    """``report`` is the life of a job, from ``begin`` on, and of those that follow it."""

    loop: asyncio.AbstractEventLoop
    me: Mailbox[Answered]
    settings: ReporterSettings
    children: Children
    clients: Clients
    become: Callable[[Phase], None]
    """Called with each phase that it comes to."""
    drain_timeout: float
    """Seconds that delivering may take at the end."""
    last_stopped: ReportingStopped | None = None
    """Of the last job that is over, for who asks again for its end."""

    def __post_init__(self) -> None:
        """No job is reported."""
        self.begin(Job(""))

    def begin(self, job: Job) -> None:
        """The job is ``job``; nothing is open."""
        self.job = job
        self.sockets = Sockets(
            loop=self.loop, me=self.me, settings=self.settings, children=self.children
        )

    def bypass(self) -> Steps[None]:
        """Let the job, and those that follow it, run without reports: nothing is opened."""
        try:
            self.become(Phase.BYPASSED)
            self.job.answer_start(ReportingBypassed(job_id=self.job.job_id))
            while True:
                switch: SwitchJob = yield Wait(self.me)
                self.job.outcome = switch.outcome
                self._begin_next_job(switch, ReportingBypassed(job_id=switch.next_job_id))
        except Ended:
            pass

    def report(self) -> Steps[None]:
        """Report the job, and those that follow it, until ``Ended`` is thrown."""
        try:
            peers = yield from self._begin()
            self.become(Phase.REPORTING)
            self.job.answer_start(self._ready(self.job.job_id, peers))
            while True:
                self.sockets.loop_answers = True  # it may be well again
                switch: SwitchJob = yield Wait(self.me)
                self.become(Phase.SWITCHING)
                yield from self._switch(switch)
                self.become(Phase.REPORTING)
        except NotOpenedError as error:
            self.job.fail(str(error), error.strangers)
        except Ended:
            pass
        self.become(Phase.STOPPING)
        yield from self.deliver_rest()
        yield from self.sockets.close()

    # The start

    def _begin(self) -> Steps[tuple[Peer, ...]]:
        """Open the sockets where no stranger reports to them; who has joined by then.

        Raises NotOpenedError, and Ended if reporting is to end.
        """
        control, progress = self.settings.control_address, self.settings.progress_address
        found = yield from self._open(control, progress)
        if found.strangers and self.settings.on_port_conflict is PortConflict.FREE:
            self.sockets.conflicts += (self._conflict(found),)
            self.become(Phase.STOPPING)
            yield from self.sockets.ask(LISTENER, StopListening, MARGIN)  # what it holds is dropped
            yield from self.sockets.close()
            if self.job.ending:
                raise Ended
            found = yield from self._open(at_free_port(control), at_free_port(progress))
        if found.strangers:
            instead = OCCUPIED if self.children.trainers else f"{OCCUPIED}, {ADOPTED}"
            raise NotOpenedError(f"{self._conflict(found)}: {instead}", found.strangers)
        self.sockets.holds = False
        self.children.listener.tell(AcceptReports())
        return found.peers

    def _conflict(self, found: PeersFound) -> str:
        return reporting_to(self.sockets.address_of(LISTENER), found.strangers)

    def _open(self, control: str | None, progress: str | None) -> Steps[PeersFound]:
        """Open both and wait; who has joined meanwhile."""
        self.become(Phase.BINDING)
        yield from self.sockets.open(control, progress)
        self.become(Phase.CONNECTING)
        yield Wait(self.me, timeout=self.settings.connect_wait)
        if not (self.settings.connect_wait and self.sockets.listens):
            return PeersFound()
        found = yield from self.sockets.ask(LISTENER, FindPeers, PEERS_TIMEOUT)
        if isinstance(found, PeersFound):
            return found
        log.warning("who reports to the progress socket is not known: it is taken for the trainer")
        return PeersFound()

    def _ready(self, job_id: str, peers: tuple[Peer, ...] = ()) -> ReportingReady:
        return ReportingReady(
            job_id=job_id,
            control_address=self.sockets.address_of(CONTROL),
            progress_address=self.sockets.address_of(LISTENER),
            conflicts=self.sockets.conflicts,
            peers=peers,
        )

    # The next job of a pipeline

    def _switch(self, switch: SwitchJob) -> Steps[None]:
        """Deliver what is left of the job, on the same sockets, then go on with the next.

        Raises Ended, when that is delivered, if reporting is to end.
        """
        job = self.job
        job.switch, job.outcome = switch, switch.outcome
        self.children.trainers = frozenset()
        self.children.forget_stop(AwaitNextTrainer())
        drain = switch.drain_timeout
        drain = self.settings.drain_timeout if drain is None else drain
        if not (yield from self._deliver(EndJob, drain)):
            # What comes from here on is the next job's, whenever the event loop is well again.
            self.children.listener.tell(EndJob(reply_to=Wait(self.me), timeout=0.0))
        if job.ending:
            raise Ended
        self._begin_next_job(switch, self._ready(switch.next_job_id))

    def _begin_next_job(self, switch: SwitchJob, answer: StartAnswer) -> None:
        stopped = self.stopped()
        self.job = Job(switch.next_job_id)
        reply(switch.reply_to, stopped)
        reply(switch.reply_to, answer)

    # The end

    def stopped(self) -> ReportingStopped:
        """What those are answered who asked for the job's end."""
        job, counts = self.job, self.job.counts or ProgressCounts()
        taken = Counter[str]() if job.counts is None else self.clients.take_counts(counts.job)
        self.last_stopped = ReportingStopped(
            job_id=job.job_id,
            outcome=job.outcome or JobOutcome.FAILED,
            summary=ReportingSummary(
                received=counts.received,
                forwarded=taken["forwarded"],
                failed=taken["failed"],
                undecodable=counts.undecodable,
                train_end=counts.train_end,
                last_epoch=counts.last_epoch,
                is_complete=job.counts is not None or not self.sockets.listens,
            ),
        )
        return self.last_stopped

    def answer_all(self, owner: Mailbox[ReportingFailed]) -> None:
        """Answer all who still wait; a failure that is no answer to a start is the owner's."""
        job, stopped = self.job, self.stopped()
        start_says_it = job.start is not None
        failed = job.failure or ReportingFailed(job_id=job.job_id, reason=NOT_READY)
        job.answer_start(failed)
        if job.switch is not None:
            reply(job.switch.reply_to, stopped)
            reply(job.switch.reply_to, replace(failed, job_id=job.switch.next_job_id))
        for stop in job.stops:
            never_began = ReportingStopped(
                job_id=stop.job_id, outcome=stop.outcome, summary=ReportingSummary()
            )
            reply(stop.reply_to, stopped if stop.job_id == job.job_id else never_began)
        if job.failure is not None and not start_says_it:
            reply(owner, job.failure)

    def deliver_rest(self) -> Steps[None]:
        """Have listening end, and give each client what is left."""
        if self.sockets.listens or self.clients.any_attached:
            yield from self._deliver(StopListening, self.drain_timeout)

    def _deliver(self, end: type[EndJob | StopListening], drain: float) -> Steps[bool]:
        """Receive what is still coming, then give each client what is left.

        False when the event loop is stuck. A listener that crashes has a successor that answers.
        """
        until = time.monotonic() + drain
        for _ in range(CRASHES + 1):
            make = partial(end, timeout=drain)
            answer = yield from self.sockets.ask(LISTENER, make, drain + MARGIN)
            if answer is not Missing.CRASHED:
                break
        if isinstance(answer, Missing):
            log.error("the event loop is stuck: what it still had to deliver may be lost")
            return False
        if self.job.counts is None:  # else these are those of the job that was to follow
            self.job.counts = answer.counts
            rest = max(FLUSH_LEAST, until - time.monotonic())
            yield from self.clients.flush(answer.counts, rest)
        return True
