"""Session: the life of a report, in the order in which it happens.

A plain object on the supervisor's thread.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from actors.runtime import reply
from actors.settings import PortConflict
from actors.supervisor.children import LISTENER
from actors.supervisor.job import Job
from actors.supervisor.restarts import CRASHES
from actors.supervisor.script import MARGIN, Answered, Ended, Missing, Steps, Wait
from actors.supervisor.sockets import NotOpenedError, Sockets
from actors.zmq_sockets import at_free_port
from messages import (
    AwaitNextTrainer,
    EndJob,
    JobEnded,
    JobOutcome,
    ListeningStopped,
    Peer,
    Phase,
    ProgressCounts,
    ReportingBypassed,
    ReportingReady,
    ReportingStopped,
    ReportingSummary,
    StartAnswer,
    StopListening,
    SwitchJob,
    reporting_to,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from actors.settings import ReporterSettings
    from actors.supervisor.children import Children
    from actors.supervisor.clients import Clients
    from actors.supervisor.known_trainers import KnownTrainers
    from messages import Mailbox

log = logging.getLogger(__name__)

FLUSH_LEAST: Final = 0.25
"""Seconds that the clients get even if receiving has used up the drain timeout."""


class Session:
    """``report`` is its life.

    ``become`` is called with each phase that it comes to, and ``job_over`` with what those are
    answered who asked for the end of a job. ``drain_timeout`` says how many seconds delivering may
    take.
    """

    def __init__(
        self,
        job: Job,
        *,
        loop: asyncio.AbstractEventLoop,
        me: Mailbox[Answered],
        settings: ReporterSettings,
        children: Children,
        clients: Clients,
        known: KnownTrainers,
        become: Callable[[Phase], None],
        job_over: Callable[[ReportingStopped], None],
        drain_timeout: Callable[[], float],
    ) -> None:
        self.job = job
        self._me = me
        self._settings = settings
        self._children = children
        self._clients = clients
        self._known = known
        self._become = become
        self._job_over = job_over
        self._drain_timeout = drain_timeout
        self._until_stranger: Wait | None = None
        """The connect wait that ends when a stranger has joined."""
        self.sockets = Sockets(loop=loop, me=me, settings=settings, children=children, known=known)

    def bypass(self) -> Steps[None]:
        """Let the job, and those that follow it, run without reports: nothing is opened."""
        try:
            self._become(Phase.BYPASSED)
            self.job.answer_start(ReportingBypassed(job_id=self.job.job_id))
            while True:
                switch: SwitchJob = yield Wait(self._me)
                self.job.outcome = switch.outcome
                self._begin_next_job(switch, ReportingBypassed(job_id=switch.next_job_id))
        except Ended:
            pass

    def report(self) -> Steps[None]:
        """Report the job, and those that follow it, until ``Ended`` is thrown."""
        try:
            peers = yield from self._begin()
            self._become(Phase.REPORTING)
            self.job.answer_start(replace(self._ready(), peers=peers))
            while True:
                self.sockets.loop_answers = True  # it may be well again
                switch: SwitchJob = yield Wait(self._me)
                self._become(Phase.SWITCHING)
                yield from self._switch(switch)
                self._become(Phase.REPORTING)
        except NotOpenedError as error:
            self.job.failure, self.job.strangers = str(error), error.strangers
            self.job.end_with(JobOutcome.FAILED)
        except Ended:
            pass
        self._become(Phase.STOPPING)
        yield from self.deliver_rest()
        yield from self.sockets.close()

    # The start

    def _begin(self) -> Steps[tuple[Peer, ...]]:
        """Open the sockets where no stranger reports to them; who has joined by then.

        Raises NotOpenedError, and Ended if reporting is to end.
        """
        control, progress = self._settings.control_address, self._settings.progress_address
        may_leave = self._settings.on_port_conflict is PortConflict.FREE
        peers, strangers = yield from self._open(control, progress, until_stranger=may_leave)
        if strangers and may_leave:
            self.sockets.conflicts += (self._reported_by(strangers),)
            yield from self._leave_addresses()
            peers, strangers = yield from self._open(at_free_port(control), at_free_port(progress))
        if strangers:
            raise NotOpenedError(
                f"{self._reported_by(strangers)}: {self._known.instead}", strangers
            )
        self.sockets.accept_reports()
        return peers

    def _open(
        self, control: str | None, progress: str | None, *, until_stranger: bool = False
    ) -> Steps[tuple[tuple[Peer, ...], tuple[Peer, ...]]]:
        """Open both and wait; who has joined meanwhile, and who of them is a stranger."""
        self._become(Phase.BINDING)
        yield from self.sockets.open(control, progress)
        self._become(Phase.CONNECTING)
        wait = Wait(self._me, timeout=self._settings.connect_wait)
        self._until_stranger = wait if until_stranger else None
        yield wait
        if not self._settings.connect_wait:
            return (), ()
        peers = yield from self.sockets.find_peers()
        return peers, self._known.strangers_among(peers)

    def peers_joined(self, peers: tuple[Peer, ...]) -> None:
        """``peers`` have joined the progress socket while what they report is held."""
        if self._until_stranger is not None and self._known.strangers_among(peers):
            self._until_stranger.answered(None)

    def _reported_by(self, strangers: tuple[Peer, ...]) -> str:
        addresses = self.sockets.addresses
        assert addresses is not None
        return reporting_to(addresses.progress, strangers)

    def _leave_addresses(self) -> Steps[None]:
        """Close both, without what has been reported there."""
        self._become(Phase.STOPPING)
        yield from self._ask_listener(StopListening, 0.0)
        yield from self.sockets.close()
        if self.job.ending:
            raise Ended

    def _ready(self) -> ReportingReady:
        addresses = self.sockets.addresses
        assert addresses is not None
        return ReportingReady(
            job_id=self.job.job_id,
            control_address=addresses.control,
            progress_address=addresses.progress,
            conflicts=self.sockets.conflicts,
        )

    # The next job of a pipeline

    def _switch(self, switch: SwitchJob) -> Steps[None]:
        """Deliver what is left of the job, on the same sockets, then go on with the next.

        Raises Ended, when that is delivered, if reporting is to end.
        """
        job = self.job
        job.switch, job.outcome = switch, switch.outcome
        self._known.forget()
        self._children.forget_stop(AwaitNextTrainer())
        drain = switch.drain_timeout
        drain = self._settings.drain_timeout if drain is None else drain
        until = time.monotonic() + drain
        ended = yield from self._ask_listener(EndJob, drain)
        if isinstance(ended, JobEnded):
            job.counts = ended.counts
            yield from self._flush(ended.counts, until - time.monotonic())
        else:  # what comes from here on is the next job's, whenever the event loop is well again
            log.error("the event loop is stuck: reports of this job may count in the next one")
            self._children.listener.tell(EndJob(reply_to=Wait(self._me), timeout=0.0))
        if job.ending:
            raise Ended
        self._begin_next_job(switch, replace(self._ready(), job_id=switch.next_job_id))

    def _begin_next_job(self, switch: SwitchJob, answer: StartAnswer) -> None:
        stopped = self.stopped()
        self._job_over(stopped)
        self.job = Job(switch.next_job_id)
        reply(switch.reply_to, stopped)
        reply(switch.reply_to, answer)

    # The end

    def stopped(self) -> ReportingStopped:
        """What those are answered who asked for the job's end."""
        job, counts = self.job, self.job.counts or ProgressCounts()
        forwarded, failed = self._clients.take_counts(counts.job) if job.counts else (0, 0)
        return ReportingStopped(
            job_id=job.job_id,
            outcome=job.outcome or JobOutcome.FAILED,
            summary=ReportingSummary(
                received=counts.received,
                forwarded=forwarded,
                failed=failed,
                undecodable=counts.undecodable,
                train_end=counts.train_end,
                last_epoch=counts.last_epoch,
                is_complete=job.counts is not None or not self.sockets.listens,
            ),
        )

    def deliver_rest(self) -> Steps[None]:
        """Receive what is still coming, then give each client what is left."""
        if not self.sockets.listens and not self._clients.any_attached:
            return
        drain = self._drain_timeout()
        until = time.monotonic() + drain
        stopped = yield from self._ask_listener(StopListening, drain)
        if not isinstance(stopped, ListeningStopped):
            log.error("the event loop is stuck: reports that it still had to deliver may be lost")
        elif self.job.counts is None:  # else these are those of the job that was to follow
            self.job.counts = stopped.counts
            yield from self._flush(stopped.counts, until - time.monotonic())

    def _ask_listener(self, end: type[EndJob | StopListening], drain: float) -> Steps[Any]:
        """The listener's answer, or that of its successor when it crashes."""
        answer: Any = Missing.CRASHED
        for _ in range(CRASHES + 1):
            make = partial(end, timeout=drain)
            answer = yield from self.sockets.ask(LISTENER, make, drain + MARGIN)
            if answer is not Missing.CRASHED:
                break
        return answer

    def _flush(self, counts: ProgressCounts, timeout: float) -> Steps[None]:
        yield from self._clients.flush(counts, max(FLUSH_LEAST, timeout))
