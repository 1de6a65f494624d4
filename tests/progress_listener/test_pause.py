"""Pause: what ends a sleep, and what does not."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from actors.progress_listener.pause import Pause
from tests.support.waiting import PATIENCE

LONG = PATIENCE * 10
SHORT = 0.05


def run(do: Callable[[Pause], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await do(Pause())

    asyncio.run(bounded())


def test_an_end_ends_the_sleep() -> None:
    async def do(pause: Pause) -> None:
        asyncio.get_running_loop().call_later(SHORT, pause.end)
        await pause.sleep(LONG)

    run(do)


def test_an_end_before_the_sleep_ends_that_and_no_further_one() -> None:
    async def do(pause: Pause) -> None:
        pause.end()
        pause.end()
        await pause.sleep(LONG)
        loop = asyncio.get_running_loop()
        before = loop.time()
        await pause.sleep(SHORT)
        assert loop.time() - before >= SHORT * 0.99

    run(do)


def test_a_cancelled_sleep_is_cancelled() -> None:
    async def do(pause: Pause) -> None:
        sleeping = asyncio.ensure_future(pause.sleep(LONG))
        await asyncio.sleep(0)
        pause.end()
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping

    run(do)


def test_a_cancel_and_an_end_in_one_turn_are_a_cancel() -> None:
    async def do(pause: Pause) -> None:
        for acts in ("ce", "ec"):
            sleeping = asyncio.ensure_future(pause.sleep(LONG))
            await asyncio.sleep(0)
            for act in acts:
                if act == "c":
                    sleeping.cancel()
                else:
                    pause.end()
            with pytest.raises(asyncio.CancelledError):
                await sleeping
            await asyncio.sleep(0)

    run(do)


def test_an_end_leaves_no_cancel_behind() -> None:
    async def do(pause: Pause) -> None:
        task = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        for delay in (0, SHORT):
            asyncio.get_running_loop().call_later(delay, pause.end)
            await pause.sleep(SHORT)  # it may be over at the same moment
            await asyncio.sleep(2 * SHORT)
        assert task.cancelling() == before

    run(do)
