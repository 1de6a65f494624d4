"""The progress listener's actor: owns the SUB socket, the task that polls it, and the run's log.

The actor and its task run on the event loop's thread, one at a time; the socket is used on a
thread of its own (``ProgressSocket``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import zmq

from actors.progress_listener.pause import Pause
from actors.progress_listener.readers import Readers
from actors.progress_listener.socket import Drained, ProgressSocket, Undecodable
from actors.runtime import FewLines, LoopActor, TypedRef, reply, starter
from actors.zmq_sockets import NotBoundError, PeerWatch, Verdict, why_not_open
from messages import (
    AcceptReports,
    AddedToLog,
    AddToLog,
    ChildDown,
    CountProgress,
    EndJob,
    FindPeers,
    JobEnded,
    KnowTrainer,
    ListeningFailed,
    ListeningStarted,
    ListeningStopped,
    Mailbox,
    PeersFound,
    ProgressListenerMessage,
    ProgressSocketMade,
    ReadProgress,
    StartListening,
    StopListening,
    StopReading,
    StrangerConnected,
    TrainEndReceived,
)

if TYPE_CHECKING:
    from actors.progress_listener.log import ProgressLog
    from actors.settings import ReporterSettings

log = logging.getLogger(__name__)

QUIET: Final = 0.05
"""Seconds of silence after which a connected trainer counts as having nothing more to send: of a
drain that ended early, the rest came within a millisecond."""

ENDED: Final = "the progress listener has ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class _TaskEnded:
    """The polling task is over; ``error`` is what it has raised, but for being cancelled."""

    error: BaseException | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SocketClosed:
    """The socket's own thread has closed it."""


_Inbox: TypeAlias = ProgressListenerMessage | Verdict | Drained | _TaskEnded | _SocketClosed

ParentEvent: TypeAlias = (
    ChildDown | ProgressSocketMade | ListeningFailed | TrainEndReceived | StrangerConnected
)
"""What the actor tells its parent."""


