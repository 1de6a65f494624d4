"""A client channel's actor alone: its listener, control, owner and parent are the test's."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from actors import ProgressLog, ReporterSettings, client_channel
from messages import (
    AttachChannel,
    ClientStatus,
    CountReports,
    FlushReports,
    FollowRun,
    ProgressCounts,
    ProgressPage,
    PublishControl,
    ReadProgress,
    ReportsFlushed,
    StopReading,
)
from tests.support.channel import FakeChannel
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE


class ListenerStandIn:
    """Answers ``ReadProgress`` from a log, at once or when something is added; on the loop."""

    def __init__(self) -> None:
        self.log = ProgressLog(limit=100_000, max_bytes=100_000_000)
        self._waiting: list[ReadProgress] = []
        self._lock = threading.RLock()

    def tell(self, message: ReadProgress | StopReading, /) -> None:
        with self._lock:
            if isinstance(message, ReadProgress):
                self._waiting.append(message)
                self._serve()
            else:
                self._waiting = []

    def add(self, *texts: str) -> None:
        with self._lock:
            for text in texts:
                self.log.receive(text)
            self._serve()

    def next_job(self) -> ProgressCounts:
        """End the job, whose counts these are, and begin the next."""
        with self._lock:
            self.log.end_job()
            counts = self.log.counts
            self.log.begin_job()
        return counts

    def _serve(self) -> None:
        waiting, self._waiting = self._waiting, []
        for read in waiting:
            assert read.after is not None
            page = self.log.page(read.after, read.limit)
            if page is None:
                self._waiting.append(read)
            else:
                read.reply_to.tell(page)


class ClientRig:
    """Spawns the actor of the client "alice"; ``reads`` is the listener that is a probe."""

    def __init__(self, loop_thread: LoopThread, *, after: int = 0, **settings: Any) -> None:
        self.loop_thread = loop_thread
        self.parent: Probe[Any] = Probe()
        self.owner: Probe[Any] = Probe()
        self.control: Probe[PublishControl] = Probe()
        self.reads: Probe[Any] = Probe()
        self._settings = ReporterSettings(**settings)
        self.ref: Any = client_channel.spawn(
            client_id="alice",
            after=after,
            loop=loop_thread.loop,
            parent=self.parent,
            owner=self.owner,
            settings=self._settings,
            run=FollowRun(listener=Probe(), control=self.control),
        )

    def follow(self, listener: Any = None) -> None:
        """Follow ``listener``, or the probe."""
        self.ref.tell(
            FollowRun(listener=self.reads if listener is None else listener, control=self.control)
        )

    def attach(self, channel: FakeChannel, **what: Any) -> None:
        self.ref.tell(AttachChannel(channel=channel, **what))
        self.status()

    def status(self) -> ClientStatus:
        """The counts; all that was told before has been handled."""
        status: ClientStatus = self.ref.ask(
            lambda reply_to: CountReports(reply_to=reply_to), timeout=PATIENCE
        )
        return status

    def flush(self, last: int, timeout: float = PATIENCE) -> Probe[ReportsFlushed]:
        """The mailbox that the answer comes to; all entries are reports of the first job."""
        return self.flush_job(ProgressCounts(received=last, last=last), timeout)

    def flush_job(self, counts: ProgressCounts, timeout: float = PATIENCE) -> Probe[ReportsFlushed]:
        """The mailbox that the answer comes to."""
        answers: Probe[ReportsFlushed] = Probe()
        self.ref.tell(FlushReports(counts=counts, timeout=timeout, reply_to=answers))
        return answers

    def next_read(self, after: int) -> ReadProgress:
        """The next request to the listener that is a probe, which is for what comes ``after``."""
        read: ReadProgress = self.reads.wait_for(ReadProgress)
        assert read.after == after
        return read

    def answer(self, after: int, *messages: str, missed: int = 0, ended: bool = False) -> None:
        """Answer the next request."""
        last = after + missed + len(messages)
        page = ProgressPage(messages=messages, last=last, missed=missed, ended=ended, reports=last)
        self.next_read(after).reply_to.tell(page)

    def settle(self, channel: FakeChannel) -> None:
        """Wait until the actor has done all that it can do by itself.

        Between two texts that it sends lie two messages to itself at the most, and each
        ``status`` is behind one of them; and a rest of as many turns as a page has texts.
        """
        unchanged = 0
        while unchanged < 5:
            before = len(channel.sent)
            self.turn(self._settings.page_messages)
            self.status()
            unchanged = unchanged + 1 if len(channel.sent) == before else 0

    def turn(self, times: int) -> None:
        """Let the event loop have so many turns."""

        async def turn() -> None:
            for _ in range(times):
                await asyncio.sleep(0)

        self.loop_thread.run(turn())

    def end(self) -> None:
        self.ref.stop(timeout=PATIENCE)


@contextmanager
def client_rig(loop_thread: LoopThread, **options: Any) -> Iterator[ClientRig]:
    """A rig that is ended."""
    rig = ClientRig(loop_thread, **options)
    try:
        yield rig
    finally:
        rig.end()
