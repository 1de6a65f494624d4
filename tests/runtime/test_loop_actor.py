"""LoopActor: Pykka's contract, kept on an event loop's thread."""

import itertools
import threading
from typing import Any

import pykka
import pytest
from pykka._envelope import Envelope

from actors.runtime.loop_actor import TURN_LIMIT
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe
from tests.support.recorder import Recorder, fail
from tests.support.waiting import PATIENCE


class Started:
    """A Recorder on the loop's thread, and what it told."""

    def __init__(self, loop_thread: LoopThread, told: Probe[Any]) -> None:
        self.ref = Recorder.start(loop_thread.loop, told)
        self._told = told
        self._ident = loop_thread.ident

    def expect(self, what: object) -> None:
        self._told.expect((what, self._ident))


@pytest.fixture
def recorder(loop_thread: LoopThread, told: Probe[Any]) -> Started:
    return Started(loop_thread, told)


def test_hooks_and_handlers_run_on_the_loops_thread_in_the_order_of_the_tells(
    recorder: Started, told: Probe[Any]
) -> None:
    for number in range(3 * TURN_LIMIT):
        recorder.ref.tell(number)
    assert recorder.ref.stop(timeout=PATIENCE) is True
    recorder.expect("on_start")
    for number in range(3 * TURN_LIMIT):
        recorder.expect(number)
    recorder.expect("on_stop")
    assert told.drain() == []


def test_it_may_be_started_and_told_on_the_loops_own_thread(
    loop_thread: LoopThread, told: Probe[Any]
) -> None:
    def start_and_tell() -> pykka.ActorRef[Recorder]:
        ref = Recorder.start(loop_thread.loop, told)
        ref.tell("first")
        assert told.drain() == []  # not within the call: in a turn of its own
        return ref

    ref = loop_thread.call(start_and_tell)
    assert ref.stop(timeout=PATIENCE)
    assert [what for what, _ in told.drain()] == ["on_start", "first", "on_stop"]


def test_ask_is_answered_through_pykka(recorder: Started) -> None:
    assert recorder.ref.ask("question", timeout=PATIENCE) == "answer to question"
    recorder.ref.stop(timeout=PATIENCE)


def test_an_error_under_ask_goes_to_the_asker_and_the_actor_lives_on(recorder: Started) -> None:
    with pytest.raises(ValueError, match="broken"):
        recorder.ref.ask(fail(ValueError("broken")), timeout=PATIENCE)
    assert recorder.ref.ask("question", timeout=PATIENCE) == "answer to question"
    recorder.ref.stop(timeout=PATIENCE)


def test_an_error_under_tell_runs_on_failure_on_the_loop_and_ends_the_actor(
    recorder: Started, told: Probe[Any]
) -> None:
    recorder.ref.tell(fail(ValueError("broken")))
    recorder.expect("on_start")
    recorder.expect("on_failure ValueError('broken')")
    assert not recorder.ref.is_alive()
    assert pykka.ActorRegistry.get_by_class(Recorder) == []
    with pytest.raises(pykka.ActorDeadError):
        recorder.ref.tell("too late")
    assert told.drain() == []


def test_an_on_start_that_raises_ends_the_actor_without_handling_anything(
    loop_thread: LoopThread, told: Probe[Any]
) -> None:
    gate = threading.Event()
    loop_thread.loop.call_soon_threadsafe(gate.wait, PATIENCE)
    ref = Recorder.start(loop_thread.loop, told, on_start=ValueError("broken"))
    ref.tell("never handled")
    asked = ref.ask("never answered", block=False)
    gate.set()
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=PATIENCE)
    assert [what for what, _ in told.drain()] == ["on_start", "on_failure ValueError('broken')"]
    assert pykka.ActorRegistry.get_by_class(Recorder) == []


