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
    JobEnded,
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
from tests.support.event_loop import LoopThread
from tests.support.ports import fixed_addresses, occupied
from tests.support.probe import PATIENCE, Probe
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
        answers.expect(ListeningStopped(received=0))


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


def test_a_stop_ends_the_sleep_between_two_polls(loop_thread: LoopThread) -> None:
    with listener_bench(loop_thread, poll_interval=10_000.0) as bench:
        bench.start()
        assert bench.stop() == ListeningStopped(received=0)


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
            assert bench.stop() == ListeningStopped(received=3, last=3)
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


def test_a_stop_takes_what_the_trainer_has_still_sent(bench: ListenerBench) -> None:
    with StandInTrainer(progress_address=bench.start()) as trainer:
        trainer.send(*map(str, range(900)))
    assert bench.stop() == ListeningStopped(received=900, last=900)
    assert bench.read(900) == list(map(str, range(900)))


def test_a_stop_is_answered_without_a_start_and_twice(bench: ListenerBench) -> None:
    assert bench.stop() == ListeningStopped(received=0)
    bench.start()
    assert bench.stop() == bench.stop() == ListeningStopped(received=0)


def test_several_stops_at_once_are_all_answered(bench: ListenerBench) -> None:
    bench.start()
    answers: Probe[Any] = Probe()
    for _ in range(5):
        bench.ref.tell(StopListening(reply_to=answers))
    for _ in range(5):
        answers.expect(ListeningStopped(received=0))


def test_a_stop_told_in_the_same_turn_as_the_start_is_not_lost(
    bench: ListenerBench, loop_thread: LoopThread
) -> None:
    answers: Probe[Any] = Probe()

    def start_and_stop() -> None:
        bench.ref.tell(bench.start_message(answers))
        bench.ref.tell(StopListening(reply_to=answers))

    loop_thread.call(start_and_stop)
    assert isinstance(answers.get(), ListeningStarted)
    answers.expect(ListeningStopped(received=0))
    assert loop_thread.tasks() == set()


def test_after_a_stop_it_can_listen_again_and_positions_go_on(bench: ListenerBench) -> None:
    for number in range(3):
        with StandInTrainer(progress_address=bench.start()) as trainer:
            trainer.send(f"of job {number}")
        assert bench.stop().last == number + 1
    bench.ask_page(0).expect(page("of job 0", last=1, ended=True))
    bench.ask_page(1).expect(page("of job 1", last=2, ended=True))


def test_a_reader_that_waits_at_the_stop_is_told_that_the_job_is_over(
    bench: ListenerBench,
) -> None:
    with StandInTrainer(progress_address=bench.start()) as trainer:
        trainer.send("a")
        bench.read(1)
    waiting = bench.ask_page(1)
    bench.stop()
    waiting.expect(page(last=1, ended=True))


def test_the_end_of_a_job_counts_it_and_begins_the_next_on_the_same_socket(
    bench: ListenerBench,
) -> None:
    address = bench.start()
    with StandInTrainer(progress_address=address) as trainer:
        trainer.send("a", "b")
        trainer.send_bytes(b"\xff")
    assert bench.end_job() == ProgressCounts(received=3, undecodable=1, last=2)
    assert bench.counts() == ProgressCounts(received=0, undecodable=0, last=2)
    waiting = bench.ask_page(2)
    with StandInTrainer(progress_address=address) as trainer:
        trainer.send("c")
        waiting.expect(page("c", last=3))
    assert bench.end_job() == ProgressCounts(received=1, last=3)
    bench.ask_page(0).expect(page("a", "b", last=2, ended=True))
    bench.ask_page(2).expect(page("c", last=3, ended=True))


def test_the_end_of_a_job_is_answered_when_nothing_is_listened_to(bench: ListenerBench) -> None:
    assert bench.end_job() == ProgressCounts()


def test_an_end_of_a_job_and_a_stop_at_once_are_both_answered(bench: ListenerBench) -> None:
    with StandInTrainer(progress_address=bench.start()) as trainer:
        trainer.send("a")
    answers: Probe[Any] = Probe()
    bench.ref.tell(EndJob(reply_to=answers))
    bench.ref.tell(StopListening(reply_to=answers))
    answers.expect(JobEnded(counts=ProgressCounts(received=1, last=1)))
    assert isinstance(answers.get(), ListeningStopped)


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


class Raising:
    """A mailbox that raises whatever it is told."""

    def tell(self, _: object, /) -> None:
        raise ValueError("broken mailbox")


def test_a_mailbox_that_raises_does_not_disturb_the_others(bench: ListenerBench) -> None:
    raising = Raising()
    bench.ref.tell(bench.start_message(raising))
    bench.ref.tell(ReadProgress(after=0, limit=1, reply_to=raising))
    bench.ref.tell(CountProgress(reply_to=raising))
    bench.ref.tell(EndJob(reply_to=raising))
    bench.ref.tell(StopListening(reply_to=raising))
    assert bench.stop() == ListeningStopped(received=0)
    with StandInTrainer(progress_address=bench.ask_start().address) as trainer:
        bench.ref.tell(ReadProgress(after=0, limit=1, reply_to=raising))
        trainer.send("a")
        assert bench.read(1) == ["a"]


def test_a_trainer_that_sends_on_and_on_is_not_waited_for_longer_than_the_drain_timeout(
    loop_thread: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    joined, stopped = threading.Event(), threading.Event()

    def send_on_and_on(address: str) -> None:
        with StandInTrainer(progress_address=address) as trainer:
            joined.set()
            while not stopped.wait(0.001):
                trainer.send("on and on")

    with listener_bench(loop_thread, drain_timeout=0.2) as bench:
        address = bench.start()
        sender = threading.Thread(target=send_on_and_on, args=(address,))
        sender.start()
        assert joined.wait(PATIENCE)
        try:
            assert bench.stop().received > 0
        finally:
            stopped.set()
            sender.join(PATIENCE)
    assert "the trainer still sends" in caplog.text
