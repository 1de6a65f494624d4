"""ProgressListenerActor: listening, reading, and the end of a job."""

import asyncio
import threading
from typing import Any

import pytest

from actors import ProgressLog
from messages import (
    ChildDown,
    CountProgress,
    EndJob,
    ListeningFailed,
    ListeningStarted,
    ListeningStopped,
    ProgressCounts,
    ProgressSocketMade,
    ReadProgress,
    StopListening,
    StopReading,
)
from tests.support.addresses import fixed_addresses, occupied
from tests.support.event_loop import LoopThread, stuck
from tests.support.listener_rig import ListenerRig, listener_rig, page
from tests.support.logs import errors
from tests.support.mailboxes import Raising
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer, paced
from tests.support.waiting import PATIENCE


def test_starting_is_answered_with_the_address(rig: ListenerRig) -> None:
    (address,) = fixed_addresses(1)
    assert rig.ask_start(address) == ListeningStarted(address=address)


def test_listening_twice_is_refused_and_the_first_goes_on(rig: ListenerRig) -> None:
    address = rig.start()
    again = rig.ask_start()
    assert isinstance(again, ListeningFailed)
    assert "already" in again.reason
    with StandInTrainer(progress_address=address) as trainer:
        trainer.send("a")
        assert rig.read(1) == ["a"]


def test_a_failed_bind_is_answered_by_name_and_leaves_nothing(
    rig: ListenerRig, loop_thread: LoopThread
) -> None:
    (address,) = fixed_addresses(1)
    with occupied(address):
        failed = rig.ask_start(address)
        assert isinstance(failed, ListeningFailed)
        assert address in failed.reason
        assert "in use" in failed.reason
        assert loop_thread.tasks() == set()
    assert rig.ask_start(address) == ListeningStarted(address=address)


def test_a_failed_bind_after_a_crash_does_not_end_the_job_in_the_log(
    rig: ListenerRig, loop_thread: LoopThread
) -> None:
    with StandInTrainer(progress_address=rig.start()) as trainer:
        trainer.send("a", "b", "c")
        assert rig.read(3) == ["a", "b", "c"]
        rig.ref.tell(object())
        rig.parent.wait_for(ChildDown)
    (address,) = fixed_addresses(1)
    with listener_rig(loop_thread, log=rig.log) as successor:
        with occupied(address):
            assert isinstance(successor.ask_start(address, goes_on=True), ListeningFailed)
        assert successor.ask_start(address, goes_on=True) == ListeningStarted(address=address)
        assert successor.stop().counts.received == 3


def test_a_failed_bind_with_a_stop_behind_it_is_answered_to_both(rig: ListenerRig) -> None:
    (address,) = fixed_addresses(1)
    answers: Probe[Any] = Probe()
    with occupied(address):
        rig.ref.tell(rig.start_message(answers, address))
        rig.ref.tell(StopListening(reply_to=answers))
        assert isinstance(answers.get(), ListeningFailed)
        answers.expect(ListeningStopped(counts=ProgressCounts(received=0)))


def test_what_is_there_is_read_at_once(rig: ListenerRig) -> None:
    with StandInTrainer(progress_address=rig.start()) as trainer:
        trainer.send("a", "b", "c")
        assert rig.read(3) == ["a", "b", "c"]
        rig.ask_page(0).expect(page("a", "b", "c", last=3))
        rig.ask_page(1, limit=1).expect(page("b", last=2))


def test_a_reader_that_has_everything_waits_and_gets_one_page(rig: ListenerRig) -> None:
    with StandInTrainer(progress_address=rig.start()) as trainer:
        waiting, other = rig.ask_page(0), rig.ask_page(0)
        rig.counts()
        assert waiting.drain() == []
        trainer.send("a")
        waiting.expect(page("a", last=1))
        other.expect(page("a", last=1))
        trainer.send("b")
        assert rig.read(2) == ["a", "b"]
        assert waiting.drain() == other.drain() == []


def test_many_messages_arrive_in_order_and_unchanged(rig: ListenerRig) -> None:
    sent = [f'{{"n": {number}, "é": NaN}}' for number in range(5_000)]
    with StandInTrainer(progress_address=rig.start()) as trainer:
        paced(sent, trainer)
        assert rig.read(len(sent)) == sent


