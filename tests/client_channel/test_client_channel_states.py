"""ClientChannelActor: channels that are not open, channels that close, and the flush."""

from typing import Any

import pytest

from messages import (
    ChannelClosed,
    ChannelLost,
    ClientGone,
    ClientStatus,
    CloseChannel,
    ReportsFlushed,
)
from tests.support.channel import FakeChannel
from tests.support.client_rig import ClientRig, ListenerStandIn, client_rig
from tests.support.event_loop import LoopThread
from tests.support.logs import errors
from tests.support.texts import forwarded, reports

GONE = ClientGone(client_id="alice", reason="its channel is closed")


def flushed(position: int, **fields: Any) -> ReportsFlushed:
    counts: dict[str, Any] = {
        "channel_state": "open",
        "forwarded": 0,
        "failed": 0,
        "missed": 0,
    } | fields
    return ReportsFlushed(status=ClientStatus(client_id="alice", position=position, **counts))


def test_a_channel_that_is_not_open_is_one_error_and_gets_all_when_it_opens(
    rig: ClientRig,
    listener: ListenerStandIn,
    loop_thread: LoopThread,
    caplog: pytest.LogCaptureFixture,
) -> None:
    channel = FakeChannel("connecting")
    rig.attach(channel)
    for number in range(50):
        listener.add(str(number))
        rig.status()
    (error,) = errors(caplog)
    assert "progress report 1 not forwarded to client alice: its channel is connecting" in error
    assert channel.sent == []
    loop_thread.call(channel.open)
    assert channel.wait_for_count(50) == forwarded(map(str, range(50)))
    assert rig.status().failed == 0


def test_a_channel_that_opens_without_an_event_gets_all_too(
    rig: ClientRig, listener: ListenerStandIn, loop_thread: LoopThread
) -> None:
    channel = FakeChannel("connecting")
    rig.attach(channel)
    listener.add("a", "b")
    rig.status()

    def open_silently() -> None:
        channel.readyState = "open"

    loop_thread.call(open_silently)
    assert channel.wait_for_count(2) == forwarded(["a", "b"])


def test_a_second_time_that_the_channel_is_not_open_is_a_second_error(
    rig: ClientRig,
    listener: ListenerStandIn,
    loop_thread: LoopThread,
    caplog: pytest.LogCaptureFixture,
) -> None:
    channel = FakeChannel("connecting")
    rig.attach(channel)
    listener.add("a")
    rig.settle(channel)
    loop_thread.call(channel.open)
    channel.wait_for_count(1)
    loop_thread.call(setattr, channel, "readyState", "closing")
    listener.add("b")
    rig.settle(channel)
    first, second = errors(caplog)
    assert "connecting" in first
    assert "progress report 2" in second
    assert "closing" in second


@pytest.mark.parametrize("state", ["connecting", "opening", "closing"])
def test_a_channel_that_does_not_open_in_time_is_gone_whatever_it_calls_that(
    loop_thread: LoopThread, state: str
) -> None:
    with client_rig(loop_thread, open_timeout=0.1) as rig:
        rig.attach(FakeChannel(state))
        gone = rig.owner.wait_for(ClientGone)
    assert gone.reason == f"its channel has not opened within 0.1 s: it is {state}"


def test_a_channel_that_is_not_open_any_more_has_as_long_to_open_again(
    loop_thread: LoopThread,
) -> None:
    channel, listener = FakeChannel(), ListenerStandIn()
    with client_rig(loop_thread, open_timeout=0.1) as rig:
        rig.follow(listener)
        rig.attach(channel)
        listener.add("a")
        channel.wait_for_count(1)
        channel.readyState = "closing"
        listener.add("b")
        gone = rig.owner.wait_for(ClientGone)
    assert gone.reason == "its channel has not opened within 0.1 s: it is closing"