def test_what_is_queued_before_a_stop_is_handled_and_what_comes_behind_it_is_not(
    loop_thread: LoopThread, recorder: Started, told: Probe[Any]
) -> None:
    gate = threading.Event()
    loop_thread.loop.call_soon_threadsafe(gate.wait, PATIENCE)
    for number in range(3 * TURN_LIMIT):
        recorder.ref.tell(number)
    stopped = recorder.ref.stop(block=False)
    recorder.ref.tell("behind the stop")
    asked = recorder.ref.ask("behind the stop", block=False)
    gate.set()
    assert stopped.get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=PATIENCE)
    whats = [what for what, _ in told.drain()]
    assert whats == ["on_start", *range(3 * TURN_LIMIT), "on_stop"]


def test_an_ask_that_comes_in_while_the_dead_letters_are_cleared_is_answered_too(
    loop_thread: LoopThread, recorder: Started
) -> None:
    last: pykka.Future[Any] = pykka.ThreadingFuture()

    class LetterOfALateAsker(pykka.ThreadingFuture[Any]):
        """Its refusal coincides with the put of another asker who saw the actor alive."""

        def set_exception(self, *arguments: Any, **named: Any) -> None:
            recorder.ref.actor_inbox.put(Envelope("late", reply_to=last))
            super().set_exception(*arguments, **named)

    gate = threading.Event()
    loop_thread.loop.call_soon_threadsafe(gate.wait, PATIENCE)
    stopped = recorder.ref.stop(block=False)
    recorder.ref.actor_inbox.put(Envelope("early", reply_to=LetterOfALateAsker()))
    gate.set()
    assert stopped.get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError):
        last.get(timeout=PATIENCE)


def test_a_turn_handles_its_share_and_then_lets_the_loop_go_on(
    loop_thread: LoopThread, recorder: Started, told: Probe[Any]
) -> None:
    recorder.expect("on_start")

    def tell_many_then_ask_for_a_callback() -> None:
        for number in range(4 * TURN_LIMIT):
            recorder.ref.tell(number)
        loop_thread.loop.call_soon(lambda: told.tell("another callback"))

    loop_thread.call(tell_many_then_ask_for_a_callback)
    recorder.ref.stop(timeout=PATIENCE)
    assert told.drain().index("another callback") == TURN_LIMIT
    assert TURN_LIMIT <= 100  # a few milliseconds


def test_a_flood_from_several_threads_keeps_the_order_of_each_and_the_loop_going(
    loop_thread: LoopThread, told: Probe[Any]
) -> None:
    ref = Recorder.start(loop_thread.loop, told)
    tellers, each = 5, 2_000
    gate = threading.Event()
    handled_at_callbacks: list[int] = []
    handled = 0
    senders: dict[int, list[int]] = {teller: [] for teller in range(tellers)}

    def take(teller: int, number: int) -> None:
        nonlocal handled
        handled += 1
        senders[teller].append(number)

    def flood(teller: int) -> None:
        for number in range(each):
            ref.tell(lambda number=number: take(teller, number))

    def note() -> None:
        handled_at_callbacks.append(handled)
        if handled < tellers * each:
            loop_thread.loop.call_soon(note)

    threads = [threading.Thread(target=flood, args=(t,)) for t in range(tellers)]
    loop_thread.loop.call_soon_threadsafe(gate.wait, PATIENCE)
    loop_thread.loop.call_soon_threadsafe(note)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    gate.set()
    assert ref.stop(timeout=PATIENCE)
    assert senders == {teller: list(range(each)) for teller in range(tellers)}
    steps = [b - a for a, b in itertools.pairwise(handled_at_callbacks)]
    assert 0 < max(steps) <= TURN_LIMIT


def test_a_stop_in_a_handler_ends_the_actor_after_what_is_queued(
    loop_thread: LoopThread, recorder: Started, told: Probe[Any]
) -> None:
    ended = threading.Event()
    recorder.ref.tell(lambda: recorder.ref.stop(block=False))
    asked = recorder.ref.ask("queued", block=False)
    try:
        assert asked.get(timeout=PATIENCE) == "answer to queued"
    except pykka.ActorDeadError:
        pass  # the stop was first: both orders are legal here
    loop_thread.call(ended.set)
    assert recorder.ref.actor_stopped.wait(PATIENCE)
    assert [what for what, _ in told.drain()][-1] == "on_stop"
