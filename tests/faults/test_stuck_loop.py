"""The worker's event loop stands still for a second."""

import asyncio
import time

import pytest

from tests.support.channel import FakeChannel
from tests.support.reporting import attach_client, start, stop, trainer_for
from tests.support.texts import forwarded, reports
from tests.support.trainer import paced
from tests.support.webrtc import WebRtcClient, attached, reporting, stopped


def stand_still() -> None:
    time.sleep(1.0)  # the fault itself


def test_nothing_is_lost_while_the_event_loop_stands_still(supervisor, loop_thread):
    channel, run = FakeChannel(), reports(5_000)
    attach_client(supervisor, channel)
    with trainer_for(start(supervisor)) as trainer:
        paced(run[:1000], trainer)
        loop_thread.loop.call_soon_threadsafe(stand_still)
        paced(run[1000:3000], trainer)
        loop_thread.loop.call_soon_threadsafe(stand_still)
        paced(run[3000:], trainer)
    summary = stop(supervisor).summary
    assert (summary.received, summary.forwarded, summary.failed) == (5_000, 5_000, 0)
    assert channel.sent == forwarded(run)


@pytest.mark.asyncio
async def test_nothing_is_lost_over_a_real_channel_while_its_event_loop_stands_still(
    owner, settings
):
    run = reports(3_000)
    async with (
        reporting(owner, settings) as (supervisor, trainer),
        WebRtcClient(attached(supervisor)) as client,
    ):
        sending = asyncio.create_task(asyncio.to_thread(paced, run, trainer))
        await client.wait_for(lambda texts: len(texts) >= 100)
        stand_still()
        await sending
        stand_still()
        assert await client.wait_for(lambda texts: len(texts) >= 3_000) == forwarded(run)
        summary = await stopped(supervisor, owner)
    assert (summary.received, summary.forwarded, summary.failed) == (3_000, 3_000, 0)