def test_a_channel_that_closes_is_told_to_the_owner_once_and_to_the_parent(
    rig: ClientRig, listener: ListenerStandIn, loop_thread: LoopThread
) -> None:
    channel = FakeChannel()
    rig.attach(channel)
    loop_thread.call(channel.close)
    loop_thread.call(channel.close)
    rig.owner.expect(GONE)
    rig.parent.expect(ChannelLost(channel=channel, reports_wait=False))
    rig.status()
    assert rig.owner.drain() == rig.parent.drain() == []


def test_a_report_for_a_closed_channel_is_told_to_the_parent_and_kept(
    rig: ClientRig,
    listener: ListenerStandIn,
    loop_thread: LoopThread,
    caplog: pytest.LogCaptureFixture,
) -> None:
    channel = FakeChannel()
    rig.attach(channel)
    loop_thread.call(channel.close)
    listener.add("a")
    assert rig.parent.wait_for(ChannelLost) == ChannelLost(channel=channel, reports_wait=False)
    assert rig.parent.wait_for(ChannelLost) == ChannelLost(channel=channel, reports_wait=True)
    assert len(errors(caplog)) == 1
    successor = FakeChannel()
    rig.attach(successor)
    assert successor.wait_for_count(1) == forwarded(["a"])
    assert channel.sent == []


def test_a_channel_that_is_closed_when_it_is_attached_is_told(
    rig: ClientRig, listener: ListenerStandIn
) -> None:
    channel = FakeChannel("closed")
    rig.attach(channel)
    rig.owner.expect(GONE)
    assert rig.parent.wait_for(ChannelLost).channel is channel


def test_the_close_of_a_replaced_channel_is_no_news(
    rig: ClientRig, listener: ListenerStandIn, loop_thread: LoopThread
) -> None:
    former, successor = FakeChannel(), FakeChannel()
    rig.attach(former)
    rig.attach(successor)
    loop_thread.call(former.close)
    listener.add("a")
    assert successor.wait_for_count(1) == forwarded(["a"])
    rig.status()
    assert rig.owner.drain() == rig.parent.drain() == []
    loop_thread.call(successor.close)
    assert rig.parent.get() == ChannelLost(channel=successor, reports_wait=False)


def test_the_texts_before_a_close_are_told_before_it(
    rig: ClientRig, listener: ListenerStandIn, loop_thread: LoopThread
) -> None:
    channel = FakeChannel()
    rig.attach(channel)

    def say_and_close() -> None:
        channel.receive("goodbye")
        channel.close()

    loop_thread.call(say_and_close)
    assert rig.owner.get().text == "goodbye"
    rig.owner.expect(GONE)


def test_a_flush_is_answered_when_the_channel_has_taken_all_and_nothing_waits_in_it(
    rig: ClientRig, listener: ListenerStandIn, loop_thread: LoopThread
) -> None:
    channel = FakeChannel(buffering=True)
    listener.add("a", "b", "c")
    rig.attach(channel)
    channel.wait_for_count(3)
    answer = rig.flush(last=3)
    rig.settle(channel)
    assert answer.drain() == []
    loop_thread.call(channel.drain)
    answer.expect(flushed(3, forwarded=3))


def test_a_flush_waits_for_the_reports_that_the_client_has_not_read_yet(
    rig: ClientRig, listener: ListenerStandIn
) -> None:
    channel = FakeChannel()
    rig.attach(channel)
    answer = rig.flush(last=2)
    listener.add("a")
    channel.wait_for_count(1)
    rig.settle(channel)
    assert answer.drain() == []
    listener.add("b")
    answer.expect(flushed(2, forwarded=2))


def test_a_flush_of_a_client_that_has_everything_is_answered_at_once(
    rig: ClientRig, listener: ListenerStandIn
) -> None:
    rig.attach(FakeChannel())
    rig.flush(last=0).expect(flushed(0))


def test_a_flush_is_answered_though_sends_raise(rig: ClientRig, listener: ListenerStandIn) -> None:
    channel = FakeChannel()
    channel.raises = ValueError("too large")
    rig.attach(channel)
    answer = rig.flush(last=2)
    listener.add("a", "b")
    answer.expect(flushed(2, forwarded=1, failed=1))


