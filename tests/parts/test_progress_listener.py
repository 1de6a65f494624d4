"""ProgressListenerActor: listening, reading, and the end of a job."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors import ProgressLog
from messages import (
    CountProgress,
    EndJob,
    ListeningFailed,
    ListeningStarted,
    ListeningStopped,
    ProgressCounts,
    ProgressPage,
    ReadProgress,
    StopListening,
    StopReading,
)
from tests.parts.listener_bench import ListenerBench, listener_bench
from tests.parts.mailboxes import Raising
from tests.support.event_loop import LoopThread
from tests.support.ports import fixed_addresses, occupied
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer, paced


@pytest.fixture
def bench(loop_thread: LoopThread) -> Iterator[ListenerBench]:
    with listener_bench(loop_thread) as bench:
        yield bench


def page(*messages: str, last: int, ended: bool = False) -> ProgressPage:
    return ProgressPage(messages=messages, last=last, missed=0, ended=ended)


def test_starting_is_answered_with_the_address(bench: ListenerBench) -> None:
    (address,) = fixed_addresses(1)
    assert bench.ask_start(address) == ListeningStarted(address=address)


def test_listening_twice_is_refused_and_the_first_goes_on(bench: ListenerBench) -> None:
    address = bench.start()
    again = bench.ask_start()
    assert isinstance(again, ListeningFailed)
    assert "already" in again.reason
    with StandInTrainer(progress_address=address) as trainer:
        trainer.send("a")
        assert bench.read(1) == ["a"]


def test_a_failed_bind_is_answered_by_name_and_leaves_nothing(
    bench: ListenerBench, loop_thread: LoopThread
) -> None:
    (address,) = fixed_addresses(1)
    with occupied(address):
        failed = bench.ask_start(address)
        assert isinstance(failed, ListeningFailed)
        assert address in failed.reason
        assert "in use" in failed.reason
        assert loop_thread.tasks() == set()
    assert bench.ask_start(address) == ListeningStarted(address=address)


def test_a_failed_bind_with_a_stop_behind_it_is_answered_to_both(bench: ListenerBench) -> None:
    (address,) = fixed_addresses(1)
    answers: Probe[Any] = Probe()
    with occupied(address):
        bench.ref.tell(bench.start_message(answers, address))
        bench.ref.tell(StopListening(reply_to=answers))
        assert isinstance(answers.get(), ListeningFailed)
        answers.expect(ListeningStopped(counts=ProgressCounts(received=0)))


def test_what_is_there_is_read_at_once(bench: ListenerBench) -> None:
    with StandInTrainer(progress_address=bench.start()) as trainer:
        trainer.send("a", "b", "c")
        assert bench.read(3) == ["a", "b", "c"]
        bench.ask_page(0).expect(page("a", "b", "c", last=3))
        bench.ask_page(1, limit=1).expect(page("b", last=2))


def test_a_reader_that_has_everything_waits_and_gets_one_page(bench: ListenerBench) -> None:
    with StandInTrainer(progress_address=bench.start()) as trainer:
        waiting, other = bench.ask_page(0), bench.ask_page(0)
        bench.counts()
        assert waiting.drain() == []
        trainer.send("a")
        waiting.expect(page("a", last=1))
        other.expect(page("a", last=1))
        trainer.send("b")
        assert bench.read(2) == ["a", "b"]
        assert waiting.drain() == other.drain() == []


def test_many_messages_arrive_in_order_and_unchanged(bench: ListenerBench) -> None:
    sent = [f'{{"n": {number}, "é": NaN}}' for number in range(5_000)]
    with StandInTrainer(progress_address=bench.start()) as trainer:
        paced(sent, trainer)
        assert bench.read(len(sent)) == sent


def test_an_arrival_ends_the_sleep_between_two_polls(loop_thread: LoopThread) -> None:
    with (
        listener_bench(loop_thread, poll_interval=10_000.0) as bench,
        StandInTrainer(progress_address=bench.start()) as trainer,
    ):
        for number in range(1, 6):  # one by one, each after a sleep has begun
            trainer.send(str(number))
            bench.ask_page(number - 1).expect(page(str(number), last=number))


class PollingLoop(asyncio.SelectorEventLoop):
    """A loop that cannot watch descriptors, like asyncio's proactor loop."""

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:
        raise NotImplementedError


class PollingLoopThread(LoopThread):
    """Runs a ``PollingLoop``."""

    def __init__(self) -> None:
        self.loop = PollingLoop()
        self.errors: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, name="test-loop")
        self._thread.start()


def test_a_loop_that_cannot_watch_descriptors_just_polls() -> None:
    thread = PollingLoopThread()
    try:
        with listener_bench(thread, poll_interval=0.01) as bench:
            with StandInTrainer(progress_address=bench.start()) as trainer:
                for number in range(1, 4):
                    trainer.send(str(number))
                    bench.ask_page(number - 1).expect(page(str(number), last=number))
            assert bench.stop() == ListeningStopped(counts=ProgressCounts(received=3, last=3))
    finally:
        thread.close()
    assert thread.errors == []


def test_stop_reading_forgets_that_reader_alone(bench: ListenerBench) -> None:
    with StandInTrainer(progress_address=bench.start()) as trainer:
        forgotten, waiting = bench.ask_page(0), bench.ask_page(0)
        bench.ref.tell(StopReading(reply_to=forgotten))
        trainer.send("a")
        waiting.expect(page("a", last=1))
        bench.counts()
        assert forgotten.drain() == []


def test_stop_reading_of_somebody_who_does_not_read_does_nothing(bench: ListenerBench) -> None:
    bench.ref.tell(StopReading(reply_to=Probe()))
    assert bench.counts() == ProgressCounts()


def test_reports_can_be_read_when_nothing_is_listened_to(loop_thread: LoopThread) -> None:
    log = ProgressLog(limit=10, max_bytes=1_000)
    log.append("of a former listener")
    with listener_bench(loop_thread, log=log) as bench:
        bench.ask_page(0).expect(page("of a former listener", last=1))
        bench.start()
        bench.stop()
        bench.ask_page(0).expect(page("of a former listener", last=1, ended=True))


def test_a_message_that_is_no_text_is_logged_and_counted_and_not_read(
    bench: ListenerBench, caplog: pytest.LogCaptureFixture
) -> None:
    with StandInTrainer(progress_address=bench.start()) as trainer:
        trainer.send_bytes(b"\xff")
        trainer.send("good")
        assert bench.read(1) == ["good"]
    assert bench.counts() == ProgressCounts(received=2, undecodable=1, last=1)
    (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert "not UTF-8" in record.getMessage()


def test_a_mailbox_that_raises_does_not_disturb_the_others(bench: ListenerBench) -> None:
    raising = Raising()
    bench.ref.tell(bench.start_message(raising))
    bench.ref.tell(ReadProgress(after=0, limit=1, reply_to=raising))
    bench.ref.tell(CountProgress(reply_to=raising))
    bench.ref.tell(EndJob(reply_to=raising))
    bench.ref.tell(StopListening(reply_to=raising))
    assert bench.stop() == ListeningStopped(counts=ProgressCounts(received=0))
    with StandInTrainer(progress_address=bench.ask_start().address) as trainer:
        bench.ref.tell(ReadProgress(after=0, limit=1, reply_to=raising))
        trainer.send("a")
        assert bench.read(1) == ["a"]
