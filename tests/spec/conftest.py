"""A progress listener on a recording socket and a recording loop."""

from collections.abc import Iterator

import pytest

from actors import ProgressLog, ReporterSettings, progress_listener
from messages import (
    ListeningFailed,
    ListeningStarted,
    ListeningStopped,
    Mailbox,
    StartListening,
    StopListening,
)
from tests.support.addresses import FREE_PORT
from tests.support.polling import Journal, Polling, RecordingContext, RecordingLoopThread
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE


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

    def start(reply_to: Mailbox[ListeningStarted | ListeningFailed]) -> StartListening:
        return StartListening(context=context, address=FREE_PORT, reply_to=reply_to)

    def stop(reply_to: Mailbox[ListeningStopped]) -> StopListening:
        return StopListening(reply_to=reply_to)

    started = listener.ask(start, timeout=PATIENCE)
    assert isinstance(started, ListeningStarted)
    yield Polling(listener, journal, context, loop_thread, started.address)
    context.gate.set()
    listener.ask(stop, timeout=PATIENCE)
    listener.stop(timeout=PATIENCE)
    context.term()
    tasks, errors = loop_thread.tasks(), loop_thread.errors
    loop_thread.close()
    assert not tasks
    assert not errors
