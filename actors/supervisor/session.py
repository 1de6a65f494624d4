"""Session: the life of a report, in the order in which it happens.

It owns the ZeroMQ context, whose two sockets belong to the supervisor's children, from before the
first is bound until the context is terminated. A plain object on the supervisor's thread.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import zmq

from actors.runtime import reply
from actors.settings import PortConflict
from actors.supervisor.children import CONTROL, LISTENER
from actors.supervisor.job import Job
from actors.supervisor.restarts import CRASHES
from actors.supervisor.script import Ended, Missing, Steps, Wait
from messages import (
    Addresses,
    AwaitNextTrainer,
    CloseControlSocket,
    ControlSocketFailed,
    ControlSocketOpened,
    EndJob,
    JobEnded,
    JobOutcome,
    ListeningFailed,
    ListeningStarted,
    ListeningStopped,
    OpenControlSocket,
    Phase,
    ProgressCounts,
    ReportingBypassed,
    ReportingReady,
    ReportingStopped,
    StartAnswer,
    StartListening,
    StopListening,
    SwitchJob,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from concurrent.futures import Future

    from actors.settings import ReporterSettings
    from actors.supervisor.children import Children
    from actors.supervisor.clients import Clients
    from actors.supervisor.inbox import Answered
    from messages import Mailbox

log = logging.getLogger(__name__)

OPEN_TIMEOUT: Final = 5.0
"""Seconds that binding a socket may take; it takes milliseconds unless the event loop is busy."""

LOOP_TIMEOUT: Final = 2.0
"""Seconds after which an event loop that does not run is waited for no longer."""

CLOSE_TIMEOUT: Final = 1.0
"""Seconds that closing the control socket may take, and terminating the context. They take 10 ms,
and the control socket's linger of 0.1 s at most; longer means that a socket is still open."""

MARGIN: Final = 1.0
"""Seconds beyond its own bound that an actor is waited for; it answers in milliseconds."""

FLUSH_LEAST: Final = 0.25
"""Seconds that the clients get even if receiving has used up the drain timeout."""

REOPENS: Final = 50
REOPEN_INTERVAL: Final = 0.1
"""How often binding a crashed child's address again is tried, and the seconds between."""

CLOSED: Final = "the event loop given as `loop` is closed"
NOT_RUNNING: Final = (
    "the event loop given as `loop` does not run: start the reporter with the loop that runs, and "
    "keep it running"
)


class NotOpenedError(Exception):
    """A socket could not be opened; the message says why."""


