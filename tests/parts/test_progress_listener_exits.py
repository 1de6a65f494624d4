"""ProgressListenerActor: after a stop or a crash, no task, no socket and no reader is left."""

import gc
import logging
from collections.abc import Iterator
from threading import Event, Semaphore

import pytest

from actors.progress_listener.socket import Drained, ProgressSocket
from messages import ChildDown, ListeningStarted, ProgressPage, ProgressSocketMade
from tests.conftest import settled
from tests.parts.freed_addresses import becomes_free
from tests.parts.listener_bench import ListenerBench, listener_bench
from tests.support.event_gate import stuck
from tests.support.event_loop import LoopThread
from tests.support.ports import fixed_addresses
from tests.support.probe import PATIENCE, Probe
from tests.support.trainer import StandInTrainer

STOPPED = ChildDown(child="progress listener", reason=None)


@pytest.fixture
def bench(loop_thread: LoopThread) -> Iterator[ListenerBench]:
    with listener_bench(loop_thread) as bench:
        yield bench


def test_an_orderly_stop_ends_the_task_closes_the_socket_and_tells(
    bench: ListenerBench, loop_thread: LoopThread
) -> None:
    address = bench.start()
    assert bench.ref.stop(timeout=PATIENCE)
    bench.parent.expect(STOPPED)
    assert becomes_free(address)
    assert settled(lambda: loop_thread.tasks() == set())


def test_a_stop_without_a_start_tells(bench: ListenerBench) -> None:
    assert bench.ref.stop(timeout=PATIENCE)
    bench.parent.expect(STOPPED)


def test_a_stop_right_behind_the_start_leaves_nothing(
    bench: ListenerBench, loop_thread: LoopThread
) -> None:
    (address,) = fixed_addresses(1)

    def start_and_end() -> None:
        bench.ref.tell(bench.start_message(Probe(), address))
        bench.ref.request_stop()

    loop_thread.call(start_and_end)
    assert isinstance(bench.parent.get(), ProgressSocketMade)
    bench.parent.expect(STOPPED)
    assert becomes_free(address)


def test_a_crash_closes_the_socket_and_is_told_when_it_is_closed(
    bench: ListenerBench, loop_thread: LoopThread
) -> None:
    address = bench.start()
    bench.ref.tell(object())
    down = bench.parent.get()
    assert isinstance(down, ChildDown)
    assert down.reason is not None
    assert "AssertionError" in down.reason
    assert becomes_free(address)
    assert settled(lambda: loop_thread.tasks() == set())
    assert bench.parent.drain() == []


def test_a_socket_that_fails_twice_while_the_loop_is_busy_is_one_crash(
    bench: ListenerBench, loop_thread: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.ask_start()
    made = bench.parent.get()
    assert isinstance(made, ProgressSocketMade)
    # The records of a test's log would keep the failures from being collected.
    monkeypatch.setattr(logging.getLogger("pykka"), "disabled", True)
    drains, may_fail = Semaphore(0), Event()

    def fail(_: ProgressSocket) -> Drained:
        drains.release()
        may_fail.wait(PATIENCE)
        raise RuntimeError("the socket is broken")

    monkeypatch.setattr(ProgressSocket, "drain", fail)
    assert drains.acquire(timeout=PATIENCE)
    with stuck(loop_thread):
        may_fail.set()
        made.close().result(PATIENCE)  # behind the polls
    bench.parent.expect(
        ChildDown(child="progress listener", reason="RuntimeError('the socket is broken')")
    )
    gc.collect()  # a failure that nobody has looked at is told to the loop when it is collected
    assert loop_thread.call(lambda: loop_thread.errors) == []


def test_a_crash_keeps_the_log_for_the_next_listener(
    bench: ListenerBench, loop_thread: LoopThread
) -> None:
    address = bench.start()
    with StandInTrainer(progress_address=address) as trainer:
        trainer.send("before the crash")
        bench.read(1)
        bench.ref.tell(object())
        assert isinstance(bench.parent.get(), ChildDown)
        with listener_bench(loop_thread, log=bench.log) as successor:
            # libzmq lets go of the address a moment later.
            assert settled(lambda: isinstance(successor.ask_start(address), ListeningStarted))
            trainer_is_back(successor, trainer)
            assert successor.read(1) == ["before the crash"]
            assert successor.counts().received >= 2


def trainer_is_back(bench: ListenerBench, trainer: StandInTrainer) -> None:
    """The trainer has connected again by itself, as ZeroMQ does, and is heard."""

    def heard() -> bool:
        trainer.send("after the crash")
        return bench.counts().last > 1

    assert settled(heard)


def test_the_sockets_close_works_while_the_loop_is_stuck(
    bench: ListenerBench, loop_thread: LoopThread
) -> None:
    (address,) = fixed_addresses(1)
    assert bench.ask_start(address) == ListeningStarted(address=address)
    made = bench.parent.get()
    assert isinstance(made, ProgressSocketMade)
    with stuck(loop_thread):
        made.close().result(PATIENCE)
        assert becomes_free(address)
    made.close().result(PATIENCE)


def test_a_reader_that_waits_at_a_crash_gets_nothing_more(bench: ListenerBench) -> None:
    bench.start()
    waiting = bench.ask_page(0)
    bench.ref.tell(object())
    assert isinstance(bench.parent.get(), ChildDown)
    assert waiting.drain() == []


def test_what_is_told_after_the_end_is_dropped_without_harm(bench: ListenerBench) -> None:
    bench.ref.stop(timeout=PATIENCE)
    pages: Probe[ProgressPage] = bench.ask_page(0)
    bench.ref.tell(bench.start_message(Probe()))
    bench.parent.expect(STOPPED)
    assert pages.drain() == bench.parent.drain() == []
