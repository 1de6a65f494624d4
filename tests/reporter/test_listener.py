"""ProgressReporter: reports to the channel, over restarts and whatever else happens."""

import asyncio
import gc
import logging

import pykka
import pytest

from messages import JobOutcome, StopReporting
from tests.support.channel import FakeChannel
from tests.support.crashes import CONTROL, LISTENER, tell_alien
from tests.support.logs import errors
from tests.support.mailboxes import Gate
from tests.support.on_loop import got, trainer_of
from tests.support.recorded_runs import RECORDINGS, recorded_run
from tests.support.texts import forwarded, reports
from tests.support.trainer import paced
from tests.support.waiting import PATIENCE, until
from tests.support.webrtc import WebRtcClient

pytestmark = pytest.mark.asyncio


class RelayLikeChannel:
    """All that the dashboard's channel in sleap-rtc has."""

    readyState = "open"
    label = "relay"

    def __init__(self):
        self.sent = []

    def send(self, message):
        self.sent.append(message)


class ChannelOfAnything:
    """As a host's own tests use one: whatever it is asked for, it has something."""

    def __init__(self):
        self.sent = []

    def send(self, message):
        self.sent.append(message)

    def __getattr__(self, name):
        return object()


@pytest.mark.parametrize("channel", [FakeChannel, RelayLikeChannel, ChannelOfAnything])
@pytest.mark.parametrize("run", RECORDINGS)
async def test_a_recorded_run_arrives_as_it_was_recorded(reporter, channel, run):
    channel, messages = channel(), recorded_run(run)
    reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        await asyncio.to_thread(paced, messages, trainer)
        assert await got(channel, len(messages)) == forwarded(messages)


@pytest.mark.parametrize("same", [True, False], ids=["same channel", "other channels"])
async def test_no_restart_loses_or_repeats_a_report_or_binds_again(reporter, caplog, same):
    caplog.set_level(logging.INFO)
    channels = [FakeChannel()]
    reporter.start_progress_listener_task(channels[0])
    count = 0
    with await trainer_of(reporter) as trainer:
        for _ in range(10):
            trainer.send(*reports(30, first=count))
            if not same:
                channels.append(FakeChannel())
            await reporter.restart_progress_listener(channels[-1])
            trainer.send(*reports(30, first=count + 30))
            count += 60
        await until(lambda: sum(len(channel.sent) for channel in channels) >= count)
        assert caplog.text.count("listening for progress on") == 1
    assert [text for channel in channels for text in channel.sent] == forwarded(reports(count))


async def test_a_restart_while_the_trainer_sends_loses_nothing(reporter):
    channels, total = [FakeChannel()], 3000
    reporter.start_progress_listener_task(channels[0])
    with await trainer_of(reporter) as trainer:
        sending = asyncio.create_task(asyncio.to_thread(paced, reports(total), trainer, 20))
        while not sending.done():
            channels.append(FakeChannel())
            await reporter.restart_progress_listener(channels[-1])
        await sending
        await until(lambda: sum(len(channel.sent) for channel in channels) >= total)
    assert [text for channel in channels for text in channel.sent] == forwarded(reports(total))


async def test_all_of_the_former_model_has_been_forwarded_when_a_restart_returns(reporter):
    channel = FakeChannel()
    reporter.start_progress_listener_task(channel)
    for model in range(5):
        with await trainer_of(reporter) as trainer:
            trainer.send(*reports(500))
        await reporter.restart_progress_listener(channel)
        assert channel.sent == forwarded(reports(500)), f"model {model}"
        channel.sent.clear()


async def test_after_a_restart_the_former_channel_is_given_nothing(reporter):
    former, channel = FakeChannel(), FakeChannel()
    reporter.start_progress_listener_task(former)
    with await trainer_of(reporter) as trainer:
        trainer.send("one")
        await got(former, 1)
        await reporter.restart_progress_listener(channel)
        trainer.send("two")
        assert await got(channel, 1) == forwarded(["two"])
    assert former.sent == forwarded(["one"])


async def test_a_restart_without_a_former_listener_starts_one(reporter):
    channel = FakeChannel()
    await reporter.restart_progress_listener(channel)
    with await trainer_of(reporter) as trainer:
        trainer.send("report")
        assert await got(channel, 1) == forwarded(["report"])