@pytest.mark.parametrize("state", ["connecting", "closing", "closed"])
def test_a_flush_of_a_channel_that_is_not_open_is_answered_at_once_and_counts_as_failed(
    rig: ClientRig, listener: ListenerStandIn, state: str
) -> None:
    rig.attach(FakeChannel(state))
    rig.flush(last=3).expect(flushed(0, channel_state=state, failed=3))


def test_a_flush_is_answered_when_the_channel_closes_meanwhile(
    rig: ClientRig, listener: ListenerStandIn, loop_thread: LoopThread
) -> None:
    channel = FakeChannel(buffering=True)
    listener.add("a")
    rig.attach(channel)
    channel.wait_for_count(1)
    answer = rig.flush(last=2)
    rig.settle(channel)
    loop_thread.call(channel.close)
    answer.expect(flushed(1, channel_state="closed", forwarded=1, failed=1))


def test_a_flush_is_answered_when_something_unusable_comes_in_place_of_the_channel(
    rig: ClientRig, listener: ListenerStandIn
) -> None:
    channel = FakeChannel(buffering=True)
    rig.attach(channel)
    listener.add("x" * 20_000, "b")
    channel.wait_for_count(1)
    answer = rig.flush(last=2)
    rig.attach(object())  # type: ignore[arg-type]
    answer.expect(flushed(1, channel_state="closed", forwarded=1, failed=1))


def test_a_flush_that_takes_too_long_counts_what_is_left_as_failed_and_says_so(
    rig: ClientRig, listener: ListenerStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    rig.attach(FakeChannel())
    rig.flush(last=5, timeout=0.01).expect(flushed(0, failed=5))
    (error,) = errors(caplog)
    assert "alice was not given all within 0.0 s: 5 reports are left" in error


def test_what_has_failed_at_a_flush_is_not_counted_again_when_it_is_given_later(
    rig: ClientRig, listener: ListenerStandIn, loop_thread: LoopThread
) -> None:
    channel = FakeChannel("connecting")
    rig.attach(channel)
    listener.add("a", "b")
    rig.flush(last=2).expect(flushed(0, channel_state="connecting", failed=2))
    loop_thread.call(channel.open)
    listener.add("c")
    assert channel.wait_for_count(3) == forwarded(["a", "b", "c"])
    status = rig.status()
    assert (status.forwarded, status.failed) == (1, 2)


def test_a_flush_after_a_flush_is_answered(rig: ClientRig, listener: ListenerStandIn) -> None:
    channel = FakeChannel()
    rig.attach(channel)
    listener.add("a")
    rig.flush(last=1).expect(flushed(1, forwarded=1))
    listener.add("b")
    rig.flush(last=2).expect(flushed(2, forwarded=2))


def test_a_flush_that_another_one_follows_is_answered(
    rig: ClientRig, listener: ListenerStandIn, loop_thread: LoopThread
) -> None:
    channel = FakeChannel(buffering=True)
    rig.attach(channel)
    listener.add("a")
    channel.wait_for_count(1)
    first, second = rig.flush(last=1), rig.flush(last=1)
    first.expect(flushed(1, forwarded=1))
    loop_thread.call(channel.drain)
    second.expect(flushed(1, forwarded=1))


def test_a_channel_that_closes_after_its_flush_was_given_up_has_failed_once(
    rig: ClientRig, listener: ListenerStandIn, loop_thread: LoopThread
) -> None:
    channel = FakeChannel(buffering=True)
    listener.add("x" * 20_000, *reports(10))
    rig.attach(channel)
    channel.wait_for_count(1)
    flushed = rig.flush(11, timeout=0.0).get()
    assert (flushed.status.forwarded, flushed.status.failed) == (1, 10)
    loop_thread.call(channel.close)
    rig.ref.tell(CloseChannel(reply_to=rig.parent))
    closed = rig.parent.wait_for(ChannelClosed)
    assert (closed.status.failed, closed.waiting) == (10, 0)
