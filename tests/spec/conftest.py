"""A progress listener on a recording socket and a recording loop."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from actors import ProgressLog, ReporterSettings, TypedRef, progress_listener
from messages import (
    ListeningStarted,
    ProgressListenerMessage,
    ProgressPage,
    ReadProgress,
    StartListening,
    StopListening,
)
from tests.support.polling import Journal, RecordingContext, RecordingLoopThread
from tests.support.probe import PATIENCE, Probe


@dataclass
class Polling:
    """A listener that polls, and the record of it."""

    listener: TypedRef[ProgressListenerMessage]
    journal: Journal
    context: RecordingContext
    loop_thread: RecordingLoopThread
    address: str

    def read(self, after: int) -> ProgressPage:
        """The next page after the position ``after``."""
        return self.listener.ask(
            lambda reply_to: ReadProgress(after=after, limit=100, reply_to=reply_to),
            timeout=PATIENCE,
        )


@pytest.fixture
def polling() -> Iterator[Polling]:
    """A listener with the default poll interval on a free port."""
    journal = Journal()
    context = RecordingContext(journal)
    loop_thread = RecordingLoopThread(journal)
    listener = progress_listener.spawn(
        loop=loop_thread.loop,
        parent=Probe(),
        progress_log=ProgressLog(limit=1000, max_bytes=10**6),
        settings=ReporterSettings(),
    )
    started = listener.ask(
        lambda reply_to: StartListening(
            context=context, address="tcp://127.0.0.1:*", reply_to=reply_to
        ),
        timeout=PATIENCE,
    )
    assert isinstance(started, ListeningStarted)
    yield Polling(listener, journal, context, loop_thread, started.address)
    context.gate.set()
    listener.ask(lambda reply_to: StopListening(reply_to=reply_to), timeout=PATIENCE)
    listener.stop(timeout=PATIENCE)
    context.term()
    tasks, errors = loop_thread.tasks(), loop_thread.errors
    loop_thread.close()
    assert not tasks
    assert not errors
