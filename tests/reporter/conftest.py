"""A ``ProgressReporter`` on free ports, cleaned up after the test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from actors import ProgressReporter
from tests.support.addresses import fixed_addresses


@pytest_asyncio.fixture
async def reporter() -> AsyncIterator[ProgressReporter]:
    """On ports of its own."""
    made = ProgressReporter(*fixed_addresses(2))
    yield made
    await made.async_cleanup()
