"""Waiting for what happens on other threads and in other processes."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 60.0
"""Seconds: far beyond what anything here takes, also on a busy machine."""


def settled(
    condition: Callable[[], Any], patience: float = PATIENCE, *, every: float = 0.002
) -> bool:
    """Whether ``condition`` comes to hold, where no event tells of it.

    It is looked at each ``every`` seconds: seldom where a look is work for another process.
    """
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


async def until(condition: Callable[[], Any]) -> None:
    """Wait until ``condition`` holds, on the event loop."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.002)
