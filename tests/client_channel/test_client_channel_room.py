"""ClientChannelActor: how much waits in a channel, and how it goes on when there is room again."""

import random
from collections.abc import Iterator

import pytest

from tests.support.channel import FakeChannel
from tests.support.client_rig import ClientRig, ListenerStandIn, client_rig
from tests.support.event_loop import LoopThread
from tests.support.texts import forwarded

HIGH_WATER = 1_000
LOW_MARK = HIGH_WATER // 4


class SlowChannel(FakeChannel):
    """Keeps what it is sent until it is told how much of it leaves."""

    def __init__(self, ready_state: str = "open") -> None:
        super().__init__(ready_state, buffering=True)
        self.overfull: list[int] = []

    def send(self, data: str, /) -> None:
        before = self.bufferedAmount
        super().send(data)
        if before and self.bufferedAmount > HIGH_WATER:
            self.overfull.append(self.bufferedAmount)

    def leave(self, amount: int) -> bool:
        """``amount`` bytes leave; the event comes once, when the threshold is crossed."""
        before, self.bufferedAmount = self.bufferedAmount, max(0, self.bufferedAmount - amount)
        crossed = before > self.bufferedAmountLowThreshold >= self.bufferedAmount
        if crossed:
            self.emit("bufferedamountlow")
        return crossed

    def leave_until_the_event(self, amount: int) -> None:
        """``amount`` after ``amount`` leaves, until there is news for the actor or nothing left."""
        while self.bufferedAmount and not self.leave(amount):
            pass


@pytest.fixture
def rig(loop_thread: LoopThread) -> Iterator[ClientRig]:
    with client_rig(loop_thread, channel_high_water=HIGH_WATER, page_messages=16) as rig:
        yield rig


@pytest.fixture
def channel() -> SlowChannel:
    return SlowChannel()


def leave_all(rig: ClientRig, channel: SlowChannel, amount: int) -> None:
    """Let ``amount`` after ``amount`` leave, until nothing waits and nothing more is sent."""
    rig.settle(channel)
    while channel.bufferedAmount:
        rig.loop_thread.call(channel.leave_until_the_event, amount)
        rig.settle(channel)


@pytest.mark.parametrize("size", [1, 100, 300, HIGH_WATER - 17, HIGH_WATER, 3 * HIGH_WATER])
@pytest.mark.parametrize("amount", [1, 97, LOW_MARK, 10_000])
def test_reports_of_one_size_all_get_through_and_never_fill_the_channel_over_the_mark(
    rig: ClientRig, listener: ListenerStandIn, channel: SlowChannel, size: int, amount: int
) -> None:
    texts = [f"{number:04}".ljust(size, "x") for number in range(max(3, min(60, 6_000 // size)))]
    listener.add(*texts)
    rig.attach(channel)
    leave_all(rig, channel, amount)
    assert channel.sent == forwarded(texts)
    assert channel.overfull == []


@pytest.mark.parametrize("seed", range(8))
def test_reports_of_all_sizes_all_get_through_however_the_channel_empties(
    rig: ClientRig, listener: ListenerStandIn, channel: SlowChannel, seed: int
) -> None:
    chance = random.Random(seed)
    sizes = [10, 50, LOW_MARK - 20, LOW_MARK, HIGH_WATER // 2, HIGH_WATER - 20, 2 * HIGH_WATER]
    texts = [f"{n:04}".ljust(chance.choice(sizes), "x") for n in range(40)]
    rig.attach(channel)
    left = list(texts)
    while left:
        burst, left = left[: (count := chance.randint(1, 8))], left[count:]
        listener.add(*burst)
        for _ in range(chance.randint(0, 3)):
            rig.settle(channel)
            rig.loop_thread.call(channel.leave, chance.choice([20, 200, 700, 5_000]))
    leave_all(rig, channel, chance.choice([30, 300, 3_000]))
    assert channel.sent == forwarded(texts)
    assert channel.overfull == []


def test_the_size_is_that_of_the_text_as_it_is_sent(
    rig: ClientRig, listener: ListenerStandIn, channel: SlowChannel
) -> None:
    texts = ["é" * 200, "\U0001f600" * 100, "é" * 200]
    listener.add(*texts)
    rig.attach(channel)
    leave_all(rig, channel, 10_000)
    assert channel.sent == forwarded(texts)
    assert channel.overfull == []


def test_a_report_that_exactly_fills_the_channel_is_sent(
    rig: ClientRig, listener: ListenerStandIn, channel: SlowChannel
) -> None:
    prefix = len(forwarded([""])[0])
    first, second = "a" * (400 - prefix), "b" * (HIGH_WATER - 400 - prefix)
    listener.add(first, second, "c")
    rig.attach(channel)
    rig.settle(channel)
    assert channel.sent == forwarded([first, second])
    assert channel.bufferedAmount == HIGH_WATER


def test_a_report_bigger_than_the_mark_waits_until_the_channel_is_empty_and_goes_alone(
    rig: ClientRig, listener: ListenerStandIn, channel: SlowChannel
) -> None:
    big = "x" * (2 * HIGH_WATER)
    listener.add("small", big, "behind")
    rig.attach(channel)
    rig.settle(channel)
    assert channel.sent == forwarded(["small"])
    rig.loop_thread.call(channel.leave, 10_000)
    rig.settle(channel)
    assert channel.sent == forwarded(["small", big])
    leave_all(rig, channel, 100)
    assert channel.sent == forwarded(["small", big, "behind"])


def test_the_next_page_is_read_when_the_channel_is_down_to_the_low_mark_and_not_before(
    rig: ClientRig, listener: ListenerStandIn, channel: SlowChannel
) -> None:
    first, second = "a" * (2 * LOW_MARK), "b" * 10
    listener.add(first)
    rig.attach(channel)
    rig.settle(channel)
    listener.add(second)
    rig.loop_thread.call(channel.leave, channel.bufferedAmount - LOW_MARK - 1)
    rig.settle(channel)
    assert channel.sent == forwarded([first])
    rig.loop_thread.call(channel.leave, 1)
    rig.settle(channel)
    assert channel.sent == forwarded([first, second])


def test_a_fast_client_is_not_held_up_by_a_slow_one(
    rig: ClientRig,
    listener: ListenerStandIn,
    channel: SlowChannel,
    loop_thread: LoopThread,
) -> None:
    with client_rig(loop_thread, channel_high_water=HIGH_WATER) as fast:
        quick, own = FakeChannel(), ListenerStandIn()
        fast.follow(own)
        fast.attach(quick)
        rig.attach(channel)
        texts = [str(number).ljust(200, "x") for number in range(50)]
        listener.add(*texts)
        own.add(*texts)
        assert quick.wait_for_count(50) == forwarded(texts)
        assert len(channel.sent) < 50


def test_a_replaced_channel_leaves_what_it_took_and_the_new_one_gets_the_rest(
    rig: ClientRig, listener: ListenerStandIn, channel: SlowChannel
) -> None:
    texts = [str(number).ljust(200, "x") for number in range(20)]
    listener.add(*texts)
    rig.attach(channel)
    rig.settle(channel)
    taken = len(channel.sent)
    assert 0 < taken < 20
    successor = FakeChannel()
    rig.attach(successor)
    assert successor.wait_for_count(20 - taken) == forwarded(texts[taken:])
    rig.loop_thread.call(channel.leave, 10_000)
    rig.settle(channel)
    assert len(channel.sent) == taken
