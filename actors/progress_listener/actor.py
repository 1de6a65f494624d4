"""The progress listener's actor: owns the SUB socket and the task that polls it, keeps the log.

The actor and its task run on the event loop's thread, one at a time; the socket is used on a
thread of its own (``ProgressSocket``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import zmq

from actors.progress_listener.socket import Drained, ProgressSocket, Undecodable
from actors.runtime import LoopActor, ReporterActor, TypedRef, deliver
from actors.zmq_sockets import NotBoundError, why_not_open
from messages import (
    AddToLog,
    ChildDown,
    CountProgress,
    EndJob,
    JobEnded,
    ListeningFailed,
    ListeningStarted,
    ListeningStopped,
    Mailbox,
    ProgressListenerMessage,
    ProgressPage,
    ProgressSocketMade,
    ReadProgress,
    StartListening,
    StopListening,
    StopReading,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from actors.progress_listener.log import ProgressLog
    from actors.settings import ReporterSettings

log = logging.getLogger(__name__)

QUIET: Final = 0.05
"""Seconds of silence after which a connected trainer counts as having nothing more to send: of a
drain that ended early, the rest came within a millisecond."""

FAULTS_LOGGED: Final = 10
"""Bad messages of one poll that are logged singly: a flood of them must not flood the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quiet:
    """Nothing more is coming, or it was waited for long enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _TaskEnded:
    """The polling task is over; ``error`` is None when it was cancelled."""

    error: BaseException | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SocketClosed:
    """The socket's own thread has closed it."""


_Inbox: TypeAlias = ProgressListenerMessage | _Quiet | _TaskEnded | _SocketClosed


def spawn(
    *,
    loop: asyncio.AbstractEventLoop,
    parent: Mailbox[ChildDown | ProgressSocketMade | ListeningFailed],
    progress_log: ProgressLog,
    settings: ReporterSettings,
) -> TypedRef[ProgressListenerMessage]:
    """Start the actor on ``loop``; it adds to ``progress_log``."""
    return TypedRef(
        ProgressListenerActor.start(
            loop=loop, parent=parent, progress_log=progress_log, settings=settings
        )
    )


