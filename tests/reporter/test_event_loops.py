"""ProgressReporter: made without an event loop, and used on one after another."""

import asyncio

from actors import ProgressReporter
from tests.support.addresses import fixed_addresses
from tests.support.channel import FakeChannel
from tests.support.on_loop import got, trainer_of
from tests.support.texts import forwarded


def test_a_reporter_can_be_used_on_one_event_loop_after_another():
    reporter = ProgressReporter(*fixed_addresses(2))

    async def use() -> None:
        channel = FakeChannel()
        reporter.start_control_socket()
        reporter.start_progress_listener_task(channel)
        with await trainer_of(reporter) as trainer:
            trainer.send("report")
            assert await got(channel, 1) == forwarded(["report"])
        await reporter.async_cleanup()

    for _ in range(2):
        asyncio.run(use())
    reporter.stop_progress_listener()
    reporter.cleanup()
