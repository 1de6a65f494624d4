"""ClientChannelActor: reports from the listener to the channel, texts from it to the others."""

import logging
from collections.abc import Iterator

import pytest

from messages import (
    ChannelClosed,
    ChildDown,
    ClientStatus,
    CloseChannel,
    ProgressPage,
    StopReading,
)
from tests.parts.client_bench import ClientBench, client_bench, reports
from tests.parts.mailboxes import Raising
from tests.support.channel import FakeChannel
from tests.support.event_loop import LoopThread
from tests.support.probe import PATIENCE, Probe


@pytest.fixture
def bench(loop_thread: LoopThread) -> Iterator[ClientBench]:
    with client_bench(loop_thread) as bench:
        bench.follow()
        yield bench


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


def status(position: int, *, forwarded: int = 0, failed: int = 0, missed: int = 0) -> ClientStatus:
    return ClientStatus(
        client_id="alice",
        channel_state="open",
        position=position,
        forwarded=forwarded,
        failed=failed,
        missed=missed,
    )


def test_reports_are_asked_for_page_by_page_and_forwarded_in_order(
    bench: ClientBench, channel: FakeChannel
) -> None:
    bench.attach(channel)
    bench.answer(0, "a", "b")
    bench.answer(2, "c", ended=True)
    bench.next_read(after=3)
    assert channel.sent == reports("a", "b", "c")
    assert bench.status() == status(3, forwarded=3)


def test_a_page_is_no_larger_than_the_settings_say(loop_thread: LoopThread) -> None:
    with client_bench(loop_thread, page_messages=7) as bench:
        bench.follow()
        bench.attach(FakeChannel())
        assert bench.next_read(after=0).limit == 7


def test_a_client_with_a_place_goes_on_from_there(
    loop_thread: LoopThread, channel: FakeChannel
) -> None:
    with client_bench(loop_thread, after=10) as bench:
        bench.follow()
        bench.attach(channel)
        bench.answer(10, "eleventh")
        bench.next_read(after=11)
        assert channel.sent == reports("eleventh")


def test_nothing_is_asked_for_before_there_is_a_channel(
    bench: ClientBench, channel: FakeChannel
) -> None:
    bench.status()
    assert bench.reads.drain() == []
    bench.attach(channel)
    bench.next_read(after=0)


def test_an_empty_page_that_ends_a_job_is_read_on_from(
    bench: ClientBench, channel: FakeChannel
) -> None:
    bench.attach(channel)
    bench.answer(0, ended=True)
    bench.answer(0, "a")
    bench.next_read(after=1)
    assert channel.sent == reports("a")


def test_the_channel_is_used_on_the_loops_thread_alone(
    bench: ClientBench, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    bench.attach(channel)
    bench.answer(0, "a")
    channel.wait_for_count(1)
    assert channel.send_threads == {loop_thread.ident}


def test_missed_reports_are_counted_and_a_warning_once_per_spell(
    bench: ClientBench, channel: FakeChannel, caplog: pytest.LogCaptureFixture
) -> None:
    bench.attach(channel)
    bench.answer(0, "d", missed=3)
    bench.answer(4, "g", missed=2)
    bench.answer(7, "h")
    bench.answer(8, "k", missed=2)
    bench.next_read(after=11)
    assert channel.sent == reports("d", "g", "h", "k")
    assert bench.status() == status(11, forwarded=4, missed=7)
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "alice" in warnings[0]
    assert "3" in warnings[0]


def test_a_page_of_nothing_but_missed_reports_moves_the_place(
    bench: ClientBench, channel: FakeChannel
) -> None:
    bench.attach(channel)
    bench.answer(0, missed=5)
    bench.next_read(after=5)
    assert bench.status() == status(5, missed=5)


def test_a_page_of_a_listener_that_was_replaced_is_not_forwarded_twice(
    bench: ClientBench, channel: FakeChannel
) -> None:
    bench.attach(channel)
    former = bench.next_read(after=0)
    bench.follow()
    bench.answer(0, "a", "b")
    bench.next_read(after=2)
    former.reply_to.tell(ProgressPage(messages=("a", "b"), last=2, missed=0, ended=False))
    former.reply_to.tell(ProgressPage(messages=("a",), last=1, missed=0, ended=False))
    assert bench.status() == status(2, forwarded=2)
    assert channel.sent == reports("a", "b")


def test_a_page_of_the_former_listener_that_comes_first_makes_the_other_one_stale(
    bench: ClientBench, channel: FakeChannel
) -> None:
    bench.attach(channel)
    former = bench.next_read(after=0)
    bench.follow()
    successor = bench.next_read(after=0)
    page = ProgressPage(messages=("a", "b"), last=2, missed=0, ended=False)
    former.reply_to.tell(page)
    successor.reply_to.tell(page)
    bench.next_read(after=2)
    assert bench.status() == status(2, forwarded=2)
    assert channel.sent == reports("a", "b")


def test_a_send_that_raises_is_logged_with_its_type_and_the_next_report_is_tried(
    bench: ClientBench, channel: FakeChannel, caplog: pytest.LogCaptureFixture
) -> None:
    bench.attach(channel)
    channel.raises = ConnectionResetError()  # its text is empty
    bench.answer(0, "a", "b")
    bench.next_read(after=2)
    assert channel.sent == reports("b")
    assert bench.status() == status(2, forwarded=1, failed=1)
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "ConnectionResetError" in record.getMessage()
    assert "alice" in record.getMessage()


def test_closing_lets_go_of_the_channel_tells_the_place_and_ends(
    bench: ClientBench, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    bench.attach(channel)
    bench.answer(0, "a", "b")
    read = bench.next_read(after=2)
    closed: Probe[ChannelClosed] = Probe()
    bench.ref.tell(CloseChannel(reply_to=closed))
    closed.expect(ChannelClosed(status=status(2, forwarded=2)))
    bench.parent.expect(ChildDown(child="client channel alice", reason=None))
    bench.reads.expect(StopReading(reply_to=read.reply_to))
    assert channel.readyState == "open"
    # What the channel does from here on reaches nobody, and does not raise into it either.
    for event in (lambda: channel.receive("text"), channel.drain, channel.open, channel.close):
        loop_thread.call(event)
    assert bench.owner.drain() == []


def test_a_crash_tells_the_place_before_the_last_word(
    bench: ClientBench, channel: FakeChannel
) -> None:
    bench.attach(channel)
    bench.answer(0, "a", "b")
    bench.next_read(after=2)
    bench.ref.tell(object())
    bench.parent.expect(ChannelClosed(status=status(2, forwarded=2)))
    down = bench.parent.get()
    assert isinstance(down, ChildDown)
    assert down.child == "client channel alice"
    assert down.reason is not None
    assert bench.reads.get() is not None


def test_a_close_that_is_answered_to_a_broken_mailbox_ends_the_actor_all_the_same(
    bench: ClientBench, channel: FakeChannel
) -> None:
    bench.attach(channel)
    bench.ref.tell(CloseChannel(reply_to=Raising()))
    bench.parent.expect(ChildDown(child="client channel alice", reason=None))


def test_an_orderly_stop_tells_the_parent_the_place(
    bench: ClientBench, channel: FakeChannel
) -> None:
    bench.attach(channel)
    assert bench.ref.stop(timeout=PATIENCE)
    bench.parent.expect(ChannelClosed(status=status(0)))
    bench.parent.expect(ChildDown(child="client channel alice", reason=None))
