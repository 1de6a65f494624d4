"""The progress listener's actor alone on an event loop; its parent and its readers are probes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import zmq

from actors import ProgressLog, ReporterSettings, progress_listener
from messages import (
    CountProgress,
    EndJob,
    JobEnded,
    ListeningStarted,
    ListeningStopped,
    ProgressCounts,
    ProgressPage,
    ProgressSocketMade,
    ReadProgress,
    StartListening,
    StopListening,
)
from tests.support.addresses import FREE_PORT
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE


class ListenerRig:
    """Spawns the actor; ``context`` is terminated at the end, which proves that all is closed."""

    def __init__(
        self, loop_thread: LoopThread, *, log: ProgressLog | None = None, **settings: Any
    ) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.parent: Probe[Any] = Probe()
        self.log = log or ProgressLog(limit=100_000, max_bytes=10_000_000)
        self.ref: Any = progress_listener.spawn(
            loop=loop_thread.loop,
            parent=self.parent,
            progress_log=self.log,
            settings=ReporterSettings(**settings),
        )

    def start_message(
        self, reply_to: Any, address: str = FREE_PORT, *, goes_on: bool = False
    ) -> StartListening:
        return StartListening(
            context=self.context, address=address, reply_to=reply_to, goes_on=goes_on
        )

    def ask_start(self, address: str = FREE_PORT, *, goes_on: bool = False) -> Any:
        return self.ref.ask(
            lambda reply_to: self.start_message(reply_to, address, goes_on=goes_on),
            timeout=PATIENCE,
        )

    def start(self, address: str = FREE_PORT) -> str:
        """Start to listen; the address."""
        started = self.ask_start(address)
        assert isinstance(started, ListeningStarted), started
        assert isinstance(self.parent.get(), ProgressSocketMade)
        return started.address

    def stop(self, timeout: float = 5.0) -> ListeningStopped:
        answer: ListeningStopped = self.ref.ask(
            lambda reply_to: StopListening(reply_to=reply_to, timeout=timeout), timeout=PATIENCE
        )
        return answer

    def end_job(self) -> ProgressCounts:
        answer: JobEnded = self.ref.ask(
            lambda reply_to: EndJob(reply_to=reply_to), timeout=PATIENCE
        )
        return answer.counts

    def counts(self) -> ProgressCounts:
        """The counts; all that was told before has been handled."""
        answer: ProgressCounts = self.ref.ask(
            lambda reply_to: CountProgress(reply_to=reply_to), timeout=PATIENCE
        )
        return answer

    def ask_page(self, after: int = 0, limit: int = 1_000) -> Probe[ProgressPage]:
        """The mailbox that the page comes to."""
        pages: Probe[ProgressPage] = Probe()
        self.ref.tell(ReadProgress(after=after, limit=limit, reply_to=pages))
        return pages

    def read(self, count: int, after: int = 0) -> list[str]:
        """The ``count`` reports after a position, as they come."""
        got: list[str] = []
        while len(got) < count:
            page = self.ask_page(after, count - len(got)).get()
            assert page.missed == 0
            got += page.messages
            after = page.last
        return got

    def end(self) -> None:
        self.ref.stop(timeout=PATIENCE)
        self.context.term()


@contextmanager
def listener_rig(loop_thread: LoopThread, **options: Any) -> Iterator[ListenerRig]:
    """A rig that is ended."""
    rig = ListenerRig(loop_thread, **options)
    try:
        yield rig
    finally:
        rig.end()


def page(*messages: str, last: int, ended: bool = False) -> ProgressPage:
    """A page of which nothing is missed."""
    return ProgressPage(messages=messages, last=last, missed=0, ended=ended)
