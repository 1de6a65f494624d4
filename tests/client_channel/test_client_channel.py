"""ClientChannelActor: reports from the listener to the channel, texts from it to the others."""

import pytest

from messages import (
    ChannelClosed,
    ChildDown,
    ClientStatus,
    CloseChannel,
    ProgressPage,
    StopReading,
)
from tests.support.channel import FakeChannel
from tests.support.client_rig import ClientRig, client_rig
from tests.support.event_loop import LoopThread
from tests.support.logs import errors, warnings
from tests.support.mailboxes import Raising
from tests.support.probe import Probe
from tests.support.texts import forwarded
from tests.support.waiting import PATIENCE


@pytest.fixture
def rig(rig: ClientRig) -> ClientRig:
    rig.follow()
    return rig


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
    rig: ClientRig, channel: FakeChannel
) -> None:
    rig.attach(channel)
    rig.answer(0, "a", "b")
    rig.answer(2, "c", ended=True)
    rig.next_read(after=3)
    assert channel.sent == forwarded(["a", "b", "c"])
    assert rig.status() == status(3, forwarded=3)


def test_a_page_is_no_larger_than_the_settings_say(loop_thread: LoopThread) -> None:
    with client_rig(loop_thread, page_messages=7) as rig:
        rig.follow()
        rig.attach(FakeChannel())
        assert rig.next_read(after=0).limit == 7


def test_a_client_with_a_place_goes_on_from_there(
    loop_thread: LoopThread, channel: FakeChannel
) -> None:
    with client_rig(loop_thread, after=10) as rig:
        rig.follow()
        rig.attach(channel)
        rig.answer(10, "eleventh")
        rig.next_read(after=11)
        assert channel.sent == forwarded(["eleventh"])


def test_nothing_is_asked_for_before_there_is_a_channel(
    rig: ClientRig, channel: FakeChannel
) -> None:
    rig.status()
    assert rig.reads.drain() == []
    rig.attach(channel)
    rig.next_read(after=0)


def test_an_empty_page_that_ends_a_job_is_read_on_from(
    rig: ClientRig, channel: FakeChannel
) -> None:
    rig.attach(channel)
    rig.answer(0, ended=True)
    rig.answer(0, "a")
    rig.next_read(after=1)
    assert channel.sent == forwarded(["a"])


def test_the_channel_is_used_on_the_loops_thread_alone(
    rig: ClientRig, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    rig.attach(channel)
    rig.answer(0, "a")
    channel.wait_for_count(1)
    assert channel.send_threads == {loop_thread.ident}


def test_missed_reports_are_counted_and_a_warning_once_per_spell(
    rig: ClientRig, channel: FakeChannel, caplog: pytest.LogCaptureFixture
) -> None:
    rig.attach(channel)
    rig.answer(0, "d", missed=3)
    rig.answer(4, "g", missed=2)
    rig.answer(7, "h")
    rig.answer(8, "k", missed=2)
    rig.next_read(after=11)
    assert channel.sent == forwarded(["d", "g", "h", "k"])
    assert rig.status() == status(11, forwarded=4, missed=7)
    first, _ = warnings(caplog)
    assert "alice" in first
    assert "3" in first


def test_a_page_of_nothing_but_missed_reports_moves_the_place(
    rig: ClientRig, channel: FakeChannel
) -> None:
    rig.attach(channel)
    rig.answer(0, missed=5)
    rig.next_read(after=5)
    assert rig.status() == status(5, missed=5)


def test_a_page_of_a_listener_that_was_replaced_is_not_forwarded_twice(
    rig: ClientRig, channel: FakeChannel
) -> None:
    rig.attach(channel)
    former = rig.next_read(after=0)
    rig.follow()
    rig.answer(0, "a", "b")
    rig.next_read(after=2)
    former.reply_to.tell(
        ProgressPage(messages=("a", "b"), last=2, missed=0, ended=False, reports=2)
    )
    former.reply_to.tell(ProgressPage(messages=("a",), last=1, missed=0, ended=False, reports=1))
    assert rig.status() == status(2, forwarded=2)
    assert channel.sent == forwarded(["a", "b"])


def test_a_page_of_the_former_listener_that_comes_first_makes_the_other_one_stale(
    rig: ClientRig, channel: FakeChannel
) -> None:
    rig.attach(channel)
    former = rig.next_read(after=0)
    rig.follow()
    successor = rig.next_read(after=0)
    page = ProgressPage(messages=("a", "b"), last=2, missed=0, ended=False, reports=2)
    former.reply_to.tell(page)
    successor.reply_to.tell(page)
    rig.next_read(after=2)
    assert rig.status() == status(2, forwarded=2)
    assert channel.sent == forwarded(["a", "b"])


def test_a_send_that_raises_is_logged_with_its_type_and_the_next_report_is_tried(
    rig: ClientRig, channel: FakeChannel, caplog: pytest.LogCaptureFixture
) -> None:
    rig.attach(channel)
    channel.raises = ConnectionResetError()  # its text is empty
    rig.answer(0, "a", "b")
    rig.next_read(after=2)
    assert channel.sent == forwarded(["b"])
    assert rig.status() == status(2, forwarded=1, failed=1)
    (error,) = errors(caplog)
    assert "ConnectionResetError" in error
    assert "alice" in error


def test_closing_lets_go_of_the_channel_tells_the_place_and_ends(
    rig: ClientRig, channel: FakeChannel, loop_thread: LoopThread
) -> None:
    rig.attach(channel)
    rig.answer(0, "a", "b")
    read = rig.next_read(after=2)
    closed: Probe[ChannelClosed] = Probe()
    rig.ref.tell(CloseChannel(reply_to=closed))
    closed.expect(ChannelClosed(status=status(2, forwarded=2)))
    rig.parent.expect(ChildDown(child="client channel alice", reason=None))
    rig.reads.expect(StopReading(reply_to=read.reply_to))
    assert channel.readyState == "open"
    # What the channel does from here on reaches nobody, and does not raise into it either.
    for event in (lambda: channel.receive("text"), channel.drain, channel.open, channel.close):
        loop_thread.call(event)
    assert rig.owner.drain() == []


def test_a_crash_tells_the_place_before_the_last_word(rig: ClientRig, channel: FakeChannel) -> None:
    rig.attach(channel)
    rig.answer(0, "a", "b")
    rig.next_read(after=2)
    rig.ref.tell(object())
    rig.parent.expect(ChannelClosed(status=status(2, forwarded=2)))
    down = rig.parent.get()
    assert isinstance(down, ChildDown)
    assert down.child == "client channel alice"
    assert down.reason is not None
    assert rig.reads.get() is not None


def test_a_close_that_is_answered_to_a_broken_mailbox_ends_the_actor_all_the_same(
    rig: ClientRig, channel: FakeChannel
) -> None:
    rig.attach(channel)
    rig.ref.tell(CloseChannel(reply_to=Raising()))
    rig.parent.expect(ChildDown(child="client channel alice", reason=None))


def test_an_orderly_stop_tells_the_parent_the_place(rig: ClientRig, channel: FakeChannel) -> None:
    rig.attach(channel)
    assert rig.ref.stop(timeout=PATIENCE)
    rig.parent.expect(ChannelClosed(status=status(0)))
    rig.parent.expect(ChildDown(child="client channel alice", reason=None))
