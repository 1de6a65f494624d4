"""Inbox: closed once, and what is left in it is answered."""

import asyncio
import threading
from typing import Any

import pykka
import pytest

from actors import TypedRef
from actors.runtime import Inbox, LoopActor, ThreadActor
from messages import ChildDown
from tests.support.probe import Probe
from tests.support.waiting import PATIENCE

ROUNDS = 100


class Answering(ThreadActor[Any]):
    """Answers each mailbox that it is told, now or too late."""

    name = "answering"

    def __init__(self, parent: Probe[ChildDown]) -> None:
        super().__init__()
        self.parent = parent

    def on_receive(self, message: Probe[str] | Exception) -> None:
        if isinstance(message, Exception):
            raise message
        message.tell("handled")

    def turn_away(self, message: Probe[str]) -> None:
        message.tell("too late")


class OnLoop(LoopActor[Any]):
    """Counts its releases."""

    name = "on a loop"

    def __init__(self, loop: asyncio.AbstractEventLoop, parent: Probe[ChildDown]) -> None:
        super().__init__(loop)
        self.parent = parent
        self.releases = 0
        self.turned_away: list[Any] = []

    def on_receive(self, message: Any) -> None:
        raise AssertionError(f"{message} was handled on a closed loop")

    def release(self) -> None:
        self.releases += 1

    def turn_away(self, message: Any) -> None:
        self.turned_away.append(message)


@pytest.mark.parametrize("how", ["stop", "crash"])
def test_each_message_that_was_taken_is_answered_once_however_the_actor_ends(how: str) -> None:
    for _ in range(ROUNDS):
        parent: Probe[ChildDown] = Probe()
        ref = TypedRef[Any](Answering.start(parent))
        began = threading.Barrier(3)
        taken: list[Probe[str]] = []

        def tell_many(
            ref: TypedRef[Any] = ref,
            began: threading.Barrier = began,
            taken: list[Probe[str]] = taken,
        ) -> None:
            began.wait()
            for _ in range(20):
                answers: Probe[str] = Probe()
                if ref.try_tell(answers):
                    taken.append(answers)

        tellers = [threading.Thread(target=tell_many) for _ in range(2)]
        for teller in tellers:
            teller.start()
        began.wait()
        if how == "stop":
            ref.request_stop()
        else:
            ref.tell(ValueError("broken"))
        for teller in tellers:
            teller.join(PATIENCE)
        assert (parent.get().reason is None) == (how == "stop")
        assert all(answers.get() in ("handled", "too late") for answers in taken)
        assert all(answers.drain() == [] for answers in taken)


def test_an_actor_whose_loop_is_closed_while_two_threads_tell_is_released_once() -> None:
    for _ in range(ROUNDS):
        loop, parent = asyncio.new_event_loop(), Probe[ChildDown]()
        pykka_ref = OnLoop.start(loop, parent)
        actor = pykka_ref._actor_weakref()
        loop.close()
        began = threading.Barrier(2)

        def tell(
            ref: TypedRef[Any] = TypedRef(pykka_ref),  # noqa: B008 - of this round
            began: threading.Barrier = began,
        ) -> None:
            began.wait()
            ref.tell("never handled")

        tellers = [threading.Thread(target=tell) for _ in range(2)]
        for teller in tellers:
            teller.start()
        for teller in tellers:
            teller.join(PATIENCE)
        assert actor is not None
        assert actor.releases == 1
        assert len(actor.turned_away) <= 2
        parent.expect(ChildDown(child="on a loop", reason="the event loop is closed"))
        assert parent.drain() == []


def test_an_ask_of_an_actor_that_has_ended_is_answered_with_that() -> None:
    ref = Answering.start(Probe())
    inbox = ref.actor_inbox
    ref.stop(timeout=PATIENCE)
    late: pykka.Future[Any] = pykka.ThreadingFuture()
    # As of an asker that saw the actor alive a moment before.
    inbox.put(pykka._envelope.Envelope("late", reply_to=late))
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError):
        inbox.put(pykka._envelope.Envelope("late"))


def inbox_of(ref: pykka.ActorRef[Any]) -> Inbox:
    """Pykka says only that there is one."""
    assert isinstance(ref.actor_inbox, Inbox)
    return ref.actor_inbox


def test_a_timer_that_raises_is_a_crash_of_its_actor() -> None:
    parent: Probe[ChildDown] = Probe()
    ref = Answering.start(parent)

    def fail() -> None:
        raise ValueError("broken")

    inbox_of(ref).after(0.0, fail)
    parent.expect(ChildDown(child="answering", reason="ValueError('broken')"))


def test_timers_fire_in_their_order_on_the_actors_thread_unless_they_are_called_off() -> None:
    parent, fired = Probe[ChildDown](), Probe[Any]()
    ref = Answering.start(parent)
    gate = Probe[str]()
    inbox = inbox_of(ref)

    def arm() -> None:
        inbox.after(0.02, lambda: fired.tell("third"))
        inbox.after(0.0, lambda: fired.tell("first"))
        inbox.after(0.01, lambda: fired.tell("never")).cancel()
        inbox.after(0.01, lambda: fired.tell(("second", threading.current_thread().name)))

    inbox.after(0.0, arm)
    ref.tell(gate)
    fired.expect("first")
    what, thread = fired.get()
    assert what == "second"
    assert thread.startswith("Answering")
    fired.expect("third")
    assert gate.drain() == ["handled"]
    ref.stop(timeout=PATIENCE)