class ProgressListenerActor(LoopActor[ProgressListenerMessage]):
    """Takes ``ProgressListenerMessage``; ends when it is stopped, and with it its task and socket.

    Reports can be read at any time, also while nothing is listened to. ``progress_log`` is its own
    until it has told ``ChildDown``; after a crash it then holds all that had been received.
    """

    name = "progress listener"

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        parent: Mailbox[ParentEvent],
        progress_log: ProgressLog,
        settings: ReporterSettings,
    ) -> None:
        super().__init__(loop)
        self.parent = self._parent = parent
        self._log = progress_log
        self._settings = settings
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._readers = Readers(progress_log)
        self._starting: StartListening | None = None
        self._next: StartListening | None = None
        """What begins when the socket is closed."""
        self._failure = ""
        self._endings: list[EndJob | StopListening] = []
        self._socket: ProgressSocket | None = None
        self._watch: PeerWatch | None = None
        self._address = ""
        self._holds = False
        """Whether what has come waits for the word that it is the job's."""
        self._task: asyncio.Task[None] | None = None
        self._pause = Pause()
        self._clock_offset = time.time() - time.monotonic()  # the run's clock does not jump
        self._faults = FewLines(
            lambda count: log.error("%d more progress messages not forwarded", count)
        )
        self._asked = self._silent_since = 0.0
        self._drain_until = 0.0

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case StartListening():
                self._start(message)
            case AcceptReports():
                self._holds = False
                self._look_now()
            case KnowTrainer():
                if self._watch is not None:
                    self._watch.know(message.pid)
            case FindPeers():
                if self._socket is None:
                    reply(message.reply_to, PeersFound())
                else:
                    self._socket.find_peers(message.reply_to)
                    self._look_now()
            case Verdict():
                if message.is_stranger and self._address:
                    event = StrangerConnected(peer=message.peer, address=self._address)
                    self._parent.tell(event)
            case ReadProgress():
                self._readers.read(message)
            case StopReading():
                self._readers.forget(message.reply_to)
            case AddToLog():
                self._add(message)
            case EndJob() | StopListening():
                self._end_when_quiet(message)
            case CountProgress():
                reply(message.reply_to, self._log.counts)
            case Drained():
                self._take(message)
                self._pause.end()
            case _TaskEnded():
                self._task_ended(message.error)
            case _SocketClosed():
                self._closed()
                following, self._next = self._next, None
                if following is not None:
                    self._start(following)
            case _:
                assert_never(message)

    def release(self) -> Future[None] | None:
        """Cancel the task and have the socket closed on its own thread; keep what it has brought.

        Nobody else has the log before ``ChildDown`` is told, which comes after that.
        """
        if self._next is not None:
            reply(self._next.reply_to, ListeningFailed(reason=ENDED))
        if self._socket is None:
            return None
        task, self._task = self._task, None
        if task is not None and not self._loop.is_closed():
            task.cancel()
        closed = self._socket.close()
        closed.add_done_callback(lambda _: self._keep_last())
        return closed

    def turn_away(self, message: _Inbox) -> None:
        """Answer what waits for an answer that somebody reads."""
        match message:
            case StartListening():
                reply(message.reply_to, ListeningFailed(reason=ENDED))
            case AddToLog():
                reply(message.reply_to, AddedToLog(reason=ENDED))
            case _:
                pass  # clients ask the successor again, and the supervisor knows of the end

    # Starting

    def _start(self, message: StartListening) -> None:
        if self._socket is not None and self._socket.is_closing and self._next is None:
            self._next = message  # its end came late to an event loop that was stuck
            return
        if self._socket is not None:
            reply(message.reply_to, ListeningFailed(reason="progress is listened to already"))
            return
        if not message.goes_on:
            self._log.end_job()  # its end may have come to an event loop that was stuck
        self._log.begin_job()
        self._starting, self._failure = message, ""
        self._holds, self._address = message.hold, ""
        self._watch = PeerWatch(self._me, name="progress-peers", trainers=message.trainers)
        self._socket = ProgressSocket(self._settings, self._watch)
        self._parent.tell(ProgressSocketMade(close=self._socket.close))
        self._task = self._loop.create_task(
            self._listen(self._socket, message), name="progress-listener"
        )
        self._task.add_done_callback(self._task_over)

    # The polling task

    async def _listen(self, socket: ProgressSocket, start: StartListening) -> None:
        try:
            bound = await self._loop.run_in_executor(
                socket.thread, socket.open, start.context, start.address, start.free_port_if_in_use
            )
        except (NotBoundError, zmq.ZMQError, OSError) as error:
            self._failure = why_not_open("the progress socket", error)
            return
        log.info("listening for progress on %s", bound.address)
        self._starting, self._address = None, bound.address
        reply(start.reply_to, ListeningStarted(address=bound.address, conflict=bound.conflict))
        # None: it has been closed from outside, while this loop was stuck.
        while (polled := socket.poll(None if self._endings else self._me)) is not None:
            drained = await asyncio.wrap_future(polled, loop=self._loop)
            self._take(drained)
            if drained.more:
                await asyncio.sleep(0)
            elif self._endings:
                await self._pause.sleep(min(self._settings.poll_interval, QUIET))
            elif not drained.count:
                await self._pause.sleep(self._settings.poll_interval)

    def _take(self, drained: Drained) -> None:
        if self._keep_received():
            self._readers.serve()
        if self._endings:
            self._watch_for_quiet(drained)

    def _keep_received(self) -> bool:
        """Put what the socket has received into the log; whether there was anything."""
        if self._socket is None or not self._socket.received:
            return False
        received = self._socket.received
        if self._holds:
            while len(received) > 2 * self._settings.log_limit:  # as many as the log holds
                received.popleft()
            return False
        count = len(received)
        for _ in range(count):  # the socket's thread may add to them meanwhile
            message, at = received.popleft()
            if isinstance(message, Undecodable):
                self._log.count_undecodable()
                if self._faults.takes(now=at):
                    log.error("progress message not forwarded: %s", message.what)
            elif self._log.receive(message, time=self._clock_offset + at):
                self._parent.tell(TrainEndReceived())
        log.debug("%d progress messages received", count)
        return True

    def _keep_last(self) -> bool:
        """The same when nothing more comes: what is held is dropped."""
        if self._holds and self._socket is not None:
            self._socket.received.clear()
        return self._keep_received()

    def _add(self, message: AddToLog) -> None:
        now = self._clock_offset + time.monotonic()
        for entry in message.entries:
            came = now if entry.time is None else entry.time
            self._log.append(entry.text, time=came, note=entry.note)
        reply(message.reply_to, AddedToLog(last=self._log.last))
        self._readers.serve()

    # Ending

    def _end_when_quiet(self, message: EndJob | StopListening) -> None:
        self._endings.append(message)
        if self._watch is not None and isinstance(message, EndJob):
            self._watch.forget()
        if self._socket is None:
            self._end_job()
            if isinstance(message, EndJob):
                self._log.begin_job()
        elif isinstance(message, EndJob) and message.timeout == 0:
            self._end_now()
        elif len(self._endings) == 1:
            self._asked = self._silent_since = time.monotonic()
            self._drain_until = self._asked + message.timeout
            self._look_now()

    def _look_now(self) -> None:
        """Have the socket polled at once."""
        self._pause.end()
        if self._socket is not None:
            self._socket.wake()

    def _watch_for_quiet(self, drained: Drained) -> None:
        if self._holds:  # what comes is nothing of the job's
            self._end_now()
            return
        if drained.at < self._asked:
            return  # it does not know what has come since
        # The socket's own time: the loop may have been held up since the socket was found dry.
        if drained.count:
            self._silent_since = drained.at
        is_silent = not drained.count and drained.at - self._silent_since >= QUIET
        # Of those who had left before the drain, all that they brought has been received.
        if is_silent or not (drained.connected or drained.more):
            self._end_now()
            return
        if drained.at >= self._drain_until:
            log.error("the trainer still sends after its end: the rest is not waited for")
            self._end_now()

    def _end_now(self) -> None:
        if self._is_stopping():
            if self._task is not None:
                self._task.cancel()
        elif self._socket is not None:
            self._end_job()
            self._log.begin_job()

    def _is_stopping(self) -> bool:
        return any(isinstance(ending, StopListening) for ending in self._endings)

    def _task_over(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        is_ours = task is not self._task or self._starting is not None or self._is_stopping()
        if error is None and not is_ours:
            # As asyncio.run does it at its end: there may be no further turn to say so.
            self._parent.tell(ListeningFailed(reason="the polling task was cancelled from outside"))
        self._me.tell(_TaskEnded(error=error))

    def _task_ended(self, error: BaseException | None) -> None:
        self._task = None
        if error is not None:
            raise error
        if self._socket is not None:
            closed = self._socket.close()
            closed.add_done_callback(lambda _: self._me.tell(_SocketClosed()))

    def _closed(self) -> None:
        """The socket is closed: as it was told, since it could not be bound, or from outside."""
        if self._keep_last():
            self._readers.serve()
        self._socket = None
        if self._starting is not None:
            failed = ListeningFailed(reason=self._failure or "listening was stopped")
            reply(self._starting.reply_to, failed)
            self._starting = None
            if not self._endings:
                return  # the job goes on in the log: its address may be free a moment later
        self._end_job()

    def _end_job(self) -> None:
        """Answer who asked for the end; tell readers that have all of the job that it is over."""
        self._faults.log_left_out()
        self._log.end_job()
        self._readers.end_job()
        endings, self._endings = self._endings, []
        for ending in endings:
            match ending:
                case EndJob():
                    reply(ending.reply_to, JobEnded(counts=self._log.counts))
                case StopListening():
                    reply(ending.reply_to, ListeningStopped(counts=self._log.counts))
                case _:
                    assert_never(ending)


spawn = starter(ProgressListenerActor)
