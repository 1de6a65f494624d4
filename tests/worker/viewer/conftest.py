"""A served page: the signaling actor, a supervisor and a trainer on the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from tests.support.served_page import Served


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Served]]]:
    """Serves pages, and takes them down after the test."""
    made: list[Served] = []

    async def serve(**settings) -> Served:
        made.append(Served(**settings))
        await made[-1].start()
        return made[-1]

    yield serve
    for served in made:
        await served.end()
    # What aiohttp and aiortc close in later turns of the event loop.
    await asyncio.sleep(0)


@pytest_asyncio.fixture
async def served(serve) -> Served:
    """A page that is served with both kinds of tokens."""
    return await serve()


pytestmark = pytest.mark.asyncio