async def test_what_comes_while_no_listener_runs_is_kept_for_the_next_one(reporter):
    channel = FakeChannel()
    task = reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        trainer.send("one")
        await got(channel, 1)
        reporter.stop_progress_listener()
        await asyncio.wait({task})
        assert task.cancelled()
        assert not reporter.is_progress_listener_running()
        trainer.send("two")
        later = FakeChannel()
        reporter.start_progress_listener_task(later)
        trainer.send("three")
        assert await got(later, 2) == forwarded(["two", "three"])
    assert channel.sent == forwarded(["one"])


async def test_a_host_that_cancels_the_task_may_start_another_one(reporter):
    channel = FakeChannel()
    for number in range(3):
        reporter.start_control_socket()  # as a host does it for each of its trainings
        task = reporter.start_progress_listener_task(channel)
        with await trainer_of(reporter) as trainer:
            trainer.send(f"report {number}")
            await got(channel, number + 1)
        task.cancel()
    assert channel.sent == forwarded([f"report {number}" for number in range(3)])


async def test_the_awaited_listener_returns_when_it_is_stopped(reporter):
    channel = FakeChannel()
    listening = asyncio.create_task(reporter.start_progress_listener(channel))
    await until(lambda: reporter.progress_socket)
    with await trainer_of(reporter) as trainer:
        trainer.send("report")
        assert await got(channel, 1) == forwarded(["report"])
    reporter.stop_progress_listener()
    assert await asyncio.wait_for(listening, PATIENCE) is None


async def test_the_awaited_listener_ends_with_its_cancellation(reporter):
    listening = asyncio.create_task(reporter.start_progress_listener(FakeChannel()))
    await until(lambda: reporter.progress_socket)
    listening.cancel()
    await asyncio.wait({listening})
    assert listening.cancelled()
    await until(lambda: not reporter.is_progress_listener_running())


async def test_bytes_that_are_not_utf_8_do_not_end_the_listening(reporter, caplog):
    channel = FakeChannel()
    reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        trainer.send("one")
        trainer.send_bytes(b"\xff\xfe")
        trainer.send_bytes(b"a", b"b")
        trainer.send("two")
        assert await got(channel, 2) == forwarded(["one", "two"])
    assert "not UTF-8" in caplog.text
    assert reporter.is_progress_listener_running()


async def test_a_closed_channel_is_one_error_with_a_reason_and_a_new_one_goes_on(reporter, caplog):
    channel = FakeChannel()
    reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        trainer.send("one")
        await got(channel, 1)
        channel.close()
        trainer.send(*reports(50))
        await until(lambda: "not forwarded" in caplog.text)
        later = FakeChannel()
        await reporter.restart_progress_listener(later)
        assert await got(later, 50) == forwarded(reports(50))
    (error,) = errors(caplog)
    assert error.endswith("its channel is closed")


async def test_a_send_that_raises_is_an_error_with_its_type_and_the_next_report_is_sent(
    reporter, caplog
):
    channel = FakeChannel()
    channel.raises = ConnectionError()
    reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        trainer.send("one", "two")
        assert await got(channel, 1) == forwarded(["two"])
    assert "ConnectionError" in caplog.text


async def test_the_cleanup_delivers_what_is_left_over_a_real_data_channel(reporter):
    channels = []
    async with WebRtcClient(channels.append) as client:
        await until(lambda: channels)
        reporter.start_control_socket()
        reporter.start_progress_listener_task(channels[0])
        with await trainer_of(reporter) as trainer:
            trainer.send(*reports(900))
        await reporter.async_cleanup()
        expected = forwarded(reports(900))
        assert await client.wait_for(lambda texts: len(texts) >= 900) == expected


async def test_a_crashed_part_is_replaced_and_reports_and_commands_go_on(reporter):
    channel = FakeChannel()
    reporter.start_control_socket()
    reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        trainer.send("one")
        await got(channel, 1)
        for actor in (CONTROL, LISTENER):
            for ref in pykka.ActorRegistry.get_by_class_name(actor):
                ref.tell(object())

        def hears():
            trainer.send("are you there?")
            return len(channel.sent) > 1

        await until(hears)
        reporter.send_control_message("STOP")
        assert await asyncio.to_thread(trainer.command) == "STOP"
    assert reporter.is_control_socket_active()


