"""The whole reporter over a real WebRTC data channel."""

import asyncio
import json

import pytest

from messages import (
    ClientGone,
)
from tests.support.logs import errors
from tests.support.recorded_runs import recorded_run
from tests.support.texts import forwarded, reports
from tests.support.trainer import paced
from tests.support.webrtc import WebRtcClient, attached, reporting, stopped, told

LARGER_THAN_AIORTC_TAKES = 300_000
"""Bytes; aiortc announces 262,144 as its largest message."""


@pytest.mark.asyncio
@pytest.mark.parametrize("run", ["sleap_nn_full_run", "sleap_nn_stopped_run"])
async def test_a_recorded_run_arrives_as_it_was_recorded(owner, settings, run):
    messages = recorded_run(run)
    async with (
        reporting(owner, settings) as (supervisor, trainer),
        WebRtcClient(attached(supervisor)) as client,
    ):
        await asyncio.to_thread(paced, messages, trainer)
        got = await client.wait_for(lambda texts: len(texts) >= len(messages))
        assert got == forwarded(messages)
        summary = await stopped(supervisor, owner)
        assert (summary.received, summary.forwarded, summary.failed) == (
            len(messages),
            len(messages),
            0,
        )


@pytest.mark.asyncio
async def test_a_clients_stop_reaches_the_trainer(owner, settings):
    async with (
        reporting(owner, settings) as (supervisor, trainer),
        WebRtcClient(attached(supervisor)) as client,
    ):
        client.send('CONTROL_COMMAND::{"command": "stop"}')
        assert await asyncio.to_thread(trainer.command) == '{"command": "stop"}'


@pytest.mark.asyncio
async def test_what_a_client_sends_as_it_opens_is_not_lost(owner, settings):
    async with (
        reporting(owner, settings) as (supervisor, trainer),
        WebRtcClient(attached(supervisor), "ZMQ_CTRL::one", "ZMQ_CTRL::two"),
    ):
        assert await asyncio.to_thread(trainer.command) == "one"
        assert await asyncio.to_thread(trainer.command) == "two"


@pytest.mark.asyncio
async def test_a_report_too_large_for_the_channel_goes_without_its_values(owner, settings, caplog):
    large = json.dumps({"event": "batch_end", "x": "y" * LARGER_THAN_AIORTC_TAKES})
    small = json.dumps({"event": "batch_end", "truncated": True})
    async with (
        reporting(owner, settings) as (supervisor, trainer),
        WebRtcClient(attached(supervisor)) as client,
    ):
        trainer.send("before", large, "after")
        got = await client.wait_for(lambda texts: len(texts) >= 3)
        assert got == forwarded(["before", small, "after"])
        summary = await stopped(supervisor, owner)
    assert (summary.received, summary.forwarded, summary.failed) == (3, 3, 0)
    assert "is sent report 2 without its values" in caplog.text


@pytest.mark.asyncio
async def test_what_is_no_report_and_too_large_for_the_channel_is_an_error(owner, settings, caplog):
    async with (
        reporting(owner, settings) as (supervisor, trainer),
        WebRtcClient(attached(supervisor)) as client,
    ):
        trainer.send("before", "y" * LARGER_THAN_AIORTC_TAKES, "after")
        got = await client.wait_for(lambda texts: len(texts) >= 2)
        assert got == forwarded(["before", "after"])
        summary = await stopped(supervisor, owner)
    assert (summary.received, summary.forwarded, summary.failed) == (3, 2, 1)
    assert any("ValueError" in error for error in errors(caplog))


@pytest.mark.asyncio
async def test_a_client_that_comes_back_goes_on_where_it_was(owner, settings):
    messages = reports(300)
    async with reporting(owner, settings) as (supervisor, trainer):
        async with WebRtcClient(attached(supervisor)) as first:
            trainer.send(*messages[:100])
            before = await first.wait_for(lambda texts: len(texts) >= 100)
        assert (await told(owner, ClientGone)).client_id == "alice"
        trainer.send(*messages[100:200])
        async with WebRtcClient(attached(supervisor)) as second:
            trainer.send(*messages[200:])
            after = await second.wait_for(lambda texts: len(texts) >= 200)
    assert before + after == forwarded(messages)


@pytest.mark.asyncio
async def test_all_that_was_sent_is_with_the_client_when_reporting_has_stopped(owner, settings):
    messages = [*reports(800), '{"event": "train_end"}']
    async with (
        reporting(owner, settings) as (supervisor, trainer),
        WebRtcClient(attached(supervisor)) as client,
    ):
        await asyncio.to_thread(paced, messages, trainer)
        await asyncio.to_thread(trainer.close)
        summary = await stopped(supervisor, owner)
        assert (summary.received, summary.forwarded, summary.failed) == (801, 801, 0)
        got = await client.wait_for(lambda texts: len(texts) >= 801)
        assert got == forwarded(messages)
