"""ProgressListenerActor: the end of a job and the end of listening."""

import threading
import time
from typing import Any

import pytest

from actors.progress_listener.socket import Drained, ProgressSocket
from messages import (
    EndJob,
    JobEnded,
    ListeningStarted,
    ListeningStopped,
    ProgressCounts,
    StopListening,
)
from tests.support.event_loop import LoopThread
from tests.support.listener_rig import ListenerRig, listener_rig, page
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE


def test_a_stop_ends_the_sleep_between_two_polls(loop_thread: LoopThread) -> None:
    with listener_rig(loop_thread, poll_interval=10_000.0) as rig:
        rig.start()
        assert rig.stop() == ListeningStopped(counts=ProgressCounts(received=0))


def test_a_stop_takes_what_the_trainer_has_still_sent(rig: ListenerRig) -> None:
    with StandInTrainer(progress_address=rig.start()) as trainer:
        trainer.send(*map(str, range(900)))
    assert rig.stop() == ListeningStopped(counts=ProgressCounts(received=900, last=900))
    assert rig.read(900) == list(map(str, range(900)))


def test_a_stop_is_answered_without_a_start_and_twice(rig: ListenerRig) -> None:
    assert rig.stop() == ListeningStopped(counts=ProgressCounts(received=0))
    rig.start()
    assert rig.stop() == rig.stop() == ListeningStopped(counts=ProgressCounts(received=0))


def test_several_stops_at_once_are_all_answered(rig: ListenerRig) -> None:
    rig.start()
    answers: Probe[Any] = Probe()
    for _ in range(5):
        rig.ref.tell(StopListening(reply_to=answers))
    for _ in range(5):
        answers.expect(ListeningStopped(counts=ProgressCounts(received=0)))


def test_a_stop_told_in_the_same_turn_as_the_start_is_not_lost(
    rig: ListenerRig, loop_thread: LoopThread
) -> None:
    answers: Probe[Any] = Probe()

    def start_and_stop() -> None:
        rig.ref.tell(rig.start_message(answers))
        rig.ref.tell(StopListening(reply_to=answers))

    loop_thread.call(start_and_stop)
    assert isinstance(answers.get(), ListeningStarted)
    answers.expect(ListeningStopped(counts=ProgressCounts(received=0)))
    assert loop_thread.tasks() == set()


def test_after_a_stop_it_can_listen_again_and_positions_go_on(rig: ListenerRig) -> None:
    for number in range(3):
        with StandInTrainer(progress_address=rig.start()) as trainer:
            trainer.send(f"of job {number}")
        assert rig.stop().counts.last == number + 1
    rig.ask_page(0).expect(page("of job 0", last=1, ended=True))
    rig.ask_page(1).expect(page("of job 1", last=2, ended=True))


def test_a_reader_that_waits_at_the_stop_is_told_that_the_job_is_over(
    rig: ListenerRig,
) -> None:
    with StandInTrainer(progress_address=rig.start()) as trainer:
        trainer.send("a")
        rig.read(1)
    waiting = rig.ask_page(1)
    rig.stop()
    waiting.expect(page(last=1, ended=True))


def test_the_end_of_a_job_counts_it_and_begins_the_next_on_the_same_socket(
    rig: ListenerRig,
) -> None:
    address = rig.start()
    with StandInTrainer(progress_address=address) as trainer:
        trainer.send("a", "b")
        trainer.send_bytes(b"\xff")
    assert rig.end_job() == ProgressCounts(received=3, undecodable=1, last=2)
    assert rig.counts() == ProgressCounts(received=0, undecodable=0, last=2)
    waiting = rig.ask_page(2)
    with StandInTrainer(progress_address=address) as trainer:
        trainer.send("c")
        waiting.expect(page("c", last=3))
    assert rig.end_job() == ProgressCounts(received=1, last=3)
    rig.ask_page(0).expect(page("a", "b", last=2, ended=True))
    rig.ask_page(2).expect(page("c", last=3, ended=True))


def test_the_end_of_a_job_is_answered_when_nothing_is_listened_to(rig: ListenerRig) -> None:
    assert rig.end_job() == ProgressCounts()


def test_an_end_of_a_job_and_a_stop_at_once_are_both_answered(rig: ListenerRig) -> None:
    with StandInTrainer(progress_address=rig.start()) as trainer:
        trainer.send("a")
    answers: Probe[Any] = Probe()
    rig.ref.tell(EndJob(reply_to=answers))
    rig.ref.tell(StopListening(reply_to=answers))
    answers.expect(JobEnded(counts=ProgressCounts(received=1, last=1)))
    assert isinstance(answers.get(), ListeningStopped)


def test_a_drain_from_before_the_end_was_asked_for_does_not_say_that_all_has_come(
    rig: ListenerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_return = threading.Semaphore(0), threading.Event()
    later = iter([("late",)])

    def drain(socket: ProgressSocket) -> Drained:
        if may_return.is_set():
            got = next(later, ())
            socket.received += [(text, time.monotonic()) for text in got]
            return Drained(len(got), more=False, connected=False, at=time.monotonic())
        empty = Drained(0, more=False, connected=False, at=time.monotonic())
        begun.release()
        assert may_return.wait(PATIENCE)
        return empty

    monkeypatch.setattr(ProgressSocket, "drain", drain)
    rig.start()
    assert begun.acquire(timeout=PATIENCE)
    answers: Probe[JobEnded] = Probe()
    rig.ref.tell(EndJob(reply_to=answers))
    rig.counts()  # it has been asked for
    may_return.set()
    assert answers.get().counts.received == 1


def test_a_trainer_that_sends_on_and_on_is_not_waited_for_longer_than_it_is_told(
    loop_thread: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    joined, stopped = threading.Event(), threading.Event()

    def send_on_and_on(address: str) -> None:
        with StandInTrainer(progress_address=address) as trainer:
            joined.set()
            while not stopped.wait(0.001):
                trainer.send(*["on and on"] * 1_000)  # on a busy machine too, it is never silent

    with listener_rig(loop_thread) as rig:
        address = rig.start()
        sender = threading.Thread(target=send_on_and_on, args=(address,))
        sender.start()
        assert joined.wait(PATIENCE)
        try:
            assert rig.stop(timeout=0.2).counts.received > 0
        finally:
            stopped.set()
            sender.join(PATIENCE)
    assert "the trainer still sends" in caplog.text
