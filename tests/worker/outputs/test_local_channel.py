"""A client in this very process: what its actor has not taken yet counts as buffered."""

import asyncio

import pytest

from actors.worker.outputs import LocalChannel
from messages import EVENTS_PROTOCOL, TextsForwarded, TextsTaken
from tests.support.channel import FakeChannel
from tests.support.probe import Probe
from tests.support.reporting import attach_client, start, status, stop, trainer_for
from tests.support.texts import forwarded, reports


@pytest.fixture
def taker() -> Probe[TextsForwarded]:
    return Probe()


@pytest.fixture
def channel(loop_thread, taker) -> LocalChannel:
    return loop_thread.call(lambda: LocalChannel(taker, loop=loop_thread.loop))


def send(loop_thread, channel, *texts):
    loop_thread.call(lambda: [channel.send(text) for text in texts])


def test_texts_of_one_turn_are_told_together_and_the_next_when_they_are_taken(
    loop_thread, channel, taker
):
    assert channel.protocol == EVENTS_PROTOCOL
    send(loop_thread, channel, "a", "b")
    first = taker.get()
    assert first.texts == ("a", "b")
    send(loop_thread, channel, "c")
    send(loop_thread, channel, "d")
    loop_thread.call(int)
    assert taker.drain() == []
    assert channel.bufferedAmount == 4
    first.reply_to.tell(TextsTaken())
    assert taker.get().texts == ("c", "d")
    assert loop_thread.call(lambda: channel.bufferedAmount) == 2


def test_room_is_announced_when_what_waits_falls_to_the_low_mark(loop_thread, channel, taker):
    events: Probe[str] = Probe()
    channel.on("bufferedamountlow", lambda: events.tell("low"))
    send(loop_thread, channel, "abc")
    taker.get().reply_to.tell(TextsTaken())
    events.expect("low")
    assert loop_thread.call(lambda: channel.bufferedAmount) == 0


def test_in_a_hurry_it_closes_when_nothing_is_taken_and_not_before(loop_thread, channel, taker):
    events: Probe[str] = Probe()
    channel.on("close", lambda: events.tell("close"))
    send(loop_thread, channel, "a")
    loop_thread.call(lambda: channel.hurry(60.0, "its disk does not answer"))
    taker.get().reply_to.tell(TextsTaken())
    loop_thread.call(lambda: channel.hurry(0.01, "its disk does not answer"))
    assert loop_thread.call(lambda: (channel.readyState, channel.is_awaited)) == ("open", False)
    send(loop_thread, channel, "b")
    late = taker.get()
    events.expect("close")
    assert channel.failure == "its disk does not answer"
    assert loop_thread.call(lambda: channel.is_awaited)
    late.reply_to.tell(TextsTaken())
    loop_thread.call(int)
    assert events.drain() == []


def test_a_failure_closes_the_channel_and_is_the_reason(loop_thread, channel, taker):
    events: Probe[str] = Probe()
    channel.on("close", lambda: events.tell("close"))
    send(loop_thread, channel, "a")
    taker.get().reply_to.tell(TextsTaken(failure="no space left"))
    events.expect("close")
    assert channel.readyState == "closed"
    with pytest.raises(ConnectionError, match="no space left"):
        send(loop_thread, channel, "b")


def test_a_taker_that_is_stuck_costs_a_bounded_buffer_and_holds_up_nobody(
    loop_thread, supervisor, channel, taker, settings
):
    other = FakeChannel()
    attach_client(supervisor, channel, "stuck")
    attach_client(supervisor, other, "other")
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*reports(900))
        assert other.wait_for_count(900) == forwarded(reports(900))
        assert channel.bufferedAmount <= settings.channel_high_water
        got = []
        while len(got) < 900:
            message = taker.get()
            got += [text for text in message.texts if '"clock"' not in text]
            message.reply_to.tell(TextsTaken())
        assert got == forwarded(reports(900))
    rows = {row.client_id: row for row in status(supervisor).clients}
    assert rows["stuck"].forwarded == 900
    stop(supervisor)


def test_an_answer_after_the_loop_has_ended_does_no_harm(taker):
    loop = asyncio.new_event_loop()
    channel = LocalChannel(taker, loop=loop)
    loop.close()
    channel.tell(TextsTaken())