async def test_a_listener_that_fails_again_and_again_ends_its_task_and_can_be_started_anew(
    reporter,
):
    channel = FakeChannel()
    task = reporter.start_progress_listener_task(channel)
    await until(lambda: reporter.progress_socket)

    def has_ended() -> bool:
        if pykka.ActorRegistry.get_by_class_name(LISTENER):
            tell_alien(LISTENER)
        return task.done()

    await until(has_ended)
    with pytest.raises(OSError, match="4 times"):
        task.result()
    assert reporter.progress_socket is None
    reporter.start_progress_listener_task(channel)
    with await trainer_of(reporter) as trainer:
        trainer.send("report")
        assert await got(channel, 1) == forwarded(["report"])


async def test_a_restart_that_is_cancelled_spoils_none_after_it(reporter):
    channel = FakeChannel()
    reporter.start_progress_listener_task(channel)
    for model in range(4):
        with await trainer_of(reporter) as trainer:
            trainer.send(*reports(300))
        restart = asyncio.create_task(reporter.restart_progress_listener(channel))
        if model % 2 == 0:
            await asyncio.sleep(0)
            restart.cancel()
            await asyncio.wait({restart})
            await got(channel, 300)
            # The switch that nobody waits for any more goes on by itself.
            await until(lambda: reporter.progress_socket)
        else:
            await restart
        assert channel.sent == forwarded(reports(300)), f"model {model}"
        channel.sent.clear()


async def test_a_second_listener_takes_the_place_of_the_first(reporter):
    first, second = FakeChannel(), FakeChannel()
    task = reporter.start_progress_listener_task(first)
    with await trainer_of(reporter) as trainer:
        trainer.send("one")
        await got(first, 1)
        reporter.start_progress_listener_task(second)
        await asyncio.wait({task})
        assert task.cancelled()
        trainer.send("two")
        assert await got(second, 1) == forwarded(["two"])
    assert first.sent == forwarded(["one"])


async def test_the_task_of_a_former_listener_ends_when_its_channel_is_given_nothing_more(reporter):
    first, second, gate = FakeChannel(), FakeChannel(), Gate()
    task = reporter.start_progress_listener_task(first)
    with await trainer_of(reporter) as trainer:
        trainer.send("one")
        await got(first, 1)
        reporter.context.tell(StopReporting(job_id="?", outcome=JobOutcome.FAILED, reply_to=gate))
        await until(lambda: gate.is_entered)
        reporter.start_progress_listener_task(second)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not task.done()
        gate.open()
        await asyncio.wait({task})
        trainer.send("two")
        assert await got(second, 1) == forwarded(["two"])
    assert first.sent == forwarded(["one"])


@pytest.mark.parametrize("channel", [None, "x", 7, object()])
async def test_a_channel_that_cannot_send_is_refused_at_once_and_the_former_goes_on(
    reporter, channel
):
    good = FakeChannel()
    reporter.start_progress_listener_task(good)
    with await trainer_of(reporter) as trainer:
        with pytest.raises(TypeError, match="has a method send"):
            reporter.start_progress_listener_task(channel)
        with pytest.raises(TypeError, match="has a method send"):
            await reporter.restart_progress_listener(channel)
        trainer.send("report")
        assert await got(good, 1) == forwarded(["report"])


async def test_restarts_leave_nothing_behind(reporter):
    def futures() -> int:
        gc.collect()
        return sum(isinstance(thing, asyncio.Future) for thing in gc.get_objects())

    reporter.start_progress_listener_task(FakeChannel())
    await until(lambda: reporter.progress_socket)
    before = futures()
    for _ in range(50):
        await reporter.restart_progress_listener(FakeChannel())
    assert futures() < before + 25


async def test_a_start_after_a_clean_up_waits_until_the_former_is_gone(reporter):
    channel = FakeChannel()
    for number in range(10):
        reporter.start_control_socket()
        reporter.start_progress_listener_task(channel)
        with await trainer_of(reporter) as trainer:
            trainer.send(f"report {number}")
            await got(channel, number + 1)
        reporter.cleanup()  # in the background
    assert channel.sent == forwarded([f"report {number}" for number in range(10)])
