"""ClientChannelActor: the turns that it leaves to the event loop before it asks for more."""

import asyncio

from messages import ChannelClosed, CloseChannel, ProgressPage, ReadProgress, StopReading
from tests.support.channel import FakeChannel
from tests.support.client_rig import ClientRig
from tests.support.event_loop import LoopThread
from tests.support.probe import Probe

TEXTS = 50
"""Of a page: more than the turns that messages between two actors take."""


class TurnCounter:
    """A listener, on the loop, that answers with a page of ``TEXTS`` for each of ``behind``.

    ``turns`` are those that the loop had between each of these and the next request.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *behind: int) -> None:
        self._loop = loop
        self._behind = list(behind)
        self._count = self._answered = 0
        self.turns: list[int] = []
        self.done: Probe[ReadProgress] = Probe()

    def tell(self, message: ReadProgress | StopReading, /) -> None:
        if isinstance(message, StopReading):
            return
        if message.after:
            self.turns.append(self._count - self._answered)
        else:
            self._loop.call_soon(self._turn)
        if not self._behind:
            self.done.tell(message)
            return
        self._answered = self._count
        message.reply_to.tell(page(message.after or 0, behind=self._behind.pop(0)))

    def _turn(self) -> None:
        self._count += 1
        if self._behind or len(self.turns) < 2:
            self._loop.call_soon(self._turn)


def page(after: int, *, behind: int) -> ProgressPage:
    return ProgressPage(
        messages=("text",) * TEXTS, last=after + TEXTS, missed=0, ended=False, behind=behind
    )


def test_a_client_that_is_behind_leaves_the_loop_a_turn_for_each_text(
    rig: ClientRig, loop_thread: LoopThread
) -> None:
    listener = TurnCounter(loop_thread.loop, 1, 0)
    rig.follow(listener)
    rig.attach(FakeChannel())
    listener.done.get()
    behind, up_to_date = listener.turns
    assert behind >= TEXTS > up_to_date


def test_a_client_that_is_closed_meanwhile_asks_for_nothing(
    rig: ClientRig, loop_thread: LoopThread
) -> None:
    rig.follow()
    rig.attach(FakeChannel())
    read = rig.next_read(after=0)

    def answer_and_close() -> None:
        read.reply_to.tell(page(0, behind=1))
        rig.ref.tell(CloseChannel(reply_to=rig.parent))

    loop_thread.call(answer_and_close)
    rig.parent.wait_for(ChannelClosed)
    rig.turn(2 * TEXTS)
    assert not any(isinstance(message, ReadProgress) for message in rig.reads.drain())


def test_a_client_that_follows_another_run_meanwhile_asks_there_once(
    rig: ClientRig, loop_thread: LoopThread
) -> None:
    rig.follow()
    rig.attach(FakeChannel())
    read = rig.next_read(after=0)
    successor = TurnCounter(loop_thread.loop)

    def answer_and_replace() -> None:
        read.reply_to.tell(page(0, behind=1))
        rig.follow(successor)

    loop_thread.call(answer_and_replace)
    assert successor.done.get().after == TEXTS
    rig.turn(2 * TEXTS)
    assert successor.done.drain() == []
    assert rig.reads.drain() == []
