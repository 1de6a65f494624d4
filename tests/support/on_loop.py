"""What tests on the event loop wait for."""

import asyncio

from actors import ProgressReporter
from tests.support.channel import FakeChannel
from tests.support.trainer import StandInTrainer
from tests.support.waiting import until


async def got(channel: FakeChannel, count: int) -> list[str]:
    """What ``channel`` was sent, as soon as it is ``count`` texts."""
    await until(lambda: len(channel.sent) >= count)
    return channel.sent


async def trainer_of(reporter: ProgressReporter) -> StandInTrainer:
    """A trainer that is connected to the reporter's sockets, as many of them as are bound."""
    await until(lambda: reporter.progress_socket or not reporter.is_progress_listener_running())
    return await asyncio.to_thread(
        StandInTrainer,
        control_address=reporter.control_address if reporter.ctrl_socket else None,
        progress_address=reporter.progress_address if reporter.progress_socket else None,
    )