class ProgressListenerActor(ReporterActor, LoopActor):
    """Takes ``ProgressListenerMessage``; ends when it is stopped, and with it its task and socket.

    Reports can be read at any time, also while nothing is listened to.
    """

    name = "progress listener"

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        parent: Mailbox[ChildDown | ProgressSocketMade | ListeningFailed],
        progress_log: ProgressLog,
        settings: ReporterSettings,
    ) -> None:
        super().__init__(loop)
        self.parent = self._parent = parent
        self._log = progress_log
        self._settings = settings
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._readers: list[ReadProgress] = []
        self._failed: tuple[StartListening, str] | None = None
        self._endings: list[EndJob | StopListening] = []
        self._socket: ProgressSocket | None = None
        self._task: asyncio.Task[None] | None = None
        self._clock_offset = time.time() - time.monotonic()  # the run's clock does not jump
        self._asked = self._silent_since = 0.0
        self._drain_until = 0.0

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case StartListening():
                self._start(message)
            case ReadProgress():
                self._read(message)
            case StopReading():
                self._readers = [r for r in self._readers if r.reply_to is not message.reply_to]
            case AddToLog():
                self._add(message)
            case EndJob() | StopListening():
                self._end_when_quiet(message)
            case CountProgress():
                deliver(message.reply_to, self._log.counts)
            case _Quiet():
                self._quiet()
            case _TaskEnded():
                self._task_ended(message.error)
            case _SocketClosed():
                self._closed()
            case _:
                assert_never(message)

    def release(self) -> Future[None] | None:
        """Cancel the task and have the socket closed on its own thread."""
        self._readers.clear()
        closed = None if self._socket is None else self._socket.close()
        if self._task is not None and not self._loop.is_closed():
            self._task.cancel()
        return closed

    # Starting

    def _start(self, message: StartListening) -> None:
        if self._socket is not None:
            deliver(message.reply_to, ListeningFailed(reason="progress is listened to already"))
            return
        self._socket = ProgressSocket(self._settings)
        self._parent.tell(ProgressSocketMade(close=self._socket.close))
        self._task = self._loop.create_task(
            self._listen(self._socket, message), name="progress-listener"
        )
        self._task.add_done_callback(
            lambda task: self._me.tell(
                _TaskEnded(error=None if task.cancelled() else task.exception())
            )
        )

    # The polling task

    async def _listen(self, socket: ProgressSocket, start: StartListening) -> None:
        """Poll ``socket`` until cancelled."""
        try:
            bound = await self._loop.run_in_executor(
                socket.thread, socket.open, start.context, start.address, start.free_port_if_in_use
            )
        except (NotBoundError, zmq.ZMQError, OSError) as error:
            self._failed = start, why_not_open("the progress socket", error)
            return
        log.info("listening for progress on %s", bound.address)
        deliver(start.reply_to, ListeningStarted(address=bound.address, conflict=bound.conflict))
        # One poll is always queued behind the one that runs, so that its thread need not be woken.
        running, following = self._poll(socket), self._poll(socket)
        try:
            while True:
                drained = await running
                self._take(drained)
                running, following = following, self._poll(socket)
                if drained.more:
                    await asyncio.sleep(0)
                elif not drained.messages:
                    await self._sleep(running)
        finally:
            # What ended the one may have ended both: to cancel it also says that it was seen.
            running.cancel()
            following.cancel()

    def _poll(self, socket: ProgressSocket) -> asyncio.Future[Drained]:
        return self._loop.run_in_executor(socket.thread, socket.poll)

    async def _sleep(self, polled: asyncio.Future[Drained]) -> None:
        """Sleep for the poll interval; a poll that is over meanwhile ends the sleep."""
        is_asleep = True

        def wake(_: object) -> None:
            if is_asleep:  # a timeout that is over refuses to be told
                nap.reschedule(self._loop.time())

        try:
            async with asyncio.timeout(None) as nap:
                polled.add_done_callback(wake)
                await asyncio.sleep(self._settings.poll_interval)
        except TimeoutError:
            pass
        finally:
            is_asleep = False

    def _add(self, message: AddToLog) -> None:
        now = self._clock_offset + time.monotonic()
        for entry in message.entries:
            came = now if entry.time is None else entry.time
            self._log.append(entry.text, time=came, note=entry.note)
        self._serve()

    def _take(self, drained: Drained) -> None:
        came = self._clock_offset + drained.at
        undecodable: list[Undecodable] = []
        for message in drained.messages:
            if isinstance(message, Undecodable):
                self._log.count_undecodable()
                undecodable.append(message)
            else:
                self._log.append(message, time=came)
        for fault in undecodable[:FAULTS_LOGGED]:
            log.error("progress message not forwarded: %s", fault.what)
        if len(undecodable) > FAULTS_LOGGED:
            log.error("%d more not forwarded", len(undecodable) - FAULTS_LOGGED)
        if drained.messages:
            log.debug("%d progress messages received", len(drained.messages))
            self._serve()
        if self._endings:
            self._watch_for_quiet(drained)

    # Readers

    def _read(self, message: ReadProgress) -> None:
        page = self._log.page(message.after, message.limit)
        if page is None:
            self._readers.append(message)
        else:
            deliver(message.reply_to, page)

    def _serve(self) -> None:
        readers, self._readers = self._readers, []
        for reader in readers:
            self._read(reader)

    # Ending

    def _end_when_quiet(self, message: EndJob | StopListening) -> None:
        if self._socket is None:
            self._answer(message)
            return
        if not self._endings:
            self._asked = self._silent_since = time.monotonic()
            within = message.within
            self._drain_until = self._silent_since + (
                self._settings.drain_timeout if within is None else within
            )
        self._endings.append(message)
        self._socket.interval = min(self._settings.poll_interval, QUIET)
        self._socket.wake()

    def _watch_for_quiet(self, drained: Drained) -> None:
        if drained.at < self._asked:
            return  # it does not know what has come since
        # The socket's own time: the loop may have been held up since the socket was found dry.
        if drained.messages:
            self._silent_since = drained.at
        elif not drained.connected or drained.at - self._silent_since >= QUIET:
            self._me.tell(_Quiet())
            return
        if drained.at >= self._drain_until:
            log.error("the trainer still sends after its end: the rest is not waited for")
            self._me.tell(_Quiet())

    def _quiet(self) -> None:
        if not self._endings:
            return  # told twice by a poll that came in between
        if any(isinstance(ending, StopListening) for ending in self._endings):
            if self._task is not None:
                self._task.cancel()
            return
        endings, self._endings = self._endings, []
        if self._socket is not None:
            self._socket.interval = self._settings.poll_interval
        self._end_job()
        for ending in endings:
            self._answer(ending)
        self._log.begin_job()

    def _task_ended(self, error: BaseException | None) -> None:
        self._task = None
        if error is not None:
            raise error
        if not self._endings and self._failed is None:
            # As asyncio.run does it at its end: listening goes on nowhere from here.
            reason = "the polling task was cancelled from outside"
            self._parent.tell(ListeningFailed(reason=reason))
        if self._socket is not None:
            closed = self._socket.close()
            closed.add_done_callback(lambda _: self._me.tell(_SocketClosed()))

    def _closed(self) -> None:
        self._socket = None
        if self._failed is not None:
            (start, reason), self._failed = self._failed, None
            deliver(start.reply_to, ListeningFailed(reason=reason))
        endings, self._endings = self._endings, []
        self._end_job()
        for ending in endings:
            self._answer(ending)

    def _end_job(self) -> None:
        """Tell the readers that have all of the job that it is over."""
        self._log.end_job()
        readers, self._readers = self._readers, []
        last = self._log.last
        page = ProgressPage(messages=(), last=last, missed=0, ended=True)
        for reader in readers:
            deliver(reader.reply_to, page)

    def _answer(self, ending: EndJob | StopListening) -> None:
        counts = self._log.counts
        match ending:
            case EndJob():
                deliver(ending.reply_to, JobEnded(counts=counts))
            case StopListening():
                deliver(
                    ending.reply_to,
                    ListeningStopped(
                        received=counts.received,
                        undecodable=counts.undecodable,
                        last=counts.last,
                        train_end=counts.train_end,
                    ),
                )
            case _:
                assert_never(ending)
