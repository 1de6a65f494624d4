"""LoopActor: an interrupt in a handler, and an event loop that is closed."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from actors import TypedRef
from tests.support.probe import Probe
from tests.support.recorder import Recorder, fail
from tests.support.waiting import PATIENCE


class Other(pykka.ThreadingActor):
    """An actor of the host program's."""

    def on_receive(self, message: Any) -> Any:
        return message


@pytest.fixture
def other() -> Iterator[pykka.ActorRef[Other]]:
    ref = Other.start()
    yield ref
    ref.stop()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that is run by the test's own thread."""
    loop = asyncio.new_event_loop()
    yield loop
    if not loop.is_closed():
        loop.close()
    # An actor that outlives its loop cannot be stopped; it is to fail its own test alone.
    for ref in pykka.ActorRegistry.get_by_class(Recorder):
        pykka.ActorRegistry.unregister(ref)


def run_all(loop: asyncio.AbstractEventLoop) -> None:
    """Let the loop handle what is scheduled, and what that schedules, a few times over."""

    async def turns() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    loop.run_until_complete(turns())


def whats(told: Probe[Any]) -> list[Any]:
    return [what for what, _ in told.drain()]


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_a_handler_reaches_the_loops_caller_and_ends_only_this_actor(
    interrupt: type[BaseException],
    loop: asyncio.AbstractEventLoop,
    told: Probe[Any],
    other: pykka.ActorRef[Other],
) -> None:
    interrupted, neighbour = Recorder.start(loop, told), Recorder.start(loop, Probe())
    interrupted.tell(fail(interrupt()))
    interrupted.tell("never handled")
    with pytest.raises(interrupt):
        loop.run_forever()
    assert whats(told) == ["on_start", f"on_failure RuntimeError('interrupted by {interrupt()!r}')"]
    assert not interrupted.is_alive()
    assert neighbour.is_alive()
    assert other.ask("alive", timeout=PATIENCE) == "alive"
    asked = neighbour.ask("question", block=False)
    stopped = neighbour.stop(block=False)
    run_all(loop)
    assert asked.get(timeout=PATIENCE) == "answer to question"
    assert stopped.get(timeout=PATIENCE)


def test_an_interrupt_is_raised_once(loop: asyncio.AbstractEventLoop, told: Probe[Any]) -> None:
    ref = Recorder.start(loop, told)
    asked = ref.ask(fail(KeyboardInterrupt()), block=False)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    with pytest.raises(RuntimeError, match="interrupted by KeyboardInterrupt"):
        asked.get(timeout=PATIENCE)
    ref.stop(block=False)
    run_all(loop)
    assert whats(told) == ["on_start", "on_stop"]


def test_an_idle_actor_whose_loop_is_closed_fails_at_the_next_tell(
    loop: asyncio.AbstractEventLoop, told: Probe[Any]
) -> None:
    ref = Recorder.start(loop, told)
    run_all(loop)
    loop.close()
    ref.tell("never handled")
    assert whats(told) == ["on_start", "on_failure the event loop is closed"]
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("never handled either")
    assert whats(told) == []


def test_an_actor_whose_turn_was_due_when_its_loop_was_closed_fails_at_the_next_tell(
    loop: asyncio.AbstractEventLoop, told: Probe[Any]
) -> None:
    ref = Recorder.start(loop, told)
    run_all(loop)
    ref.tell("never handled")
    loop.close()
    TypedRef[str](ref).tell("never handled either")
    assert whats(told) == ["on_start", "on_failure the event loop is closed"]
    assert not ref.is_alive()


def test_an_actor_whose_loop_was_closed_before_its_start_was_handled_is_dead_at_the_next_tell(
    loop: asyncio.AbstractEventLoop, told: Probe[Any]
) -> None:
    ref = Recorder.start(loop, told)
    loop.close()
    TypedRef[str](ref).tell("never handled")
    assert not ref.is_alive()


def test_a_stop_of_an_actor_whose_loop_is_closed_returns(
    loop: asyncio.AbstractEventLoop, told: Probe[Any]
) -> None:
    ref = Recorder.start(loop, told)
    run_all(loop)
    loop.close()
    assert TypedRef[str](ref).stop(timeout=PATIENCE)
    assert not ref.is_alive()


def test_a_total_tell_to_an_actor_on_a_closed_loop_does_not_raise(
    loop: asyncio.AbstractEventLoop, told: Probe[Any]
) -> None:
    ref = Recorder.start(loop, told)
    run_all(loop)
    loop.close()
    TypedRef[str](ref).tell("never handled")
    TypedRef[str](ref).request_stop()
    assert not ref.is_alive()


def test_an_actor_that_is_started_on_a_closed_loop_ends_at_once(
    loop: asyncio.AbstractEventLoop, told: Probe[Any]
) -> None:
    loop.close()
    assert not Recorder.start(loop, told).is_alive()
    assert whats(told) == ["on_failure the event loop is closed"]
    assert pykka.ActorRegistry.get_by_class(Recorder) == []


def test_an_orderly_stop_leaves_the_hosts_actors_alone(
    loop: asyncio.AbstractEventLoop, told: Probe[Any], other: pykka.ActorRef[Other]
) -> None:
    ref = Recorder.start(loop, told)
    ref.stop(block=False)
    run_all(loop)
    assert whats(told) == ["on_start", "on_stop"]
    assert other.ask("alive", timeout=PATIENCE) == "alive"