def test_an_arrival_ends_the_sleep_between_two_polls(loop_thread: LoopThread) -> None:
    with (
        listener_rig(loop_thread, poll_interval=10_000.0) as rig,
        StandInTrainer(progress_address=rig.start()) as trainer,
    ):
        for number in range(1, 6):  # one by one, each after a sleep has begun
            trainer.send(str(number))
            rig.ask_page(number - 1).expect(page(str(number), last=number))


class PollingLoop(asyncio.SelectorEventLoop):
    """A loop that cannot watch descriptors, like asyncio's proactor loop."""

    def add_reader(self, *_: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


class PollingLoopThread(LoopThread):
    """Runs a ``PollingLoop``."""

    def __init__(self) -> None:
        self.loop = PollingLoop()
        self.errors: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, name="test-loop")
        self._thread.start()


def test_a_loop_that_cannot_watch_descriptors_is_enough() -> None:
    thread = PollingLoopThread()
    try:
        with listener_rig(thread, poll_interval=0.01) as rig:
            with StandInTrainer(progress_address=rig.start()) as trainer:
                for number in range(1, 4):
                    trainer.send(str(number))
                    rig.ask_page(number - 1).expect(page(str(number), last=number))
            assert rig.stop() == ListeningStopped(counts=ProgressCounts(received=3, last=3))
    finally:
        thread.close()
    assert thread.errors == []


def test_stop_reading_forgets_that_reader_alone(rig: ListenerRig) -> None:
    with StandInTrainer(progress_address=rig.start()) as trainer:
        forgotten, waiting = rig.ask_page(0), rig.ask_page(0)
        rig.ref.tell(StopReading(reply_to=forgotten))
        trainer.send("a")
        waiting.expect(page("a", last=1))
        rig.counts()
        assert forgotten.drain() == []


def test_stop_reading_of_somebody_who_does_not_read_does_nothing(rig: ListenerRig) -> None:
    rig.ref.tell(StopReading(reply_to=Probe()))
    assert rig.counts() == ProgressCounts()


def test_reports_can_be_read_when_nothing_is_listened_to(loop_thread: LoopThread) -> None:
    log = ProgressLog(limit=10, max_bytes=1_000)
    log.append("of a former listener")
    with listener_rig(loop_thread, log=log) as rig:
        rig.ask_page(0).expect(page("of a former listener", last=1))
        rig.start()
        rig.stop()
        rig.ask_page(0).expect(page("of a former listener", last=1, ended=True))


def test_a_message_that_is_no_text_is_logged_and_counted_and_not_read(
    rig: ListenerRig, caplog: pytest.LogCaptureFixture
) -> None:
    with StandInTrainer(progress_address=rig.start()) as trainer:
        trainer.send_bytes(b"\xff")
        trainer.send("good")
        assert rig.read(1) == ["good"]
    assert rig.counts() == ProgressCounts(received=2, undecodable=1, last=1)
    (error,) = errors(caplog)
    assert "not UTF-8" in error


def test_a_mailbox_that_raises_does_not_disturb_the_others(rig: ListenerRig) -> None:
    raising = Raising()
    rig.ref.tell(rig.start_message(raising))
    rig.ref.tell(ReadProgress(after=0, limit=1, reply_to=raising))
    rig.ref.tell(CountProgress(reply_to=raising))
    rig.ref.tell(EndJob(reply_to=raising))
    rig.ref.tell(StopListening(reply_to=raising))
    assert rig.stop() == ListeningStopped(counts=ProgressCounts(received=0))
    with StandInTrainer(progress_address=rig.ask_start().address) as trainer:
        rig.ref.tell(ReadProgress(after=0, limit=1, reply_to=raising))
        trainer.send("a")
        assert rig.read(1) == ["a"]


def test_a_start_while_the_former_socket_is_being_closed_waits_for_that(
    rig: ListenerRig, loop_thread: LoopThread
) -> None:
    assert isinstance(rig.ask_start(), ListeningStarted)
    made = rig.parent.wait_for(ProgressSocketMade)
    answers: Probe[Any] = Probe()
    with stuck(loop_thread):
        made.close().result(PATIENCE)  # as a stop does that the event loop does not answer
        rig.ref.tell(rig.start_message(answers))
    assert isinstance(answers.get(), ListeningStarted)
