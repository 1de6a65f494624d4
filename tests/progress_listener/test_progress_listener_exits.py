"""ProgressListenerActor: after a stop or a crash, no task, no socket and no reader is left."""

import gc
import logging
from threading import Event, Semaphore

import pytest

from actors.progress_listener.socket import Drained, ProgressSocket
from messages import ChildDown, ListeningStarted, ProgressPage, ProgressSocketMade
from tests.support.addresses import becomes_free, fixed_addresses
from tests.support.event_loop import LoopThread, stuck
from tests.support.listener_rig import ListenerRig, listener_rig
from tests.support.probe import Probe
from tests.support.trainer import StandInTrainer
from tests.support.waiting import PATIENCE, settled

STOPPED = ChildDown(child="progress listener", reason=None)


def test_an_orderly_stop_ends_the_task_closes_the_socket_and_tells(
    rig: ListenerRig, loop_thread: LoopThread
) -> None:
    address = rig.start()
    assert rig.ref.stop(timeout=PATIENCE)
    rig.parent.expect(STOPPED)
    assert becomes_free(address)
    assert settled(lambda: loop_thread.tasks() == set())


def test_a_stop_without_a_start_tells(rig: ListenerRig) -> None:
    assert rig.ref.stop(timeout=PATIENCE)
    rig.parent.expect(STOPPED)


def test_a_stop_right_behind_the_start_leaves_nothing(
    rig: ListenerRig, loop_thread: LoopThread
) -> None:
    (address,) = fixed_addresses(1)

    def start_and_end() -> None:
        rig.ref.tell(rig.start_message(Probe(), address))
        rig.ref.request_stop()

    loop_thread.call(start_and_end)
    assert isinstance(rig.parent.get(), ProgressSocketMade)
    rig.parent.expect(STOPPED)
    assert becomes_free(address)


def test_a_crash_closes_the_socket_and_is_told_when_it_is_closed(
    rig: ListenerRig, loop_thread: LoopThread
) -> None:
    address = rig.start()
    rig.ref.tell(object())
    down = rig.parent.get()
    assert isinstance(down, ChildDown)
    assert down.reason is not None
    assert "AssertionError" in down.reason
    assert becomes_free(address)
    assert settled(lambda: loop_thread.tasks() == set())
    assert rig.parent.drain() == []


def test_a_socket_that_fails_twice_while_the_loop_is_busy_is_one_crash(
    rig: ListenerRig, loop_thread: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.ask_start()
    made = rig.parent.get()
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
    rig.parent.expect(
        ChildDown(child="progress listener", reason="RuntimeError('the socket is broken')")
    )
    gc.collect()  # a failure that nobody has looked at is told to the loop when it is collected
    assert loop_thread.call(lambda: loop_thread.errors) == []


def test_a_crash_keeps_the_log_for_the_next_listener(
    rig: ListenerRig, loop_thread: LoopThread
) -> None:
    address = rig.start()
    with StandInTrainer(progress_address=address) as trainer:
        trainer.send("before the crash")
        rig.read(1)
        rig.ref.tell(object())
        assert isinstance(rig.parent.get(), ChildDown)
        with listener_rig(loop_thread, log=rig.log) as successor:
            # libzmq lets go of the address a moment later.
            assert settled(lambda: isinstance(successor.ask_start(address), ListeningStarted))
            trainer_is_back(successor, trainer)
            assert successor.read(1) == ["before the crash"]
            assert successor.counts().received >= 2


def trainer_is_back(rig: ListenerRig, trainer: StandInTrainer) -> None:
    """The trainer has connected again by itself, as ZeroMQ does, and is heard."""

    def heard() -> bool:
        trainer.send("after the crash")
        return rig.counts().last > 1

    assert settled(heard)


def test_the_sockets_close_works_while_the_loop_is_stuck(
    rig: ListenerRig, loop_thread: LoopThread
) -> None:
    (address,) = fixed_addresses(1)
    assert rig.ask_start(address) == ListeningStarted(address=address)
    made = rig.parent.get()
    assert isinstance(made, ProgressSocketMade)
    with stuck(loop_thread):
        made.close().result(PATIENCE)
        assert becomes_free(address)
    made.close().result(PATIENCE)


def test_a_reader_that_waits_at_a_crash_gets_nothing_more(rig: ListenerRig) -> None:
    rig.start()
    waiting = rig.ask_page(0)
    rig.ref.tell(object())
    assert isinstance(rig.parent.get(), ChildDown)
    assert waiting.drain() == []


def test_what_is_told_after_the_end_is_dropped_without_harm(rig: ListenerRig) -> None:
    rig.ref.stop(timeout=PATIENCE)
    pages: Probe[ProgressPage] = rig.ask_page(0)
    rig.ref.tell(rig.start_message(Probe()))
    rig.parent.expect(STOPPED)
    assert pages.drain() == rig.parent.drain() == []
