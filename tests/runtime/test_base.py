"""ThreadActor: release once at every exit, and then the last word to the parent."""

import logging
import threading
from concurrent.futures import Future
from typing import Any

import pykka
import pytest

from actors.runtime import ThreadActor
from messages import ChildDown
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE


class Child(ThreadActor[Any]):
    """Tells ``told`` of its release; told an exception it raises it, told an Event it waits."""

    name = "the child"

    def __init__(
        self,
        told: Probe[object],
        *,
        released: Future[None] | None = None,
        release_error: Exception | None = None,
    ) -> None:
        super().__init__()
        self.parent = told
        self._told = told
        self._released = released
        self._release_error = release_error

    def on_receive(self, message: Exception | threading.Event) -> None:
        if isinstance(message, threading.Event):
            assert message.wait(PATIENCE)
        else:
            raise message

    def release(self) -> Future[None] | None:
        on_its_own_thread = threading.current_thread() is not threading.main_thread()
        self._told.tell(("released", on_its_own_thread))
        if self._release_error is not None:
            raise self._release_error
        return self._released


RELEASED = ("released", True)
STOPPED = ChildDown(child="the child", reason=None)
CRASHED = ChildDown(child="the child", reason="ValueError('broken')")


def heard(told: Probe[object]) -> list[object]:
    """What the parent was told; the registry is empty, so that nothing more can come."""
    assert pykka.ActorRegistry.get_by_class(Child) == []
    return told.drain()


def test_after_a_stop_the_parent_is_told_once_and_after_the_release() -> None:
    told: Probe[object] = Probe()
    assert Child.start(told).stop(timeout=PATIENCE)
    assert heard(told) == [RELEASED, STOPPED]


def test_after_a_crash_the_parent_is_told_why_and_after_the_release() -> None:
    told: Probe[object] = Probe()
    ref = Child.start(told)
    ref.tell(ValueError("broken"))
    told.expect(RELEASED)
    told.expect(CRASHED)
    assert heard(told) == []


def test_a_stop_behind_a_crash_does_not_release_again() -> None:
    told: Probe[object] = Probe()
    gate = threading.Event()
    ref = Child.start(told)
    ref.tell(gate)
    ref.tell(ValueError("broken"))
    stopped = ref.stop(block=False)
    gate.set()
    stopped.get(timeout=PATIENCE)
    told.expect(RELEASED)
    told.expect(CRASHED)
    assert heard(told) == []


def test_two_stops_release_once() -> None:
    told: Probe[object] = Probe()
    gate = threading.Event()
    ref = Child.start(told)
    ref.tell(gate)
    first, second = ref.stop(block=False), ref.stop(block=False)
    gate.set()
    assert first.get(timeout=PATIENCE)
    second.get(timeout=PATIENCE)
    assert heard(told) == [RELEASED, STOPPED]


@pytest.mark.parametrize("crash", [False, True])
def test_a_release_that_raises_is_an_error_in_the_log_and_the_parent_is_told_all_the_same(
    crash: bool, caplog: pytest.LogCaptureFixture
) -> None:
    told: Probe[object] = Probe()
    ref = Child.start(told, release_error=OSError("stuck"))
    if crash:
        ref.tell(ValueError("broken"))
    else:
        ref.stop(timeout=PATIENCE)
    told.expect(RELEASED)
    told.expect(CRASHED if crash else STOPPED)
    (record,) = [r for r in caplog.records if r.name == "actors.runtime.base"]
    assert record.levelno == logging.ERROR
    assert "the child" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], OSError)


@pytest.mark.parametrize("crash", [False, True])
def test_a_release_that_takes_longer_is_waited_for_before_the_parent_is_told(crash: bool) -> None:
    told: Probe[object] = Probe()
    released: Future[None] = Future()
    ref = Child.start(told, released=released)
    if crash:
        ref.tell(ValueError("broken"))
        told.expect(RELEASED)
        assert ref.actor_stopped.wait(PATIENCE)
    else:
        assert ref.stop(timeout=PATIENCE)
        told.expect(RELEASED)
    told.tell("before the release is over")
    released.set_result(None)
    told.expect("before the release is over")
    told.expect(CRASHED if crash else STOPPED)
    assert heard(told) == []


def test_a_longer_release_that_fails_is_told_too() -> None:
    told: Probe[object] = Probe()
    released: Future[None] = Future()
    assert Child.start(told, released=released).stop(timeout=PATIENCE)
    released.set_exception(OSError("stuck"))
    assert heard(told) == [RELEASED, STOPPED]
