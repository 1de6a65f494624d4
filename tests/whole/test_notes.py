"""The worker's notes stand in the run's log between the reports, for the clients that want them."""

import pytest

from actors.supervisor.children import ADDED_AT_ONCE, Children
from messages import (
    EVENTS_PROTOCOL,
    AddedToLog,
    AddToLog,
    AttachClient,
    DetachClient,
    LogEntry,
    OutputWritten,
    RunState,
    StateChanged,
    decode_event,
    decode_report,
    encode_event,
)
from tests.support.channel import FakeChannel
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, stop, trainer_for
from tests.support.texts import forwarded, reports
from tests.support.waiting import PATIENCE

STATE = encode_event(StateChanged(state=RunState.TRAINING, text="training"))
OUTPUT = encode_event(OutputWritten(lines=("a line",)))


def note(supervisor, *texts):
    entries = tuple(LogEntry(text=text, note=True) for text in texts)
    supervisor.tell(AddToLog(entries=entries))


def events_channel():
    channel = FakeChannel()
    channel.protocol = EVENTS_PROTOCOL
    return channel


def without_clock(texts):
    messages = [decode_report(text) for text in texts]
    return [m for m in messages if '"event": "clock"' not in m]


def got(channel, count):
    """What is sent beside the time, as soon as it is ``count`` messages."""
    return without_clock(channel.wait_for(lambda sent: len(without_clock(sent)) >= count))


def test_reports_and_notes_reach_each_client_in_the_order_of_the_log(supervisor):
    page, other = events_channel(), FakeChannel()
    attach_client(supervisor, page, "page")
    attach_client(supervisor, other, "other")
    ready = start(supervisor)
    note(supervisor, STATE)
    other.wait_for_count(0)
    with trainer_for(ready) as trainer:
        trainer.send("one")
        other.wait_for_count(1)
        note(supervisor, OUTPUT)
        other.wait_for_count(2)
        trainer.send("two")
        assert other.wait_for_count(3) == [*forwarded(["one"]), "a line\n", *forwarded(["two"])]
        late = events_channel()
        attach_client(supervisor, late, "late")
        for channel in (page, late):
            texts = channel.wait_for(lambda sent: "PROGRESS_REPORT::two" in sent)
            assert without_clock(texts) == [STATE, "one", OUTPUT, "two"]
    summary = stop(supervisor).summary
    assert (summary.received, summary.forwarded, summary.failed) == (2, 6, 0)


def test_a_client_that_comes_back_with_the_other_protocol_goes_on_where_it_was(
    supervisor, loop_thread
):
    former, later = FakeChannel(buffering=True), events_channel()
    attach_client(supervisor, former, "alice")
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(200))
        former.wait_for(lambda sent: len(sent) > 10)
        attach_client(supervisor, later, "alice")
        later.wait_for(lambda sent: sent[-1:] == forwarded(reports(200))[-1:])
    got = [decode_report(text) for text in former.sent] + without_clock(later.sent)
    assert got == reports(200)


def test_a_client_may_ask_for_what_comes_after_a_position(supervisor):
    note(supervisor, STATE)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(4))
        for after, expected in ((0, 5), (3, 2)):
            channel = events_channel()
            supervisor.tell(AttachClient(channel=channel, client_id=f"from {after}", after=after))
            assert got(channel, expected) == [STATE, *reports(4)][after:]


def test_a_client_that_knows_its_place_gets_what_comes_after_it_whatever_its_channel_took(
    supervisor,
):
    """Of what a channel took, a connection that broke may have lost the last."""
    first, second, third = events_channel(), events_channel(), events_channel()
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(5))
        supervisor.tell(AttachClient(channel=first, client_id="page", after=0))
        assert got(first, 5) == reports(5)
        supervisor.tell(AttachClient(channel=second, client_id="page", after=2))
        assert got(second, 3) == reports(5)[2:]
        supervisor.tell(DetachClient(client_id="page"))
        supervisor.tell(AttachClient(channel=third, client_id="page", after=4))
        assert got(third, 1) == reports(5)[4:]
        trainer.send("more")
        assert got(third, 2) == [*reports(5)[4:], "more"]
    assert first.sent[0] == clock_at(first, 1)
    assert second.sent[0] == clock_at(second, 3)
    assert third.sent[0] == clock_at(third, 5)


def clock_at(channel, position):
    """The channel's first text, if it says that the next message has this position."""
    clock = decode_event(decode_report(channel.sent[0]))
    return channel.sent[0] if clock.position == position else clock


def test_entries_of_an_earlier_run_are_reports_with_their_own_time(supervisor):
    channel = events_channel()
    entries = tuple(LogEntry(text=text, time=100.0 + n) for n, text in enumerate(reports(3)))
    attach_client(supervisor, channel)
    supervisor.tell(AddToLog(entries=entries))
    assert got(channel, 3) == reports(3)
    clocks = [decode_event(decode_report(text)) for text in channel.sent]
    assert [clock.time for clock in clocks if clock is not None] == [100.0, 101.0, 102.0]


@pytest.mark.parametrize("gui", [True, False])
def test_what_is_noted_after_the_last_job_is_given_to_the_clients_before_the_end(supervisor, gui):
    channel, other = events_channel(), FakeChannel()
    attach_client(supervisor, channel, "page")
    attach_client(supervisor, other, "other")
    if gui:
        start(supervisor)
        stop(supervisor)
    note(supervisor, *[STATE] * 100)
    assert supervisor.stop(timeout=PATIENCE)
    assert without_clock(channel.sent) == [STATE] * 100
    assert other.sent == []


def test_many_entries_are_added_in_order_and_answered_when_all_are_in(supervisor):
    texts = [f"entry {number}" for number in range(5 * ADDED_AT_ONCE + 1)]
    added: Probe[AddedToLog] = Probe()
    entries = tuple(LogEntry(text=text) for text in texts)
    supervisor.tell(AddToLog(entries=entries, reply_to=added))
    supervisor.tell(AddToLog(entries=(LogEntry(text="behind them"),)))
    assert added.get() == AddedToLog(last=len(texts))
    assert added.drain() == []
    channel = FakeChannel()
    attach_client(supervisor, channel, after=0)
    assert channel.wait_for_count(len(texts) + 1) == forwarded([*texts, "behind them"])


class Listener(Probe[AddToLog]):
    """Takes all that it is told."""

    def try_tell(self, message: AddToLog, /) -> bool:
        self.tell(message)
        return True


@pytest.mark.parametrize("count", [0, 1, ADDED_AT_ONCE, 2 * ADDED_AT_ONCE + 1])
def test_no_turn_of_the_event_loop_adds_more_than_some_entries(loop_thread, settings, count):
    children = Children(loop=loop_thread.loop, parent=Probe(), scheduler=None, settings=settings)
    children.listener = listener = Listener()
    entries, asker = tuple(LogEntry(text=str(number)) for number in range(count)), Probe()
    children.add_to_log(AddToLog(entries=entries, reply_to=asker))
    pieces = listener.drain()
    assert sum((piece.entries for piece in pieces), ()) == entries
    assert max(len(piece.entries) for piece in pieces) <= ADDED_AT_ONCE
    assert [piece.reply_to for piece in pieces] == [None] * (len(pieces) - 1) + [asker]