class Session:
    """``report`` is its life.

    ``become`` is called with each phase that it comes to, ``job_over`` with each job whose reports
    are delivered, for the answer to those who asked for that, and ``failed`` when a crashed child's
    socket cannot be opened again. ``drain_timeout`` says how many seconds delivering may take.
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
        become: Callable[[Phase], None],
        job_over: Callable[[Job], ReportingStopped],
        failed: Callable[[str], None],
        drain_timeout: Callable[[], float],
    ) -> None:
        self.job = job
        self._loop = loop
        self._me = me
        self._settings = settings
        self._children = children
        self._clients = clients
        self._become = become
        self._job_over = job_over
        self._failed = failed
        self._drain_timeout = drain_timeout
        self._free_port_if_in_use = settings.on_port_conflict is PortConflict.FREE
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._listens = False
        self._loop_answers = True
        self._reaper: threading.Thread | None = None
        self.addresses: Addresses | None = None
        """Where both sockets are bound; None unless they are."""
        self._conflicts: tuple[str, ...] = ()
        self.close_progress_socket: Callable[[], Future[None]] | None = None

    def bypass(self) -> Steps[None]:
        """Let the job, and those that follow it, run without reports: nothing is opened."""
        try:
            self._become(Phase.BYPASSED)
            self.job.answer_start(ReportingBypassed(job_id=self.job.job_id))
            while True:
                switch: SwitchJob = yield self._wait(None)
                self.job.outcome = switch.outcome
                self._begin_next_job(switch, ReportingBypassed(job_id=switch.next_job_id))
        except Ended:
            pass

    def report(self) -> Steps[None]:
        """Report the job, and those that follow it, until ``Ended`` is thrown."""
        try:
            self._become(Phase.BINDING)
            yield from self._open()
            self._become(Phase.CONNECTING)
            yield self._wait(self._settings.connect_wait)
            self._become(Phase.REPORTING)
            self.job.answer_start(self._ready())
            while True:
                switch: SwitchJob = yield self._wait(None)
                self._become(Phase.SWITCHING)
                yield from self._switch(switch)
                self._become(Phase.REPORTING)
        except NotOpenedError as error:
            self.job.failure = str(error)
            self.job.end_with(JobOutcome.FAILED)
        except Ended:
            pass
        self._become(Phase.STOPPING)
        yield from self.deliver_rest()
        yield from self._close()

    def _wait(self, timeout: float | None, child: str | None = None) -> Wait:
        return Wait(self._me, timeout=timeout, child=child)

    # The start

    def _open(self) -> Steps[None]:
        """Make the context and bind the control socket, then the progress socket."""
        if self._loop.is_closed():
            raise NotOpenedError(CLOSED)
        self._context = zmq.Context()
        control, progress = ControlSocketOpened(address=""), ListeningStarted(address="")
        if self._settings.control_address is not None:
            wait = self._wait(OPEN_TIMEOUT, CONTROL)
            self._open_control(self._settings.control_address, wait)
            control = self._opened((yield wait), "the control socket's actor does not answer")
        if self._settings.progress_address is not None:
            wait = self._wait(None, LISTENER)
            self._listens = True
            self._open_progress(self._settings.progress_address, wait)
            answer = yield from self._answer_on_loop(wait, OPEN_TIMEOUT)
            stuck = "the event loop does not answer" if self._loop.is_running() else NOT_RUNNING
            progress = self._opened(answer, stuck)
        self.addresses = Addresses(control=control.address, progress=progress.address)
        conflicts = control.conflict, progress.conflict
        self._conflicts = tuple(conflict for conflict in conflicts if conflict is not None)

    def _open_control(self, address: str, reply_to: Wait) -> None:
        assert self._context is not None
        self._children.control.tell(
            OpenControlSocket(
                context=self._context,
                address=address,
                reply_to=reply_to,
                free_port_if_in_use=self._free_port_if_in_use and self.addresses is None,
            )
        )

    def _open_progress(self, address: str, reply_to: Wait) -> None:
        assert self._context is not None
        self._children.listener.tell(
            StartListening(
                context=self._context,
                address=address,
                reply_to=reply_to,
                free_port_if_in_use=self._free_port_if_in_use and self.addresses is None,
            )
        )

    def _opened(self, answer: Any, no_answer: str) -> Any:
        match answer:
            case ControlSocketOpened() | ListeningStarted():
                return answer
            case ControlSocketFailed() | ListeningFailed():
                raise NotOpenedError(answer.reason)
            case _:
                raise NotOpenedError(no_answer)

    def _answer_on_loop(self, wait: Wait, timeout: float) -> Steps[Any]:
        """An answer that comes from the event loop, within ``timeout`` seconds.

        A loop that does not run is given ``LOOP_TIMEOUT``; one that does not answer is not asked
        again before the next report.
        """
        if not self._loop_answers:
            return Missing.TIMED_OUT
        wait.timeout = min(timeout, LOOP_TIMEOUT)
        answer = yield wait
        if answer is Missing.TIMED_OUT and timeout > LOOP_TIMEOUT and self._loop.is_running():
            wait.timeout = timeout - LOOP_TIMEOUT
            answer = yield wait
        if answer is Missing.TIMED_OUT:
            self._loop_answers = False
        return answer

    def _ready(self) -> ReportingReady:
        assert self.addresses is not None
        return ReportingReady(
            job_id=self.job.job_id,
            control_address=self.addresses.control,
            progress_address=self.addresses.progress,
            conflicts=self._conflicts,
        )

    # The next job of a pipeline

    def _switch(self, switch: SwitchJob) -> Steps[None]:
        """Deliver what is left of the job, on the same sockets, then go on with the next.

        Raises Ended, when that is delivered, if reporting is to end.
        """
        job = self.job
        job.switch, job.outcome = switch, switch.outcome
        self._children.control.tell(AwaitNextTrainer())
        drain = switch.drain_timeout
        drain = self._settings.drain_timeout if drain is None else drain
        until = time.monotonic() + drain
        ended = yield from self._ask_listener(
            lambda reply_to: EndJob(reply_to=reply_to, timeout=drain), drain
        )
        if isinstance(ended, JobEnded):
            job.counts = ended.counts
            yield from self._flush(ended.counts, until - time.monotonic())
        if job.ending:
            raise Ended
        self._begin_next_job(switch, replace(self._ready(), job_id=switch.next_job_id))

    def _begin_next_job(self, switch: SwitchJob, answer: StartAnswer) -> None:
        stopped = self._job_over(self.job)
        self._clients.begin_job()
        self.job = Job(switch.next_job_id)
        reply(switch.reply_to, stopped)
        reply(switch.reply_to, answer)

    # The end

    def deliver_rest(self) -> Steps[None]:
        """Receive what is still coming, then give each client what is left."""
        if not self._listens and not self._clients.any_attached:
            return
        drain = self._drain_timeout()
        until = time.monotonic() + drain
        stopped = yield from self._ask_listener(
            lambda reply_to: StopListening(reply_to=reply_to, timeout=drain), drain
        )
        if not isinstance(stopped, ListeningStopped):
            log.error("the event loop is stuck: reports that it still had to deliver may be lost")
        elif self.job.counts is None:  # else these are those of the job that was to follow
            self.job.counts = stopped.counts
            yield from self._flush(stopped.counts, until - time.monotonic())

    def _ask_listener(
        self, make: Callable[[Wait], EndJob | StopListening], drain: float
    ) -> Steps[Any]:
        """The listener's answer, or that of its successor when it crashes."""
        answer: Any = Missing.CRASHED
        for _ in range(CRASHES + 1):
            if answer is not Missing.CRASHED:
                break
            wait = self._wait(None, LISTENER)
            self._children.listener.tell(make(wait))
            answer = yield from self._answer_on_loop(wait, drain + MARGIN)
        return answer

    def _flush(self, counts: ProgressCounts, timeout: float) -> Steps[None]:
        """Have each client given what is left of what was counted."""
        timeout = max(FLUSH_LEAST, timeout)
        wait = self._wait(None)
        self._clients.flush(counts, timeout, lambda _: wait.tell(None))
        yield from self._answer_on_loop(wait, timeout + MARGIN)
        missing = self._clients.end_flush()
        if missing:
            log.error("clients have not answered: %s", ", ".join(missing))

    def _close(self) -> Steps[None]:
        """Close the control socket and terminate the context; the listener has stopped before."""
        wait = self._wait(CLOSE_TIMEOUT, CONTROL)
        self._children.control.tell(CloseControlSocket(reply_to=wait))
        yield wait
        wait = self._wait(CLOSE_TIMEOUT)
        self._reap(lambda: wait.tell(None))
        yield wait
        self._join(CLOSE_TIMEOUT / 10)  # the thread that has told this may not be over yet
        self._context = self.addresses = self.close_progress_socket = None

    def close_at_once(self) -> None:
        """Terminate what is open and wait for that, without a message."""
        if self._context is not None:
            if self._reaper is None:
                self._reap(lambda: None)
            self._join(CLOSE_TIMEOUT)

    def _reap(self, done: Callable[[], None]) -> None:
        """Terminate the context, which waits for each socket of it, on a thread of its own.

        The progress socket is closed before, on its own thread: that is done already unless the
        event loop is stuck.
        """
        context, close_progress_socket = self._context, self.close_progress_socket

        def reap() -> None:
            if close_progress_socket is not None:
                close_progress_socket().exception()
            if context is not None:
                context.term()
            done()

        self._reaper = threading.Thread(target=reap, name="zmq-term", daemon=True)
        self._reaper.start()

    def _join(self, timeout: float) -> None:
        if self._reaper is not None:
            self._reaper.join(timeout)
            if self._reaper.is_alive():
                log.error("zmq context not terminated after %.1f s: a socket is open", timeout)
            self._reaper = None

    # After a crash

    def reopen(self, child: str) -> Steps[None]:
        """Have the successor of ``child`` bind its socket where it was.

        The system may take a moment to release the address. An answer is waited for without a
        bound: the actor answers or crashes, and a stop closes the script.
        """
        if self.addresses is None:
            return
        open_, address = (
            (self._open_control, self.addresses.control)
            if child == CONTROL
            else (self._open_progress, self.addresses.progress)
        )
        reason = ""
        for _ in range(REOPENS if address else 0):
            wait = self._wait(None)
            open_(address, wait)
            match (yield wait):
                case ControlSocketOpened() | ListeningStarted():
                    log.info("%s is open again", address)
                    return
                case ControlSocketFailed(reason=reason) | ListeningFailed(reason=reason):
                    yield self._wait(REOPEN_INTERVAL)
        if reason:
            self._failed(reason)
