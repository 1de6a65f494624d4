"""Reporting: a supervisor with one of the two sockets, for code on the event loop's thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from actors.runtime import FutureMailbox
from actors.supervisor import SupervisorRef, spawn_supervisor
from messages import (
    ClientDetached,
    DetachClient,
    ForgetStop,
    JobOutcome,
    OwnerEvent,
    ReportingFailed,
    ReportingReady,
    StartAnswer,
    StartReporting,
    StopAnswer,
    StopReporting,
    SwitchAnswer,
    SwitchJob,
    TrainEndReceived,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from actors.settings import ReporterSettings

log = logging.getLogger(__name__)

TIMEOUT: Final = 10.0
"""Seconds that a supervisor may take for what it is asked: more than all bounds on the way."""

BLOCK_TIMEOUT: Final = 1.0
"""Seconds that a start may hold up the event loop; it takes 3 ms."""

_JOB: Final = "job"

SWITCH_DRAIN: Final = 1.0
"""Seconds for what the former job's trainer has still sent. It takes milliseconds when that has
exited; one that goes on sending is not waited for longer."""


@dataclass(frozen=True, slots=True)
class BoundSocket:
    """One of the reporter's sockets: that it is there, and where. Its actor alone uses it."""

    address: str


class _Owner:
    """Receives why reporting had to end by itself; the rest is in the log."""

    def __init__(self, over: FutureMailbox[str]) -> None:
        self._over = over

    def tell(self, message: OwnerEvent, /) -> None:
        if isinstance(message, ReportingFailed):
            self._over.tell(message.reason)


class Reporting:
    """Started and stopped any number of times; each start has a supervisor of its own.

    ``control`` is that of the control socket, which is told when a training has ended.
    """

    def __init__(self, settings: ReporterSettings, control: Reporting | None = None) -> None:
        self._settings = settings
        self._control = control
        self._started: FutureMailbox[StartAnswer] = FutureMailbox()
        self._switched: FutureMailbox[SwitchAnswer] | None = None
        self._ending: list[tuple[SupervisorRef, Future[StopAnswer]]] = []
        """Each with what is done when its socket is closed, before all else has ended."""
        self._over: FutureMailbox[str] = FutureMailbox()
        self.failed: asyncio.Future[str]
        """Done, with the reason, when reporting had to end by itself: the event loop's, one for
        each start."""
        self.supervisor: SupervisorRef | None = None
        """The one that reports; None before the start and after the stop."""

    @property
    def socket(self) -> BoundSocket | None:
        """The socket; None unless it is bound."""
        if self.supervisor is None or self._over.future.done() or not self._started.future.done():
            return None
        answer = self._started.future.result()
        if not isinstance(answer, ReportingReady):
            return None
        return BoundSocket(answer.control_address or answer.progress_address)

    def tell(self, _: TrainEndReceived, /) -> None:
        """The training has ended: no stop of it is for the next. From any thread."""
        supervisor = self.supervisor
        if supervisor is not None:
            supervisor.tell(ForgetStop())

    def start_and_block(self) -> None:
        """Start unless it is started, and hold up the event loop until the socket is bound.

        For the control socket alone: the progress socket is bound with the event loop's help.
        Raises OSError when it cannot be bound; no socket is left then.
        """
        until = time.monotonic() + BLOCK_TIMEOUT
        for future in self._starting():
            concurrent.futures.wait({future}, timeout=until - time.monotonic())

    async def start(self) -> None:
        """Start unless it is started; returns when the socket is bound.

        Raises OSError when it cannot be bound; nothing is left then.
        """
        try:
            for future in self._starting():
                await _done(future)
        except OSError:
            await self.ended()
            raise

    async def switch_job(self) -> None:
        """Deliver all that has come so far and what is still coming, on the same socket."""
        if self._switched is not None:  # one whose caller did not wait for its end
            await _done(self._switched.future)
        if self.supervisor is None or self.socket is None:
            return
        self._switched = answer = FutureMailbox[SwitchAnswer]()
        self.supervisor.tell(
            SwitchJob(
                job_id=_JOB,
                outcome=JobOutcome.COMPLETED,
                next_job_id=_JOB,
                reply_to=answer,
                drain_timeout=SWITCH_DRAIN,
            )
        )
        await _done(answer.future)

    async def detach(self, client_id: str) -> None:
        """Release the client's channel; when this returns it is given nothing more."""
        if self.supervisor is None:
            return
        detached: FutureMailbox[ClientDetached] = FutureMailbox()
        self.supervisor.tell(DetachClient(client_id=client_id, reply_to=detached))
        await _done(detached.future)

    def stop(self) -> None:
        """Deliver what is left and close everything; returns at once."""
        if self.supervisor is not None:
            self._end(self.supervisor)

    async def ended(self) -> None:
        """Wait until nothing is left of what was stopped, or could not be started."""
        for supervisor, _ in self._ending:
            if not await supervisor.stop_async(timeout=TIMEOUT):
                log.error("the reporter has not ended within %.0f s", TIMEOUT)

    def _starting(self) -> Iterator[Future[Any]]:
        """What a start is to wait for, one after another; raises OSError if it has failed then."""
        loop = asyncio.get_running_loop()
        if self.supervisor is not None and (
            self.failed.get_loop() is not loop or self._over.future.done()
        ):
            self._end(self.supervisor)  # it has the address
        for _, stopped in self._ending:
            yield stopped
        if self.supervisor is None:
            self._started, self._over = FutureMailbox(), FutureMailbox()
            self.failed = asyncio.wrap_future(self._over.future)
            self.supervisor = spawn_supervisor(
                loop=loop,
                owner=_Owner(self._over),
                settings=self._settings,
                train_ends=self._control,
            )
            self.supervisor.tell(StartReporting(job_id=_JOB, gui=True, reply_to=self._started))
        supervisor, started = self.supervisor, self._started.future
        yield started
        answer = started.result() if started.done() else None
        if isinstance(answer, ReportingReady):
            return
        self._end(supervisor)
        if isinstance(answer, ReportingFailed):
            raise OSError(answer.reason)
        address = self._settings.control_address or self._settings.progress_address
        raise OSError(f"{address} could not be bound in time: start again")

    def _end(self, supervisor: SupervisorRef) -> None:
        stopped: FutureMailbox[StopAnswer] = FutureMailbox()
        supervisor.tell(StopReporting(job_id=_JOB, outcome=JobOutcome.COMPLETED, reply_to=stopped))
        supervisor.request_stop(timeout=TIMEOUT)
        self._ending = [former for former in self._ending if not former[0].has_ended()]
        self._ending.append((supervisor, stopped.future))
        if self.supervisor is supervisor:
            self.supervisor = None


async def _done(future: Future[Any]) -> None:
    """Wait for ``future``, ``TIMEOUT`` seconds at most."""
    if not future.done():
        await asyncio.wait({asyncio.wrap_future(future)}, timeout=TIMEOUT)
